"""Documents that come with their past out of an export: versions, notes, dates, topics, star and trash at once.

The bytes are stored first, each version as an object that is noted for deletion until a row names it; then all
rows of a document come in one transaction, so it is there whole or not at all. What it was is kept where that
is honest: the order, notes and dates of its versions; the trail tells when it came here, and by whom.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts import quota
from accounts.actors import Actor
from documents.actions.errors import NameTaken, Refused, TooDeep
from documents.locks import lock_vault
from documents.models import (
    LIVE_UPLOAD_STATES,
    Document,
    DocumentTopic,
    EntryKind,
    FilingRule,
    Folder,
    PendingDeletion,
    SearchEntry,
    Star,
    Topic,
    TrashEntry,
    Upload,
    UploadState,
    Version,
)
from documents.names import clean_name, name_key
from documents.sniffing import HEAD_BYTES, sniff
from documents.storage import StoreUnavailable, new_key, store
from documents.uploads.beginning import admit, told_when_refused
from documents.uploads.ending import note_for_deletion
from documents.uploads.filing import Received, add_version, insert_document, make_current, tell_added
from documents.uploads.keys import upload_of_key
from documents.uploads.refusals import UploadEnded, UploadRefused
from docuvault.lib.failpoints import Failpoint, failpoint
from sharing import access, audit
from sharing.access import Level

DEADLINE = timedelta(hours=24)


class OtherBytes(Refused):
    """The bytes are not those that were announced."""


@dataclass(frozen=True)
class BroughtVersion:
    """A version whose bytes are stored."""

    received: Received
    number: int
    note: str
    created_at: datetime
    is_owners: bool


@dataclass(frozen=True)
class Thrown:
    """In the trash: as which entry, under which name and from where."""

    entry_id: UUID
    kind: EntryKind
    name: str
    place: Sequence[str]


@dataclass(frozen=True)
class Brought:
    """What a document is to be. `key` is its id here, the same however often it is brought."""

    key: UUID
    folder: Folder | None
    versions: list[BroughtVersion]
    current: int
    created_at: datetime
    updated_at: datetime
    is_starred: bool = False
    # Each with why it is there, and by which rule.
    topics: list[tuple[Topic, str, FilingRule | None]] = field(default_factory=list)
    thrown: Thrown | None = None


def begin_brought(key: UUID, name: str, sizes: Sequence[int], folder: Folder | None, *, by: Actor) -> Upload:
    """Room for all versions of a document, before any byte: the upload begun before, or a new one.

    Raises InvalidName, QuotaExceeded, TooLarge, NotVisible, NotAllowed.
    """
    name, owner = admit(name, max(sizes), folder, by=by)
    total = sum(sizes)
    upload_id, upload = upload_of_key(f"brought {key} {len(sizes)}", total, by=by)
    if upload is not None and upload.state in LIVE_UPLOAD_STATES:
        return upload  # of a process that died, or of another that does the same: one of them will file it
    with told_when_refused(name, owner, by), transaction.atomic():
        lock_vault(owner.pk, is_shared=True)
        quota.reserve(owner.pk, total)
        begun = Upload.objects.create(
            # Done before, and what came of it is gone: it comes again.
            pk=uuid.uuid4() if upload is not None or upload_id is None else upload_id,
            user=owner,
            actor=by.user,
            folder=folder if folder is not None and folder.trash_id is None else None,
            to_root=folder is None,
            name=name,
            declared_bytes=total,
            reserved_bytes=total,
            expires_at=now() + DEADLINE,
        )
    failpoint(Failpoint.IMPORT_BEGUN)
    return begun


def store_brought(name: str, chunks: Iterable[bytes], size_bytes: int, sha256: str) -> Received:
    """One version's bytes as an object that nobody names yet. Raises OtherBytes, StoreUnavailable."""
    key = new_key()
    note_for_deletion([key], after=DEADLINE)
    head = b""
    with store().writing(key) as writer:
        for chunk in chunks:
            if len(head) < HEAD_BYTES:
                head += chunk[: HEAD_BYTES - len(head)]
            if writer.size_bytes + len(chunk) > size_bytes:
                raise OtherBytes(_("it is longer than its record says"))
            writer.write(chunk)
        if writer.size_bytes != size_bytes:
            raise OtherBytes(_("it is shorter than its record says"))
        if writer.sha256 != sha256:
            raise OtherBytes(_("its bytes are not those of its checksum"))
    failpoint(Failpoint.IMPORT_OBJECT_PUT)
    return Received(key, size_bytes, sha256, sniff(head, name), is_noted=True)


def file_brought(upload: Upload, brought: Brought, *, by: Actor) -> Document:
    """The rows of a document with its past, in one transaction. However often it is called, there is one document.

    Raises UploadEnded, UploadRefused, TooManyFiles, NotVisible, NotAllowed, StoreUnavailable.
    """
    with transaction.atomic():
        # What goes into the trash may make its entry: alone, as throwing away does.
        lock_vault(upload.user_id, is_shared=brought.thrown is None)
        access.require_still_active(by)
        row = Upload.objects.select_for_update(of=("self",)).filter(pk=upload.pk).first()
        if row is None or row.state not in {*LIVE_UPLOAD_STATES, UploadState.DONE}:
            raise UploadEnded(_("This upload has ended."))
        if row.state == UploadState.DONE and row.document is not None:
            note_for_deletion(version.received.object_key for version in brought.versions)
            return row.document
        document = _file(row, brought, by)
        failpoint(Failpoint.IMPORT_FILING)
    failpoint(Failpoint.IMPORT_FILED)
    return document


def _file(upload: Upload, brought: Brought, by: Actor) -> Document:
    keys = [version.received.object_key for version in brought.versions]
    if PendingDeletion.objects.filter(pk__in=keys).delete()[0] != len(keys):
        raise StoreUnavailable("the objects were stored too slowly")  # their notes fell due
    entry = _entry(upload, brought.thrown, by) if brought.thrown else None
    folder = brought.folder
    if folder is not None and entry is None:
        folder = access.fetch_folder(by, folder.pk, Level.EDIT)
    first, *later = brought.versions
    document = insert_document(upload, folder, first.received, by, key=brought.key, trash=entry)
    tell_added(document.pk, document.name, document.user_id, first.received, by=by)
    for version in later:
        add_version(document, upload, version.received, by)
    _date(document, brought, by)
    _label(document, brought, by)
    if entry is not None:
        total = sum(version.received.size_bytes for version in brought.versions)
        _count(entry, documents=1, size_bytes=total)
        _tell(audit.Verb.DOCUMENT_TRASHED, document, by)
    used = sum(version.received.size_bytes for version in brought.versions)
    quota.settle(upload.user_id, reserved_bytes=upload.reserved_bytes, used_bytes=used)
    upload.state, upload.document, upload.reserved_bytes, upload.received_bytes = UploadState.DONE, document, 0, used
    upload.save(update_fields=["state", "document", "reserved_bytes", "received_bytes", "updated_at"])
    quota.take(upload.user_id, 0)  # one place was promised; a version is a file too
    return document


def _tell(verb: audit.Verb, document: Document, by: Actor, details: dict[str, object] | None = None) -> None:
    audit.record(
        verb,
        by=by,
        target_kind="document",
        target_id=document.pk,
        target_name=document.name,
        owner=document.user_id,
        details=details,
    )


def _date(document: Document, brought: Brought, by: Actor) -> None:
    """Numbers, notes and moments as they were; the last first, since a number is never above its old one."""
    rows = {row.object_key: row for row in Version.objects.filter(document=document)}
    for told in reversed(brought.versions):
        row = rows[told.received.object_key]
        row.number, row.note, row.created_at = told.number, told.note, told.created_at
        row.created_by = by.user if told.is_owners else None
        row.save(update_fields=["number", "note", "created_at", "created_by"])
        if told.number == brought.current:
            make_current(document, row)
    Document.objects.filter(pk=document.pk).update(created_at=brought.created_at, updated_at=brought.updated_at)
    SearchEntry.objects.filter(document=document).update(added_at=brought.created_at)


def _label(document: Document, brought: Brought, by: Actor) -> None:
    for topic, reason, rule in brought.topics:
        topic = access.fetch_topic(by, topic.pk)
        DocumentTopic.objects.create(document=document, topic=topic, added_by=by.user, reason=reason, rule=rule)
        _tell(audit.Verb.DOCUMENT_TAGGED, document, by, {"topic": topic.name})
    if brought.is_starred:
        Star.objects.create(user_id=document.user_id, document=document)
        _tell(audit.Verb.DOCUMENT_STARRED, document, by)


def _entry(upload: Upload, thrown: Thrown, by: Actor) -> TrashEntry:
    """The entry it lies in: its own, or that of the folder it was thrown away with. Raises UploadRefused."""
    entry = TrashEntry.objects.filter(pk=thrown.entry_id, user_id=upload.user_id).first()
    if entry is None and thrown.kind is EntryKind.FOLDER:
        raise UploadRefused(_("the folder it was thrown away with is not in the trash any more"), 409)
    return entry or _new_entry(upload.user_id, thrown, by)


def _new_entry(owner_id: UUID, thrown: Thrown, by: Actor) -> TrashEntry:
    return TrashEntry.objects.create(
        pk=thrown.entry_id,
        user_id=owner_id,
        kind=thrown.kind,
        name=clean_name(thrown.name),
        place=[clean_name(name) for name in thrown.place],
        trashed_by=by.user,
    )


def _count(entry: TrashEntry, *, documents: int = 0, folders: int = 0, size_bytes: int = 0) -> None:
    entry.document_count += documents
    entry.folder_count += folders
    entry.size_bytes += size_bytes
    entry.save(update_fields=["document_count", "folder_count", "size_bytes"])


@transaction.atomic
def bring_thrown_folder(key: UUID, name: str, parent: Folder | None, thrown: Thrown, *, by: Actor) -> Folder:
    """A folder that lies in the trash; the first of its entry makes the entry. Raises InvalidName, TooDeep, NotVisible.

    `parent` may lie in the trash too. Doing it again answers the folder that is there.
    """
    owner = by.active_user
    if owner is None or (parent is not None and parent.user_id != owner.pk):
        raise access.NotVisible
    lock_vault(owner.pk)
    there = Folder.objects.owned_by(owner.pk).filter(pk=key).first()
    if there is not None:
        return there
    name = clean_name(name)
    if parent is not None:
        parent = Folder.objects.get(pk=parent.pk)
        if parent.depth >= settings.MAX_FOLDER_DEPTH:
            raise TooDeep(
                _("Folders can be nested %(limit)d levels deep at most.") % {"limit": settings.MAX_FOLDER_DEPTH}
            )
    found = TrashEntry.objects.filter(pk=thrown.entry_id, user=owner).first()
    entry = found or _new_entry(owner.pk, thrown, by)
    beside = Folder.objects.owned_by(owner.pk).in_folder(parent).filter(trash=entry, name_key=name_key(name))
    if beside.exists():
        raise NameTaken(_("There is a folder “%(name)s” here already.") % {"name": name})
    folder = Folder(pk=key, user=owner, parent=parent, name=name, name_key=name_key(name), trash=entry)
    folder.path = [*(parent.path if parent else []), folder.pk]
    folder.save(force_insert=True)
    _count(entry, folders=1)
    for verb in (audit.Verb.FOLDER_MADE, audit.Verb.FOLDER_TRASHED)[: 1 if found else 2]:
        audit.record(verb, by=by, target_kind="folder", target_id=folder.pk, target_name=folder.name, owner=owner.pk)
    return folder
