"""What runs in the background for people: grants that end, warnings, and the mails that tell of room."""

from uuid import UUID

from accounts import mails
from accounts.actions.nearly_full import warn_of_full_vaults
from accounts.actions.room import end_grants
from accounts.models import QuotaRequest, QuotaRequestState, Role, User
from documents.jobs import job


@job(waits_while_held=True)
def watch_quotas() -> None:
    """Grants whose date has passed, and vaults that are nearly full since the last look."""
    while end_grants():
        pass
    warn_of_full_vaults()


@job(waits_while_held=True)
def mail_room_asked(request_id: str) -> None:
    """Tell the admins that somebody asks for more room, as long as nobody has answered."""
    asked = QuotaRequest.objects.select_related("user").filter(pk=UUID(request_id)).first()
    if asked is None or asked.state != QuotaRequestState.OPEN:
        return
    for admin in User.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=asked.user_id).order_by("handle"):
        mails.send_room_asked(asked, admin)


@job(waits_while_held=True)
def mail_room_answered(request_id: str) -> None:
    """Tell the person who asked what an admin has decided."""
    asked = QuotaRequest.objects.select_related("user__quota").filter(pk=UUID(request_id)).first()
    if asked is not None and asked.state in {QuotaRequestState.GRANTED, QuotaRequestState.REFUSED}:
        mails.send_room_answered(asked)


@job(waits_while_held=True)
def mail_room_ended(user_id: str) -> None:
    """Tell a person that what was granted until a date has ended."""
    user = User.objects.select_related("quota").filter(pk=UUID(user_id), is_active=True).first()
    if user is not None:
        mails.send_room_ended(user)


@job(waits_while_held=True)
def mail_nearly_full(user_id: str) -> None:
    """Warn a person whose vault is nearly full, if it still is."""
    user = User.objects.select_related("quota").filter(pk=UUID(user_id), is_active=True).first()
    if user is not None and user.quota.warned_percent:
        mails.send_nearly_full(user)
