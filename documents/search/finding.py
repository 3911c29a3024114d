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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.actors import Actor
from documents.models import Document, DocumentTopic, SearchEntry, SearchPiece
from documents.names import name_key
from documents.search.conditions import Through, filters_of
from documents.search.grammar import Problem, Query
from documents.search.words import PHRASE, Stemmed, stemmed, unmarked
from sharing import access
from sharing.access import Level

# Of so many hits, the newest, the best come first; counts and facets know no more either.
WINDOW = 1000
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


class BadCursor(ValueError):
    """A cursor that this vault has not made."""


@dataclass
class Found:
    """A page of hits: ids in order, and how it came to be.

    `count`: how many hits there are, None where nobody counted; `is_more` says that there are more than
    that. `is_near`: near words came along.
    """

    ids: list[UUID]
    after: str = ""
    count: int | None = None
    is_more: bool = False
    is_near: bool = False
    words: Stemmed = field(default_factory=Stemmed)
    problems: list[Problem] = field(default_factory=list)


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
    condition = Q(pk__in=[])
    for keys in wanted:
        for key in keys:
            condition |= Q(name_key__contains=key)
    found = list(access.visible_topics(actor).filter(condition).values_list("pk", "name_key")[: 10 * TOPIC_WORDS])
    return tuple(frozenset(pk for pk, name in found if any(key in name for key in keys)) for keys in wanted)


def hits(asked: Asked) -> Iterator[QuerySet[Document]]:
    """The sets that together are all hits; one document may be in several."""
    for rows, vaults in _vaults(asked):
        yield from _hits_in(asked.through(rows), vaults, asked)


def own_hits(
    query: Query, actor: Actor, among: Sequence[UUID] | None = None
) -> tuple[QuerySet[Document], list[Problem]]:
    """All of the actor's own documents (or of these) that a query finds, in no order: what his rules are about."""
    asked = ask(query, actor, is_own=True)
    found = Q(pk__in=[])
    for rows in hits(asked):
        found |= Q(pk__in=(rows if among is None else rows.filter(pk__in=among)).values("pk"))
    return access.visible_documents(actor, Level.OWN).filter(found), asked.problems


def _vaults(asked: Asked) -> Iterator[tuple[QuerySet[Document], Sequence[UUID]]]:
    """His own documents, and what others share with him; the index is asked for those vaults alone."""
    if not asked.vaults:
        return
    own, *others = asked.vaults
    yield access.visible_documents(asked.actor, Level.OWN), [own]
    if others:
        yield access.visible_documents(asked.actor).filter(user__in=others), others


def _hits_in(rows: QuerySet[Document], vaults: Sequence[UUID], asked: Asked) -> Iterator[QuerySet[Document]]:
    words, query = asked.words, asked.query
    if words.unwanted:
        unwanted = SearchEntry.objects.filter(document=OuterRef("pk"), vector__holds=words.unwanted)
        rest = rows.exclude(Exists(unwanted))
    else:
        rest = rows
    for clause in query.clauses:
        if clause.is_not:
            for term in clause.terms:
                rest = rest.exclude(name_key__contains=name_key(term.words))
    wanted = [clause for clause in query.clauses if not clause.is_not]
    if not wanted:
        yield rest
        return
    if words.whole:
        yield _in(rows, vaults).filter(search_entry__vector__holds=words.whole)
        if words.has_phrase:
            yield _in_long_documents(_in(rows, vaults), words)
    named = rest
    for clause in wanted:
        condition = Q(pk__in=[])
        for term in clause.terms:
            condition |= Q(name_key__contains=name_key(term.words))
        named = named.filter(condition)
    yield named
    for n, topics in enumerate(asked.topics):
        if topics:
            tagged = Exists(DocumentTopic.objects.filter(document=OuterRef("pk"), topic__in=topics))
            left = words.without(n)
            if len(wanted) == 1:
                yield rest.filter(tagged)
            elif left:
                yield _in(rest, vaults).filter(tagged, search_entry__vector__holds=left)
    if len(wanted) > 1 and all(asked.topics):
        for topics in asked.topics:
            rest = rest.filter(Exists(DocumentTopic.objects.filter(document=OuterRef("pk"), topic__in=topics)))
        yield rest


def _in(rows: QuerySet[Document], vaults: Sequence[UUID]) -> QuerySet[Document]:
    """The rows with their entries: of one vault, the index itself looks at no other."""
    return rows.filter(search_entry__user=vaults[0]) if len(vaults) == 1 else rows.filter(search_entry__user__in=vaults)


def _in_long_documents(rows: QuerySet[Document], words: Stemmed) -> QuerySet[Document]:
    """Phrases in documents whose entry knows no places: their pieces do."""
    rows = rows.filter(search_entry__is_long=True, search_entry__vector__holds=words.loose)
    for part in words.parts:
        if PHRASE.search(part):
            # A piece does not say its language; the entry has been matched with it.
            pieces = SearchPiece.objects.filter(document=OuterRef("pk"), vector__holds=unmarked(part))
            rows = rows.filter(Exists(pieces))
    return rows


# --- A page of them ----------------------------------------------------------------------------------


def find(
    query: Query, actor: Actor, *, sort: str = "best", after: str = "", size: int = 25, is_near: bool = False
) -> Found:
    """A page of hits. With few of them near words are looked for as well. Raises BadCursor."""
    asked = ask(query, actor, is_near=is_near)
    found = _page(asked, sort, after, size)
    if not is_near and not after and query.wanted and len(found.ids) < min(FEW, size):
        wider = replace(asked, words=stemmed(query, asked.vaults, is_near=True))
        if wider.words.whole != found.words.whole:
            more = _page(wider, sort, after, size, exact=found.ids)
            if len(more.ids) > len(found.ids):
                found, is_near = more, True
    found.is_near, found.problems = is_near, [*query.problems, *asked.problems]
    return found


def _page(asked: Asked, sort: str, after: str, size: int, exact: Sequence[UUID] = ()) -> Found:
    if sort == "best" and asked.query.wanted:
        return _best(asked, after, size, exact)
    return _sorted(asked, sort if sort in COLUMNS else "newest", after, size)


def newest(asked: Asked, limit: int = WINDOW) -> list[tuple[UUID, datetime]]:
    """The newest hits and one more than asked for, if there are that many."""
    return _merged(asked, "created_at", True, limit + 1, lambda rows: rows)


def _merged(
    asked: Asked,
    column: str,
    is_descending: bool,
    limit: int,
    narrowed: Callable[[QuerySet[Document]], QuerySet[Document]],
) -> list[tuple[UUID, Any]]:
    """The first so many of all sets together, in order."""
    sign = "-" if is_descending else ""
    parts = [
        narrowed(rows).order_by(f"{sign}{column}", f"{sign}pk").values_list("pk", column)[:limit]
        for rows in hits(asked)
    ]
    if not parts:
        return []
    rows = parts[0].union(*parts[1:], all=True) if len(parts) > 1 else parts[0]
    unique = dict(rows)
    return sorted(unique.items(), key=lambda pair: (pair[1], pair[0]), reverse=is_descending)[:limit]


RANK = """
    SELECT d.id, round((
        coalesce(ts_rank('{0.1, 0.2, 0.5, 1.0}', e.vector, %(words)s::tsquery), 0)
        + CASE WHEN d.name_key LIKE ANY(%(names)s) THEN 0.5 ELSE 0 END
        + CASE WHEN d.id = ANY(%(exact)s::uuid[]) THEN 10 ELSE 0 END)::numeric, 6)::float8
    FROM documents d LEFT JOIN search_entries e ON e.document_id = d.id
    WHERE d.id = ANY(%(ids)s::uuid[])
"""


def _best(asked: Asked, after: str, size: int, exact: Sequence[UUID]) -> Found:
    rows = newest(asked)
    age = dict(rows[:WINDOW])
    ranked = [key for key, _moment in rows[:RANKED]]
    scores: dict[UUID, float] = dict.fromkeys(age, -1.0)
    names = [f"%{_escaped(name_key(term.words))}%" for term in asked.query.wanted]
    if ranked:
        with connection.cursor() as cursor:
            # Rows that have just come through the rule, by their ids.
            cursor.execute(
                RANK,
                {"words": asked.words.shown, "names": names, "exact": list(exact), "ids": ranked},
            )
            scores.update(cursor.fetchall())
    order = sorted(scores, key=lambda key: (scores[key], age[key], key), reverse=True)
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

    rows = _merged(asked, column, is_descending, size + 1, narrowed)
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
