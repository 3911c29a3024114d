"""What the rounds of upkeep have found over time: the last of each kind, and a picture of the last days."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.utils.timezone import localdate, localtime, now

from documents.models import UpkeepKind, UpkeepRun

DAYS = 30
WIDTH, HEIGHT, BAR = 600, 96, 14


def last_rounds() -> list[UpkeepRun]:
    """The last round of each kind, in the order of kinds."""
    last = {run.kind: run for run in UpkeepRun.objects.order_by("kind", "-started_at").distinct("kind")}
    return [last[kind] for kind in UpkeepKind.values if kind in last]


@dataclass
class Day:
    """One day: None where no round of that day can tell."""

    date: date
    stored: int | None = None
    strays: int | None = None
    breaches: int | None = None


@dataclass(frozen=True)
class Bar:
    x: int
    y: int
    height: int
    date: date
    value: int


@dataclass(frozen=True)
class Picture:
    """Bars for an SVG of WIDTH by HEIGHT, and the highest value of them."""

    bars: list[Bar] = field(default_factory=list)
    most: int = 0


def last_days() -> list[Day]:
    """The last days, oldest first, from rounds that saw the whole store."""
    today = localdate()
    days = {today - timedelta(days=back): Day(today - timedelta(days=back)) for back in reversed(range(DAYS))}
    kinds = [UpkeepKind.SWEEP, UpkeepKind.RECONCILE, UpkeepKind.CHECK]
    runs = UpkeepRun.objects.filter(kind__in=kinds, failure="", finished_at__gt=now() - timedelta(days=DAYS + 1))
    for kind, at, breaches, details in (
        runs.order_by("started_at").values_list("kind", "started_at", "breaches", "details").iterator()
    ):
        day = days.get(localtime(at).date())
        if day is None or "object_bytes" not in details:
            continue
        day.stored = details["object_bytes"]
        day.strays = max(day.strays or 0, details["strays"])
        if kind != UpkeepKind.SWEEP:
            day.breaches = max(day.breaches or 0, breaches)
    return list(days.values())


def picture(days: list[Day], value: Callable[[Day], int | None]) -> Picture:
    """One bar for each day that can tell; nothing has a bar of one unit, so that it differs from not knowing."""
    known = [(number, day, found) for number, day in enumerate(days) if (found := value(day)) is not None]
    most = max((found for _number, _day, found in known), default=0)
    step = WIDTH // max(1, len(days))
    bars = []
    for number, day, found in known:
        height = max(1, round((HEIGHT - 4) * found / most)) if most else 1
        bars.append(Bar(number * step + (step - BAR) // 2, HEIGHT - height, height, day.date, found))
    return Picture(bars, most)
