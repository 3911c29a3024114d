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
    (taken,) = in_turns(times, act, warm=warm)
    return taken


def in_turns(times: int, *acts: Callable[[], object], warm: int = 3) -> list[list[float]]:
    """How many milliseconds each call of each act took. One after the other, so that all meet the same swings."""
    for act in acts * warm:
        act()
    taken: list[list[float]] = [[] for _act in acts]
    for _ in range(times):
        for act, its in zip(acts, taken, strict=True):
            start = perf_counter()
            act()
            its.append((perf_counter() - start) * 1000)
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
