"""Who may change other people's accounts."""

from django.utils.translation import gettext as _

from accounts.actors import Actor, ActorKind
from sharing.access import NotAllowed


def only_admins(actor: Actor) -> None:
    """Raises NotAllowed for anybody but an active admin, the system, and the server's own command line."""
    if actor.kind in {ActorKind.SYSTEM, ActorKind.COMMAND} and actor.user is None:
        return
    if not actor.is_admin:
        raise NotAllowed(_("Only an admin may do this."))
