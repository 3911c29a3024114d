"""The same act on several things at once: all of it happens, or none."""

from collections.abc import Sequence

from django.db import transaction

from accounts.actors import Actor
from documents.actions.documents import move_document
from documents.actions.folders import move_folder
from documents.actions.trash import trash_document, trash_folder
from documents.locks import lock_vault
from documents.models import Document, Folder, TrashEntry
from sharing import access


@transaction.atomic
def move_items(
    documents: Sequence[Document],
    folders: Sequence[Folder],
    to: Folder | None,
    *,
    by: Actor,
    keep_both: bool = False,
) -> None:
    """Everything chosen to one place. Raises what moving one raises; then nothing has moved."""
    _lock(documents, folders)
    for folder in folders:
        move_folder(folder, to, by=by, keep_both=keep_both)
    for document in documents:
        move_document(document, to, by=by, keep_both=keep_both)


@transaction.atomic
def trash_items(documents: Sequence[Document], folders: Sequence[Folder], *, by: Actor) -> list[TrashEntry]:
    """Everything chosen into the trash, an entry for each; what lies in a chosen folder goes with it."""
    _lock(documents, folders)
    chosen = {folder.pk for folder in folders}
    tops = [folder for folder in folders if not chosen & set(folder.path[:-1])]
    loose = [d for d in documents if d.folder is None or not chosen & set(d.folder.path)]
    return [trash_folder(folder, by=by) for folder in tops] + [trash_document(d, by=by) for d in loose]


def _lock(documents: Sequence[Document], folders: Sequence[Folder]) -> None:
    """The exclusive lock at once, in one order: taking it after the shared one could deadlock."""
    for owner in sorted(access.owners_of([*documents, *folders])):
        lock_vault(owner)
