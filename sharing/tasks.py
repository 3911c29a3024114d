"""What sharing does in the background: mails, and the trail's seals. Each bears repetition, and two at once."""

from uuid import UUID

from accounts.actors import Actor
from accounts.models import User
from documents.jobs import job
from sharing import mails
from sharing.actions.emergency import grant_due
from sharing.actions.received import expire_received, forget_failed
from sharing.models import Share
from sharing.review import ask_owners, unused_count
from sharing.trail import sealing
from sharing.trail.checking import check_trail


@job(attempts=8, waits_while_held=True)
def tell_of_share(share_id: str) -> None:
    """Mail whoever something was shared with; a share that was withdrawn meanwhile is told to nobody."""
    related = ("document", "folder", "recipient", "group", "shared_by")
    share = Share.objects.select_related(*related).filter(pk=UUID(share_id)).first()
    if share is not None:
        mails.tell_of_share(share)


@job(attempts=8, waits_while_held=True)
def tell_of_received(request_id: str) -> None:
    """Mail the owner of a file request what has come since he was last told."""
    mails.tell_of_received(UUID(request_id))


@job(attempts=8, waits_while_held=True)
def tell_of_handover(handover_id: str) -> None:
    """Mail whoever something is offered to as his own."""
    mails.tell_of_handover(UUID(handover_id))


@job(attempts=8, waits_while_held=True)
def tell_of_emergency(contact_id: str) -> None:
    """Mail the owner that emergency access was asked for, or both that it is open."""
    mails.tell_of_emergency(UUID(contact_id))


@job(attempts=8, waits_while_held=True)
def tell_of_unused(owner_id: str) -> None:
    """Mail somebody that there are shares which nobody uses."""
    owner = User.objects.filter(pk=UUID(owner_id), is_active=True).first()
    if owner is not None and (count := unused_count(Actor.for_user(owner))):
        mails.tell_of_unused(owner, count)


@job(waits_while_held=True)
def ask_about_unused() -> None:
    """Ask people about shares that nobody has used for a year."""
    ask_owners()


@job(waits_while_held=True)
def grant_emergencies() -> None:
    """Open what was asked for in an emergency, and not refused in time."""
    while grant_due():
        pass


@job(waits_while_held=True)
def let_go_of_received() -> None:
    """Let go of files that have waited for longer than the vault keeps them."""
    while expire_received():
        pass
    forget_failed()


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
