"""Opening what is one's own to others."""

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Group, User
from documents.locks import lock_vault
from documents.models import Document, Folder
from sharing import access, audit
from sharing.access import Level, NotAllowed
from sharing.audit import Verb
from sharing.models import Share


@transaction.atomic
def share(item: Document | Folder, receiver: User | Group, level: Level, *, by: Actor) -> Share:
    """Open a document, or a folder with all below it, to a person or a group; or change how far.

    Nobody gives more than he has, and nobody gives ownership. Raises NotVisible, NotAllowed.
    """
    _require(item, by)
    lock_vault(item.user_id, is_shared=True)
    # Once more: what is purged meanwhile cannot be shared.
    item = access.fetch_document(by, item.pk) if isinstance(item, Document) else access.fetch_folder(by, item.pk)
    if level > min(_require(item, by), Level.MANAGE) or receiver.pk == item.user_id:
        raise NotAllowed(_("You cannot share this so."))
    assert by.user is not None
    found, _is_new = Share.objects.update_or_create(
        document=item if isinstance(item, Document) else None,
        folder=item if isinstance(item, Folder) else None,
        recipient=receiver if isinstance(receiver, User) else None,
        group=receiver if isinstance(receiver, Group) else None,
        defaults={"level": level, "shared_by": by.user, "expires_at": None},
    )
    audit.record(
        Verb.SHARE_MADE,
        by=by,
        target_kind="document" if isinstance(item, Document) else "folder",
        target_id=item.pk,
        target_name=item.name,
        owner=item.user_id,
        details={"to": receiver.handle if isinstance(receiver, User) else receiver.name, "level": level.name.lower()},
    )
    return found


def _require(item: Document | Folder, by: Actor) -> Level:
    """How far the actor may go, if it is far enough to share."""
    if isinstance(item, Document):
        access.require_document(by, item, Level.MANAGE)
        level = access.level_on_document(by, item)
    else:
        access.require_folder(by, item, Level.MANAGE)
        level = access.level_on_folder(by, item)
    assert level is not None
    return level
