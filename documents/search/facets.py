"""What the hits have in common: folders, topics, kinds, owners, years, languages and states, with how many carry each.

Counted are the newest hits, to a bound, which have come through the rule; a folder or topic is named
only where the actor may see it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from uuid import UUID

from django.db.models import Count, QuerySet
from django.db.models.functions import ExtractYear
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.actors import Actor
from documents.models import Document, DocumentTopic, Reading, ReadingState
from documents.search.conditions import ME
from documents.search.finding import newest
from documents.search.grammar import Filter, Query
from documents.search.kinds import kind_word
from documents.search.languages import language_name
from documents.search.places import ask
from documents.search.words import spoken
from sharing import access

SHOWN = 8
# Of a folder's way so many are named, the nearest.
FOLDERS_NAMED = 3
# Of so many hits, the newest.
COUNTED_FROM = 1000
# Of so many documents that wait it is said how many they are.
COUNTED = 100
KIND_LABELS = {
    "pdf": gettext_lazy("PDF"),
    "word": gettext_lazy("Text document"),
    "sheet": gettext_lazy("Spreadsheet"),
    "slides": gettext_lazy("Presentation"),
    "mail": gettext_lazy("E-mail"),
    "image": gettext_lazy("Picture"),
    "archive": gettext_lazy("Archive"),
    "code": gettext_lazy("Web page or data"),
    "text": gettext_lazy("Text"),
    "file": gettext_lazy("Other"),
}


@dataclass(frozen=True)
class Choice:
    """One value of a facet: its words, how many hits have it, and the query with it put in or taken out."""

    label: str
    count: int
    line: str
    is_chosen: bool


@dataclass(frozen=True)
class Facet:
    key: str
    label: str
    choices: list[Choice]


@dataclass(frozen=True)
class Facets:
    """All facets, how many hits they were counted from, and what of the vault cannot be found by its text yet."""

    facets: list[Facet]
    count: int
    is_more: bool
    waiting: int
    failed: int


def facets_of(query: Query, actor: Actor, *, is_near: bool = False) -> Facets:
    rows = newest(ask(query, actor, is_near=is_near), COUNTED_FROM)
    ids = [key for key, _moment in rows[:COUNTED_FROM]]
    facets = [
        facet
        for facet in (_made(query, key, label, values) for key, label, values in _counted(ids, actor))
        if facet.choices
    ]
    return Facets(facets, len(ids), len(rows) > COUNTED_FROM, *unread(actor))


def unread(actor: Actor) -> tuple[int, int]:
    """How many of the documents the actor sees still wait to be read, and how many could not be; to a bound."""
    visible = access.visible_documents(actor)

    def count(states: Sequence[str]) -> int:
        readings = Reading.objects.filter(state__in=states).values("version")
        return visible.filter(current_version__in=readings)[: COUNTED + 1].count()

    return (
        count([ReadingState.WAITING, ReadingState.READING]),
        count([ReadingState.FAILED, ReadingState.ENCRYPTED]),
    )


def _counted(ids: Sequence[UUID], actor: Actor) -> list[tuple[str, str, list[tuple[str, str, int]]]]:
    """Of each facet its key, its name, and (value, label, count)."""
    rows: QuerySet[Document] = Document.objects.filter(pk__in=ids)
    folders = access.visible_folders(actor)
    by_folder = dict(rows.exclude(folder=None).order_by().values_list("folder").annotate(n=Count("pk")))
    places = {row.pk: row for row in folders.filter(pk__in=by_folder)}
    names = dict(folders.filter(pk__in={k for row in places.values() for k in row.path}).values_list("pk", "name"))
    in_folders = []
    for key, row in places.items():
        way = [names[k] for k in row.path if k in names]
        near = way if len(way) <= FOLDERS_NAMED else ["…", *way[-FOLDERS_NAMED:]]
        in_folders.append(("/".join(way), " / ".join(near), by_folder[key]))
    topics = (
        DocumentTopic.objects.filter(document__in=ids, topic__in=access.visible_topics(actor))
        .order_by()
        .values_list("topic__name")
        .annotate(n=Count("document", distinct=True))
    )
    kinds: dict[str, int] = {}
    for content_type, n in rows.order_by().values_list("content_type").annotate(n=Count("pk")):
        kinds[kind_word(content_type)] = kinds.get(kind_word(content_type), 0) + n
    years = (
        rows.annotate(year=ExtractYear("created_at", tzinfo=timezone.get_current_timezone()))
        .order_by()
        .values_list("year")
        .annotate(n=Count("pk"))
    )
    owners = rows.order_by().values_list("user", "user__handle", "user__display_name").annotate(n=Count("pk"))
    own = actor.user.pk if actor.user else None
    people = [(ME, _("Me"), n) if key == own else (handle, shown or handle, n) for key, handle, shown, n in owners]
    readings = Reading.objects.filter(version__current_of__in=ids)
    written = (
        readings.exclude(written_at=None)
        .annotate(year=ExtractYear("written_at", tzinfo=UTC))
        .order_by()
        .values_list("year")
        .annotate(n=Count("pk"))
    )
    languages = readings.exclude(language="").order_by().values_list("language").annotate(n=Count("pk"))
    states = readings.order_by().values_list("state").annotate(n=Count("pk"))
    words = dict(ReadingState.choices)
    return [
        ("in", _("Folder"), in_folders),
        ("topic", _("Topic"), [(name, name, n) for name, n in topics]),
        ("type", _("Kind"), [(kind, str(KIND_LABELS[kind]), n) for kind, n in kinds.items()]),
        ("owner", _("Owner"), people),
        ("year", _("Added in"), [(str(year), str(year), n) for year, n in years]),
        ("written", _("Written in"), [(str(year), str(year), n) for year, n in written]),
        ("lang", _("Language"), [(code, language_name(code), n) for code, n in languages]),
        ("state", _("Text"), [(state, str(words[state]), n) for state, n in states]),
    ]


def _made(query: Query, key: str, label: str, values: list[tuple[str, str, int]]) -> Facet:
    chosen = set(query.having(key))
    values.sort(key=lambda value: (value[0] not in chosen, -value[2], value[1].casefold()))
    if key in {"year", "written"}:
        values.sort(key=lambda value: value[0], reverse=True)
    choices = [
        Choice(shown, n, query.toggled(Filter(key, value)).line, value in chosen) for value, shown, n in values[:SHOWN]
    ]
    # A single value that all hits share, and that nobody chose, tells nothing.
    return Facet(key, label, choices if len(choices) > 1 or chosen else [])


def languages_of(actor: Actor) -> list[str]:
    """The languages that occur where the actor may look."""
    return spoken(access.vaults_seen(actor))
