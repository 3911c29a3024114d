"""The same act on several things at once: all of it happens, or none.

What lies in a chosen folder goes along with it, also where it was chosen by itself.
"""

from collections.abc import Sequence

from django.db import transaction

from accounts.actors import Actor
from documents.actions.documents import move_documents
from documents.actions.folders import move_folder
from documents.actions.trash import trash_documents, trash_folder
from documents.locks import lock_vault
from documents.models import Document, Folder, TrashEntry
from sharing import access
from sharing.access import Level


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
    loose, tops = _held(documents, folders, Level.EDIT, by)
    for folder in tops:
        move_folder(folder, to, by=by, keep_both=keep_both)
    if loose:
        move_documents(loose, to, by=by, keep_both=keep_both)


@transaction.atomic
def trash_items(documents: Sequence[Document], folders: Sequence[Folder], *, by: Actor) -> list[TrashEntry]:
    """Everything chosen into the trash, an entry for each."""
    loose, tops = _held(documents, folders, Level.OWN, by)
    entries = [trash_folder(folder, by=by) for folder in tops]
    return entries + (trash_documents(loose, by=by) if loose else [])


def _held(
    documents: Sequence[Document], folders: Sequence[Folder], at_least: Level, by: Actor
) -> tuple[list[Document], list[Folder]]:
    """What the act is about, read under the vaults' locks (in one order, lest two acts wait for each other)."""
    document_ids, folder_ids = [row.pk for row in documents], [row.pk for row in folders]
    owners = access.owners_of(access.fetch_documents(by, document_ids, at_least))
    owners |= access.owners_of(access.fetch_folders(by, folder_ids, at_least))
    for owner in sorted(owners):
        lock_vault(owner)
    chosen = access.fetch_folders(by, folder_ids, at_least)
    ids = {folder.pk for folder in chosen}
    tops = [folder for folder in chosen if not ids & set(folder.path[:-1])]
    along = set(Folder.objects.live().at_or_below(ids).values_list("pk", flat=True)) if ids else set()
    rows = access.fetch_documents(by, document_ids, at_least)
    return [row for row in rows if row.folder_id not in along], tops
