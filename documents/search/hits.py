"""Why a document was found: in which field, on which page, and the line that says it, with its marks.

The page is chosen by the database; the line and its marks are made here from the page's own text, so
that people read what they wrote and not what was compared. Text never becomes HTML before every
piece of it has been escaped.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID

from django.db import connection
from django.utils.html import escape
from django.utils.safestring import SafeString

from documents.models import Document
from documents.names import name_key, shown_name
from documents.search.finding import Found
from documents.search.grammar import Query
from documents.search.words import CJK, LEXEME, folded
from docuvault.lib.connections import prepared_statements

# Letters of text that are looked through for a hit's line, and letters of the line.
LOOKED_THROUGH, LINE = 8_300, 220
MARKED_WORDS = 400
PARTED = re.compile(r"([^\W\d_])-\n[ \t]*([^\W\d_])")

PLACES = """
    SELECT d.id, e.language,
           ts_filter(e.vector, '{a}') @@ %(any)s::tsquery, ts_filter(e.vector, '{b}') @@ %(any)s::tsquery,
           piece.number, coalesce(substr(page.text, coalesce(piece.start, 0) + 1, %(letters)s), ''), page.number,
           r.state, r.page_count,
           CASE WHEN ts_filter(e.vector, '{b}') @@ %(any)s::tsquery THEN
               (SELECT v.note FROM versions v WHERE v.id = d.current_version_id) END
    FROM documents d
    LEFT JOIN search_entries e ON e.document_id = d.id
    LEFT JOIN readings r ON r.version_id = d.current_version_id
    LEFT JOIN LATERAL (
        SELECT p.number, p.start FROM search_pieces p
        WHERE p.document_id = d.id AND p.vector @@ %(any)s::tsquery
        ORDER BY ts_rank(p.vector, %(any)s::tsquery) DESC, p.number, p.start LIMIT 1
    ) AS piece ON true
    LEFT JOIN LATERAL (
        SELECT p.number, p.text FROM pages p WHERE p.reading_id = r.version_id
          AND (piece.number IS NULL OR p.number = piece.number)
        ORDER BY p.number LIMIT 1
    ) AS page ON true
    WHERE d.id = ANY(%(ids)s::uuid[])
"""
MEANT = """
    SELECT w.word FROM unnest(%(words)s::text[]) AS w(word)
    WHERE to_tsvector(search_config(%(language)s), search_plain(w.word)) @@ %(any)s::tsquery
"""


NOTHING = SafeString("")


@dataclass
class Hit:
    """A document with what is shown of it. `line` and `name` are marked; `page` is where the line stands."""

    document: Document
    name: SafeString
    line: SafeString = NOTHING
    page: int | None = None
    pages: int = 0
    is_text: bool = False
    # The words of the line as they stand there, for whoever opens the document to see them marked.
    words: str = ""
    note: SafeString = NOTHING
    topics: list[str] = field(default_factory=list)
    state: str = ""
    text: str = ""


def hits_of(found: Found, query: Query, documents: Sequence[Document]) -> list[Hit]:
    """The documents of a page with the reasons why, in its order. `documents` have come through the rule."""
    by_id = {row.pk: row for row in documents}
    rows = [by_id[key] for key in found.ids if key in by_id]
    if not rows:
        return []
    any_word = _unplaced(found.words.any_word)
    places = _places([row.pk for row in rows], any_word)
    meant = _meant(places, rows, any_word, found)
    literal = [name_key(term.words) for term in query.wanted]
    topics = _topics(query, rows)
    made = []
    for row in rows:
        place = places[row.pk]
        marks = meant[place.language]
        hit = Hit(row, marked(shown_name(row.name), marks, literal), state=place.state, pages=place.pages)
        window, is_hit = line_of(place.text, marks, literal)
        hit.text, hit.line, hit.is_text = window, marked(window, marks, literal), is_hit
        hit.page = place.page if is_hit else None
        hit.words = _as_they_stand(query, window, marks, literal) if is_hit else ""
        if place.note:
            note, is_noted = line_of(place.note, marks, literal)
            hit.note = marked(note, marks, literal) if is_noted else SafeString("")
        hit.topics = topics.get(row.pk, [])
        made.append(hit)
    return made


@dataclass(frozen=True)
class _Place:
    language: str
    text: str
    page: int | None
    state: str
    pages: int
    note: str


def _unplaced(text: str) -> str:
    """Any of the lexemes of a tsquery, in any order."""
    lexemes = dict.fromkeys(LEXEME.findall(text))
    starred = set(re.findall(r"'((?:[^']|'')+)':\*", text))
    return " | ".join(f"'{lexeme}'{':*' if lexeme in starred else ''}" for lexeme in lexemes)


def _places(ids: list[UUID], any_word: str) -> dict[UUID, _Place]:
    with prepared_statements(), connection.cursor() as cursor:
        cursor.execute(PLACES, {"ids": ids, "any": any_word, "letters": LOOKED_THROUGH})
        return {
            key: _Place(language or "", _whole(text), piece or page, state or "", pages or 0, note or "")
            for key, language, _name, _note, piece, text, page, state, pages, note in cursor.fetchall()
        }


def _whole(text: str) -> str:
    """With words that were parted at the end of a line as one, as they are found (`search_plain`)."""
    if "-\n" not in text:
        return text
    return PARTED.sub(lambda found: found[1] + found[2] if found[2].islower() else found[0], text)


def _meant(places: dict[UUID, _Place], rows: Sequence[Document], any_word: str, found: Found) -> dict[str, set[str]]:
    """Of each language, the words on this page that were asked for, in whatever form they stand there."""
    beginnings = frozenset(folded(lexeme)[:2] for lexeme in found.words.lexemes)
    words_like = _beginning_with(beginnings).findall
    by_language: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        place = places[row.pk]
        said = f"{row.name} {place.text} {place.note}".casefold().replace("_", " ")
        by_language[place.language].update(words_like(said))
    meant: dict[str, set[str]] = {}
    with prepared_statements(), connection.cursor() as cursor:
        for language, words in by_language.items():
            likely = sorted(word for word in words if len(word) <= 64 and folded(word)[:2] in beginnings)
            meant[language] = set()
            if likely and any_word:
                cursor.execute(MEANT, {"words": likely[: 4 * MARKED_WORDS], "language": language, "any": any_word})
                meant[language] = {word for (word,) in cursor.fetchall()}
    return meant


@lru_cache(maxsize=256)
def _beginning_with(beginnings: frozenset[str]) -> re.Pattern[str]:
    """Words that begin so, and those whose beginning has a letter that may be written in another way."""
    there = "|".join(map(re.escape, sorted(beginnings))) or "(?!)"
    return re.compile(rf"\b(?:{there})\w*|\b\w?[^\W\x00-\x7f]\w*")


def _spans(text: str, marks: set[str], literal: Iterable[str]) -> list[tuple[int, int]]:
    """Where in a text its marks are: whole words, and the letters themselves where no blanks part words."""
    spans = _words_among(text, marks) if marks else []
    lowered = text.lower()
    if len(lowered) == len(text):  # else the places would not be the same
        for part in literal:
            if part and (not marks or CJK.search(part)):
                spans += [(found.start(), found.end()) for found in re.finditer(re.escape(part), lowered)]
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _words_among(text: str, marks: set[str]) -> list[tuple[int, int]]:
    """Where in a text any of these words is, in whatever case."""
    alike = text.casefold()
    if len(alike) == len(text):
        return [found.span() for found in _any_of(frozenset(marks)).finditer(alike)]
    return [found.span() for found in re.finditer(r"[^\W_]+", text) if found[0].casefold() in marks]


@lru_cache(maxsize=256)
def _any_of(words: frozenset[str]) -> re.Pattern[str]:
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, longest_first))})(?![^\W_])")


def line_of(text: str, marks: set[str], literal: Iterable[str]) -> tuple[str, bool]:
    """The stretch of a text with most of the marks, cut between words; its beginning where there are none."""
    text = _visible(text)
    spans = _spans(text, marks, literal)
    if not spans:
        return _cut(text, 0), False
    best, most = spans[0][0], 0
    for n, (start, _end) in enumerate(spans):
        inside = [text[s:e].casefold() for s, e in spans[n : n + 20] if e <= start + LINE]
        if len(set(inside)) * 10 + len(inside) > most:
            best, most = start, len(set(inside)) * 10 + len(inside)
    return _cut(text, max(0, best - LINE // 3)), True


def _as_they_stand(query: Query, line: str, marks: set[str], literal: Sequence[str]) -> str:
    """What to mark in the document: the words as typed, or, where the line has other forms of them, those."""
    folded_line = folded(line)
    if all(folded(part) in folded_line for part in literal):
        return query.words
    found = [line[start:end] for start, end in _spans(line, marks, literal)]
    return " ".join({word.casefold(): word for word in found}.values())


def _visible(text: str) -> str:
    """In one line, without what steers or reorders its neighbours."""
    text = " ".join(text.split())
    if text.isprintable():
        return text
    return " ".join("".join(c for c in text if unicodedata.category(c) not in {"Cc", "Cf"}).split())


def _cut(text: str, start: int) -> str:
    if start > 0:
        blank = text.find(" ", start, start + 40)
        start = blank + 1 if blank >= 0 else start
    end = start + LINE
    if end < len(text):
        blank = text.rfind(" ", max(start, end - 40), end)
        end = blank if blank > start else end
    return ("… " if start > 0 else "") + text[start:end] + (" …" if end < len(text) else "")


def marked(text: str, marks: set[str], literal: Iterable[str]) -> SafeString:
    """A text as HTML: every piece escaped, and then the marks around the words."""
    pieces, at = [], 0
    for start, end in _spans(text, marks, literal):
        pieces += [escape(text[at:start]), "<mark>", escape(text[start:end]), "</mark>"]
        at = end
    return SafeString("".join([*pieces, escape(text[at:])]))


def _topics(query: Query, rows: Sequence[Document]) -> dict[UUID, list[str]]:
    """The topics on these documents that the words name, of those that are shown."""
    keys = [name_key(term.words) for term in query.wanted]
    if not keys:
        return {}
    return {
        row.pk: [
            topic.name for topic in getattr(row, "shown_topics", ()) if any(key in name_key(topic.name) for key in keys)
        ]
        for row in rows
    }
