"""The queue of readings in figures, for admins: who waits, what is read now, how fast, and what could not be read."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db.models import Count, Min, Q
from django.db.models.functions import TruncDate, TruncHour
from django.utils.timezone import get_current_timezone, localdate, localtime, make_aware, now
from django.utils.translation import gettext as _

from documents.models import Reading, ReadingReason, ReadingState
from documents.upkeep.history import DAYS, Day

HOURS = 24
FAILURES_SHOWN, ROWS_SHOWN = 40, 25
# Something waits for so long, and nothing has moved meanwhile: nobody reads.
STILL_SECONDS = 180


@dataclass
class Stretch(Day):
    """One hour or one day: how many were read, and how many could not be."""

    read: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Failure:
    """What could not be read for one reason, of one kind."""

    kind: str
    reason: str
    count: int

    @property
    def reason_word(self) -> str:
        return str(ReadingReason(self.reason).label) if self.reason in ReadingReason.values else self.reason or "–"


@dataclass
class Queue:
    """As it stands now."""

    waiting: int = 0
    again: int = 0
    owners: int = 0
    oldest_at: datetime | None = None
    under_way: list[Reading] = field(default_factory=list)
    failed: int = 0
    encrypted: int = 0
    is_still: bool = False

    @property
    def all_waiting(self) -> int:
        return self.waiting + self.again


def queue() -> Queue:
    rows = Reading.objects.filter(state=ReadingState.WAITING)
    found = rows.aggregate(
        new=Count("pk", filter=Q(rank=0)),
        all=Count("pk"),
        owners=Count("owner", distinct=True),
        oldest=Min("queued_at"),
    )
    states = dict(
        Reading.objects.filter(state__in=[ReadingState.FAILED, ReadingState.ENCRYPTED])
        .values_list("state")
        .annotate(count=Count("pk"))
    )
    under_way = Reading.objects.filter(state=ReadingState.READING).select_related("version").order_by("started_at")
    return Queue(
        waiting=found["new"],
        again=found["all"] - found["new"],
        owners=found["owners"],
        oldest_at=found["oldest"],
        under_way=list(under_way[:ROWS_SHOWN]),
        failed=states.get(ReadingState.FAILED, 0),
        encrypted=states.get(ReadingState.ENCRYPTED, 0),
        is_still=_is_still(found["oldest"]),
    )


def _is_still(oldest: datetime | None) -> bool:
    since = now() - timedelta(seconds=STILL_SECONDS)
    if oldest is None or oldest > since:
        return False
    return not Reading.objects.filter(
        Q(finished_at__gt=since) | Q(state=ReadingState.READING, beat_at__gt=since)
    ).exists()


def last_hours() -> list[Stretch]:
    """The last hours, oldest first, this one included."""
    this = localtime().replace(minute=0, second=0, microsecond=0)
    hours = {this - timedelta(hours=back): Stretch(this - timedelta(hours=back)) for back in reversed(range(HOURS))}
    zone = get_current_timezone()
    return _counted(hours, this - timedelta(hours=HOURS - 1), TruncHour("finished_at", tzinfo=zone))


def last_days() -> list[Stretch]:
    """The last days, oldest first, today included."""
    first = localdate() - timedelta(days=DAYS - 1)
    days: dict[date, Stretch] = {}
    for ahead in range(DAYS):
        days[first + timedelta(days=ahead)] = Stretch(first + timedelta(days=ahead))
    since = make_aware(datetime.combine(first, datetime.min.time()))
    return _counted(days, since, TruncDate("finished_at", tzinfo=get_current_timezone()))


def _counted(
    stretches: dict[date, Stretch] | dict[datetime, Stretch], since: datetime, cut: TruncHour | TruncDate
) -> list[Stretch]:
    rows = Reading.objects.filter(finished_at__gte=since).annotate(stretch=cut).values("stretch")
    found: dict[date, Stretch] = dict(stretches.items())
    for at, all_of_them, failed in rows.annotate(
        all=Count("pk"), failed=Count("pk", filter=Q(state=ReadingState.FAILED))
    ).values_list("stretch", "all", "failed"):
        if at in found:
            found[at].read, found[at].failed = all_of_them - failed, failed
    return list(found.values())


def failures() -> list[Failure]:
    """By kind and reason, most first. Where the kind was not found out, it is what the first bytes showed."""
    rows = (
        Reading.objects.filter(state=ReadingState.FAILED)
        .values_list("kind", "reason")
        .annotate(count=Count("pk"))
        .order_by("-count", "kind", "reason")
    )
    return [Failure(kind, reason, count) for kind, reason, count in rows[:FAILURES_SHOWN]]


def last_failed() -> list[Reading]:
    rows = Reading.objects.filter(state=ReadingState.FAILED).select_related("version")
    return list(rows.order_by("-finished_at")[:ROWS_SHOWN])


def pace(hours: list[Stretch]) -> str:
    """How many documents an hour, over the hours in which any was read."""
    busy = [hour.read for hour in hours if hour.read]
    return _("%(count)d an hour while there was work") % {"count": round(sum(busy) / len(busy))} if busy else ""
