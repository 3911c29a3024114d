"""Until when something is open: ahead, within what the policy allows, and never beyond the giver's own right."""

from datetime import datetime, timedelta

from django.utils.timezone import localtime, now
from django.utils.translation import gettext as _

from accounts.actors import Actor
from documents.actions.errors import Refused
from documents.models import Document, Folder
from docuvault.lib.days import end_of
from sharing import access

LONGEST = timedelta(days=3653)


def last_moment(days: int) -> datetime:
    """The end of the last of so many days, in the person's zone."""
    return end_of(localtime(now() + timedelta(days=days)).date())


def must_fit(until: datetime | None, longest: int | None, refused: type[Refused], too_long: str) -> None:
    """Raises `refused` for an end that has passed, is too far ahead, or later than after so many days."""
    if until is not None and until <= now():
        raise refused(_("The last day must lie ahead."))
    if until is not None and until > now() + LONGEST:
        raise refused(_("That is too far ahead: ten years at most, or leave the day empty."))
    if longest is not None and (until is None or until > last_moment(longest)):
        raise refused(too_long % {"days": longest})


def within_own(until: datetime | None, item: Document | Folder, by: Actor) -> datetime | None:
    """The end, or that of the giver's own right to manage it where this comes before."""
    own_end = access.manages_until(by, item)
    return own_end if own_end is not None and (until is None or until > own_end) else until
