"""The mails about shares. Each is claimed in the database before it is sent, so that nobody hears twice."""

from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.timezone import now

from accounts.actions import AlreadyMember, invite
from accounts.actors import Actor
from accounts.mails import compose, deliver, send_invitation
from accounts.models import User
from documents.models import Document
from documents.names import shown_name
from sharing.access import NotAllowed
from sharing.models import (
    EmergencyContact,
    EmergencyState,
    FileRequest,
    Handover,
    HandoverState,
    ReceivedState,
    Share,
    ShareLevel,
    ShareReception,
)

NAMED_FILES = 20


class MailWaits(Exception):
    """A mail could not be sent; the job tries again."""


def tell_of_share(share: Share) -> None:
    """Tell whoever the share is for: the person, the members of the group, or an address that is to be invited.

    Raises MailWaits when a mail has to be tried again; those that went are not sent again.
    """
    if share.is_over or share.item.trash_id is not None:
        return
    if share.recipient_id is None and share.group_id is None:
        _invite(share)
        return
    people = [share.recipient] if share.group is None else share.group.members.filter(is_active=True).order_by("pk")
    knows = {share.shared_by_id, share.item.user_id}
    sent = [_tell(share, person) for person in people if person is not None and person.pk not in knows]
    if not all(sent):
        raise MailWaits


def _tell(share: Share, person: User) -> bool:
    """One mail, unless this person has had it; False where it must be tried again."""
    reception, _is_new = ShareReception.objects.get_or_create(share=share, user=person)
    claimed = ShareReception.objects.filter(pk=reception.pk, told_at=None).update(told_at=now())
    if not claimed:
        return True
    is_folder = not isinstance(share.item, Document)
    page = reverse("folder" if is_folder else "document", args=[share.item.pk])
    context = {
        "handle": person.handle,
        "sharer": share.shared_by.shown_name,
        "name": shown_name(share.item.name),
        "is_folder": is_folder,
        "group": share.group.name if share.group is not None else "",
        "level": share.level,
        "levels": {level.name: level.value for level in ShareLevel},
        "message": share.message,
        "expires_at": share.expires_at,
        "link": settings.BASE_URL + page,
        "list_link": settings.BASE_URL + reverse("shared_with_me"),
    }
    if deliver(compose("emails/shared", person.email, context)):
        return True
    ShareReception.objects.filter(pk=reception.pk).update(told_at=None)
    return False


def tell_of_received(request_id: UUID) -> None:
    """Tell the owner of a file request what waits since he was last told. Raises MailWaits."""
    asked = FileRequest.objects.select_related("user", "folder").filter(pk=request_id).first()
    if asked is None or not FileRequest.objects.filter(pk=request_id, is_notice_due=True).update(is_notice_due=False):
        return
    fresh = asked.received.filter(state=ReceivedState.WAITING)
    if asked.told_at is not None:
        fresh = fresh.filter(received_at__gt=asked.told_at)
    rows = list(fresh.order_by("received_at", "pk")[: NAMED_FILES + 1])
    if not rows or not asked.is_notified or not asked.user.is_active:
        return
    moment = now()
    context = {
        "handle": asked.user.handle,
        "title": shown_name(asked.title),
        "count": fresh.count(),
        "rows": [{"name": shown_name(row.name), "sender": shown_name(row.sender_name)} for row in rows[:NAMED_FILES]],
        "has_more": len(rows) > NAMED_FILES,
        "link": settings.BASE_URL + reverse("file_request", args=[asked.pk]),
    }
    if not deliver(compose("emails/received", asked.user.email, context)):
        FileRequest.objects.filter(pk=asked.pk).update(is_notice_due=True)
        raise MailWaits
    FileRequest.objects.filter(pk=asked.pk).update(told_at=moment)


def tell_of_handover(handover_id: UUID) -> None:
    """Tell whoever something is offered to, once. Raises MailWaits."""
    row = Handover.objects.select_related("document", "folder", "giver", "receiver").filter(pk=handover_id).first()
    if row is None or row.receiver is None or not row.receiver.is_active:
        return
    if row.state != HandoverState.OFFERED or row.is_over or row.item.trash_id is not None:
        return
    if not Handover.objects.filter(pk=row.pk, told_at=None).update(told_at=now()):
        return
    context = {
        "handle": row.receiver.handle,
        "giver": row.giver.shown_name,
        "name": shown_name(row.item.name),
        "is_folder": row.folder_id is not None,
        "message": row.message,
        "expires_at": row.expires_at,
        "link": settings.BASE_URL + reverse("handovers"),
    }
    if not deliver(compose("emails/handover", row.receiver.email, context)):
        Handover.objects.filter(pk=row.pk).update(told_at=None)
        raise MailWaits


def tell_of_emergency(contact_id: UUID) -> None:
    """Tell the owner that he was asked and until when he may refuse, or both that it is open. Raises MailWaits.

    The job tries again where a mail could not be sent: rather twice than not at all.
    """
    row = EmergencyContact.objects.select_related("user", "person").filter(pk=contact_id).first()
    if row is None or row.person is None or row.state not in {EmergencyState.ASKED, EmergencyState.GRANTED}:
        return
    is_open = row.state == EmergencyState.GRANTED
    context = {
        "person": row.person.shown_name,
        "owner": row.user.shown_name,
        "folders": [shown_name(name) for name in row.folders.order_by("name_key").values_list("name", flat=True)],
        "is_open": is_open,
        "until": row.grants_at,
        "link": settings.BASE_URL + reverse("emergency"),
        "list_link": settings.BASE_URL + reverse("shared_with_me"),
    }
    sent = deliver(
        compose("emails/emergency", row.user.email, {**context, "handle": row.user.handle, "is_owner": True})
    )
    if is_open:
        theirs = {**context, "handle": row.person.handle, "is_owner": False}
        sent = deliver(compose("emails/emergency", row.person.email, theirs)) and sent
    if not sent:
        raise MailWaits


def tell_of_unused(owner: User, count: int) -> None:
    """Ask somebody whether shares that nobody uses shall stay. Raises MailWaits."""
    context = {"handle": owner.handle, "count": count, "link": settings.BASE_URL + reverse("review_shares")}
    if not deliver(compose("emails/unused", owner.email, context)):
        raise MailWaits


def _invite(share: Share) -> None:
    """Invite the address, once, with the rights that the sharer has now."""
    if not share.is_inviting or not Share.objects.filter(pk=share.pk, invited_at=None).update(invited_at=now()):
        return
    try:
        invitation, link = invite(share.typed, by=Actor.job(share.shared_by))
    except (AlreadyMember, NotAllowed, ValidationError):
        return  # not allowed any more, no address, or somebody's who is here: the sharer is not told
    if not send_invitation(invitation, link):
        Share.objects.filter(pk=share.pk).update(invited_at=None)
        raise MailWaits
