"""Finding documents: the rule of who may see them and the words in one query, bounded, best or newest first.

Every statement starts from `access.visible_documents`, once for what is the actor's own (his vault is part of the
index) and once for what others share with him. A document is a hit by its words, by a part of its
name (also before it was read), or by a topic that the actor may see. Of all hits the newest
so many are ranked: `ts_rank` has to read every vector it ranks. Rejected: ranking all (123 ms for
10,000 hits), an exact count on the way to the first page.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.postgres.search import SearchVectorField
from django.db import connection
from django.db.models import BigIntegerField, Exists, F, Func, OuterRef, Q, QuerySet, Value
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Concat

from accounts.actors import Actor
from accounts.models import User
from documents.models import Document, DocumentTopic, SearchEntry, SearchPiece
from documents.names import name_key
from documents.search.conditions import Through, filters_of
from documents.search.grammar import Problem, Query
from documents.search.words import Stemmed, stemmed
from docuvault.lib.connections import prepared_statements
from sharing import access
from sharing.access import Level

# Of so many hits, the newest, the best come first, and no more are counted.
WINDOW = 500
# Each of so few vaults is asked in its own order, more of them together.
MOST_VAULTS = 3
RANKED = 400
# Fewer hits than these, and words that are near come along.
FEW = 5
SORTS = ("best", "newest", "oldest", "name", "size")
COLUMNS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "newest": ("-created_at", datetime.fromisoformat),
    "oldest": ("created_at", datetime.fromisoformat),
    "name": ("name_key", str),
    "size": ("-size_bytes", int),
}
TOPIC_WORDS = 20
# A document, and when it was added, in microseconds since 1970.
Dated = tuple[UUID, int]


class BadCursor(ValueError):
    """A cursor that this vault has not made."""


@dataclass
class Found:
    """A page of hits: ids in order, and how it came to be.

    `count`: how many hits there are, None where nobody counted; `is_more` says that there are more than
    that. `is_near`: near words came along. `dated`: all that came into question, where the best were asked for.
    """

    ids: list[UUID]
    after: str = ""
    count: int | None = None
    is_more: bool = False
    is_near: bool = False
    words: Stemmed = field(default_factory=Stemmed)
    problems: list[Problem] = field(default_factory=list)
    dated: list[Dated] = field(default_factory=list)


@dataclass(frozen=True)
class Asked:
    """A query made ready: what to look for in each place where a document can be a hit."""

    query: Query
    actor: Actor
    words: Stemmed
    vaults: Sequence[UUID]
    topics: tuple[frozenset[UUID], ...]
    through: Through
    problems: list[Problem]


def ask(query: Query, actor: Actor, *, is_near: bool = False, is_own: bool = False) -> Asked:
    """`is_own`: among the actor's own documents alone."""
    vaults = access.vaults_seen(actor)
    if is_own:
        vaults = vaults[:1]  # his own is the first
    through, problems = filters_of(query, actor)
    words = stemmed(query, vaults, is_near=is_near)
    return Asked(query, actor, words, vaults, _topics_of(query, actor), through, problems)


def _topics_of(query: Query, actor: Actor) -> tuple[frozenset[UUID], ...]:
    """For each wanted clause, the topics whose name holds one of its terms: of those the actor may see."""
    wanted = [[name_key(term.words) for term in clause.terms] for clause in query.clauses if not clause.is_not]
    if not wanted:
        return ()
    if (few := access.few_topics(actor)) is not None:
        found = [(topic.pk, topic.name_key) for topic in few]
    else:
        condition = Q(pk__in=[])
        for keys in wanted:
            for key in keys:
                condition |= Q(name_key__contains=key)
        found = list(access.visible_topics(actor).filter(condition).values_list("pk", "name_key")[: 10 * TOPIC_WORDS])
    return tuple(frozenset(pk for pk, name in found if any(key in name for key in keys)) for keys in wanted)


@dataclass(frozen=True)
class Part:
    """A part of what the actor sees: what is his own, or what others share with him. Of the index, their vaults
    alone."""

    actor: Actor
    vaults: list[UUID]
    is_own: bool

    @property
    def person(self) -> User:
        assert self.actor.user is not None  # who has no vault sees none
        return self.actor.user

    @property
    def level(self) -> Level:
        return Level.OWN if self.is_own else Level.VIEW

    @property
    def owners(self) -> list[list[UUID]]:
        """Whose documents they are, where the level does not say so."""
        return [] if self.is_own else [self.vaults]

    def documents(self) -> QuerySet[Document]:
        rows = access.visible_documents(self.actor, self.level)
        return rows if self.is_own else rows.filter(user__in=self.vaults)


@dataclass(frozen=True)
class Place:
    """A set of hits: documents of a part, through the filters, that are hits in one way.

    `words`: their entries hold them. `names`: where nothing else is asked of them, what their names hold. `rows` makes
    the rest of the set, for whoever can say it in no shorter way; `is_narrowed`: fewer than all of the part.
    """

    part: Part
    rows: Callable[[], QuerySet[Document]]
    words: Stemmed | None = None
    names: tuple[str, ...] = ()
    is_narrowed: bool = False

    @property
    def documents(self) -> QuerySet[Document]:
        rows = self.rows()
        if self.words is None:
            return rows
        rows = _in(rows, self.part).filter(search_entry__vector__holds=self.words.loose)
        return rows if self.words.loose == self.words.whole else rows.filter(_as_asked(self.words))


def hits(asked: Asked) -> Iterator[QuerySet[Document]]:
    """The sets that together are all hits; one document may be in several."""
    return (place.documents for place in places(asked))


def places(asked: Asked) -> Iterator[Place]:
    for part in _parts(asked):
        yield from _places_in(part, asked)


def own_hits(
    query: Query, actor: Actor, among: Sequence[UUID] | None = None
) -> tuple[QuerySet[Document], list[Problem]]:
    """All of the actor's own documents (or of these) that a query finds, in no order: what his rules are about."""
    asked = ask(query, actor, is_own=True)
    found = Q(pk__in=[])
    for rows in hits(asked):
        found |= Q(pk__in=(rows if among is None else rows.filter(pk__in=among)).values("pk"))
    return access.visible_documents(actor, Level.OWN).filter(found), asked.problems


def _parts(asked: Asked) -> Iterator[Part]:
    """His own documents, and what others share with him."""
    if not asked.vaults:
        return
    own, *others = asked.vaults
    yield Part(asked.actor, [own], is_own=True)
    if others:
        yield Part(asked.actor, others, is_own=False)


def _places_in(part: Part, asked: Asked) -> Iterator[Place]:
    words, clauses = asked.words, asked.query.clauses
    wanted = [clause for clause in clauses if not clause.is_not]
    unwanted = [clause for clause in clauses if clause.is_not]

    def rows() -> QuerySet[Document]:
        return asked.through(part.documents())

    def rest() -> QuerySet[Document]:
        """Without what must not be there."""
        left = rows()
        if words.unwanted:
            held = SearchEntry.objects.filter(
                document=OuterRef("pk"), user__in=part.vaults, vector__holds=words.unwanted
            )
            left = left.exclude(Exists(held))
        if words.unwanted_phrases:
            left = left.exclude(ExistsHere(_pieces(words.unwanted_phrases)))
        for clause in unwanted:
            for term in clause.terms:
                left = left.exclude(name_key__contains=name_key(term.words))
        return left

    def named() -> QuerySet[Document]:
        left = rest()
        for clause in wanted:
            condition = Q(pk__in=[])
            for term in clause.terms:
                condition |= Q(name_key__contains=name_key(term.words))
            left = left.filter(condition)
        return left

    def tagged(*each: frozenset[UUID]) -> QuerySet[Document]:
        left = rest()
        for topics in each:
            left = left.filter(Exists(DocumentTopic.objects.filter(document=OuterRef("pk"), topic__in=topics)))
        return left

    if not wanted:
        yield Place(part, rest)
        return
    if words.whole:
        yield Place(part, rows, words)
    is_plain = not unwanted and all(len(clause.terms) == 1 for clause in wanted)
    names = tuple(name_key(clause.terms[0].words) for clause in wanted) if is_plain else ()
    yield Place(part, named, names=names)
    for n, topics in enumerate(asked.topics):
        if topics:
            left = words.without(n)
            if len(wanted) == 1:
                yield Place(part, partial(tagged, topics))
            elif left.whole:
                yield Place(part, partial(tagged, topics), left, is_narrowed=True)
    if len(wanted) > 1 and all(asked.topics):
        yield Place(part, partial(tagged, *asked.topics))


def _in(rows: QuerySet[Document], part: Part) -> QuerySet[Document]:
    """The rows with their entries: of one vault, the index itself looks at no other."""
    vaults = part.vaults
    return rows.filter(search_entry__user=vaults[0]) if len(vaults) == 1 else rows.filter(search_entry__user__in=vaults)


class ExistsHere(Exists):
    """Asked of one row at a time: joined or hashed, it would read everybody's."""

    template = "EXISTS(%(subquery)s OFFSET 0)"


def _as_asked(words: Stemmed) -> Q:
    """What the index cannot say of an entry that holds the loose words: phrases. A long one knows no places; its
    pieces do."""
    in_pieces = Q(search_entry__is_long=True)
    if words.unwanted:
        in_pieces &= ~Q(search_entry__vector__holds=words.unwanted)
    if words.unwanted_phrases:
        in_pieces &= ~Q(ExistsHere(_pieces(words.unwanted_phrases)))
    for phrase in words.phrases:  # a name, a title and a note have places in the entry as well
        in_pieces &= Q(search_entry__vector__holds=phrase) | Q(ExistsHere(_pieces(phrase)))
    return Q(search_entry__is_long=False, search_entry__vector__holds=words.whole) | in_pieces


def _pieces(text: str) -> QuerySet[SearchPiece]:
    """Of a document, those that hold a text in its language, which its entry says."""
    language = Func(
        Concat(Value("="), OuterRef("search_entry__language")),
        template="array_to_tsvector(ARRAY[%(expressions)s])",
        output_field=SearchVectorField(),
    )
    said = CombinedExpression(F("vector"), "||", language, output_field=SearchVectorField())
    return SearchPiece.objects.filter(document=OuterRef("pk")).alias(said=said).filter(said__holds=text)


# --- A page of them ----------------------------------------------------------------------------------


@access.one_look()
def find(
    query: Query, actor: Actor, *, sort: str = "best", after: str = "", size: int = 25, is_near: bool = False
) -> Found:
    """A page of hits. With few of them near words are looked for as well. Raises BadCursor."""
    asked = ask(query, actor, is_near=is_near)
    found = _page(asked, sort, after, size)
    if not is_near and not after and query.wanted and len(found.ids) < min(FEW, size):
        wider = replace(asked, words=stemmed(query, asked.vaults, is_near=True, known=asked.words))
        if wider.words.whole != found.words.whole:
            more = _page(wider, sort, after, size, first=found)
            if len(more.ids) > len(found.ids):
                found, is_near = more, True
    found.is_near, found.problems = is_near, [*query.problems, *asked.problems]
    return found


def _page(asked: Asked, sort: str, after: str, size: int, first: Found | None = None) -> Found:
    """`first`: all that is found without near words, where these come along now."""
    if sort == "best" and asked.query.wanted:
        return _best(asked, after, size, first)
    return _sorted(asked, sort if sort in COLUMNS else "newest", after, size)


# The entries that hold the words come in order before any document is looked up, so that as many are as are
# wanted: one by one, or a planner who expects few would go through all documents, other people's too. The rule stands
# in {documents}; the words of a phrase are looked up where it might be, newest first.
NEWEST = """
    SELECT d.id, (extract(epoch FROM d.created_at) * 1000000)::bigint FROM (
        SELECT document_id, added_at, ctid AS place FROM search_entries
        WHERE user_id = %s AND vector @@ %s::tsquery
        ORDER BY added_at DESC, document_id DESC OFFSET 0
    ) AS e CROSS JOIN LATERAL (
        SELECT v.id, v.created_at FROM ({documents}) AS v(id, created_at) WHERE v.id = e.document_id OFFSET 0
    ) AS d {as_asked}
    ORDER BY e.added_at DESC, e.document_id DESC LIMIT %s
"""
# A moment costs ten times as much to read as a number.
MICROSECONDS = Func(
    "created_at", template="(extract(epoch FROM %(expressions)s) * 1000000)::bigint", output_field=BigIntegerField()
)
# The same as `_as_asked`, of one entry after the other until there are enough.
AS_ASKED = """WHERE (
    SELECT CASE WHEN p.is_long THEN {in_pieces} ELSE p.vector @@ %s::tsquery END
    FROM search_entries p WHERE p.ctid = e.place
)"""
IN_ENTRY = "p.vector @@ %s::tsquery"
IN_PIECES = """EXISTS (
    SELECT FROM search_pieces i WHERE i.document_id = p.document_id
      AND (i.vector || array_to_tsvector(ARRAY['=' || p.language])) @@ %s::tsquery OFFSET 0
)"""


def newest(asked: Asked, limit: int = WINDOW, known: Sequence[Dated] | None = None) -> list[Dated]:
    """The newest hits and one more than asked for, if there are that many.

    `known`: what was found with fewer words; what goes by names and topics is the same, and not asked for again.
    """
    found, others = list(known or ()), []
    for place in places(asked):
        if known is not None and place.words is None:
            continue
        # What filters let through may be little: there the planner knows where to begin.
        is_plain = not asked.query.filters
        if is_plain and place.words is not None and not place.is_narrowed and len(place.part.vaults) <= MOST_VAULTS:
            for vault in place.part.vaults:
                found += _newest_by_words(place.part, place.words, vault, limit + 1)
        elif is_plain and place.names:
            found += _newest_by_names(place.part, place.names, limit + 1)
        else:
            others.append(place)
    more = _merged(others, "created_at", True, limit + 1, lambda rows: rows.annotate(age=MICROSECONDS), "age")
    return _first([*found, *more], True, limit + 1)


def _newest_by_words(part: Part, words: Stemmed, vault: UUID, limit: int) -> list[Dated]:
    documents, parameters = _documents_of.in_words(part.person, *part.owners, at_least=part.level)
    wanted: list[Any] = [vault, words.loose, *parameters]
    as_asked = ""
    if words.loose != words.whole:
        conditions = [f"({IN_ENTRY} OR {IN_PIECES})"] * len(words.phrases)
        texts = [text for phrase in words.phrases for text in (phrase, phrase)]
        for condition, unwanted in ((IN_ENTRY, words.unwanted), (IN_PIECES, words.unwanted_phrases)):
            if unwanted:
                conditions.append(f"NOT {condition}")
                texts.append(unwanted)
        as_asked = AS_ASKED.format(in_pieces=" AND ".join(conditions))
        wanted += [*texts, words.whole]
    with connection.cursor() as cursor:
        cursor.execute(NEWEST.format(documents=documents, as_asked=as_asked), [*wanted, limit])
        found: list[Dated] = cursor.fetchall()
    return found


@access.asked_of_documents
def _documents_of(rows: QuerySet[Document], *owners: list[UUID]) -> QuerySet[Document, Any]:
    return _of(rows, owners).order_by().values_list("pk", "created_at")


def _of(rows: QuerySet[Document], owners: Sequence[list[UUID]]) -> QuerySet[Document]:
    return rows.filter(user__any_of=owners[0]) if owners else rows


def _newest_by_names(part: Part, names: tuple[str, ...], limit: int) -> list[Dated]:
    return _named(part.actor, *names, *part.owners, at_least=part.level, count=len(names), limit=limit)


@access.asked_of_documents
def _named(rows: QuerySet[Document], *values: Any, count: int, limit: int) -> QuerySet[Document, Dated]:
    for name in values[:count]:
        rows = rows.filter(name_key__contains=name)
    dated = _of(rows, values[count:]).annotate(age=MICROSECONDS)
    return dated.order_by("-created_at", "-pk").values_list("pk", "age")[:limit]


def _first(rows: Iterable[tuple[UUID, Any]], is_descending: bool, limit: int) -> list[tuple[UUID, Any]]:
    return sorted(dict(rows).items(), key=lambda pair: (pair[1], pair[0]), reverse=is_descending)[:limit]


def _merged(
    wanted: Iterable[Place],
    column: str,
    is_descending: bool,
    limit: int,
    narrowed: Callable[[QuerySet[Document]], QuerySet[Document]],
    shown: str = "",
) -> list[tuple[UUID, Any]]:
    """The first so many of all sets together, in order, each with its column, or with what stands for it."""
    sign = "-" if is_descending else ""
    parts = [
        narrowed(place.documents).order_by(f"{sign}{column}", f"{sign}pk").values_list("pk", shown or column)[:limit]
        for place in wanted
    ]
    if not parts:
        return []
    rows = parts[0].union(*parts[1:], all=True) if len(parts) > 1 else parts[0]
    return _first(rows, is_descending, limit)


RANK = """
    SELECT x.id, round((
        coalesce(ts_rank('{0.1, 0.2, 0.5, 1.0}', e.vector, %(words)s::tsquery), 0)
        + CASE WHEN coalesce(e.name_key, (SELECT name_key FROM documents WHERE id = x.id)) LIKE ANY(%(names)s)
               THEN 0.5 ELSE 0 END
        + CASE WHEN x.id = ANY(%(exact)s::uuid[]) THEN 10 ELSE 0 END)::numeric, 6)::float8
    FROM unnest(%(ids)s::uuid[]) AS x(id) LEFT JOIN search_entries e ON e.document_id = x.id
"""


def _best(asked: Asked, after: str, size: int, first: Found | None) -> Found:
    rows = newest(asked, known=first.dated if first else None)
    age = dict(rows[:WINDOW])
    newest_first = list(age)
    ranked = newest_first[:RANKED]
    scores: dict[UUID, float] = dict.fromkeys(age, -1.0)
    names = [f"%{_escaped(name_key(term.words))}%" for term in asked.query.wanted]
    if ranked:
        with prepared_statements(), connection.cursor() as cursor:
            # Rows that have just come through the rule, by their ids.
            cursor.execute(
                RANK,
                {"words": asked.words.shown, "names": names, "exact": first.ids if first else [], "ids": ranked},
            )
            scores.update(cursor.fetchall())
    order = sorted(ranked, key=lambda key: (scores[key], age[key], key), reverse=True) + newest_first[RANKED:]
    if after:
        score, key = decode_cursor(after, float)
        moment = age.get(key)
        if moment is None:  # it has gone since, or out of the window: by its score alone
            order = [each for each in order if scores[each] < score]
        else:
            order = [each for each in order if (scores[each], age[each], each) < (score, moment, key)]
    page = order[:size]
    return Found(
        page,
        encode_cursor(scores[page[-1]], page[-1]) if len(order) > size else "",
        count=min(len(rows), WINDOW),
        is_more=len(rows) > WINDOW,
        words=asked.words,
        dated=rows,
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _sorted(asked: Asked, sort: str, after: str, size: int) -> Found:
    column, parse = COLUMNS[sort]
    is_descending, column = column.startswith("-"), column.removeprefix("-")

    def narrowed(rows: QuerySet[Document]) -> QuerySet[Document]:
        if not after:
            return rows
        value, key = decode_cursor(after, parse)
        way = "lt" if is_descending else "gt"
        return rows.filter(
            Q(**{f"{column}__{way}e": value}), Q(**{f"{column}__{way}": value}) | Q(**{f"pk__{way}": key})
        )

    rows = _merged(places(asked), column, is_descending, size + 1, narrowed)
    page = rows[:size]
    cursor = encode_cursor(page[-1][1], page[-1][0]) if len(rows) > size else ""
    count = None if after or cursor else len(page)
    return Found([key for key, _value in page], cursor, count=count, words=asked.words)


def encode_cursor(value: object, key: UUID) -> str:
    shown = value.isoformat() if isinstance(value, datetime) else str(value)
    return base64.urlsafe_b64encode(json.dumps([shown, str(key)], ensure_ascii=False).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, parse: Callable[[str], Any]) -> tuple[Any, UUID]:
    """Raises BadCursor."""
    try:
        value, key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(value, str) or not isinstance(key, str) or "\x00" in value:
            raise ValueError
        parsed = parse(value)
        if isinstance(parsed, datetime) and parsed.tzinfo is None:
            raise ValueError
        if isinstance(parsed, int) and not -(2**63) <= parsed < 2**63:
            raise ValueError
        return parsed, UUID(key)
    except (binascii.Error, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadCursor from error
