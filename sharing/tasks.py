"""What sharing does in the background: mails, and the trail's seals. Each bears repetition, and two at once."""

from uuid import UUID

from accounts.actors import Actor
from accounts.models import User
from documents.jobs import job
from sharing import mails
from sharing.models import Share
from sharing.trail import sealing
from sharing.trail.checking import check_trail


@job(attempts=8, waits_while_held=True)
def tell_of_share(share_id: str) -> None:
    """Mail whoever something was shared with; a share that was withdrawn meanwhile is told to nobody."""
    related = ("document", "folder", "recipient", "group", "shared_by")
    share = Share.objects.select_related(*related).filter(pk=UUID(share_id)).first()
    if share is not None:
        mails.tell_of_share(share)


@job()
def seal_trail() -> None:
    """Seal what has come to rest since the last seal."""
    sealing.seal_trail()


@job()
def anchor_trail() -> None:
    """Write the last seal's head into the bucket."""
    sealing.anchor_trail()


@job()
def verify_trail(asked_by: str = "") -> None:
    """Verify the whole trail, by night or as the admin who asked; the admins are told when it is not sound."""
    person = User.objects.filter(pk=UUID(asked_by)).first() if asked_by else None
    check_trail(by=Actor.job(person) if asked_by else Actor.system())
