"""An object written piece by piece without knowing its length: one part travels while the next is filled.

At most two parts are in memory. Small objects go in one put, larger ones as a multipart upload.
"""

import hashlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from documents.store_errors import StoreError

logger = logging.getLogger(__name__)

PART_BYTES = 8 * 1024 * 1024

Result = TypeVar("Result")


@dataclass(frozen=True)
class PartReceipt:
    """What completing a multipart upload needs to know of one part."""

    number: int
    etag: str


class Parts(Protocol):
    """What a writer asks of the store."""

    def put(self, key: str, data: bytes) -> None: ...
    def begin_multipart(self, key: str) -> str: ...
    def put_part(self, key: str, upload_id: str, number: int, data: bytes) -> PartReceipt: ...
    def complete_multipart(self, key: str, upload_id: str, parts: list[PartReceipt]) -> None: ...
    def abort_multipart(self, key: str, upload_id: str) -> None: ...
    def delete(self, key: str) -> None: ...


class Beside(Generic[Result]):
    """One call on a thread of its own, while the caller goes on."""

    def __init__(self, call: Callable[[], Result]) -> None:
        self._answer: Future[Result] = Future()
        self._thread = threading.Thread(target=self._work, args=[call], daemon=True)
        self._thread.start()

    def _work(self, call: Callable[[], Result]) -> None:
        try:
            self._answer.set_result(call())
        except BaseException as error:  # noqa: BLE001 (handed to the one who waits)
            self._answer.set_exception(error)

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not."""
        return self._answer.done()

    def result(self) -> Result:
        """Wait for it; raises what it raised."""
        return self._answer.result()


class ObjectWriter:
    """Collects chunks into parts, and takes the SHA-256 of all on the way."""

    def __init__(self, store: Parts, key: str) -> None:
        self.store, self.key = store, key
        self.size_bytes = 0
        self._hash = hashlib.sha256()
        self._chunks: list[bytes] = []
        self._collected = 0
        self._upload_id = ""
        self._parts: list[PartReceipt] = []
        self._sending: Beside[PartReceipt] | None = None
        self._is_done = False

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Take some bytes; waits when a part is full and the one before is still on its way."""
        self._hash.update(chunk)
        self.size_bytes += len(chunk)
        while self._collected + len(chunk) >= PART_BYTES:
            room = PART_BYTES - self._collected
            self._collect(chunk[:room])
            chunk = chunk[room:]
            self._send()
        if chunk:
            self._collect(chunk)

    def finish(self) -> None:
        """Make the object. Raises StoreError."""
        if not self._upload_id:
            self.store.put(self.key, self._take())
        else:
            if self._collected:
                self._send()
            self._wait()
            self.store.complete_multipart(self.key, self._upload_id, self._parts)
        self._is_done = True

    def abandon(self) -> None:
        """Leave nothing behind, as far as the store can be reached; a sweep finds the rest."""
        try:
            self._wait()
        except Exception as error:  # noqa: BLE001 (it is being abandoned anyway)
            logger.debug("a part of %s did not arrive: %s", self.key, error)
        try:
            if self._is_done:
                self.store.delete(self.key)
            elif self._upload_id:
                self.store.abort_multipart(self.key, self._upload_id)
        except StoreError as error:
            logger.warning("left behind %s: %s", self.key, error)

    def _collect(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._collected += len(chunk)

    def _take(self) -> bytes:
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks, self._collected = [], 0
        return data

    def _send(self) -> None:
        """Send what is collected as the next part, once the one before has arrived."""
        data = self._take()
        if not self._upload_id:
            self._upload_id = self.store.begin_multipart(self.key)
        self._wait()
        number = len(self._parts) + 1
        self._sending = Beside(lambda: self.store.put_part(self.key, self._upload_id, number, data))

    def _wait(self) -> None:
        sending, self._sending = self._sending, None
        if sending is not None:
            self._parts.append(sending.result())
