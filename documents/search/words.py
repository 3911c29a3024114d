"""From the words of a line to what PostgreSQL compares: stems in each language, and near words of one's own vault."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.db import connection

from documents.search.grammar import Clause, Query, Term
from documents.search.languages import marker
from docuvault.lib.connections import prepared_statements
from sharing import access

# So many near words each typed word may bring along, and in the vaults of so many people they are looked for.
NEAR_WORDS, NEAR_VAULTS = 40, 20
# The shortest word of which parts are looked for, and that may hold a wrong letter; then two of them.
SHORTEST_PART, SHORTEST_TYPO, TWO_TYPOS, ENDING = 3, 5, 9, 3

# From language to language by the index: "exists" would be tempted to read all rows for one that no document has.
SPOKEN = """
    WITH RECURSIVE spoken AS (
        SELECT v.id, (SELECT language FROM search_entries WHERE user_id = v.id ORDER BY language LIMIT 1) AS code
        FROM unnest(%s::uuid[]) AS v(id)
        UNION ALL
        SELECT s.id, (SELECT language FROM search_entries WHERE user_id = s.id AND language > s.code
                      ORDER BY language LIMIT 1)
        FROM spoken s WHERE s.code IS NOT NULL
    )
    SELECT DISTINCT code FROM spoken WHERE code > '' ORDER BY code
"""
# A word under each language that occurs where the actor may look, and without one.
STEMS = """
    SELECT l.code, t.n, phraseto_tsquery(search_config(l.code), search_plain(t.term, true))::text
    FROM unnest(%(languages)s::text[]) AS l(code), unnest(%(terms)s::text[]) WITH ORDINALITY AS t(term, n)
"""
NEAR = """
    SELECT t.n, w.word, t.plain
    FROM unnest(%(vaults)s::uuid[]) AS v(id),
    (SELECT n, unaccent(lower(term)) AS plain, unaccent(lower(pattern)) AS pattern
     FROM unnest(%(terms)s::text[], %(patterns)s::text[]) WITH ORDINALITY AS asked(term, pattern, n)) AS t,
    LATERAL (
        (SELECT word FROM search_words WHERE user_id = v.id AND word LIKE t.pattern
         ORDER BY length(word), word LIMIT %(limit)s)
        UNION
        (SELECT word FROM search_words
         WHERE user_id = v.id AND %(typos)s AND length(t.plain) >= %(shortest_typo)s AND word %% t.plain
         ORDER BY similarity(word, t.plain) DESC, word LIMIT %(limit)s)
    ) AS w
"""
LEXEME = re.compile(r"'((?:[^']|'')+)'")
PHRASE = re.compile(r"<(?:-|\d+)>")
CJK = re.compile(r"[\u1100-\u11ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7ff]")


@dataclass(frozen=True)
class Stemmed:
    """A query as PostgreSQL compares it.

    `whole`: all clauses, under the language each document is stemmed in; "" where nothing wanted is left.
    `loose`: what the index is asked for, which holds wherever the whole does; where a phrase is asked for, it has
    neither the order of words nor what must not be there. `parts`: each wanted clause by itself. `unwanted`: what
    must not be there. `shown`: any wanted word, to be marked.
    """

    whole: str = ""
    loose: str = ""
    parts: tuple[str, ...] = ()
    unwanted: str = ""
    shown: str = ""

    @property
    def phrases(self) -> tuple[str, ...]:
        """The wanted clauses with a phrase in them."""
        return tuple(part for part in self.parts if PHRASE.search(part))

    @property
    def unwanted_phrases(self) -> str:
        """What must not be there, if there is a phrase in it: else the entry alone knows."""
        return self.unwanted if PHRASE.search(self.unwanted) else ""

    def without(self, place: int) -> "Stemmed":
        """All wanted clauses but one, without what must not be there; empty where it is the only one."""
        parts = tuple(part for n, part in enumerate(self.parts) if n != place)
        whole = _all(parts)
        return Stemmed(whole, PHRASE.sub("&", whole), parts)

    @property
    def lexemes(self) -> set[str]:
        return {found.replace("''", "'") for found in LEXEME.findall(self.shown)}

    @property
    def any_word(self) -> str:
        """Any word of what is shown, also of a phrase that is not there as such."""
        return PHRASE.sub("|", self.shown)


def spoken(vaults: Sequence[UUID]) -> list[str]:
    """The languages that occur in these vaults; those of documents without one are not among them."""

    def ask() -> list[str]:
        with prepared_statements(), connection.cursor() as cursor:
            cursor.execute(SPOKEN, [list(vaults)])
            return [code for (code,) in cursor.fetchall()]

    return access.once(("spoken", *vaults), ask)


def stemmed(query: Query, vaults: Sequence[UUID], *, is_near: bool = False, known: Stemmed | None = None) -> Stemmed:
    """Ask PostgreSQL for the stems of a query's words; near words come along where asked for.

    `known`: the answer without near words, where there has been one.
    """
    terms = list(dict.fromkeys(term for clause in query.clauses for term in clause.terms))
    if not terms or not vaults:
        return Stemmed()
    more = near_words([t for t in terms if t.is_part], vaults, typos=False)
    if is_near:
        near = near_words([t for t in query.wanted if not (t.is_part or t.is_phrase)], vaults)
        if not near and known is not None:
            return known
        more |= near
    texts = list(dict.fromkeys([t.words for t in terms] + [word for found in more.values() for word in found]))
    languages = spoken(vaults)
    by_language: dict[str, dict[str, str]] = defaultdict(dict)
    with prepared_statements(), connection.cursor() as cursor:
        cursor.execute(STEMS, {"terms": texts, "languages": ["", *languages]})
        for code, n, found in cursor.fetchall():
            text = texts[n - 1]
            by_language[code][text] = f"{found}:*" if found and len(text) == 1 and CJK.match(text) else found

    def said(term: Term, stems: dict[str, str]) -> str:
        own = [] if term.is_part and more.get(term) else [stems[term.words]]
        return _any(dict.fromkeys([*own, *(stems[word] for word in more.get(term, ()))]))

    def clause_in(clause: Clause, stems: dict[str, str]) -> str:
        return _any(said(term, stems) for term in clause.terms)

    wanted = [clause for clause in query.clauses if not clause.is_not]
    unwanted = [clause for clause in query.clauses if clause.is_not]
    in_each = {
        code: Stemmed(
            parts=tuple(clause_in(clause, stems) for clause in wanted),
            unwanted=_any(clause_in(clause, stems) for clause in unwanted),
        )
        for code, stems in by_language.items()
    }
    together = {code: _all(each.parts) for code, each in in_each.items()}
    whole = _under_languages({code: _with_unwanted(text, in_each[code].unwanted) for code, text in together.items()})
    return Stemmed(
        whole=whole,
        loose=PHRASE.sub("&", _under_languages(together)) if PHRASE.search(whole) else whole,
        parts=tuple(
            _under_languages({code: each.parts[n] for code, each in in_each.items()}) for n in range(len(wanted))
        ),
        unwanted=_under_languages({code: each.unwanted for code, each in in_each.items()}),
        shown=_any(dict.fromkeys(part for each in in_each.values() for part in each.parts)),
    )


def _any(parts: Iterable[str]) -> str:
    return _joined(parts, " | ")


def _all(parts: Iterable[str]) -> str:
    return _joined(parts, " & ")


def _joined(parts: Iterable[str], by: str) -> str:
    there = [part for part in parts if part]
    return there[0] if len(there) == 1 else by.join(f"( {part} )" for part in there)


def _with_unwanted(wanted: str, unwanted: str) -> str:
    return f"( {wanted} ) & !( {unwanted} )" if wanted and unwanted else wanted


def _under_languages(by_language: dict[str, str]) -> str:
    """One tsquery for all languages: where they differ, each goes with the lexeme that names it."""
    alike: dict[str, list[str]] = defaultdict(list)
    for code, text in by_language.items():
        if text:
            alike[text].append(code)
    if len(alike) == 1 and len(next(iter(alike.values()))) == len(by_language):
        return next(iter(alike))
    return _any(_marked(codes, text) for text, codes in alike.items())


def _marked(codes: Iterable[str], text: str) -> str:
    named = " | ".join(f"'{marker(code)}'" for code in codes)
    return f"( {named} ) & ( {text} )"


def near_words(terms: Sequence[Term], vaults: Sequence[UUID], *, typos: bool = True) -> dict[Term, list[str]]:
    """Words of these vaults that hold a term, or differ from it by a letter or two, nearest first."""
    asked = [term for term in terms if len(term.words) >= (1 if term.is_part else SHORTEST_PART)]
    asked = [term for term in asked if not CJK.search(term.words)]
    if not asked:
        return {}
    found: dict[Term, dict[str, int]] = {term: {} for term in asked}
    with prepared_statements(), connection.cursor() as cursor:
        cursor.execute(
            NEAR,
            {
                "vaults": list(vaults[:NEAR_VAULTS]),
                "terms": [term.words for term in asked],
                "patterns": [_pattern(term) for term in asked],
                "limit": NEAR_WORDS,
                "typos": typos,
                "shortest_typo": SHORTEST_TYPO,
            },
        )
        for n, word, typed in cursor.fetchall():
            if (distance := _distance_within(typed, word)) is not None:
                found[asked[n - 1]][word] = distance
    return {
        term: sorted(words, key=lambda word: (words[word], len(word), word))[: 2 * NEAR_WORDS]
        for term, words in found.items()
        if words
    }


def _pattern(term: Term) -> str:
    """What LIKE is to match: the word within others, or at the end that has no star."""
    inner = re.sub(r"([\\\\%_])", r"\\\1", term.words)
    before = "" if term.is_part and not term.text.startswith("*") else "%"
    after = "" if term.is_part and not term.text.endswith("*") else "%"
    return f"{before}{inner}{after}"


def _distance_within(typed: str, word: str) -> int | None:
    """0 where the word holds what was typed, else by how many letters it differs; None for too many."""
    if typed in word:
        return 0
    if len(typed) < SHORTEST_TYPO:
        return None
    most = 1 if len(typed) < TWO_TYPOS else 2
    distance = edits(typed, word, most)
    return distance if distance <= most else None


def edits(one: str, other: str, most: int) -> int:
    """Letters put in, left out, changed or swapped with their neighbour; stops counting above `most`.

    A short ending that only the other one has is no difference: "insurance" is near "insurances".
    """
    if not -most <= len(other) - len(one) <= most + ENDING:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[max(len(one) - most, len(other) - ENDING) :], default=row[-1])


def folded(text: str) -> str:
    """Lower case without accents, near enough to PostgreSQL's unaccent to choose what to ask it about."""
    text = text.casefold()
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKD", text)
    if text.isascii():  # an ellipsis alone is no letter
        return text
    return "".join(c for c in text if not unicodedata.combining(c)).translate(SPELT)


SPELT = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th", "ð": "d"})


def with_words(query: Query, place: int, term: Term) -> Query:
    """The query with the first term of one of its clauses put in another way."""
    clauses = list(query.clauses)
    clauses[place] = replace(clauses[place], terms=(term, *clauses[place].terms[1:]))
    return replace(query, clauses=tuple(clauses))
