"""The mails about shares. Each is claimed in the database before it is sent, so that nobody hears twice."""

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
from sharing.models import Share, ShareLevel, ShareReception


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
