"""A long text in parts of bounded size, with the numbers of its lines, and where the words looked for stand."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from documents.viewing.marks import has_any, terms_in

LINES, CHARACTERS, LINE_LENGTH = 1000, 120_000, 2000
Item = TypeVar("Item")


@dataclass(frozen=True)
class Line:
    """One line, or a piece of a very long one (which has a number at its beginning only)."""

    number: int | None
    text: str


@dataclass(frozen=True)
class Part(Generic[Item]):
    """One part of a whole, from 1, and in which parts the words looked for stand."""

    rows: Sequence[Item]
    number: int
    count: int
    hits: int = 0
    parts_with_hits: list[int] = field(default_factory=list)

    @property
    def before(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def after(self) -> int | None:
        return self.number + 1 if self.number < self.count else None

    @property
    def hit_before(self) -> int | None:
        return max((n for n in self.parts_with_hits if n < self.number), default=None)

    @property
    def hit_after(self) -> int | None:
        return min((n for n in self.parts_with_hits if n > self.number), default=None)


def lines_of(text: str) -> list[Line]:
    found = []
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        found.append(Line(number, line[:LINE_LENGTH]))
        found += [Line(None, line[at : at + LINE_LENGTH]) for at in range(LINE_LENGTH, len(line), LINE_LENGTH)]
    return found


def part_of(
    rows: Sequence[Item], terms: list[str], wanted: int | None, *, say: Callable[[Item], str], most: int = LINES
) -> Part[Item]:
    """The part asked for, or the first that holds most of the terms, or the first. `say` is the text of a row."""
    starts, length = [0], 0
    for at, row in enumerate(rows):
        length += len(say(row))
        if at - starts[-1] >= most or (length > CHARACTERS and at > starts[-1]):
            starts.append(at)
            length = len(say(row))
    ends = [*starts[1:], len(rows)]
    hits = [at for at, row in enumerate(rows) if has_any(say(row), terms)] if terms else []
    with_hits = sorted({bisect_right(starts, at) for at in hits})
    if wanted:
        number = min(max(wanted, 1), len(starts))
    else:
        held: dict[int, set[str]] = {}
        for at in hits:
            held.setdefault(bisect_right(starts, at), set()).update(terms_in(say(rows[at]), terms))
        number = max(with_hits, key=lambda part: (len(held[part]), -part), default=1)
    return Part(rows[starts[number - 1] : ends[number - 1]], number, len(starts), len(hits), with_hits)


def indented(text: str) -> str:
    """JSON that stands on few lines, spread over many; every character but blanks stays as it was.

    Not parsed: numbers keep their digits, repeated keys stay, and no depth is too deep.
    """
    out: list[str] = []
    depth, in_string, is_escaped = 0, False, False
    for character in text:
        if in_string:
            out.append(character)
            in_string = is_escaped or character != '"'
            is_escaped = character == "\\" and not is_escaped
        elif character in "{[":
            depth += 1
            out.append(f"{character}\n{'  ' * min(depth, 40)}")
        elif character in "}]":
            depth = max(depth - 1, 0)
            out.append(f"\n{'  ' * min(depth, 40)}{character}")
        elif character == ",":
            out.append(f",\n{'  ' * min(depth, 40)}")
        elif character == ":":
            out.append(": ")
        elif not character.isspace():
            out.append(character)
            in_string = character == '"'
    return "".join(out)
