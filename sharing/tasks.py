"""What runs in the background for the trail: each bears repetition, and two at once."""

from uuid import UUID

from accounts.actors import Actor
from accounts.models import User
from documents.jobs import job
from sharing.trail import sealing
from sharing.trail.checking import check_trail


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
