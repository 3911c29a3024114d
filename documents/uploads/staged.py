"""The staged way in: resumable, piece by piece, each an object and a row of its own once it is durable.

A file that comes whole and fits one piece is filed at once; one piece becomes the document's object
without a copy; several are put together in one streaming pass, large ones by a job. The piece size
lets a store copy pieces as parts of a multipart upload (5 MiB at least), and bounds what a stalled
sender holds in memory.
"""

import hashlib
import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import zip_longest
from typing import BinaryIO
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts.actors import Actor, ActorKind
from documents import jobs
from documents.models import Document, PendingDeletion, Upload, UploadPiece, UploadState
from documents.sniffing import HEAD_BYTES, sniff
from documents.storage import StoreError, StoreUnavailable, new_key, store
from documents.uploads.ending import fail_upload, note_for_deletion
from documents.uploads.filing import Received, file_document
from documents.uploads.incoming import Checksum, Incoming
from documents.uploads.refusals import (
    TooLarge,
    UploadEnded,
    UploadRefused,
    WrongChecksum,
    WrongOffset,
    must_be_receiving,
)
from documents.writing import Beside
from docuvault.lib.connections import let_go_of_database
from docuvault.lib.failpoints import Failpoint, failpoint
from sharing import access

logger = logging.getLogger(__name__)

# The sync to disk of one piece costs as much time as sending the next.
MOST_TRAVELLING = 2
FINISH_AT_ONCE_BYTES = 64 * 1024 * 1024
# A piece that no row names by then was left by a dead process.
PIECE_DEADLINE = timedelta(hours=24)
# For so long after it was noted a piece may be read; then it is noted anew.
NOTE_HOLDS = timedelta(hours=6)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
# When a job looks whether the request that puts a file together has done so.
SECOND_LOOK = timedelta(minutes=2)


def receive(
    upload_id: UUID,
    offset: int,
    stream: BinaryIO,
    length: int | None,
    *,
    by: Actor,
    checksum: Checksum | None = None,
) -> Upload:
    """Append what the stream gives, from `offset`; what arrived before a cut is kept.

    With a `checksum` all of it is kept or nothing: it is verified before any piece gets its row.

    Raises WrongOffset, UploadEnded, TooLarge, WrongChecksum, StoreUnavailable; where the file comes whole also what
    filing it raises.
    """
    upload = access.fetch_upload(by, upload_id)
    must_be_receiving(upload)
    if offset != upload.received_bytes:
        raise WrongOffset(upload.received_bytes)
    room = upload.declared_bytes - offset
    if length is not None and length > room:
        raise TooLarge(_("More bytes arrived than were announced."))
    let_go_of_database()
    incoming = Incoming(stream, room if length is None else length, checksum)
    staging = Staging(upload, offset, is_held=checksum is not None)
    data = incoming.piece()
    if offset == 0 and len(data) == upload.declared_bytes and not upload.is_import:
        if length is None:
            incoming.must_be_over()
        incoming.must_match()
        return _file_at_once(upload, data, by)
    while data:
        staging.add(data)
        data = incoming.piece()
    staging.settle()
    try:
        incoming.must_match()
    except WrongChecksum:
        staging.drop()
        raise
    staging.keep()
    if length is None:
        incoming.must_be_over()
    if incoming.cut is not None:
        logger.info("upload %s was cut: %s", upload_id, incoming.cut)
    return access.fetch_upload(by, upload_id)


@dataclass(frozen=True)
class Arrived:
    """A piece that is stored and has no row yet."""

    object_key: str
    size_bytes: int
    sha256: str


class Staging:
    """Stores pieces one after another; while some travel, those before get their rows and the next is read.

    `is_held`: none gets its row before `keep` is called.
    """

    def __init__(self, upload: Upload, offset: int, *, is_held: bool = False) -> None:
        self.upload, self.offset, self.is_held = upload, offset, is_held
        self._arrived: list[Arrived] = []
        self._travelling: deque[Beside[Arrived]] = deque()
        self._sent_to = offset
        # Noted for deletion already, for a piece that is still to be read.
        self._key_ahead, self._noted_at = "", LONG_AGO

    def add(self, data: bytes) -> None:
        """Send a piece on its way, once few are left on theirs. Raises as `settle` does."""
        self._wait(MOST_TRAVELLING - 1)
        key, self._key_ahead = self._key_ahead or new_key(), ""
        if now() > self._noted_at + NOTE_HOLDS:
            note_for_deletion([key], after=PIECE_DEADLINE)
        self._noted_at = LONG_AGO
        failpoint(Failpoint.PIECE_NOTED)
        let_go_of_database()
        self._sent_to += len(data)
        self._travelling.append(Beside(lambda: _put(key, data)))
        if not self.is_held:
            self.keep()
            let_go_of_database()

    def settle(self) -> None:
        """Wait for the pieces under way. Raises WrongOffset, UploadEnded, StoreUnavailable."""
        self._wait()
        if not self.is_held:
            self.keep()

    def keep(self) -> None:
        """Give what has arrived its rows. Raises WrongOffset, UploadEnded, StoreUnavailable."""
        if not self._arrived:
            return
        key = new_key() if self._travelling and self._sent_to < self.upload.declared_bytes else ""
        try:
            with transaction.atomic():
                self._name(self._arrived)
                self._note_ahead(key)
        except UploadRefused:
            self.drop()
            raise
        self._arrived = []
        failpoint(Failpoint.PIECE_NAMED)

    def _note_ahead(self, key: str) -> None:
        """For the piece to come, in the transaction that names the one before: one wait for the disk, not two."""
        if self._key_ahead:
            PendingDeletion.objects.filter(pk=self._key_ahead).delete()
        if key:
            note_for_deletion([key], after=PIECE_DEADLINE)
        self._key_ahead, self._noted_at = key, now() if key else LONG_AGO

    def drop(self) -> None:
        """Forget what has arrived, or is under way, and has no row."""
        while self._travelling:
            try:
                self._wait()
            except Exception as error:  # noqa: BLE001 (its note stands, and falls due)
                logger.debug("a piece of %s did not arrive: %s", self.upload.pk, error)
        keys = [piece.object_key for piece in self._arrived]
        note_for_deletion([*keys, self._key_ahead] if self._key_ahead else keys)
        self._arrived, self._key_ahead = [], ""

    def _wait(self, left: int = 0) -> None:
        """Until no more than so many are under way; in their order, so none gets its row before one that failed."""
        while len(self._travelling) > left or (self._travelling and self._travelling[0].is_over):
            self._arrived.append(self._travelling.popleft().result())

    def _name(self, pieces: list[Arrived]) -> None:
        upload = Upload.objects.select_for_update().get(pk=self.upload.pk)
        must_be_receiving(upload)
        if upload.received_bytes != self.offset:
            raise WrongOffset(upload.received_bytes)  # another request was quicker
        offset = self.offset
        for piece in pieces:
            _claim(piece.object_key)
            UploadPiece.objects.create(
                upload=upload,
                offset_bytes=offset,
                size_bytes=piece.size_bytes,
                object_key=piece.object_key,
                sha256=piece.sha256,
            )
            offset += piece.size_bytes
        upload.received_bytes = offset
        # What gets on may take as long as it needs.
        upload.expires_at = max(upload.expires_at, now() + timedelta(hours=settings.UPLOAD_EXPIRY_HOURS))
        upload.save(update_fields=["received_bytes", "expires_at", "updated_at"])
        if offset == upload.declared_bytes:
            # Whoever sent it may take this answer for the end, and this process may die before it makes one.
            is_large = offset > FINISH_AT_ONCE_BYTES
            jobs.enqueue("documents.tasks.finish_upload", upload.pk, delay=timedelta() if is_large else SECOND_LOOK)
        failpoint(Failpoint.PIECE_NAMING)
        self.offset = offset


def _put(key: str, data: bytes) -> Arrived:
    store().put(key, data)
    failpoint(Failpoint.PIECE_PUT)
    return Arrived(key, len(data), hashlib.sha256(data).hexdigest())


def _claim(key: str) -> None:
    """Take the note back, in the transaction that names the object: from here on it stays."""
    if not PendingDeletion.objects.filter(pk=key).delete()[0]:
        raise StoreUnavailable("the piece arrived too slowly")  # its note fell due; it is sent again


def _file_at_once(upload: Upload, data: bytes, by: Actor) -> Upload:
    """The whole file is here and small: one put and one transaction."""
    key = new_key()
    note_for_deletion([key], after=PIECE_DEADLINE)
    let_go_of_database()
    arrived = _put(key, data)
    received = Received(key, len(data), arrived.sha256, sniff(data[:HEAD_BYTES], upload.name), is_noted=True)
    try:
        file_document(upload, received, by=by, is_all=True)
    except (UploadRefused, access.NotVisible, access.NotAllowed) as error:
        note_for_deletion([key])
        if not isinstance(error, WrongOffset | UploadEnded):  # then another request was quicker
            fail_upload(upload, error, by=by)
        raise
    return upload


# --- Putting together ------------------------------------------------------------------------------


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
        if upload.is_import:
            _hand_over_import(upload)
            return None
        if upload.state == UploadState.RECEIVING:
            upload.state = UploadState.FINISHING
            upload.save(update_fields=["state", "updated_at"])
            if not upload.declared_bytes:  # no last piece has asked for its job
                jobs.enqueue("documents.tasks.finish_upload", upload.pk, delay=SECOND_LOOK)
            if upload.declared_bytes > FINISH_AT_ONCE_BYTES and by.kind is not ActorKind.JOB:
                return None
        elif upload.state != UploadState.FINISHING:
            raise UploadEnded(upload.failure or _("This upload has ended."))
        elif by.kind is not ActorKind.JOB:
            return None
    failpoint(Failpoint.UPLOAD_FINISHING)
    return assemble(upload_id, by=by)


def _hand_over_import(upload: Upload) -> None:
    """What was sent is no document: a job takes in what is in it. The caller holds the row."""
    if upload.state == UploadState.RECEIVING:
        upload.state = UploadState.FINISHING
        upload.save(update_fields=["state", "updated_at"])
        jobs.enqueue("documents.tasks.take_in_import", upload.pk)
    elif upload.state != UploadState.FINISHING:
        raise UploadEnded(upload.failure or _("This upload has ended."))


def assemble(upload_id: UUID, *, by: Actor) -> Document:
    """Put the pieces of a finishing upload together and file the document.

    When the store or the database is away the upload stays "finishing", and its job tries again;
    only a refusal ends it.
    """
    with transaction.atomic():
        upload = Upload.objects.select_for_update(of=("self",)).get(pk=upload_id)
        pieces = list(upload.pieces.order_by("offset_bytes"))
    if upload.state == UploadState.DONE and upload.document is not None:
        return upload.document
    if upload.state != UploadState.FINISHING:
        raise UploadEnded(upload.failure or _("This upload has ended."))
    try:
        received = _one_object(upload, pieces)
        try:
            return file_document(upload, received, by=by)
        except (UploadRefused, access.NotVisible, access.NotAllowed) as error:
            if received.is_noted:
                note_for_deletion([received.object_key])
            fail_upload(upload, error, by=by)
            raise
    except StoreError:
        upload.refresh_from_db()
        if upload.state == UploadState.DONE and upload.document is not None:
            return upload.document  # another call was quicker, and its pieces are gone
        raise


def _one_object(upload: Upload, pieces: list[UploadPiece]) -> Received:
    """One object with all bytes: the only piece itself, or a new object written in one pass."""
    if len(pieces) == 1:
        piece = pieces[0]
        head = b"".join(store().open(piece.object_key, 0, min(HEAD_BYTES, piece.size_bytes)))
        return Received(piece.object_key, piece.size_bytes, piece.sha256, sniff(head, upload.name))
    key = new_key()
    note_for_deletion([key], after=PIECE_DEADLINE)
    let_go_of_database()
    head = b""
    with store().writing(key) as writer:
        for piece, data in _fetched(pieces):
            if hashlib.sha256(data).hexdigest() != piece.sha256:
                raise StoreError(f"a staged piece of upload {upload.pk} is not what was received")
            if len(head) < HEAD_BYTES:
                head += data[: HEAD_BYTES - len(head)]
            writer.write(data)
            failpoint(Failpoint.PIECE_COPIED)
    failpoint(Failpoint.UPLOAD_ASSEMBLED)
    return Received(key, writer.size_bytes, writer.sha256, sniff(head, upload.name), is_noted=True)


def _fetched(pieces: list[UploadPiece]) -> Iterator[tuple[UploadPiece, bytes]]:
    """Each with its bytes; those of the next come while these are hashed and sent on."""
    ahead: Beside[bytes] | None = None
    for piece, following in zip_longest(pieces, pieces[1:]):
        data = _fetch(piece) if ahead is None else ahead.result()
        ahead = None if following is None else Beside(partial(_fetch, following))
        yield piece, data


def _fetch(piece: UploadPiece) -> bytes:
    return b"".join(store().open(piece.object_key))
