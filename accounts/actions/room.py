"""Room: asking for more of it, granting it until a date or for good, refusing with a word, and grants that end.

What is granted until a date counts by the clock (`accounts.quota`), so it ends to the second whether or
not a job runs; the job only writes it down and tells the person. One grant at a time: a new one takes
the place of the old.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts.actions.people import LARGEST_LIMIT_BYTES
from accounts.actions.rights import only_admins
from accounts.actors import Actor
from accounts.models import Quota, QuotaRequest, QuotaRequestState, User
from documents import jobs
from sharing import audit
from sharing.audit import Verb

WORDS_LIMIT = 500
ANSWERS_SHOWN = timedelta(days=21)
LARGEST_FILE_LIMIT = 2**31 - 1


class AlreadyAsked(Exception):
    """One request at a time."""

    def __init__(self) -> None:
        super().__init__(_("You have asked already. An admin will answer; you can also withdraw it and ask again."))


class AlreadyDecided(Exception):
    """Another admin was faster, or it was withdrawn."""

    def __init__(self) -> None:
        super().__init__(_("This request has been answered or withdrawn meanwhile."))


@transaction.atomic
def ask_for_room(wanted_bytes: int, reason: str, *, by: Actor) -> QuotaRequest:
    """Ask the admins for so much more. Raises ValidationError or AlreadyAsked."""
    person = by.active_user
    if person is None:
        raise ValueError("room is asked for by a person")
    _require_size(wanted_bytes)
    try:
        with transaction.atomic():
            asked = QuotaRequest.objects.create(user=person, wanted_bytes=wanted_bytes, reason=_one_line(reason))
    except IntegrityError as error:
        raise AlreadyAsked from error
    _tell(Verb.ROOM_ASKED, person, by, {"wanted": wanted_bytes})
    jobs.enqueue("accounts.tasks.mail_room_asked", asked.pk)
    return asked


@transaction.atomic
def withdraw_request(*, by: Actor) -> bool:
    """Take one's own open request back; answers whether there was one."""
    person = by.active_user
    if person is None:
        return False
    mine = QuotaRequest.objects.filter(user=person, state=QuotaRequestState.OPEN)
    if not mine.update(state=QuotaRequestState.WITHDRAWN, decided_at=now()):
        return False
    _tell(Verb.ROOM_WITHDRAWN, person, by)
    return True


def last_request(*, by: Actor) -> QuotaRequest | None:
    """The person's own request that is open, or that was answered within the last weeks."""
    recent = Q(state=QuotaRequestState.OPEN) | Q(
        state__in=[QuotaRequestState.GRANTED, QuotaRequestState.REFUSED], decided_at__gt=now() - ANSWERS_SHOWN
    )
    return QuotaRequest.objects.filter(recent, user=by.active_user).order_by("-created_at").first()


@transaction.atomic
def grant_request(
    asked: QuotaRequest, extra_bytes: int, *, until: datetime | None, answer: str = "", by: Actor
) -> None:
    """Give what was asked for, or another amount. Raises ValidationError or AlreadyDecided."""
    only_admins(by)
    _decide(asked, QuotaRequestState.GRANTED, answer, by)
    give_room(asked.user, extra_bytes, until=until, by=by)


@transaction.atomic
def refuse_request(asked: QuotaRequest, *, answer: str = "", by: Actor) -> None:
    """Say no, with a word. Raises AlreadyDecided."""
    only_admins(by)
    _decide(asked, QuotaRequestState.REFUSED, answer, by)
    _tell(Verb.ROOM_REFUSED, asked.user, by, {"wanted": asked.wanted_bytes})


def _decide(asked: QuotaRequest, state: QuotaRequestState, answer: str, by: Actor) -> None:
    values = {"state": state, "answer": _one_line(answer), "decided_by": by.user, "decided_at": now()}
    if not QuotaRequest.objects.filter(pk=asked.pk, state=QuotaRequestState.OPEN).update(**values):
        raise AlreadyDecided
    jobs.enqueue("accounts.tasks.mail_room_answered", asked.pk)


@transaction.atomic
def give_room(user: User, extra_bytes: int, *, until: datetime | None, by: Actor) -> None:
    """So much on top of the limit until a moment, or, without one, the limit itself higher by it.

    What was granted until another date before ends with this. Raises ValidationError.
    """
    only_admins(by)
    _require_size(extra_bytes)
    quota = Quota.objects.select_for_update().get(user=user)
    if until is None:
        if quota.limit_bytes + extra_bytes > LARGEST_LIMIT_BYTES:
            raise ValidationError(_("Please give a size between nothing and one exabyte."))
        quota.limit_bytes += extra_bytes
    else:
        if until <= now():
            raise ValidationError(_("This date has passed. Choose a later one, or none for good."))
        quota.granted_bytes, quota.granted_until = extra_bytes, until
    quota.save(update_fields=["limit_bytes", "granted_bytes", "granted_until"])
    _tell(Verb.ROOM_GRANTED, user, by, {"added": extra_bytes, "until": until.isoformat() if until else ""})


@transaction.atomic
def take_room_back(user: User, *, by: Actor) -> bool:
    """End a grant before its date; answers whether there was one."""
    only_admins(by)
    return _end(user.pk, by)


def end_grants(limit: int = 500) -> int:
    """Write down the grants whose date has passed, and tell those who had them; answers how many."""
    over = Quota.objects.filter(granted_until__lte=now()).values_list("pk", flat=True)[:limit]
    count = 0
    for user_id in list(over):
        with transaction.atomic():
            if _end(user_id, Actor.job(), only_past=True):
                jobs.enqueue("accounts.tasks.mail_room_ended", user_id)
                count += 1
    return count


def _end(user_id: UUID, by: Actor, *, only_past: bool = False) -> bool:
    quota = Quota.objects.select_for_update().select_related("user").get(pk=user_id)
    if quota.granted_until is None or (only_past and quota.granted_until > now()):
        return False
    ended = quota.granted_bytes
    quota.granted_bytes, quota.granted_until = 0, None
    quota.save(update_fields=["granted_bytes", "granted_until"])
    _tell(Verb.ROOM_ENDED, quota.user, by, {"removed": ended})
    return True


@transaction.atomic
def change_file_limit(user: User, file_limit: int | None, *, by: Actor) -> None:
    """How many files a person may keep, versions and trash included; None for as many as fit."""
    only_admins(by)
    if file_limit is not None and not 0 <= file_limit <= LARGEST_FILE_LIMIT:
        raise ValidationError(_("Please give a number of files, or none at all."))
    quota = Quota.objects.select_for_update().get(user=user)
    if quota.file_limit == file_limit:
        return
    before = quota.file_limit
    Quota.objects.filter(user=user).update(file_limit=file_limit)
    _tell(Verb.QUOTA_CHANGED, user, by, {"fields": ["file_limit"], "from": before, "to": file_limit})


def _require_size(size_bytes: int) -> None:
    if not 0 < size_bytes <= LARGEST_LIMIT_BYTES:
        raise ValidationError(_("Please give a size between nothing and one exabyte."))


def _one_line(words: str) -> str:
    return " ".join(words.replace("\x00", "").split())[:WORDS_LIMIT]


def _tell(verb: Verb, user: User, by: Actor, details: dict[str, object] | None = None) -> None:
    audit.record(
        verb,
        by=by,
        target_kind="user",
        target_id=user.pk,
        target_name=user.handle,
        owner=user.pk,
        details=details,
    )
