"""Separated values as a table: the separator is guessed, and what looks like a formula stays text."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from documents.viewing.parts import Part, part_of

ROWS, COLUMNS, CELL_LENGTH, ROWS_READ = 200, 60, 500, 100_000
SEPARATORS = ",;\t|"
GUESSED_ROWS = 30


@dataclass(frozen=True)
class Row:
    """One row with its number in the file, and how many of its cells are not shown."""

    number: int
    cells: list[str]
    left_out: int = 0


@dataclass(frozen=True)
class Table:
    head: list[str]
    part: Part[Row]
    is_cut: bool


def table_of(text: str, terms: list[str], wanted: int | None) -> Table:
    """The rows of one part; the first row of the file is the head where it looks like one."""
    rows: list[Row] = []
    is_cut = False
    for number, cells in enumerate(_cells(text, _separator(text)), 1):
        if number > ROWS_READ:
            is_cut = True
            break
        rows.append(Row(number, [cell[:CELL_LENGTH] for cell in cells[:COLUMNS]], max(0, len(cells) - COLUMNS)))
    head = rows.pop(0).cells if len(rows) > 1 and _is_head(rows[0].cells) else []
    part = part_of(rows, terms, wanted, say=lambda row: "\t".join(row.cells), most=ROWS)
    return Table(head, part, is_cut)


def _cells(text: str, separator: str) -> Iterator[list[str]]:
    """Rows as csv reads them, up to the first that it cannot."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    while True:
        try:
            cells = next(reader)
        except (csv.Error, StopIteration):
            return
        if cells:
            yield cells


def _separator(text: str) -> str:
    """The one by which most of the first rows have the same number of cells, and more than one."""

    def fits(separator: str) -> tuple[int, int]:
        counts = Counter(
            len(cells)
            for cells, _n in zip(_cells(text, separator), range(GUESSED_ROWS), strict=False)
            if len(cells) > 1
        )
        width, rows = max(counts.items(), key=lambda pair: (pair[1], pair[0]), default=(0, 0))
        return rows, width

    return max(SEPARATORS, key=fits)


def _is_head(cells: list[str]) -> bool:
    return all(cell.strip() and not _is_number(cell) for cell in cells)


def _is_number(cell: str) -> bool:
    return cell.strip().lstrip("+-€$£").replace(".", "").replace(",", "").replace(" ", "").isdecimal()
