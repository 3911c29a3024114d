"""The last step of an upload: rows, settlement and trail for bytes that are stored, in one transaction."""

import uuid
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts import quota
from accounts.actors import Actor
from documents import jobs
from documents.actions.reading import ask_to_read
from documents.locks import lock_names, lock_vault
from documents.models import (
    LIVE_UPLOAD_STATES,
    Document,
    Folder,
    PendingDeletion,
    TrashEntry,
    Upload,
    UploadState,
    Version,
)
from documents.names import free_name, name_key, split_name
from documents.search import index_document
from documents.storage import StoreUnavailable
from documents.uploads.ending import note_for_deletion
from documents.uploads.refusals import UploadEnded, UploadRefused, WrongOffset, must_be_receiving
from documents.uploads.requested import hold_back, let_wait
from docuvault.lib.failpoints import Failpoint, failpoint
from sharing import access, audit

NAME_TRIES = 20
# Numbered names share at least this much of their stem, however long it is.
COMMON_STEM = 40


@dataclass(frozen=True)
class Received:
    """An object that is stored, and what is known of it.

    `is_noted`: a note for its deletion stands as long as no row names it (otherwise the upload's own
    row names it, or a piece of it).
    """

    object_key: str
    size_bytes: int
    sha256: str
    content_type: str
    is_noted: bool = False


def file_document(upload: Upload, received: Received, *, by: Actor, is_all: bool = False) -> Document:
    """Document, version, settlement and trail. However often it is called, one upload makes one document.

    Whether the place is still there and still open to the sender is asked again here. The given
    `upload` is brought up to date. `is_all`: these bytes came in one request, and are refused with
    WrongOffset where another has brought some before.
    """
    with transaction.atomic():
        # The vault before the row: a purge holds the vault and then touches the rows of uploads.
        lock_vault(upload.user_id, is_shared=True)
        row = Upload.objects.select_for_update(of=("self",)).select_related("actor").filter(pk=upload.pk).first()
        if row is None:
            raise UploadEnded(_("This upload has ended."))
        if is_all and (row.received_bytes or row.state not in LIVE_UPLOAD_STATES):
            must_be_receiving(row)
            raise WrongOffset(row.received_bytes)
        if row.state == UploadState.DONE and row.document is not None:
            document = row.document
        elif row.state in LIVE_UPLOAD_STATES:
            document = _file(row, received, by)
            failpoint(Failpoint.UPLOAD_FILING)
        else:
            raise UploadEnded(row.failure or _("This upload has ended."))
    upload.state, upload.document, upload.reserved_bytes = row.state, document, row.reserved_bytes
    upload.received_bytes, upload.object_key = row.received_bytes, row.object_key
    failpoint(Failpoint.UPLOAD_FILED)
    return document


def _file(upload: Upload, received: Received, by: Actor) -> Document:
    is_requested = upload.actor is None  # who sends to a file request has no account
    if upload.actor is not None and not upload.actor.is_active:
        raise access.NotVisible(_("There is nothing here that you can see."))
    replaced = None if is_requested else _replaced(upload, by)
    folder = None if replaced or is_requested else _place_of(upload, by)
    if received.is_noted and not PendingDeletion.objects.filter(pk=received.object_key).delete()[0]:
        # Its note fell due and the object may be gone already; what was received is stored anew.
        raise StoreUnavailable("the object was put together too slowly")
    leftover = {upload.object_key} if upload.object_key else set()
    used_bytes = received.size_bytes
    if is_requested:
        row, entry = hold_back(upload, received.content_type, received.size_bytes)
        document = insert_document(upload, None, received, by, trash=entry)
        let_wait(row, document, by)
    elif replaced is None:
        document = insert_document(upload, folder, received, by)
    elif replaced.sha256 == received.sha256:
        document, used_bytes = replaced, 0  # the same bytes again are no new version
        leftover.add(received.object_key)
    else:
        document = add_version(replaced, upload, received, by)
    quota.settle(upload.user_id, reserved_bytes=upload.reserved_bytes, used_bytes=used_bytes)
    if upload.received_bytes:
        leftover.update(upload.pieces.values_list("object_key", flat=True))
        upload.pieces.all().delete()
    if document.object_key == received.object_key:
        leftover.discard(received.object_key)
    if leftover:
        note_for_deletion(leftover)
        jobs.enqueue("documents.tasks.purge_objects")
    upload.state, upload.document = UploadState.DONE, document
    upload.reserved_bytes, upload.received_bytes, upload.object_key = 0, received.size_bytes, received.object_key
    upload.save(update_fields=["state", "document", "reserved_bytes", "received_bytes", "object_key", "updated_at"])
    if replaced is None:
        tell_added(document.pk, document.name, document.user_id, received, by=by)
    return document


def tell_added(document_id: UUID, name: str, owner_id: UUID, received: Received, *, by: Actor) -> None:
    audit.record(
        audit.Verb.DOCUMENT_ADDED,
        by=by,
        target_kind="document",
        target_id=document_id,
        target_name=name,
        owner=owner_id,
        details={"size_bytes": received.size_bytes, "sha256": received.sha256, "type": received.content_type},
    )


def _place_of(upload: Upload, by: Actor) -> Folder | None:
    """Where it goes, asked again at the end: the folder may be gone, or the right to it."""
    if upload.to_root:
        return None
    folder = (
        Folder.objects.live().owned_by(upload.user_id).filter(pk=upload.folder_id).first() if upload.folder_id else None
    )
    if folder is None:
        raise UploadRefused(_("The folder is gone. Choose another place and send the file again."), 409)
    return access.require_adding(by, folder)


def _replaced(upload: Upload, by: Actor) -> Document | None:
    """The document that gets a new version, held; None where it is gone or in the trash: then nothing is replaced."""
    if upload.replaces_id is None:
        return None
    rows = Document.objects.live().owned_by(upload.user_id).select_for_update(of=("self",), no_key=True)
    document = rows.filter(pk=upload.replaces_id).first()
    return None if document is None else access.require_replacing(by, document)


def add_version(document: Document, upload: Upload, received: Received, by: Actor) -> Document:
    """The bytes as the document's next and current version; the older ones stay."""
    version = Version.objects.create(
        document=document,
        number=next_number(document),
        object_key=received.object_key,
        size_bytes=received.size_bytes,
        sha256=received.sha256,
        content_type=received.content_type,
        declared_type=upload.declared_type,
        created_by=by.user,
    )
    make_current(document, version)
    ask_to_read(version)
    audit.record(
        audit.Verb.VERSION_ADDED,
        by=by,
        target_kind="document",
        target_id=document.pk,
        target_name=document.name,
        owner=document.user_id,
        details={"version": version.number, "size_bytes": version.size_bytes, "sha256": version.sha256},
    )
    return document


def next_number(document: Document) -> int:
    """The number of a document's next version; the caller holds its row."""
    return (document.versions.aggregate(last=Max("number"))["last"] or 0) + 1


def make_current(document: Document, version: Version) -> None:
    """Let the document stand for this version of it; the caller holds its row."""
    document.current_version = version
    document.object_key, document.size_bytes = version.object_key, version.size_bytes
    document.sha256, document.content_type = version.sha256, version.content_type
    document.save(update_fields=["current_version", "object_key", "size_bytes", "sha256", "content_type", "updated_at"])
    index_document(document.pk)  # it is found by the words of this version from now on


def insert_document(
    upload: Upload,
    folder: Folder | None,
    received: Received,
    by: Actor,
    *,
    key: UUID | None = None,
    trash: TrashEntry | None = None,
) -> Document:
    """The rows, under the wanted name or the next free one, however many race for it.

    `key` is the id it is to have; with `trash` it lies in the trash from the first.
    """
    document = Document(
        pk=key or uuid.uuid4(),
        user_id=upload.user_id,
        folder=folder,
        name=upload.name,
        name_key=name_key(upload.name),
        current_version_id=uuid.uuid4(),  # the key is checked at the end of the transaction
        object_key=received.object_key,
        size_bytes=received.size_bytes,
        sha256=received.sha256,
        content_type=received.content_type,
        trash=trash,
        created_at=now(),
    )
    for _try in range(NAME_TRIES):
        try:
            with transaction.atomic():
                document.save(force_insert=True)
            break
        except IntegrityError as error:
            if "uq_documents_live_folder_name" not in str(error):
                raise
            # Those who need a number in this folder wait for one another; each then sees what is taken.
            lock_names(upload.user_id, folder.pk if folder else None)
            document.name = next_free_name(upload.name, upload.user_id, folder)
            document.name_key = name_key(document.name)
    else:
        raise UploadRefused(_("Too many files of this name arrive at once. Please send it again."), 409)
    document.current_version = Version.objects.create(
        pk=document.current_version_id,
        document=document,
        number=1,
        object_key=received.object_key,
        size_bytes=received.size_bytes,
        sha256=received.sha256,
        content_type=received.content_type,
        declared_type=upload.declared_type,
        created_by=by.user,
    )
    ask_to_read(document.current_version)
    return document


def next_free_name(name: str, owner_id: UUID, folder: Folder | None) -> str:
    """The name, or its next numbered form that no live document in the folder has."""
    stem = split_name(name)[0]
    common = name_key((stem.rpartition(" (")[0] or stem)[:COMMON_STEM])
    rows = Document.objects.live().owned_by(owner_id).in_folder(folder)
    return free_name(name, set(rows.filter(name_key__startswith=common).values_list("name_key", flat=True)))
