"""A page of hits, best or newest first: of all that are found the newest so many are ranked, and no more counted.

`ts_rank` has to read every vector it ranks. Rejected: ranking all (123 ms for 10,000 hits), an exact count on
the way to the first page.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import BigIntegerField, Func, Q, QuerySet

from accounts.actors import Actor
from documents.models import Document
from documents.names import name_key
from documents.search.grammar import Problem, Query
from documents.search.places import Asked, Part, Place, ask, places
from documents.search.words import Stemmed, stemmed
from docuvault.lib.connections import prepared_statements
from sharing import access

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
