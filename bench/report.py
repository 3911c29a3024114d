"""A measured row, its goal, and the table of all of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter


@dataclass(frozen=True)
class Row:
    """One line: what was measured, ours, the floor taken in the same run, and what must hold.

    `goal` is the sentence shown; `is_met` None where a row is for reading only.
    """

    name: str
    ours: str
    floor: str = ""
    ratio: str = ""
    goal: str = ""
    is_met: bool | None = None


def milliseconds(act: Callable[[], object], times: int, *, warm: int = 3) -> list[float]:
    """How long each of `times` calls took, after a few that do not count."""
    for _ in range(warm):
        act()
    taken = []
    for _ in range(times):
        start = perf_counter()
        act()
        taken.append((perf_counter() - start) * 1000)
    return taken


def shown(taken: list[float]) -> str:
    """Median and 95th percentile in milliseconds."""
    return f"{median(taken):.1f} / {quantiles(taken, n=20)[-1]:.1f} ms"


def print_table(rows: Iterable[Row]) -> None:
    rows = list(rows)
    heads = ("what", "ours", "floor here", "ratio", "goal", "")
    lines = [
        (r.name, r.ours, r.floor, r.ratio, r.goal, {True: "met", False: "MISSED", None: ""}[r.is_met]) for r in rows
    ]
    widths = [max(len(line[i]) for line in [heads, *lines]) for i in range(len(heads))]
    for line in [heads, tuple("-" * width for width in widths), *lines]:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip(),
            flush=True,
        )
