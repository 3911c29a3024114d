"""Days and the moments at which they are over: whatever has a last day holds through it, in the looker's zone."""

from datetime import date, datetime, timedelta

from django.utils.timezone import get_current_timezone, localtime


def end_of(day: date) -> datetime:
    """The moment at which this day is over."""
    after = day + timedelta(days=1)
    return datetime(after.year, after.month, after.day, tzinfo=get_current_timezone())


def last_day(end: datetime | None) -> date | None:
    """The last day that is before this moment; None where there is no end."""
    return localtime(end - timedelta(seconds=1)).date() if end is not None else None
