"""The one-pass way in, for the plain form and the command line: bytes go straight to their last place."""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import BinaryIO

from django.utils.translation import gettext as _

from accounts.actors import Actor
from documents.models import Document, Folder, Upload
from documents.sniffing import HEAD_BYTES, sniff
from documents.storage import new_key, store
from documents.uploads.beginning import begin_upload
from documents.uploads.ending import fail_upload
from documents.uploads.filing import Received, file_document
from documents.uploads.refusals import TooLarge
from docuvault.lib.connections import let_go_of_database
from docuvault.lib.failpoints import Failpoint, failpoint

logger = logging.getLogger(__name__)

DEADLINE = timedelta(hours=24)
CHUNK_BYTES = 1024 * 1024


class OnePass:
    """Writes one file to its object. Use `finish` or `abandon`, exactly one of them."""

    def __init__(
        self,
        name: str,
        folder: Folder | None,
        declared_type: str,
        bound_bytes: int,
        *,
        by: Actor,
        replaces: Document | None = None,
        begin: Callable[..., Upload] = begin_upload,
    ) -> None:
        self.by = by
        self.upload = begin(
            name,
            bound_bytes,
            folder,
            declared_type,
            by=by,
            object_key=new_key(),
            lifetime=DEADLINE,
            replaces=replaces,
        )
        failpoint(Failpoint.UPLOAD_BEGUN)
        self._writing = store().writing(self.upload.object_key)
        self._writer = self._writing.__enter__()
        self._head = b""
        let_go_of_database()

    def write(self, chunk: bytes) -> None:
        """Take some bytes. Raises TooLarge past what was reserved, StoreUnavailable."""
        if len(self._head) < HEAD_BYTES:
            self._head += chunk[: HEAD_BYTES - len(self._head)]
        if self._writer.size_bytes + len(chunk) > self.upload.reserved_bytes:
            raise TooLarge(_("More bytes arrived than were announced."))
        self._writer.write(chunk)
        failpoint(Failpoint.CHUNK_WRITTEN)

    def finish(self) -> Document:
        """File the document. Raises StoreUnavailable, UploadRefused, NotVisible, NotAllowed."""
        try:
            self._writing.__exit__(None, None, None)
            failpoint(Failpoint.STREAM_WRITTEN)
            received = Received(
                self.upload.object_key,
                self._writer.size_bytes,
                self._writer.sha256,
                sniff(self._head, self.upload.name),
            )
            return file_document(self.upload, received, by=self.by)
        except BaseException as error:
            fail_upload(self.upload, error, by=self.by)
            raise

    def abandon(self, reason: BaseException) -> None:
        """Leave nothing behind."""
        try:
            self._writing.__exit__(type(reason), reason, None)
        except BaseException as error:  # noqa: BLE001 (it raises the reason again, or what came on top)
            logger.debug("abandoned: %s", error)
        fail_upload(self.upload, reason, by=self.by)


def store_stream(
    name: str,
    stream: Iterable[bytes],
    folder: Folder | None,
    declared_type: str = "",
    *,
    size_bound: int,
    by: Actor,
    replaces: Document | None = None,
) -> Document:
    """File what the stream gives, in one pass. Raises what begin_upload raises, and StoreError."""
    writing = OnePass(name, folder, declared_type, size_bound, by=by, replaces=replaces)
    try:
        for chunk in stream:
            writing.write(chunk)
    except BaseException as error:
        writing.abandon(error)
        raise
    return writing.finish()


def chunks_of(stream: BinaryIO) -> Iterator[bytes]:
    """What a file object holds, a megabyte at a time."""
    read: Callable[[], bytes] = lambda: stream.read(CHUNK_BYTES)  # noqa: E731
    return iter(read, b"")
