"""What each filter asks of a document, as conditions on rows that the actor may see anyway."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time

from django.contrib.postgres.search import SearchVectorField
from django.db.models import Exists, Lookup, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import User
from documents.models import Document, DocumentTopic, Folder, Reading, ReadingState, Star, Topic
from documents.names import name_key
from documents.search.grammar import Filter, Problem, Query, moment_of, period_of, size_of
from documents.search.kinds import EXACT, KINDS
from documents.search.languages import SAME_AS
from sharing import access
from sharing.models import Share

NAMED_ALIKE = 50
NOTHING = Q(pk__in=[])
Through = Callable[[QuerySet[Document]], QuerySet[Document]]
# A document has one of these only: asked for twice, either will do.
EITHER = frozenset({"type", "in", "lang", "state", "written", "owner"})
# Whoever asks, in words.
ME = "me"


@SearchVectorField.register_lookup
class Holds(Lookup):
    """`vector__holds=text`: the vector matches a tsquery that has been made by `documents.search.words`."""

    lookup_name = "holds"

    def as_sql(self, compiler, connection):  # type: ignore[no-untyped-def]
        left, left_parameters = self.process_lhs(compiler, connection)
        return f"{left} @@ %s::tsquery", [*left_parameters, self.rhs]


def filters_of(query: Query, actor: Actor) -> tuple[Through, list[Problem]]:
    """What lets rows through that all filters of the query hold for, and what about the filters is to be said."""
    problems: list[Problem] = []
    either: dict[str, Q] = {}
    conditions: list[Q] = []
    for item in query.filters:
        condition = CONDITIONS[item.key](item, actor, problems)
        if item.key in EITHER and not item.is_not:
            either[item.key] = either[item.key] | condition if item.key in either else condition
        else:
            conditions.append(~condition if item.is_not else condition)
    return (lambda rows: rows.filter(*conditions, *either.values())), problems


def topics_named(names: list[str], actor: Actor) -> QuerySet[Topic]:
    return access.visible_topics(actor).filter(name_key__in=[name_key(name) for name in names])


def _topic(item: Filter, actor: Actor, problems: list[Problem]) -> Q:
    found = list(topics_named([item.value], actor).values_list("pk", flat=True))
    if not found:
        problems.append(Problem(item.line, _("There is no topic of this name that you can see.")))
    return Q(Exists(DocumentTopic.objects.filter(document=OuterRef("pk"), topic__in=found))) if found else NOTHING


def _type(item: Filter, actor: Actor, problems: list[Problem]) -> Q:
    exact = [name for name in KINDS[item.value] if name[-1] != "/"]
    condition = Q(content_type__in=exact) if exact else NOTHING
    if beginnings := [name for name in KINDS[item.value] if name[-1] == "/"]:
        condition |= Q(content_type__startswith=beginnings[0]) & ~Q(content_type__in=list(EXACT))
    if item.value == "file":
        condition = ~Q(content_type__startswith="image/") & ~Q(content_type__startswith="text/")
        condition &= ~Q(content_type__in=list(EXACT))
    return condition


def folders_at(path: str, actor: Actor) -> list[Folder]:
    """The folders that a path names, as the actor sees it: from the top with a slash in front, else its end."""
    keys = [name_key(part) for part in path.strip("/").split("/")]
    visible = access.visible_folders(actor)
    found = list(visible.filter(name_key=keys[-1]).order_by("id")[:NAMED_ALIKE])
    names = dict(visible.filter(pk__in={key for row in found for key in row.path}).values_list("pk", "name_key"))
    fitting = []
    for row in found:
        seen = [names[key] for key in row.path if key in names]
        if seen[-len(keys) :] == keys and (not path.startswith("/") or len(seen) == len(keys)):
            fitting.append(row)
    return fitting


def _in(item: Filter, actor: Actor, problems: list[Problem]) -> Q:
    found = folders_at(item.value, actor)
    if not found:
        problems.append(Problem(item.line, _("There is no folder of this name that you can see.")))
        return NOTHING
    return Q(folder__in=access.visible_folders(actor).filter(path__overlap=[row.pk for row in found]).values("pk"))


def _day(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _before(item: Filter, actor: Actor, problems: list[Problem]) -> Q:
    day = moment_of(item.value, timezone.localdate())
    return Q(created_at__lt=_day(day)) if day else NOTHING


def _after(item: Filter, actor: Actor, problems: list[Problem]) -> Q:
    day = moment_of(item.value, timezone.localdate())
    return Q(created_at__gte=_day(day)) if day else NOTHING


def _year(item: Filter, actor: Actor, problems: list[Problem]) -> Q:
    year = int(item.value)
    return Q(created_at__gte=_day(date(year, 1, 1)), created_at__lt=_day(date(year + 1, 1, 1)))


def _written(item: Filter, actor: Actor, problems: list[Problem]) -> Q:
    """By what the file says of itself; files say it without a zone, so days are those of UTC."""
    period = period_of(item.value)
    if period is None:
        return NOTHING
    first, after = (datetime.combine(day, time.min, UTC) for day in period)
    return Q(Exists(_readings().filter(written_at__gte=first, written_at__lt=after)))


def _is(item: Filter, actor: Actor, problems: list[Problem]) -> Q:
    if item.value == "mine":
        return Q(user=actor.user)
    if item.value == "starred":
        return Q(Exists(Star.objects.filter(user=actor.user, document=OuterRef("pk"))))
    if item.value == "scanned":
        return Q(Exists(_readings().filter(is_scanned=True)))
    # Whom an owner's documents are open to is his to know; what came from others is shared by nature.
    live = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    own = Share.objects.filter(live, shared_by=actor.user) if actor.user else Share.objects.none()
    opened = list(own.exclude(folder=None).values_list("folder", flat=True))
    mine = Q(Exists(Share.objects.filter(live, document=OuterRef("pk"))))
    if opened:
        mine |= Q(folder__in=Folder.objects.live().at_or_below(opened).values("pk"))
    return ~Q(user=actor.user) | mine


def _readings() -> QuerySet[Reading]:
    return Reading.objects.filter(version=OuterRef("current_version"))


def _no(item: Filter, actor: Actor, problems: list[Problem]) -> Q:
    if item.value == "text":
        return ~Q(Exists(_readings().filter(state=ReadingState.READY)))
    if item.value == "lang":
        return ~Q(Exists(_readings().exclude(language="")))
    if item.value == "topic":
        seen = access.visible_topics(actor).values("pk")
        return ~Q(Exists(DocumentTopic.objects.filter(document=OuterRef("pk"), topic__in=seen)))
    # Where a document of somebody else lies, one may not know.
    return Q(folder=None) | ~Q(folder__in=access.visible_folders(actor).values("pk"))


def _size(item: Filter, actor: Actor, problems: list[Problem]) -> Q:
    comparison, size = size_of(item.value)
    lookup = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}[comparison]
    return Q(**{f"size_bytes__{lookup}": size})


def _lang(item: Filter, actor: Actor, problems: list[Problem]) -> Q:
    codes = [item.value, *(code for code, same in SAME_AS.items() if same == item.value)]
    return Q(Exists(_readings().filter(language__in=codes)))


def _state(item: Filter, actor: Actor, problems: list[Problem]) -> Q:
    return Q(Exists(_readings().filter(state=item.value)))


def _name(item: Filter, actor: Actor, problems: list[Problem]) -> Q:
    return Q(name_key__contains=name_key(item.value))


def _owner(item: Filter, actor: Actor, problems: list[Problem]) -> Q:
    """By handle, or by the name that is shown; of those alone whose documents the actor may see."""
    vaults = access.vaults_seen(actor)
    if item.value.casefold() == ME:
        return Q(user__in=vaults[:1])
    named = Q(handle=item.value.casefold()) | Q(display_name__iexact=item.value)
    found = list(User.objects.filter(named, pk__in=vaults).values_list("pk", flat=True))
    if not found:
        problems.append(Problem(item.line, _("Nobody of this name has a document that you can see.")))
    return Q(user__in=found)


def owners_seen(actor: Actor) -> list[tuple[str, str]]:
    """Whose documents the actor may see, by the word for each and the name that is shown; he himself first."""
    others = access.vaults_seen(actor)[1:]
    if not others:
        return [(ME, _("Me"))]
    people = sorted(User.objects.filter(pk__in=others), key=lambda person: person.shown_name.casefold())
    return [(ME, _("Me")), *((person.handle, person.shown_name) for person in people)]


CONDITIONS = {
    "topic": _topic, "type": _type, "in": _in, "before": _before, "after": _after, "year": _year,
    "written": _written, "is": _is,
    "no": _no, "size": _size, "lang": _lang, "state": _state, "name": _name,
    "owner": _owner,
}  # fmt: skip
