"""The line people type, and the form beside it: one and the same query, read and written here.

    car insurance                     both words, in any order
    "state of the art"                these words in a row
    tax OR duty                       either
    -draft                            not this one
    versich* *brief*                  a part of a word
    topic:tax in:"Car/Insurance"      filters; a minus before them turns them round

Reading never fails: what is not understood is left out or taken as words, and said. What was read can
be written again (`Query.line`), and reads the same.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from difflib import get_close_matches

from django.utils.translation import gettext as _

from documents.search.kinds import KINDS, SAME_KIND

LINE_LIMIT = 1000
TERM_LIMIT = 100
TERMS_LIMIT = 32

STATES = ("waiting", "reading", "ready", "failed", "encrypted", "nothing")
IS = ("shared", "starred", "mine", "scanned")
NO = ("text", "topic", "folder", "lang")
# Most filters can be asked for several times; these make no sense twice.
ONCE = frozenset({"before", "after", "year"})
UNITS = {"b": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3, "": 1}
_SIZE = re.compile(r"(<=|>=|<|>)\s*(\d{1,12}(?:[.,]\d{1,3})?)\s*(b|kb|mb|gb|)", re.IGNORECASE)
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?")
_AGO = re.compile(r"(\d{1,4})([dwmy])")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


@dataclass(frozen=True)
class Term:
    """A word or, in quotes, words in a row. A star at either end makes it a part of a word."""

    text: str
    is_phrase: bool = False

    @property
    def is_part(self) -> bool:
        return not self.is_phrase and (self.text.startswith("*") or self.text.endswith("*"))

    @property
    def words(self) -> str:
        return self.text if self.is_phrase else self.text.strip("*")

    @property
    def line(self) -> str:
        return _quoted(self.text) if self.is_phrase or not _is_plain(self.text) else self.text


@dataclass(frozen=True)
class Clause:
    """One of these terms has to be there; with `is_not`, none of them."""

    terms: tuple[Term, ...]
    is_not: bool = False

    @property
    def line(self) -> str:
        return ("-" if self.is_not else "") + " OR ".join(term.line for term in self.terms)


@dataclass(frozen=True)
class Filter:
    """A condition on something else than words."""

    key: str
    value: str
    is_not: bool = False

    @property
    def line(self) -> str:
        value = self.value if _is_value(self.value) else _quoted(self.value)
        return f"{'-' if self.is_not else ''}{self.key}:{value}"


@dataclass(frozen=True)
class Problem:
    """A part of the line that was left out or read in another way, and why."""

    part: str
    message: str


@dataclass(frozen=True)
class Query:
    """What is asked for: clauses and filters, which all have to hold."""

    clauses: tuple[Clause, ...] = ()
    filters: tuple[Filter, ...] = ()
    problems: tuple[Problem, ...] = field(default=(), compare=False)

    @property
    def words(self) -> str:
        return " ".join(clause.line for clause in self.clauses)

    @property
    def parts(self) -> list[Clause | Filter]:
        return [*self.clauses, *self.filters]

    @property
    def line(self) -> str:
        return " ".join(part.line for part in self.parts)

    @property
    def is_empty(self) -> bool:
        return not (self.clauses or self.filters)

    @property
    def wanted(self) -> list[Term]:
        """The terms that a hit has to show."""
        return [term for clause in self.clauses if not clause.is_not for term in clause.terms]

    def having(self, key: str, *, is_not: bool = False) -> list[str]:
        return [item.value for item in self.filters if item.key == key and item.is_not == is_not]

    def toggled(self, item: Filter) -> "Query":
        """With this filter, or without it where it is there."""
        if item in self.filters:
            return replace(self, filters=tuple(row for row in self.filters if row != item))
        kept = tuple(row for row in self.filters if not (item.key in ONCE and row.key == item.key))
        return replace(self, filters=(*kept, item))

    def without(self, part: "Clause | Filter") -> "Query":
        return replace(
            self,
            clauses=tuple(row for row in self.clauses if row != part),
            filters=tuple(row for row in self.filters if row != part),
        )


# --- Reading -----------------------------------------------------------------------------------------------

# A minus, a filter's name, and then something in quotes or without blanks.
_TOKEN = re.compile(
    r'(?P<minus>-?)(?:(?P<key>[A-Za-z]+):)?(?:"(?P<quoted>(?:\\.|[^"\\])*)(?P<end>"?)|(?P<bare>[^\s"]*))'
)


def parse(line: str) -> Query:
    """Read a line. Never fails: see `problems`."""
    problems: list[Problem] = []
    line = "".join(" " if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} else c for c in line)
    if len(line) > LINE_LIMIT:
        problems.append(
            Problem(line[:20] + "…", _("Only the first %(limit)d characters are read.") % {"limit": LINE_LIMIT})
        )
        line = line[:LINE_LIMIT]
    clauses: list[Clause] = []
    filters: list[Filter] = []
    joins = False  # an OR stands before what comes next
    can_join = False  # what came last is a clause that an OR may add to
    for minus, key, value, is_quoted in _tokens(line, problems):
        if key is None and value == "OR" and not minus and not is_quoted:
            if not can_join or joins:
                problems.append(Problem("OR", _("OR stands between two words.")))
            joins = can_join
            continue
        item = _filter(key, value, bool(minus), problems) if key is not None else None
        if key is not None and item is None:
            continue
        if isinstance(item, Filter):
            if joins:
                problems.append(Problem(item.line, _("OR joins words only; this filter holds for all.")))
            if item not in filters:
                filters = [row for row in filters if not (item.key in ONCE and row.key == item.key)]
                filters.append(item)
            joins = can_join = False
            continue
        term = item if isinstance(item, Term) else _term(value, is_quoted)
        if term is None:
            continue
        if sum(len(clause.terms) for clause in clauses) >= TERMS_LIMIT:
            problems.append(
                Problem(
                    term.line, _("A search can hold %(limit)d words; the rest is left out.") % {"limit": TERMS_LIMIT}
                )
            )
            break
        if joins and not minus:
            if term not in clauses[-1].terms:
                clauses[-1] = replace(clauses[-1], terms=(*clauses[-1].terms, term))
        else:
            if joins:
                problems.append(Problem(f"-{term.line}", _("OR cannot be followed by a minus.")))
            clause = Clause((term,), bool(minus))
            if clause not in clauses:
                clauses.append(clause)
            elif clauses[-1] != clause:  # what an OR adds to is the last one
                clauses.remove(clause)
                clauses.append(clause)
        joins, can_join = False, not minus
    if joins:
        problems.append(Problem("OR", _("OR stands between two words.")))
    return Query(tuple(clauses), tuple(filters), tuple(problems))


def _tokens(line: str, problems: list[Problem]) -> Iterator[tuple[str, str | None, str, bool]]:
    at = 0
    while at < len(line):
        if line[at].isspace():
            at += 1
            continue
        found = _TOKEN.match(line, at)
        assert found is not None
        if found.end() == at:  # cannot be: every character begins something
            at += 1
            continue
        at = found.end()
        if found["quoted"] is not None:
            if not found["end"]:
                problems.append(Problem('"', _("A quotation mark is missing at the end.")))
            yield found["minus"], found["key"], re.sub(r"\\(.)", r"\1", found["quoted"]), True
        else:
            yield found["minus"], found["key"], found["bare"], False


def _term(text: str, is_quoted: bool) -> Term | None:
    """A word with something in it that can be looked for, else None."""
    text = " ".join(text.split())[:TERM_LIMIT].strip()
    if not any(character.isalnum() for character in text):
        return None
    if not is_quoted:
        text = re.sub(r"^\*+", "*", re.sub(r"\*+$", "*", text.replace("\\", "").lstrip("-")))
        if not _is_plain(text):
            text = text.strip("*")
    # In quotes or not, one word is one word, unless it has a star that is meant as such.
    return Term(text, is_quoted and (" " in text or text[0] == "*" or text[-1] == "*"))


def _is_plain(text: str) -> bool:
    """Whether a term reads the same without quotes."""
    return bool(text) and text != "OR" and text[0] != "-" and not re.search(r'["\s\\]', text) and not _looks_keyed(text)


def _looks_keyed(text: str) -> bool:
    return bool(re.match(r"-?[A-Za-z]+:", text))


def _is_value(text: str) -> bool:
    return bool(text) and not re.search(r'["\s\\]', text)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _filter(key: str, value: str, is_not: bool, problems: list[Problem]) -> Filter | Term | None:
    """The filter; a term where the name before the colon is none of ours; None where the value says nothing."""
    name = key.lower()
    if name not in READERS:
        near = get_close_matches(name, READERS, 1, 0.75)
        text = f"{key}:{value}"
        if near and value:
            problems.append(
                Problem(text, _("“%(key)s:” is no filter. Did you mean “%(near)s:”?") % {"key": key, "near": near[0]})
            )
        term = _term(text, True)
        return term
    value = " ".join(value.split())[:255]
    shown = f"{name}:{value}"
    if not value:
        problems.append(Problem(shown, _("Something is missing after the colon.")))
        return None
    canonical = READERS[name](value)
    if canonical is None:
        problems.append(Problem(shown, HINTS[name]()))
        return None
    if is_not and name in {"before", "after", "size"}:
        problems.append(Problem(f"-{shown}", _("A minus does not go with this filter; turn it round instead.")))
        return None
    return Filter(name, canonical, is_not)


def _kind(value: str) -> str | None:
    word = value.lower().lstrip(".")
    word = SAME_KIND.get(word, word)
    return word if word in KINDS else None


def _one_of(words: Iterable[str]) -> Callable[[str], str | None]:
    allowed = frozenset(words)
    return lambda value: value.lower() if value.lower() in allowed else None


def _moment(value: str) -> str | None:
    word = value.lower()
    return word if moment_of(word, date(2000, 1, 1)) is not None else None


def moment_of(value: str, today: date) -> date | None:
    """The first day of a year, month or day, or of so many days, weeks, months, years ago."""
    if value in {"today", "yesterday"}:
        return today - timedelta(days=value == "yesterday")
    if found := _AGO.fullmatch(value):
        try:
            return today - timedelta(days=int(found[1]) * DAYS[found[2]])
        except OverflowError:
            return None
    if found := _DATE.fullmatch(value):
        try:
            return date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
        except ValueError:
            return None
    return None


def _period(value: str) -> str | None:
    return value if period_of(value) is not None else None


def period_of(value: str) -> tuple[date, date] | None:
    """Of a year, a month or a day its first day, and the day after its last."""
    found = _DATE.fullmatch(value)
    first = moment_of(value, date(2000, 1, 1)) if found else None
    if found is None or first is None:
        return None
    try:
        if found[3]:
            return first, first + timedelta(days=1)
        if found[2]:
            return first, date(first.year + first.month // 12, first.month % 12 + 1, 1)
        return first, date(first.year + 1, 1, 1)
    except (ValueError, OverflowError):
        return None


def _year(value: str) -> str | None:
    return value if re.fullmatch(r"(19|20|21)\d\d", value) else None


def _size(value: str) -> str | None:
    found = _SIZE.fullmatch(value)
    return f"{found[1]}{found[2].replace(',', '.')}{found[3].lower()}" if found else None


def size_of(value: str) -> tuple[str, int]:
    """How a size compares, and with how many bytes."""
    found = _SIZE.fullmatch(value)
    assert found is not None
    return found[1], int(float(found[2]) * UNITS[found[3].lower()])


def _language(value: str) -> str | None:
    return value.lower() if _LANGUAGE.fullmatch(value.lower()) else None


def _path(value: str) -> str | None:
    parts = [part.strip() for part in value.split("/")]
    names = [part for part in parts if part]
    if not names:
        return None
    return ("/" if value.startswith("/") else "") + "/".join(names)


READERS: dict[str, Callable[[str], str | None]] = {
    "topic": lambda value: value,
    "type": _kind,
    "in": _path,
    "before": _moment,
    "after": _moment,
    "year": _year,
    "written": _period,
    "is": _one_of(IS),
    "no": _one_of(NO),
    "size": _size,
    "lang": _language,
    "state": _one_of(STATES),
    "name": lambda value: value,
    "owner": lambda value: value,
}


def _choices(words: Iterable[str]) -> str:
    return _("It can be one of: %(words)s.") % {"words": ", ".join(words)}


HINTS: dict[str, Callable[[], str]] = {
    "topic": lambda: "",
    "type": lambda: _choices(KINDS),
    "in": lambda: _('Name a folder, like in:Car or in:"Car/Insurance".'),
    "before": lambda: _("Write a date like 2024, 2024-05 or 2024-05-17, or 7d, 2w, 3m, 1y ago."),
    "after": lambda: _("Write a date like 2024, 2024-05 or 2024-05-17, or 7d, 2w, 3m, 1y ago."),
    "year": lambda: _("Write a year like 2024."),
    "written": lambda: _("Write a year, a month or a day, like 2024, 2024-05 or 2024-05-17."),
    "is": lambda: _choices(IS),
    "no": lambda: _choices(NO),
    "size": lambda: _("Write a size like >5mb or <100kb."),
    "lang": lambda: _("Write a language as two letters, like de or en."),
    "state": lambda: _choices(STATES),
    "name": lambda: "",
    "owner": lambda: "",
}
