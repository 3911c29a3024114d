"""Throwing away, restoring and deleting for good.

What is in the trash counts against the quota. Only the owner of a vault throws away or deletes:
a recipient's deletion must never take the owner's file. One act of throwing away is one entry;
restoring it brings back exactly its rows. Purging removes rows and notes the objects' keys in one
transaction; a job deletes the objects.
"""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Sum
from django.utils.timezone import now

from accounts import quota
from accounts.actors import Actor
from documents import jobs
from documents.actions.folders import ensure_folder_path
from documents.locks import lock_vault
from documents.models import Document, EntryKind, Folder, PendingDeletion, TrashEntry, Upload, Version
from documents.names import free_name, name_key
from documents.uploads import next_free_name
from sharing import access, audit
from sharing.access import Level
from sharing.audit import Verb

PURGE_BATCH = 500


def _place(folder: Folder | None) -> list[str]:
    """The names of a folder's path, top first, itself included."""
    if folder is None:
        return []
    names = dict(Folder.objects.filter(pk__in=folder.path).values_list("pk", "name"))
    return [names[key] for key in folder.path if key in names]


@transaction.atomic
def trash_document(document: Document, *, by: Actor) -> TrashEntry:
    """Into the trash. Raises NotVisible (also when it is there already) or NotAllowed."""
    access.require_document(by, document, Level.OWN)
    lock_vault(document.user_id)
    document = access.fetch_document(by, document.pk, Level.OWN)
    entry = TrashEntry.objects.create(
        user_id=document.user_id,
        kind=EntryKind.DOCUMENT,
        name=document.name,
        place=_place(document.folder),
        document_count=1,
        size_bytes=_bytes_of([document.pk]),
        trashed_by=by.user,
    )
    Document.objects.filter(pk=document.pk).update(trash=entry)
    _tell(Verb.DOCUMENT_TRASHED, entry, document.pk, by)
    return entry


@transaction.atomic
def trash_folder(folder: Folder, *, by: Actor) -> TrashEntry:
    """The folder and all that is live below it, as one entry."""
    access.require_folder(by, folder, Level.OWN)
    lock_vault(folder.user_id)
    folder = access.fetch_folder(by, folder.pk, Level.OWN)
    folders = Folder.objects.live().at_or_below([folder.pk])
    documents = Document.objects.live().filter(folder__path__contains=[folder.pk])
    totals = documents.aggregate(count=Count("pk"), size=Sum("versions__size_bytes"))
    entry = TrashEntry.objects.create(
        user_id=folder.user_id,
        kind=EntryKind.FOLDER,
        name=folder.name,
        place=_place(folder.parent),
        folder_count=folders.count(),
        document_count=documents.count(),
        size_bytes=totals["size"] or 0,
        trashed_by=by.user,
    )
    Document.objects.filter(pk__in=documents.values("pk")).update(trash=entry)
    folders.update(trash=entry)
    _tell(Verb.FOLDER_TRASHED, entry, folder.pk, by, {"documents": entry.document_count})
    return entry


def _bytes_of(documents: Iterable[UUID]) -> int:
    total = Version.objects.filter(document__in=list(documents)).aggregate(total=Sum("size_bytes"))["total"]
    return total or 0


# --- Back to its place --------------------------------------------------------------------------------


@transaction.atomic
def restore(entry: TrashEntry, *, by: Actor) -> Document | Folder:
    """Bring an entry back where it was; folders that are gone are made again, a taken name is numbered."""
    lock_vault(entry.user_id)
    entry = access.fetch_trash_entry(by, entry.pk)
    if entry.kind == EntryKind.DOCUMENT:
        restored: Document | Folder = _restore_document(entry, by)
    else:
        restored = _restore_folder(entry, by)
    entry.delete()
    return restored


def _restore_document(entry: TrashEntry, by: Actor) -> Document:
    document = Document.objects.select_related("folder").get(trash=entry)
    document.folder = _live_place(document.folder, entry, by)
    document.name = next_free_name(document.name, document.user_id, document.folder)
    document.name_key = name_key(document.name)
    document.trash = None
    document.save(update_fields=["folder", "name", "name_key", "trash", "updated_at"])
    _tell(Verb.DOCUMENT_RESTORED, entry, document.pk, by)
    return document


def _restore_folder(entry: TrashEntry, by: Actor) -> Folder:
    root = Folder.objects.select_related("parent").filter(trash=entry).order_by("path__len")[0]
    parent = _live_place(root.parent, entry, by)
    siblings = Folder.objects.live().owned_by(entry.user_id).in_folder(parent)
    root.name = free_name(root.name, set(siblings.values_list("name_key", flat=True)))
    root.name_key = name_key(root.name)
    old_depth = root.depth
    root.parent = parent
    root.save(update_fields=["parent", "name", "name_key", "updated_at"])
    _rebase(root.pk, parent.path if parent else [], old_depth)
    Folder.objects.filter(trash=entry).update(trash=None)
    Document.objects.filter(trash=entry).update(trash=None)
    root.refresh_from_db()
    _tell(Verb.FOLDER_RESTORED, entry, root.pk, by, {"documents": entry.document_count})
    return root


def _live_place(folder: Folder | None, entry: TrashEntry, by: Actor) -> Folder | None:
    """The folder it lay in if that is live, else one of the same names in the same place."""
    if folder is not None and folder.trash_id is None:
        return folder
    return ensure_folder_path(entry.place, None, by=by) if entry.place else None


REBASE = """
    UPDATE folders SET path = %(prefix)s::uuid[] || path[%(depth)s:]
    WHERE path @> ARRAY[%(folder)s]::uuid[]
"""


def _rebase(folder_id: UUID, prefix: list[UUID], depth: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(REBASE, {"prefix": prefix, "depth": depth, "folder": folder_id})


# --- For good ---------------------------------------------------------------------------------------------


@transaction.atomic
def purge(entry: TrashEntry, *, by: Actor) -> None:
    """Remove an entry's rows and note its objects for deletion. An entry that is gone raises NotVisible."""
    lock_vault(entry.user_id)
    entry = access.fetch_trash_entry(by, entry.pk)
    _purge(entry, by)


def _purge(entry: TrashEntry, by: Actor) -> None:
    documents = list(Document.objects.filter(trash=entry).values_list("pk", "name"))
    for start in range(0, len(documents), PURGE_BATCH):
        _purge_documents(entry.user_id, documents[start : start + PURGE_BATCH], by)
    if entry.kind == EntryKind.FOLDER:
        root = Folder.objects.filter(trash=entry).order_by("path__len")[0]
        _purge_folders(entry)
        _tell(Verb.FOLDER_PURGED, entry, root.pk, by, {"documents": len(documents)})
    entry.delete()
    if documents:
        jobs.enqueue("documents.tasks.purge_objects")


def _purge_documents(owner_id: UUID, documents: list[tuple[UUID, str]], by: Actor) -> None:
    ids = [key for key, _name in documents]
    versions = list(Version.objects.filter(document__in=ids).values_list("object_key", "size_bytes"))
    PendingDeletion.objects.bulk_create(
        [PendingDeletion(object_key=key) for key, _size in versions], ignore_conflicts=True
    )
    quota.free(owner_id, sum(size for _key, size in versions))
    Document.objects.filter(pk__in=ids).delete()
    audit.record_many(Verb.DOCUMENT_PURGED, [("document", key, name, owner_id, None) for key, name in documents], by=by)


def _purge_folders(entry: TrashEntry) -> None:
    """Remove the folders; what other entries kept in them stays in the trash, at the top."""
    doomed = list(Folder.objects.filter(trash=entry).values_list("pk", flat=True))
    Document.objects.filter(folder__in=doomed).update(folder=None)
    Upload.objects.filter(folder__in=doomed).update(folder=None)
    orphans = list(Folder.objects.filter(parent__in=doomed).exclude(trash=entry))
    for orphan in orphans:
        Folder.objects.filter(pk=orphan.pk).update(parent=None)
        _rebase(orphan.pk, [], orphan.depth)
    Folder.objects.filter(pk__in=doomed).delete()


def empty_trash(*, by: Actor) -> int:
    """Purge everything in the actor's trash, an entry per transaction; answers how many."""
    count = 0
    for entry in list(access.own_trash(by).order_by("trashed_at")):
        try:
            purge(entry, by=by)
        except access.NotVisible:
            continue  # restored or purged meanwhile
        count += 1
    if count:
        with transaction.atomic():
            audit.record(Verb.TRASH_EMPTIED, by=by, owner=by.user.pk if by.user else None, details={"entries": count})
    return count


def purge_expired(limit: int = 1000) -> int:
    """Purge what has been in the trash for longer than the vault keeps it; answers how many entries."""
    old = TrashEntry.objects.older_than(now() - timedelta(days=settings.TRASH_DAYS)).order_by("trashed_at")
    count = 0
    for entry_id, owner_id in list(old.values_list("pk", "user_id")[:limit]):
        with transaction.atomic():
            lock_vault(owner_id)
            entry = TrashEntry.objects.filter(pk=entry_id).first()
            if entry is not None:
                _purge(entry, Actor.job())
                count += 1
    return count


def _tell(verb: Verb, entry: TrashEntry, target_id: UUID, by: Actor, details: dict[str, object] | None = None) -> None:
    audit.record(
        verb,
        by=by,
        target_kind=entry.kind,
        target_id=target_id,
        target_name=entry.name,
        owner=entry.user_id,
        details=details,
    )
