"""Making, renaming and moving folders; each keeps the path of every folder below true."""

import uuid
from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import User
from documents.actions.errors import ChangedMeanwhile, NameTaken, OtherVault, TooDeep, WouldLoop
from documents.locks import lock_vault
from documents.models import Folder
from documents.names import clean_name, free_name, name_key
from sharing import access, audit
from sharing.access import Level
from sharing.audit import Verb


def owner_of_place(folder: Folder | None, by: Actor) -> User:
    """Whose vault a new thing goes to. Raises NotVisible or NotAllowed."""
    if folder is not None:
        access.require_folder(by, folder, Level.EDIT)
        return folder.user
    if by.active_user is None:
        raise access.NotVisible
    return by.active_user


@transaction.atomic
def make_folder(name: str, parent: Folder | None, *, by: Actor, key: UUID | None = None) -> Folder:
    """A new folder; `key` is the id it is to have. Raises InvalidName, NameTaken, TooDeep."""
    name = clean_name(name)
    owner = owner_of_place(parent, by)
    lock_vault(owner.pk)
    parent = _live_again(parent, by)
    if _named(owner.pk, parent, name) is not None:
        raise NameTaken(_("There is a folder “%(name)s” here already.") % {"name": name})
    return _insert(name, owner.pk, parent, by, key)


@transaction.atomic
def ensure_folder_path(names: Sequence[str], parent: Folder | None, *, by: Actor) -> Folder | None:
    """The folder at this path below `parent`, made where it is missing. Raises InvalidName, TooDeep."""
    if not names:
        return parent
    cleaned = [clean_name(name) for name in names]
    owner = owner_of_place(parent, by)
    if (parent.depth if parent else 0) + len(cleaned) > settings.MAX_FOLDER_DEPTH:
        raise TooDeep(_too_deep())
    if (there := _at_path(owner.pk, parent, cleaned)) is not None:
        return there
    lock_vault(owner.pk)
    place = _live_again(parent, by)
    for name in cleaned:
        place = _named(owner.pk, place, name) or _insert(name, owner.pk, place, by)
    return place


def find_folder_path(names: Sequence[str], parent: Folder | None, *, by: Actor) -> Folder | None:
    """The folder at this path below `parent`, if all of it is there. Raises InvalidName, NotVisible."""
    return _at_path(owner_of_place(parent, by).pk, parent, [clean_name(name) for name in names])


def _at_path(owner_id: UUID, parent: Folder | None, names: Sequence[str]) -> Folder | None:
    """The folder at this path if all of it is there: most files of a dropped folder need no lock."""
    place = parent
    for name in names:
        place = _named(owner_id, place, name)
        if place is None:
            return None
    return place


@transaction.atomic
def rename_folder(folder: Folder, name: str, *, by: Actor, known: str | None = None) -> Folder:
    """Another name in the same place. `known` is the name that was shown to whoever asks.

    Raises InvalidName, NameTaken, ChangedMeanwhile.
    """
    name = clean_name(name)
    access.require_folder(by, folder, Level.EDIT)
    lock_vault(folder.user_id)
    folder = access.fetch_folder(by, folder.pk, Level.EDIT)
    if folder.name == name:
        return folder
    if known is not None and folder.name != known:
        raise ChangedMeanwhile(folder.name, name)
    there = _named(folder.user_id, folder.parent, name)
    if there is not None and there.pk != folder.pk:
        raise NameTaken(_("There is a folder “%(name)s” here already.") % {"name": name})
    before, folder.name, folder.name_key = folder.name, name, name_key(name)
    folder.save(update_fields=["name", "name_key", "updated_at"])
    _tell(Verb.FOLDER_RENAMED, folder, by, {"from": before})
    return folder


# One statement for the folder and all below it, live or thrown away.
REBASE = """
    UPDATE folders SET path = %(prefix)s::uuid[] || path[%(depth)s:]
    WHERE path @> ARRAY[%(folder)s]::uuid[]
"""


def rebase(folder: Folder, parent: Folder | None) -> None:
    """Put a folder and all below it under another parent; its `path` still tells where it was."""
    Folder.objects.filter(pk=folder.pk).update(parent=parent)
    above = parent.path if parent else []
    with connection.cursor() as cursor:
        cursor.execute(REBASE, {"prefix": above, "depth": folder.depth, "folder": folder.pk})
    folder.parent = parent
    folder.refresh_from_db(fields=["path"])


@transaction.atomic
def move_folder(folder: Folder, to: Folder | None, *, by: Actor, keep_both: bool = False) -> Folder:
    """The folder with all in it to another place of the same vault.

    Raises WouldLoop, TooDeep, OtherVault, NameTaken (unless `keep_both` numbers the name).
    """
    access.require_folder(by, folder, Level.EDIT)
    lock_vault(folder.user_id)
    folder = access.fetch_folder(by, folder.pk, Level.EDIT)
    to = _live_again(to, by)
    if owner_of_place(to, by).pk != folder.user_id:
        raise OtherVault(_("“%(name)s” belongs to another person's vault and stays there.") % {"name": folder.name})
    if to is not None and folder.pk in to.path:
        raise WouldLoop(_("“%(name)s” cannot be moved into itself.") % {"name": folder.name})
    if folder.parent_id == (to.pk if to else None):
        return folder
    below = Folder.objects.filter(path__contains=[folder.pk]).aggregate(depth=Max("path__len"))["depth"]
    depth = (to.depth if to else 0) + below - folder.depth + 1
    if depth > settings.MAX_FOLDER_DEPTH:
        raise TooDeep(_too_deep())
    if _named(folder.user_id, to, folder.name) is not None:
        if not keep_both:
            raise NameTaken(_("There is a folder “%(name)s” there already.") % {"name": folder.name})
        taken = set(Folder.objects.live().owned_by(folder.user_id).in_folder(to).values_list("name_key", flat=True))
        folder.name = free_name(folder.name, taken)
        folder.name_key = name_key(folder.name)
    source = folder.parent
    folder.parent = to
    folder.save(update_fields=["parent", "name", "name_key", "updated_at"])
    rebase(folder, to)
    _tell(Verb.FOLDER_MOVED, folder, by, {"from": source.name if source else "", "to": to.name if to else ""})
    return folder


def _live_again(folder: Folder | None, by: Actor) -> Folder | None:
    """Read once more under the lock: it may have moved or gone."""
    return None if folder is None else access.fetch_folder(by, folder.pk, Level.EDIT)


def _named(owner_id: UUID, parent: Folder | None, name: str) -> Folder | None:
    return Folder.objects.live().owned_by(owner_id).in_folder(parent).filter(name_key=name_key(name)).first()


def _insert(name: str, owner_id: UUID, parent: Folder | None, by: Actor, key: UUID | None = None) -> Folder:
    if parent is not None and parent.depth >= settings.MAX_FOLDER_DEPTH:
        raise TooDeep(_too_deep())
    folder = Folder(pk=key or uuid.uuid4(), user_id=owner_id, parent=parent, name=name, name_key=name_key(name))
    folder.path = [*(parent.path if parent else []), folder.pk]
    folder.save(force_insert=True)
    _tell(Verb.FOLDER_MADE, folder, by, {"in": parent.name if parent else ""})
    return folder


def _too_deep() -> str:
    return _("Folders can be nested %(limit)d levels deep at most.") % {"limit": settings.MAX_FOLDER_DEPTH}


def _tell(verb: Verb, folder: Folder, by: Actor, details: dict[str, object]) -> None:
    audit.record(
        verb,
        by=by,
        **audit.about(folder),
        details=details,
    )
