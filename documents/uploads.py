"""Bytes on their way in: reserve, stream, commit; in one pass, or staged piece by piece.

Order of work (security notes 5.1): a row with its reservation and its object key first, bytes
second, and the document with its settlement, trail and jobs in one transaction last. Whatever a
dead process leaves is named by that row and swept after its deadline. No transaction and no
database connection is held while bytes flow.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO
from uuid import UUID

import puremagic
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.template.defaultfilters import filesizeformat
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts import quota
from accounts.actors import Actor
from accounts.models import User
from documents import jobs
from documents.locks import lock_vault
from documents.models import (
    Document,
    Folder,
    PendingDeletion,
    Upload,
    UploadPiece,
    UploadState,
    Version,
)
from documents.names import clean_name, free_name, name_key, split_name
from documents.storage import PART_BYTES, READ_BYTES, StoreError, new_key, store
from sharing import access, audit
from sharing.access import Level

logger = logging.getLogger(__name__)

PIECE_BYTES = 8 * 1024 * 1024
FINISH_AT_ONCE_BYTES = 64 * 1024 * 1024
HEAD_BYTES = 4096
ONE_PASS_DEADLINE = timedelta(hours=24)
NAME_TRIES = 50


class UploadRefused(Exception):
    """Why an upload cannot go on, for the person who sends it. `status` is the HTTP answer."""

    status = 400

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        if status is not None:
            self.status = status


class TooLarge(UploadRefused):
    status = 413


class WrongOffset(UploadRefused):
    """The sender and the vault do not agree on how much has arrived."""

    status = 409

    def __init__(self, offset: int) -> None:
        super().__init__(_("The upload stands at another place than this request begins."))
        self.offset = offset


class UploadEnded(UploadRefused):
    """Cancelled, failed or expired: nothing more can be sent."""

    status = 410


@dataclass(frozen=True)
class Received:
    """An object that is stored and not yet named by a document."""

    object_key: str
    size_bytes: int
    sha256: str
    content_type: str


# --- What the bytes are ---------------------------------------------------------------------------

TEXT_BYTES = bytes(set(range(0x20, 0x100)) - {0x7F} | {0x09, 0x0A, 0x0C, 0x0D, 0x1B})
BY_SUFFIX = {
    ".csv": "text/csv",
    ".md": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "application/xhtml+xml",
    ".svg": "image/svg+xml",
    ".xml": "text/xml",
    ".json": "application/json",
    ".eml": "message/rfc822",
    ".ics": "text/calendar",
    ".vcf": "text/vcard",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".epub": "application/epub+zip",
    ".doc": "application/msword",
    ".xls": "application/vnd.ms-excel",
    ".ppt": "application/vnd.ms-powerpoint",
    ".msg": "application/vnd.ms-outlook",
}
SIGNATURES: list[tuple[int, bytes, str]] = [
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypmif1", "image/heic"),
    (4, b"ftypavif", "image/avif"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"%!PS", "application/postscript"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
]
ZIP_SUFFIXES = {".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".epub"}
OLE_SUFFIXES = {".doc", ".xls", ".ppt", ".msg"}
MARKUP = (b"<!doctype html", b"<html", b"<script", b"<body", b"<head", b"<iframe", b"<meta")


def sniff(head: bytes, name: str) -> str:
    """The type that the first bytes show. The name only chooses among types that share a container."""
    suffix = split_name(name)[1].lower()
    if not head:
        return "application/x-empty"
    for offset, mark, kind in SIGNATURES:
        if head[offset : offset + len(mark)] == mark:
            return kind
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return BY_SUFFIX[suffix] if suffix in ZIP_SUFFIXES else "application/zip"
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return BY_SUFFIX[suffix] if suffix in OLE_SUFFIXES else "application/x-ole-storage"
    if _is_text(head):
        start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        if start.startswith(MARKUP):
            return "text/html"
        if b"<svg" in start:
            return "image/svg+xml"
        if start.startswith(b"<?xml"):
            return "text/xml"
        textual = BY_SUFFIX.get(suffix, "text/plain")
        is_plain = textual.startswith("text/") or textual in {"application/json", "message/rfc822"}
        return textual if is_plain else "text/plain"
    try:
        guesses = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return "application/octet-stream"
    best = next((g.mime_type for g in guesses if g.mime_type and g.confidence >= 0.8), "")
    # Nothing a browser would run is believed of bytes that are not text.
    return best if best and not best.startswith(("text/", "application/javascript")) else "application/octet-stream"


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return not head.translate(None, TEXT_BYTES)


# --- Beginning: rules, name, reservation ---------------------------------------------------------------


def begin_upload(
    name: str,
    size_bytes: int,
    folder: Folder | None,
    declared_type: str = "",
    *,
    by: Actor,
    object_key: str = "",
) -> Upload:
    """A row with its reservation, before any byte.

    Raises InvalidName, QuotaExceeded, TooLarge, NotVisible or NotAllowed; then nothing has changed.
    """
    name = clean_name(name)
    owner = _owner_of(folder, by)
    if size_bytes < 0:
        raise UploadRefused(_("The size of the file is not known."))
    if size_bytes > settings.MAX_FILE_BYTES:
        raise TooLarge(
            _("This file is %(size)s; one file may have %(limit)s at most.")
            % {"size": filesizeformat(size_bytes), "limit": filesizeformat(settings.MAX_FILE_BYTES)}
        )
    try:
        with transaction.atomic():
            quota.reserve(owner.pk, size_bytes)
            return Upload.objects.create(
                user=owner,
                actor=by.user,
                folder=folder,
                to_root=folder is None,
                name=name,
                declared_type=declared_type[:255].replace("\x00", ""),
                declared_bytes=size_bytes,
                reserved_bytes=size_bytes,
                object_key=object_key,
                expires_at=now() + (ONE_PASS_DEADLINE if object_key else timedelta(hours=settings.UPLOAD_EXPIRY_HOURS)),
            )
    except quota.QuotaExceeded as error:
        audit.record_apart(
            audit.Verb.QUOTA_REFUSED,
            by=by,
            target_kind="document",
            target_name=name,
            owner=owner.pk,
            details={"wanted": error.wanted, "available": error.available},
        )
        raise


def redirect_upload(upload: Upload, folder: Folder | None, *, by: Actor) -> Upload:
    """Send an upload that has just begun to another folder of the same vault."""
    if _owner_of(folder, by).pk != upload.user_id:
        raise UploadRefused(_("The folder belongs to another vault."))
    upload.folder, upload.to_root = folder, folder is None
    upload.save(update_fields=["folder", "to_root", "updated_at"])
    return upload


def _owner_of(folder: Folder | None, by: Actor) -> User:
    """Whose vault the bytes go to. Raises NotVisible or NotAllowed."""
    if folder is not None:
        access.require_folder(by, folder, Level.EDIT)
        return folder.user
    user = by.active_user
    if user is None:
        raise access.NotVisible
    return user


# --- One pass: the plain form and the command line ---------------------------------------------------------


class OnePass:
    """Writes one file straight to its final object. Use `finish` or `abandon`, exactly one of them."""

    def __init__(self, name: str, folder: Folder | None, declared_type: str, bound_bytes: int, *, by: Actor) -> None:
        self.by = by
        self.key = new_key()
        self.upload = begin_upload(name, bound_bytes, folder, declared_type, by=by, object_key=self.key)
        self._writing = store().writing(self.key)
        self._writer = self._writing.__enter__()
        self._head = b""
        _let_go_of_database()

    def write(self, chunk: bytes) -> None:
        """Take some bytes. Raises TooLarge past what was reserved, StoreUnavailable."""
        if len(self._head) < HEAD_BYTES:
            self._head += chunk[: HEAD_BYTES - len(self._head)]
        if self._writer.size_bytes + len(chunk) > self.upload.reserved_bytes:
            raise TooLarge(_("More bytes arrived than were announced."))
        self._writer.write(chunk)

    def finish(self) -> Document:
        try:
            self._writing.__exit__(None, None, None)
        except BaseException:
            _fail(self.upload, _("The file could not be stored."), by=self.by)
            raise
        received = Received(self.key, self._writer.size_bytes, self._writer.sha256, sniff(self._head, self.upload.name))
        try:
            return _file(self.upload.pk, received, by=self.by)
        except BaseException as error:
            _fail(self.upload, str(error), by=self.by)
            raise

    def abandon(self, reason: BaseException) -> None:
        try:
            self._writing.__exit__(type(reason), reason, None)
        except BaseException as error:  # noqa: BLE001 (it raises the reason again, or what came on top)
            logger.debug("abandoned: %s", error)
        _fail(self.upload, str(reason), by=self.by)


def store_stream(
    name: str,
    stream: Iterable[bytes],
    folder: Folder | None,
    declared_type: str = "",
    *,
    size_bound: int,
    by: Actor,
) -> Document:
    """File what the stream gives, in one pass. Raises what begin_upload raises, and StoreError."""
    writing = OnePass(name, folder, declared_type, size_bound, by=by)
    try:
        for chunk in stream:
            writing.write(chunk)
    except BaseException as error:
        writing.abandon(error)
        raise
    return writing.finish()


def _let_go_of_database() -> None:
    """Give the connection back while bytes flow; the next query takes one again."""
    if not connection.in_atomic_block:
        connection.close()


# --- Staged: resumable, piece by piece ------------------------------------------------------------------------


def receive(upload_id: UUID, offset: int, stream: BinaryIO, length: int | None, *, by: Actor) -> Upload:
    """Append what the stream gives, from `offset`; what arrived before a cut is kept.

    Pieces of at most 8 MiB are stored as objects of their own, each with its row once it is
    durable. Raises WrongOffset, UploadEnded, TooLarge, StoreUnavailable.
    """
    upload = access.fetch_upload(by, upload_id)
    _must_be_receiving(upload)
    if offset != upload.received_bytes:
        raise WrongOffset(upload.received_bytes)
    room = upload.declared_bytes - offset
    if length is not None and length > room:
        raise TooLarge(_("More bytes arrived than were announced."))
    left = room if length is None else length
    _let_go_of_database()
    cut: Exception | None = None
    while left > 0 and cut is None:
        wanted = min(PIECE_BYTES, left)
        chunks: list[bytes] = []
        got = 0
        while got < wanted:
            try:
                chunk = stream.read(min(READ_BYTES, wanted - got))
            except Exception as error:  # noqa: BLE001 (the server names a vanished client in its own ways)
                cut = error
                break
            if not chunk:
                cut = UploadRefused(_("The connection ended before the file did."))
                break
            chunks.append(chunk)
            got += len(chunk)
        if chunks:
            offset = _keep_piece(upload.pk, offset, b"".join(chunks))
            left -= got
    if length is None and cut is None and stream.read(1):
        raise TooLarge(_("More bytes arrived than were announced."))
    upload = access.fetch_upload(by, upload_id)
    if cut is not None and length is not None:
        logger.info("upload %s was cut at %s: %s", upload_id, upload.received_bytes, cut)
    return upload


def _keep_piece(upload_id: UUID, offset: int, data: bytes) -> int:
    """Store a piece, then name it in one transaction; answers the new offset."""
    key = new_key()
    digest = hashlib.sha256(data).hexdigest()
    _note_for_deletion([key], after=ONE_PASS_DEADLINE)
    _let_go_of_database()
    store().put(key, data)
    with transaction.atomic():
        upload = Upload.objects.select_for_update().get(pk=upload_id)
        _must_be_receiving(upload)
        if upload.received_bytes != offset:
            # Another request was quicker; this piece is deleted when its note falls due.
            raise WrongOffset(upload.received_bytes)
        UploadPiece.objects.create(
            upload=upload, offset_bytes=offset, size_bytes=len(data), object_key=key, sha256=digest
        )
        upload.received_bytes = offset + len(data)
        upload.save(update_fields=["received_bytes", "updated_at"])
        PendingDeletion.objects.filter(pk=key).delete()
    return offset + len(data)


def _must_be_receiving(upload: Upload) -> None:
    if upload.state == UploadState.FINISHING:
        raise UploadRefused(_("All bytes are here; the file is being put together."), 409)
    if upload.state != UploadState.RECEIVING:
        raise UploadEnded(upload.failure or _("This upload has ended."))


def finish_upload(upload_id: UUID, *, by: Actor) -> Document | None:
    """Make the document of an upload whose bytes are all here; large ones by a job (then None).

    However often it is called, one upload makes one document.
    """
    with transaction.atomic():
        upload = Upload.objects.select_for_update(of=("self",)).get(pk=upload_id)
        if upload.state == UploadState.DONE:
            return upload.document
        if upload.received_bytes != upload.declared_bytes:
            raise WrongOffset(upload.received_bytes)
        if upload.state == UploadState.RECEIVING:
            upload.state = UploadState.FINISHING
            upload.save(update_fields=["state", "updated_at"])
            if upload.declared_bytes > FINISH_AT_ONCE_BYTES:
                jobs.enqueue("documents.tasks.finish_upload", upload.pk)
                return None
        elif upload.state != UploadState.FINISHING:
            raise UploadEnded(upload.failure or _("This upload has ended."))
        elif by.kind != "job":
            return None
    return assemble(upload_id, by=by)


def assemble(upload_id: UUID, *, by: Actor) -> Document:
    """Put the pieces of a finishing upload together and file the document."""
    upload = Upload.objects.get(pk=upload_id)
    pieces = list(upload.pieces.order_by("offset_bytes"))
    try:
        received, is_reused = _one_object(upload, pieces)
        return _file(upload_id, received, by=by, keep=received.object_key if is_reused else "")
    except (StoreError, OSError):
        if by.kind == "job":
            raise  # tried again; the upload stays "finishing"
        with transaction.atomic():
            jobs.enqueue("documents.tasks.finish_upload", upload_id, delay=timedelta(seconds=20))
        raise
    except Exception as error:
        _fail(upload, str(error), by=by)
        raise


def _one_object(upload: Upload, pieces: list[UploadPiece]) -> tuple[Received, bool]:
    """One object with all bytes: the only piece itself, or a new object written in one pass."""
    if len(pieces) == 1:
        piece = pieces[0]
        head = b"".join(store().open(piece.object_key, 0, min(HEAD_BYTES, piece.size_bytes)))
        kind = sniff(head, upload.name)
        return Received(piece.object_key, piece.size_bytes, piece.sha256, kind), True
    key = new_key()
    _note_for_deletion([key], after=ONE_PASS_DEADLINE)
    _let_go_of_database()
    head = b""
    with store().writing(key) as writer:
        for piece in pieces:
            digest = hashlib.sha256()
            for chunk in store().open(piece.object_key):
                digest.update(chunk)
                if len(head) < HEAD_BYTES:
                    head += chunk[: HEAD_BYTES - len(head)]
                writer.write(chunk)
            if digest.hexdigest() != piece.sha256:
                raise StoreError(f"a staged piece of upload {upload.pk} is not what was received")
    return Received(key, writer.size_bytes, writer.sha256, sniff(head, upload.name)), False


# --- The last step -------------------------------------------------------------------------------------------


def _file(upload_id: UUID, received: Received, *, by: Actor, keep: str = "") -> Document:
    """One transaction: document, version, settlement, trail and follow-up jobs. Idempotent per upload."""
    with transaction.atomic():
        upload = Upload.objects.select_for_update(of=("self",)).select_related("user").get(pk=upload_id)
        if upload.state == UploadState.DONE and upload.document is not None:
            return upload.document
        if upload.state not in {UploadState.RECEIVING, UploadState.FINISHING}:
            raise UploadEnded(upload.failure or _("This upload has ended."))
        folder = _place_of(upload, by)
        document = _insert_document(upload, folder, received, by)
        quota.settle(upload.user_id, reserved_bytes=upload.reserved_bytes, used_bytes=received.size_bytes)
        upload.state, upload.document = UploadState.DONE, document
        upload.reserved_bytes, upload.received_bytes = 0, received.size_bytes
        upload.save()
        PendingDeletion.objects.filter(pk=received.object_key).delete()
        leftover = [piece.object_key for piece in upload.pieces.all() if piece.object_key != keep]
        upload.pieces.all().delete()
        if leftover:
            _note_for_deletion(leftover)
            jobs.enqueue("documents.tasks.purge_objects")
        audit.record(
            audit.Verb.DOCUMENT_ADDED,
            by=by,
            target_kind="document",
            target_id=document.pk,
            target_name=document.name,
            owner=document.user_id,
            details={
                "size_bytes": received.size_bytes,
                "sha256": received.sha256,
                "type": received.content_type,
            },
        )
    return document


def _place_of(upload: Upload, by: Actor) -> Folder | None:
    """The folder, asked again at the end: it may be gone, or the right to it."""
    lock_vault(upload.user_id, is_shared=True)
    if upload.to_root:
        return None
    folder = Folder.objects.live().filter(pk=upload.folder_id).first() if upload.folder_id else None
    if folder is None:
        raise UploadRefused(_("The folder is gone. Choose another place and send the file again."), 409)
    access.require_folder(by, folder, Level.EDIT)
    return folder


def _insert_document(upload: Upload, folder: Folder | None, received: Received, by: Actor) -> Document:
    """The rows, under the wanted name or the next free one, however many race for it."""
    name = upload.name
    for _try in range(NAME_TRIES):
        document = Document(
            user_id=upload.user_id,
            folder=folder,
            name=name,
            name_key=name_key(name),
            object_key=received.object_key,
            size_bytes=received.size_bytes,
            sha256=received.sha256,
            content_type=received.content_type,
        )
        try:
            with transaction.atomic():
                document.save(force_insert=True)
        except IntegrityError as error:
            if "uq_documents_live_folder_name" not in str(error):
                raise
            name = next_free_name(upload.name, upload.user_id, folder)
            continue
        version = Version.objects.create(
            document=document,
            number=1,
            object_key=received.object_key,
            size_bytes=received.size_bytes,
            sha256=received.sha256,
            content_type=received.content_type,
            declared_type=upload.declared_type,
            created_by=by.user,
        )
        Document.objects.filter(pk=document.pk).update(current_version=version)
        document.current_version = version
        document.refresh_from_db(fields=["created_at", "updated_at"])
        return document
    raise UploadRefused(_("Too many files of this name arrive at once. Please send it again."), 409)


def next_free_name(name: str, owner_id: UUID, folder: Folder | None) -> str:
    """The name, or its next numbered form that no live document in the folder has."""
    stem = split_name(name)[0].rpartition(" (")[0] or split_name(name)[0]
    rows = Document.objects.live().owned_by(owner_id).in_folder(folder)
    return free_name(name, set(rows.filter(name_key__startswith=name_key(stem)).values_list("name_key", flat=True)))


# --- Ending without a document -----------------------------------------------------------------------------------


def cancel_upload(upload_id: UUID, *, by: Actor) -> None:
    """Stop an upload and give its bytes back. One that has ended already stays as it is."""
    access.fetch_upload(by, upload_id)
    with transaction.atomic():
        if upload := _close(upload_id, UploadState.CANCELLED, ""):
            _tell(audit.Verb.UPLOAD_CANCELLED, upload, by)


def stop_upload(upload_id: UUID, *, by: Actor) -> bool:
    """End anybody's upload, as an admin; answers whether it was still under way."""
    access.require_admin(by)
    with transaction.atomic():
        upload = _close(upload_id, UploadState.CANCELLED, _("An admin has stopped it."))
        if upload is not None:
            _tell(audit.Verb.UPLOAD_CANCELLED, upload, by)
    return upload is not None


def expire_uploads(limit: int = 500) -> int:
    """End uploads past their deadline; answers how many."""
    late = Upload.objects.filter(
        state__in=[UploadState.RECEIVING, UploadState.FINISHING], expires_at__lt=now()
    ).values_list("pk", flat=True)[:limit]
    count = 0
    for upload_id in list(late):
        with transaction.atomic():
            if upload := _close(upload_id, UploadState.EXPIRED, _("The upload was not finished in time.")):
                _tell(audit.Verb.UPLOAD_EXPIRED, upload, Actor.system())
                count += 1
    return count


def _fail(upload: Upload, reason: str, *, by: Actor) -> None:
    """Best effort, since the cause may be the database itself; the sweep does what this could not."""
    try:
        with transaction.atomic():
            if closed := _close(upload.pk, UploadState.FAILED, reason):
                _tell(audit.Verb.UPLOAD_FAILED, closed, by)
    except Exception as error:  # noqa: BLE001
        logger.warning("upload %s stays for the sweep: %s", upload.pk, error)


def _close(upload_id: UUID, state: UploadState, reason: str) -> Upload | None:
    """End a live upload: reservation back, objects noted for deletion. None if it had ended."""
    upload = Upload.objects.select_for_update(of=("self",)).filter(pk=upload_id).first()
    if upload is None or upload.state not in {UploadState.RECEIVING, UploadState.FINISHING}:
        return None
    quota.release(upload.user_id, upload.reserved_bytes)
    keys = [piece.object_key for piece in upload.pieces.all()]
    if upload.object_key:
        keys.append(upload.object_key)
    upload.pieces.all().delete()
    upload.state, upload.failure, upload.reserved_bytes = state, reason[:500], 0
    upload.save()
    if keys:
        _note_for_deletion(keys)
        jobs.enqueue("documents.tasks.purge_objects")
    return upload


def _tell(verb: audit.Verb, upload: Upload, by: Actor) -> None:
    audit.record(
        verb,
        by=by,
        target_kind="upload",
        target_id=upload.pk,
        target_name=upload.name,
        owner=upload.user_id,
        details={"received_bytes": upload.received_bytes, "reason": upload.failure},
        result="done" if verb is audit.Verb.UPLOAD_CANCELLED else "failed",
    )


def _note_for_deletion(keys: list[str], after: timedelta = timedelta()) -> None:
    """Remember objects to delete, at once or once it is sure that nothing will name them."""
    PendingDeletion.objects.bulk_create(
        [PendingDeletion(object_key=key, due_at=now() + after) for key in keys],
        update_conflicts=True,
        unique_fields=["object_key"],
        update_fields=["due_at"],
    )


def chunks_of(stream: BinaryIO, size: int = PART_BYTES // 8) -> Iterable[bytes]:
    """What a file object holds, a megabyte at a time."""
    read: Callable[[], bytes] = lambda: stream.read(size)  # noqa: E731
    return iter(read, b"")
