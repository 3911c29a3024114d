"""Documents and folders for doors and verbs: what lies in a place, and one or several by their ids."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.actors import Actor
from documents.models import Document, Folder
from docuvault.lib.asked_often import AskedOften
from sharing.access.levels import Level, NotAllowed, NotVisible, Row, one_of
from sharing.access.rule import (
    opened_to,
    require_adding,
    require_document,
    require_folder,
    require_replacing,
    shared_folders,
    visible_documents,
    visible_folders,
)


def vaults_seen(actor: Actor) -> list[UUID]:
    """Whose vaults hold something that the actor may see: his own first, then those shared from."""
    user = actor.active_user
    if user is None:
        return []
    return [user.pk, *sorted(opened_to(user).owners - {user.pk})]


def owners_of(rows: Sequence[Document | Folder]) -> set[UUID]:
    """Whose vaults these things lie in."""
    return {row.user_id for row in rows}


def documents_in(actor: Actor, folder: Folder | None) -> QuerySet[Document]:
    """The live documents right in a folder the actor has fetched, or at the top of his own vault."""
    user = actor.active_user
    if user is None:
        return visible_documents(actor).filter(folder=folder) if folder is not None else Document.objects.none()
    owner = user.pk if folder is None else folder.user_id
    return Document.objects.live().filter(user_id=owner, folder=folder)


def folders_in(actor: Actor, folder: Folder | None) -> QuerySet[Folder]:
    """The live folders right in a folder the actor has fetched, or at the top of his own vault."""
    user = actor.active_user
    if user is None:
        return visible_folders(actor).filter(parent=folder) if folder is not None else Folder.objects.none()
    owner = user.pk if folder is None else folder.user_id
    return Folder.objects.live().filter(user_id=owner, parent=folder)


def visible_ancestors(actor: Actor, folder: Folder | None) -> list[Folder]:
    """The folders above (and this one), top first, as far up as the actor may see."""
    if folder is None:
        return []
    user = actor.active_user
    if user is None:
        above = {f.pk: f for f in visible_folders(actor).filter(pk__in=folder.path)}
        return [above[key] for key in folder.path if key in above]
    seen = folder.path
    if folder.user_id != user.pk:  # from the topmost that is shared on
        shared = shared_folders(user, Level.VIEW)
        seen = seen[next((n for n, key in enumerate(seen) if key in shared), len(seen)) :]
    upper = [key for key in seen if key != folder.pk]
    rows = {f.pk: f for f in Folder.objects.live().filter(pk__in=upper)} if upper else {}
    return [folder if key == folder.pk else rows[key] for key in seen if key == folder.pk or key in rows]


# --- By id --------------------------------------------------------------------------------------------


@AskedOften
def _documents_of_id(document_id: UUID) -> QuerySet[Document]:
    return Document.objects.live().select_related("folder", "current_version").filter(pk=document_id)


def fetch_document(actor: Actor, document_id: UUID, at_least: Level = Level.VIEW) -> Document:
    """A live document by id. Raises NotVisible or NotAllowed."""
    return require_document(actor, one_of(_documents_of_id(document_id)), at_least)


def fetch_folder_to_add(actor: Actor, folder_id: UUID) -> Folder:
    """A live folder by id, for putting files into it. Raises NotVisible or NotAllowed."""
    folder = one_of(Folder.objects.live().filter(pk=folder_id))
    return require_adding(actor, folder)


def fetch_document_to_replace(actor: Actor, document_id: UUID) -> Document:
    """A live document by id, for giving it a new version. Raises NotVisible or NotAllowed."""
    document = one_of(Document.objects.live().select_related("folder").filter(pk=document_id))
    return require_replacing(actor, document)


@AskedOften
def _folders_of_id(folder_id: UUID) -> QuerySet[Folder]:
    return Folder.objects.live().filter(pk=folder_id)


def fetch_folder(actor: Actor, folder_id: UUID, at_least: Level = Level.VIEW) -> Folder:
    """A live folder by id. Raises NotVisible or NotAllowed."""
    return require_folder(actor, one_of(_folders_of_id(folder_id)), at_least)


def fetch_place(actor: Actor, folder_id: UUID | None, at_least: Level = Level.VIEW) -> Folder | None:
    """A folder by id, or the top of the actor's own vault for None."""
    return None if folder_id is None else fetch_folder(actor, folder_id, at_least)


def fetch_documents(actor: Actor, ids: Iterable[UUID], at_least: Level = Level.VIEW) -> list[Document]:
    """All of these documents, in this order, or none: one that may not be seen refuses the whole."""
    return _all_of(ids, visible_documents(actor, at_least), visible_documents(actor))


def fetch_folders(actor: Actor, ids: Iterable[UUID], at_least: Level = Level.VIEW) -> list[Folder]:
    """All of these folders, in this order, or none."""
    return _all_of(ids, visible_folders(actor, at_least), visible_folders(actor))


def _all_of(ids: Iterable[UUID], allowed: QuerySet[Row], visible: QuerySet[Row]) -> list[Row]:
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return []
    found = {row.pk: row for row in allowed.filter(pk__in=wanted)}
    if len(found) != len(wanted):
        if visible.filter(pk__in=wanted).count() == len(wanted):
            raise NotAllowed(_("You may not do this with everything you have chosen."))
        raise NotVisible
    return [found[key] for key in wanted]
