"""Throwing away, restoring and deleting for good.

What is in the trash counts against the quota. Only the owner of a vault throws away or deletes:
a recipient's deletion must never take the owner's file. One act of throwing away is one entry;
restoring it brings back exactly its rows. Purging removes rows and notes the objects' keys in one
transaction; a job deletes the objects. Of a large entry some documents go at a time, each time in a
transaction of its own: nobody waits long for the vault, and what a dead process leaves is a smaller entry.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Sum
from django.utils.timezone import now

from accounts import quota
from accounts.actors import Actor
from documents import jobs, previews
from documents.actions.documents import fit_names, put_in_place
from documents.actions.errors import Refused
from documents.actions.folders import ensure_folder_path, rebase
from documents.locks import lock_vault
from documents.models import Document, EntryKind, Folder, PendingDeletion, Picture, TrashEntry, Upload, Version
from documents.names import InvalidName, free_name, name_key
from documents.search import hold_documents
from docuvault.lib.failpoints import Failpoint, failpoint
from sharing import access, audit
from sharing.access import Level
from sharing.audit import Verb

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
# Documents in one transaction of purging at most; fewer where so many take longer than others may have to wait.
PURGE_BATCH, LEAST_PURGED = 50, 5
PURGE_SECONDS = 0.05


def trash_document(document: Document, *, by: Actor) -> TrashEntry:
    """Into the trash. Raises NotVisible (also when it is there already) or NotAllowed."""
    return trash_documents([document], by=by)[0]


@transaction.atomic
def trash_documents(documents: Sequence[Document], *, by: Actor) -> list[TrashEntry]:
    """All of them into the trash, an entry for each, or none."""
    wanted = [document.pk for document in documents]
    for owner in sorted(access.owners_of(access.fetch_documents(by, wanted, Level.OWN))):
        lock_vault(owner)
    rows = access.fetch_documents(by, wanted, Level.OWN)
    places = _places({row.folder_id for row in rows if row.folder_id})
    kept = Version.objects.filter(document__in=rows).values_list("document").annotate(Sum("size_bytes"))
    sizes: dict[UUID, int] = dict(kept)
    entries = TrashEntry.objects.bulk_create(
        [
            TrashEntry(
                user_id=row.user_id,
                kind=EntryKind.DOCUMENT,
                name=row.name,
                place=places[row.folder_id] if row.folder_id else [],
                document_count=1,
                size_bytes=sizes.get(row.pk, 0),
                trashed_by=by.user,
            )
            for row in rows
        ]
    )
    for row, entry in zip(rows, entries, strict=True):
        row.trash = entry
    Document.objects.bulk_update(rows, ["trash"], batch_size=PURGE_BATCH)
    audit.record_many(Verb.DOCUMENT_TRASHED, [("document", row.pk, row.name, row.user_id, None) for row in rows], by=by)
    failpoint(Failpoint.TRASHING)
    return entries


def _places(folder_ids: set[UUID]) -> dict[UUID, list[str]]:
    """The names on the way to each folder, top first, itself included."""
    paths = dict(Folder.objects.filter(pk__in=folder_ids).values_list("pk", "path"))
    above = {key for path in paths.values() for key in path}
    names = dict(Folder.objects.filter(pk__in=above).values_list("pk", "name"))
    return {folder_id: [names[key] for key in path] for folder_id, path in paths.items()}


@transaction.atomic
def trash_folder(folder: Folder, *, by: Actor) -> TrashEntry:
    """The folder and all that is live below it, as one entry."""
    access.require_folder(by, folder, Level.OWN)
    lock_vault(folder.user_id)
    folder = access.fetch_folder(by, folder.pk, Level.OWN)
    folders = Folder.objects.live().at_or_below([folder.pk])
    documents = Document.objects.live().filter(folder__path__contains=[folder.pk])
    totals = documents.aggregate(count=Count("pk", distinct=True), size=Sum("versions__size_bytes"))
    entry = TrashEntry.objects.create(
        user_id=folder.user_id,
        kind=EntryKind.FOLDER,
        name=folder.name,
        place=_places({folder.parent_id})[folder.parent_id] if folder.parent_id else [],
        folder_count=folders.count(),
        document_count=totals["count"],
        size_bytes=totals["size"] or 0,
        trashed_by=by.user,
    )
    Document.objects.filter(pk__in=documents.values("pk")).update(trash=entry)
    folders.update(trash=entry)
    _tell(Verb.FOLDER_TRASHED, entry, folder.pk, by, {"documents": entry.document_count})
    failpoint(Failpoint.TRASHING)
    return entry


# --- Back to its place --------------------------------------------------------------------------------


def restore(entry: TrashEntry, *, by: Actor) -> Document | Folder:
    """Bring an entry back where it was; folders that are gone are made again, a taken name is numbered."""
    return restore_entries([entry], by=by)[0]


@transaction.atomic
def restore_entries(entries: Sequence[TrashEntry], *, by: Actor) -> list[Document | Folder]:
    """All of these entries, folders first, or none. Raises NotVisible for one that is gone."""
    held = _held([entry.pk for entry in entries], by)
    folders = [entry for entry in held if entry.kind == EntryKind.FOLDER]
    restored: list[Document | Folder] = [_restore_folder(entry, by) for entry in folders]
    restored += _restore_documents([entry for entry in held if entry.kind == EntryKind.DOCUMENT], by)
    TrashEntry.objects.filter(pk__in=[entry.pk for entry in held]).delete()
    failpoint(Failpoint.RESTORING)
    return restored


def _held(entry_ids: Sequence[UUID], by: Actor) -> list[TrashEntry]:
    """The actor's own entries, read under the vault's lock. Raises NotVisible if one is missing."""
    if by.active_user is None:
        raise access.NotVisible
    lock_vault(by.active_user.pk)
    wanted = set(entry_ids)
    held = list(access.own_trash(by).filter(pk__in=wanted).order_by("-trashed_at", "pk"))
    if len(held) != len(wanted):
        raise access.NotVisible
    return held


def _restore_documents(entries: list[TrashEntry], by: Actor) -> list[Document]:
    # Of several of one name the oldest keeps it.
    rows = list(Document.objects.filter(trash__in=entries).select_related("folder").order_by("created_at", "pk"))
    entry_of = {entry.pk: entry for entry in entries}
    targets: dict[object, Folder | None] = {}
    for row in rows:
        assert row.trash_id is not None
        place = (row.folder_id, *entry_of[row.trash_id].place)
        if place not in targets:
            targets[place] = _live_place(row.folder, entry_of[row.trash_id], by)
        row.folder = targets[place]
    for target in {row.folder_id: row.folder for row in rows}.values():
        here = [row for row in rows if row.folder == target]
        put_in_place(here, target, fit_names(here, here[0].user_id, target, keep_both=True))
    audit.record_many(
        Verb.DOCUMENT_RESTORED, [("document", row.pk, row.name, row.user_id, None) for row in rows], by=by
    )
    return rows


def _restore_folder(entry: TrashEntry, by: Actor) -> Folder:
    root = _root(entry)
    parent = _live_place(root.parent, entry, by)
    siblings = Folder.objects.live().owned_by(entry.user_id).in_folder(parent)
    root.name = free_name(root.name, set(siblings.values_list("name_key", flat=True)))
    root.name_key = name_key(root.name)
    root.save(update_fields=["name", "name_key", "updated_at"])
    rebase(root, parent)
    Folder.objects.filter(trash=entry).update(trash=None)
    Document.objects.filter(trash=entry).update(trash=None)
    root.trash = None
    _tell(Verb.FOLDER_RESTORED, entry, root.pk, by, {"documents": entry.document_count})
    return root


def _root(entry: TrashEntry) -> Folder:
    """The folder that was thrown away; the others of the entry lay in it."""
    return Folder.objects.select_related("parent").filter(trash=entry).order_by("path__len")[0]


def _live_place(folder: Folder | None, entry: TrashEntry, by: Actor) -> Folder | None:
    """The folder it lay in if that is live, else one of the same names in the same place.

    The top of the vault where that cannot be made any more (a limit has been lowered since).
    """
    if folder is not None and folder.trash_id is None:
        return folder
    try:
        return ensure_folder_path(entry.place, None, by=by)
    except (Refused, InvalidName):
        return None


# --- For good ---------------------------------------------------------------------------------------------


def purge(entry: TrashEntry, *, by: Actor) -> None:
    """Remove an entry's rows and note its objects for deletion. An entry that is gone raises NotVisible."""

    is_first = iter([True])

    def held() -> list[TrashEntry]:
        # What is gone after the first step was purged or restored by somebody who was quicker.
        return _held([entry.pk], by) if next(is_first, False) else _left([entry.pk], entry.user_id)

    _purge_in_steps(held, by)


def empty_trash(*, by: Actor, before: datetime | None = None, patience: timedelta | None = None) -> int:
    """Purge what is in the actor's trash now, some entries in each transaction; answers how many.

    `before` leaves what was thrown away later; with `patience` it stops once that has passed, and what is left
    lies in the trash as it did.
    """
    count = 0
    stop_at = None if patience is None else now() + patience
    doomed = access.own_trash(by)
    if before is not None:
        doomed = doomed.filter(trashed_at__lte=before)
    for batch in _batches(list(doomed.order_by("trashed_at").values_list("pk", "document_count"))):
        assert by.active_user is not None
        count += _purge_in_steps(partial(_left, batch, by.active_user.pk), by, stop_at)
        if stop_at is not None and now() >= stop_at:
            break
    if count:
        with transaction.atomic():
            audit.record(Verb.TRASH_EMPTIED, by=by, owner=by.user.pk if by.user else None, details={"entries": count})
    return count


def purge_expired(limit: int = 1000) -> int:
    """Purge what has been in the trash for longer than the vault keeps it; answers how many entries.

    A vault that fails is left for the next time, and does not keep the others waiting.
    """
    old = (
        TrashEntry.objects.thrown()
        .older_than(now() - timedelta(days=settings.TRASH_DAYS))
        .order_by("user_id", "trashed_at")
    )
    rows = list(old.values_list("user_id", "pk", "document_count")[:limit])
    count = 0
    for owner_id, entries in groupby(rows, key=lambda row: row[0]):
        for batch in _batches([(key, documents) for _owner, key, documents in entries]):
            try:
                count += _purge_in_steps(partial(_left, batch, owner_id), Actor.job())
            except Exception:
                logger.exception("old trash of %s stays for now", owner_id)
    return count


def _left(keys: Sequence[UUID], owner_id: UUID) -> list[TrashEntry]:
    """These entries of one vault, under its lock, without those that were restored or purged meanwhile."""
    lock_vault(owner_id)
    return list(TrashEntry.objects.filter(pk__in=keys, user_id=owner_id))


def _purge_in_steps(held: Callable[[], list[TrashEntry]], by: Actor, stop_at: datetime | None = None) -> int:
    """Purge what `held` gives under the vault's lock, a transaction at a time; answers how many entries that were."""
    gone, size = 0, PURGE_BATCH
    while True:
        with transaction.atomic():
            entries = held()
            began = time.monotonic()
            step = _purge_some(entries, by, gone, size)
        if not step:
            return len(entries)
        if stop_at is not None and now() >= stop_at:
            return 0
        gone += step
        size = _paced(step, time.monotonic() - began)


def _paced(count: int, seconds: float) -> int:
    """How many documents go next, after so many have taken so long."""
    return min(PURGE_BATCH, max(LEAST_PURGED, int(count * PURGE_SECONDS / max(seconds, 0.001))))


def _batches(entries: Sequence[tuple[UUID, int]]) -> Iterator[list[UUID]]:
    """Ids of entries, so many together that a transaction removes PURGE_BATCH documents or a single entry."""
    batch: list[UUID] = []
    weight = 0
    for key, documents in entries:
        if batch and weight + documents + 1 > PURGE_BATCH:
            yield batch
            batch, weight = [], 0
        batch.append(key)
        weight += documents + 1
    if batch:
        yield batch


def _purge_some(entries: list[TrashEntry], by: Actor, gone: int, size: int) -> int:
    """One transaction's worth of entries of one vault: all of them, or some documents of a large one.

    Answers how many documents went while the entry stays; 0 when all is done. `gone`: those of the steps before;
    `size`: how many may go now.
    """
    rows = Document.objects.filter(trash__in=entries).order_by("pk").values_list("pk", "name")
    documents = list(rows[: size + 1]) if len(entries) == 1 else []
    if len(documents) <= size:
        _purge(entries, by, gone)
        return 0
    (entry,), documents = entries, documents[:size]
    freed = remove_documents([key for key, _name in documents])
    left = {"document_count": F("document_count") - len(documents), "size_bytes": F("size_bytes") - freed}
    TrashEntry.objects.filter(pk=entry.pk).update(**left)
    _tell_of_documents(documents, entry.user_id, by)
    if not gone:  # with the first step and the last: one job deletes whatever is noted by then
        jobs.enqueue("documents.tasks.purge_objects")
    quota.free(entry.user_id, freed)
    failpoint(Failpoint.PURGING)
    return len(documents)


def purge_held(entries: list[TrashEntry], by: Actor) -> None:
    """Purge entries of one vault in the caller's transaction, which holds the vault's lock."""
    _purge(entries, by, 0)


def _purge(entries: list[TrashEntry], by: Actor, gone: int) -> None:
    """Remove the rows of entries of one vault, under its lock.

    Uploads first, the quota last: the order in which ending an upload takes the same two rows.
    """
    if not entries:
        return
    owner_id = entries[0].user_id
    roots = [(entry, _root(entry).pk) for entry in entries if entry.kind == EntryKind.FOLDER]
    documents = list(Document.objects.filter(trash__in=entries).values_list("pk", "name"))
    doomed = list(Folder.objects.filter(trash__in=entries).values_list("pk", flat=True))
    _save_from(doomed, entries)
    freed = sum(remove_documents([key for key, _name in part]) for part in _parts(documents))
    Folder.objects.filter(pk__in=doomed).delete()
    TrashEntry.objects.filter(pk__in=[entry.pk for entry in entries]).delete()
    _tell_of_documents(documents, owner_id, by)
    if documents or gone:
        jobs.enqueue("documents.tasks.purge_objects")
    for entry, root_id in roots:
        _tell(Verb.FOLDER_PURGED, entry, root_id, by, {"documents": entry.document_count + gone})
    quota.free(owner_id, freed)
    failpoint(Failpoint.PURGING)


def _tell_of_documents(documents: Sequence[tuple[UUID, str]], owner_id: UUID, by: Actor) -> None:
    audit.record_many(Verb.DOCUMENT_PURGED, [("document", key, name, owner_id, None) for key, name in documents], by=by)


def _save_from(doomed: list[UUID], entries: list[TrashEntry]) -> None:
    """Take out of the doomed folders what other entries keep in them: it stays in the trash, at the top."""
    Upload.objects.filter(folder__in=doomed).update(folder=None)
    Document.objects.filter(folder__in=doomed).exclude(trash__in=entries).update(folder=None)
    for orphan in Folder.objects.filter(parent__in=doomed).exclude(trash__in=entries):
        rebase(orphan, None)


def _parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + PURGE_BATCH] for start in range(0, len(items), PURGE_BATCH))


def remove_documents(ids: list[UUID]) -> int:
    """Remove rows of documents with their versions, and note the objects; answers how many bytes those had."""
    hold_documents(ids)
    versions = list(Version.objects.filter(document__in=ids).values_list("object_key", "size_bytes"))
    PendingDeletion.objects.bulk_create(
        [PendingDeletion(object_key=key) for key, _size in versions], ignore_conflicts=True
    )
    previews.forget_objects(
        list(Picture.objects.filter(version__document__in=ids).values_list("object_key", flat=True))
    )
    Document.objects.filter(pk__in=ids).delete()
    return sum(size for _key, size in versions)


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
