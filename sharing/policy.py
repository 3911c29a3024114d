"""What the vault allows when things are shared: the policy that admins set, and who may go beyond it."""

from accounts.actors import Actor
from sharing.models import SharingPolicy


def policy() -> SharingPolicy:
    """The policy that holds now; the careful one where none was ever saved."""
    return SharingPolicy.objects.filter(pk=1).first() or SharingPolicy()


def may_invite(actor: Actor) -> bool:
    """Whether the actor may send somebody the way to an account."""
    return actor.is_admin or (actor.active_user is not None and policy().members_invite)


def may_make_groups(actor: Actor) -> bool:
    return actor.is_admin or (actor.active_user is not None and policy().members_make_groups)
