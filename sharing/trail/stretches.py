"""Which rows a seal is about: stretches of the trail, and the ranges that seals cut them into."""

from dataclasses import dataclass
from itertools import pairwise

from sharing.models import AuditEvent, TrailSeal, TrailStretch
from sharing.trail.rows import ALL, Range


@dataclass(frozen=True)
class Stretch:
    """A stretch with the last id that can belong to it."""

    number: int
    after_id: int
    last_id: int
    after_seal: int


def stretches_by_number() -> dict[int, Stretch]:
    """All of them; the first one needs no row."""
    found = {}
    rows = [TrailStretch(number=1), *TrailStretch.objects.order_by("number")]
    for row, following in pairwise([*rows, None]):
        assert row is not None
        last_id = following.after_id if following else ALL
        found[row.number] = Stretch(row.number, row.after_id, last_id, following.after_seal if following else 0)
    return found


def latest() -> TrailStretch:
    """The stretch that goes on now."""
    return TrailStretch.objects.order_by("-number").first() or TrailStretch(number=1)


def range_of(seal: TrailSeal, before: TrailSeal | None, stretches: dict[int, Stretch]) -> Range:
    """The rows of a seal that follows another. Raises KeyError where its stretch is not there."""
    stretch = stretches[seal.stretch]
    after_xact = before.last_xact if before is not None and before.stretch == seal.stretch else 0
    return Range(stretch.after_id, stretch.last_id, after_xact, seal.last_xact)


def rows_after(row_id: int, limit: int) -> int:
    """How many rows of the trail came after this one, counted up to a limit."""
    return AuditEvent.objects.filter(pk__gt=row_id).order_by("pk")[:limit].count()
