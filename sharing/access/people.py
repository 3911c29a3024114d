"""People among themselves: admins, accounts that may still act, groups, what was said, and the trail."""

from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.actors import Actor, ActorKind
from accounts.models import Group
from documents.models import Document, Folder
from docuvault.lib.connections import prepared_statements
from sharing.access.levels import NotAllowed, NotVisible, one_of
from sharing.access.rule import open_link
from sharing.models import AuditEvent, Comment


def require_admin(actor: Actor) -> None:
    """Raises NotAllowed for anybody but an admin (and the command line acting for no one)."""
    if actor.kind in {ActorKind.COMMAND, ActorKind.SYSTEM} and actor.user is None:
        return
    if not actor.is_admin:
        raise NotAllowed(_("Only an admin can do this."))


_ACTIVE = "SELECT 1 FROM users WHERE id = %s AND is_active"


def require_still_active(actor: Actor) -> None:
    """The account (or the link) again, in the transaction that acts for it. Raises NotVisible."""
    if actor.link_id is not None and open_link(actor) is not None:
        return
    if actor.user is not None:
        with prepared_statements(), connection.cursor() as cursor:
            cursor.execute(_ACTIVE, [actor.user.pk])
            if cursor.fetchone() is not None:
                return
    raise NotVisible(_("There is nothing here that you can see."))


def visible_groups(actor: Actor) -> QuerySet[Group]:
    """The actor's own groups; all of them for an admin."""
    user = actor.active_user
    if user is None:
        return Group.objects.none()
    return Group.objects.all() if actor.is_admin else Group.objects.filter(memberships__user=user)


def fetch_group(actor: Actor, group_id: UUID) -> Group:
    return one_of(visible_groups(actor).filter(pk=group_id))


def fetch_comment(actor: Actor, document: Document, comment_id: UUID) -> Comment:
    """A comment on a document the actor has fetched. Raises NotVisible."""
    return one_of(Comment.objects.select_related("author").filter(document=document, pk=comment_id))


def visible_events(actor: Actor) -> QuerySet[AuditEvent]:
    """What the actor did himself, and what was done to what is his. Admins read all in the admin."""
    user = actor.active_user
    if user is None:
        return AuditEvent.objects.none()
    return AuditEvent.objects.filter(Q(owner_id=user.pk) | Q(actor_id=user.pk)).order_by("-id")


def events_of(actor: Actor, item: Document | Folder) -> QuerySet[AuditEvent]:
    """The trail of one thing: its owner reads what concerns his vault, others what they did themselves.

    What a recipient does for himself alone (a star, a topic of his own) concerns his own vault.
    """
    return visible_events(actor).filter(target_id=str(item.pk))
