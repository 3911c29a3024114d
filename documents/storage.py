"""The one gateway to the object store: a closed list of calls, and errors of its own.

Only this module knows S3. Keys are random and never overwritten; all that describes an object is
in PostgreSQL, since the embedded store forgets metadata when it restarts. What servers differ in is
declared in `ABILITIES`. Never called, because some servers answer 200 and overwrite or delete:
tagging, ACLs, legal holds, bucket policies. Never relied on: conditional writes and the SHA-256 or
CRC headers (Content-MD5 is what the embedded store verifies).
"""

import base64
import hashlib
import logging
import os
import re
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from django.conf import settings
from storages.backends.s3 import S3Storage

logger = logging.getLogger(__name__)

READ_BYTES = 512 * 1024
PART_BYTES = 8 * 1024 * 1024
KEY_PATTERN = re.compile(r"^[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{32}$")
MISSING_CODES = {"404", "NoSuchKey", "NotFound", "NoSuchUpload"}


class StoreError(Exception):
    """Something about the object store."""


class StoreUnavailable(StoreError):
    """The store does not answer, or not as it should. What was asked may be tried again."""


class ObjectMissing(StoreError):
    """There is no such object."""


@dataclass(frozen=True)
class Abilities:
    """What a kind of server can be trusted with; tests of what one lacks are listed, not passed."""

    verifies_signature: bool = True
    verifies_md5: bool = True
    keeps_multipart_after_restart: bool = True
    refuses_small_parts: bool = True
    answers_ranges_with_206: bool = True
    forgets_metadata_on_restart: bool = False
    copies_parts: bool = True


ABILITIES = {
    "aws": Abilities(),
    "minio": Abilities(),
    "s3": Abilities(),
    "rclone": Abilities(
        keeps_multipart_after_restart=False,
        refuses_small_parts=False,
        answers_ranges_with_206=False,
        forgets_metadata_on_restart=True,
        copies_parts=False,
    ),
    "moto": Abilities(verifies_signature=False, verifies_md5=False, keeps_multipart_after_restart=False),
}


@dataclass(frozen=True)
class StoredObject:
    """An object as the store lists it."""

    key: str
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True)
class PartReceipt:
    """What completing a multipart upload needs to know of one part."""

    number: int
    etag: str


def new_key() -> str:
    """A key that nobody chose; two folders of 256 keep listings and directories small."""
    name = uuid.uuid4().hex
    return f"{name[:2]}/{name[2:4]}/{name}"


class OneConnectionStorage(S3Storage):  # type: ignore[misc]
    """django-storages' S3 storage with one client per process; its own is one per thread."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._connections = SimpleNamespace()  # where the parent keeps a threading.local

    @property
    def connection(self) -> Any:
        with _connection_lock:
            return super().connection


_connection_lock = threading.Lock()


@contextmanager
def _told_in_our_words(key: str = "") -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in MISSING_CODES or status == 404:
            raise ObjectMissing(key) from error
        raise StoreUnavailable(f"the object store answered {status} {code}") from error
    except (BotoCoreError, HTTPClientError, OSError) as error:
        # urllib3's errors derive from HTTPError, not OSError; botocore wraps all but those of a body being read.
        raise StoreUnavailable(f"the object store cannot be reached: {type(error).__name__}") from error


class ObjectStore:
    """Put, open, head, delete, list and multipart, on one bucket."""

    def __init__(
        self,
        *,
        endpoint_url: str,
        access_key: str,
        secret_key: str,
        bucket: str,
        region: str = "us-east-1",
        kind: str = "s3",
        local_root: str = "",
    ) -> None:
        self.bucket = bucket
        self.abilities = ABILITIES[kind]
        self._local_root = Path(local_root) / bucket if local_root else None
        self._storage = OneConnectionStorage(
            bucket_name=bucket,
            endpoint_url=endpoint_url or None,
            access_key=access_key or None,
            secret_key=secret_key or None,
            region_name=region,
            addressing_style="path" if endpoint_url else "auto",
            client_config=Config(
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                connect_timeout=3,
                read_timeout=30,
                retries={"max_attempts": 2, "mode": "standard"},
                max_pool_connections=100,
                signature_version="s3v4",
                tcp_keepalive=True,
                s3={"addressing_style": "path" if endpoint_url else "auto", "payload_signing_enabled": False},
            ),
        )

    @property
    def _client(self) -> Any:
        return self._storage.connection.meta.client

    # --- whole objects ------------------------------------------------------------------------------

    def put(self, key: str, data: bytes | bytearray | memoryview) -> None:
        """Store an object of at most a part's size. The store verifies the MD5 we send."""
        _check_key(key)
        with _told_in_our_words(key):
            self._client.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=bytes(data) if not isinstance(data, bytes) else data,
                ContentMD5=_md5(data),
                ContentType="application/octet-stream",
            )
        self._make_durable(key)

    def put_stream(self, key: str, chunks: Iterable[bytes]) -> int:
        """Store what the chunks hold, a part at a time; answers how many bytes. Nothing stays on failure."""
        with self.writing(key) as writer:
            for chunk in chunks:
                writer.write(chunk)
        return writer.size_bytes

    @contextmanager
    def writing(self, key: str) -> Iterator["ObjectWriter"]:
        """A writer whose object exists once the block has ended well, and not at all otherwise."""
        writer = ObjectWriter(self, key)
        try:
            yield writer
            writer.finish()
        except BaseException:
            writer.abandon()
            raise

    def open(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` to before `end`. Raises StoreUnavailable if fewer come than there are.

        The first chunk is asked for here, so a missing object is told before any answer begins.
        """
        _check_key(key)
        if end is not None and end <= start:
            return iter(())
        arguments: dict[str, Any] = {"Bucket": self.bucket, "Key": key}
        if start or end is not None:
            arguments["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        with _told_in_our_words(key):
            answer = self._client.get_object(**arguments)
        expected = int(answer["ContentLength"])
        if end is not None and expected != end - start:
            answer["Body"].close()
            raise StoreUnavailable("the object store answered another range than was asked for")
        return self._chunks(answer["Body"], expected, key)

    @staticmethod
    def _chunks(body: Any, expected: int, key: str) -> Iterator[bytes]:
        left = expected
        try:
            while left:
                try:
                    chunk: bytes = body.read(min(READ_BYTES, left))
                except Exception as error:
                    raise StoreUnavailable(f"the object store broke off: {type(error).__name__}") from error
                if not chunk:
                    raise StoreUnavailable(f"the object store sent {left} bytes too few")
                left -= len(chunk)
                yield chunk
        finally:
            # Unread bytes would poison the connection for the next one who takes it from the pool.
            body.close() if left == 0 else _cut_off(body)

    def head(self, key: str) -> StoredObject:
        """Size and age of an object. Raises ObjectMissing."""
        with _told_in_our_words(key):
            answer = self._client.head_object(Bucket=self.bucket, Key=key)
        return StoredObject(key, int(answer["ContentLength"]), answer["LastModified"])

    def delete(self, key: str) -> None:
        """Remove an object; one that is gone already counts as removed."""
        _check_key(key)
        try:
            with _told_in_our_words(key):
                self._client.delete_object(Bucket=self.bucket, Key=key)
        except ObjectMissing:
            return

    def objects(self, prefix: str = "", after: str = "") -> Iterator[StoredObject]:
        """All objects in key order, a thousand per request."""
        with _told_in_our_words():
            token: dict[str, str] = {"StartAfter": after} if after else {}
            while True:
                page = self._client.list_objects_v2(Bucket=self.bucket, Prefix=prefix, **token)
                for item in page.get("Contents", []):
                    yield StoredObject(item["Key"], int(item["Size"]), item["LastModified"])
                if not page.get("IsTruncated"):
                    return
                token = {"ContinuationToken": page["NextContinuationToken"]}

    # --- multipart ------------------------------------------------------------------------------------

    def begin_multipart(self, key: str) -> str:
        _check_key(key)
        with _told_in_our_words(key):
            answer = self._client.create_multipart_upload(
                Bucket=self.bucket, Key=key, ContentType="application/octet-stream"
            )
        return str(answer["UploadId"])

    def put_part(self, key: str, upload_id: str, number: int, data: bytes | bytearray | memoryview) -> PartReceipt:
        """Send one part, counted from 1, in order. All but the last are at least 5 MiB."""
        with _told_in_our_words(key):
            answer = self._client.upload_part(
                Bucket=self.bucket,
                Key=key,
                UploadId=upload_id,
                PartNumber=number,
                Body=bytes(data) if not isinstance(data, bytes) else data,
                ContentMD5=_md5(data),
            )
        return PartReceipt(number, answer["ETag"])

    def complete_multipart(self, key: str, upload_id: str, parts: list[PartReceipt]) -> None:
        with _told_in_our_words(key):
            self._client.complete_multipart_upload(
                Bucket=self.bucket,
                Key=key,
                UploadId=upload_id,
                MultipartUpload={"Parts": [{"PartNumber": p.number, "ETag": p.etag} for p in parts]},
            )
        self._make_durable(key)

    def abort_multipart(self, key: str, upload_id: str) -> None:
        """Forget a multipart upload; one that is forgotten already counts as such."""
        try:
            with _told_in_our_words(key):
                self._client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload_id)
        except ObjectMissing:
            return

    def list_multipart(self) -> list[tuple[str, str, datetime]]:
        """Multipart uploads under way: key, id, begun at."""
        try:
            with _told_in_our_words():
                answer = self._client.list_multipart_uploads(Bucket=self.bucket)
        except ObjectMissing:
            return []  # how rclone answers before the first multipart upload since its start
        return [(u["Key"], u["UploadId"], u["Initiated"]) for u in answer.get("Uploads", [])]

    # --- the rest ---------------------------------------------------------------------------------------

    def presign_get(self, key: str, *, seconds: int, disposition: str, content_type: str) -> str:
        """An address that gives the object for a short time, with both headers inside the signature."""
        _check_key(key)
        with _told_in_our_words(key):
            return str(
                self._client.generate_presigned_url(
                    "get_object",
                    Params={
                        "Bucket": self.bucket,
                        "Key": key,
                        "ResponseContentDisposition": disposition,
                        "ResponseContentType": content_type,
                    },
                    ExpiresIn=seconds,
                )
            )

    def make_bucket(self) -> None:
        """Make the bucket; one that is there already is what was wanted."""
        try:
            self._client.create_bucket(Bucket=self.bucket)
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status != 409:
                raise StoreUnavailable(f"the bucket cannot be made: {status}") from error
        except BotoCoreError as error:
            raise StoreUnavailable(str(error)) from error

    def check(self) -> None:
        """Ask for one key. Raises StoreUnavailable when the store or the bucket is away."""
        try:
            with _told_in_our_words():
                self._client.list_objects_v2(Bucket=self.bucket, MaxKeys=1, Prefix="health/")
        except ObjectMissing as error:
            raise StoreUnavailable("the bucket does not exist") from error

    def _make_durable(self, key: str) -> None:
        """The embedded store renames without fsync; before a row may name the object, we sync it."""
        if self._local_root is None:
            return
        path = self._local_root / key
        try:
            for target in (path, path.parent):
                handle = os.open(target, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)
        except OSError as error:
            raise StoreUnavailable(f"the stored file cannot be synced: {type(error).__name__}") from error


class ObjectWriter:
    """Collects chunks into parts. Small objects go in one put, larger ones as multipart.

    While one part travels the next is being filled: one helper thread, one part in flight, so at
    most two parts are in memory.
    """

    def __init__(self, store: ObjectStore, key: str) -> None:
        _check_key(key)
        self.store, self.key = store, key
        self.size_bytes = 0
        self._hash = hashlib.sha256()
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._upload_id = ""
        self._parts: list[PartReceipt] = []
        self._sender: _Sender | None = None
        self._is_done = False

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        self.size_bytes += len(chunk)
        view = memoryview(chunk)
        while view:
            room = PART_BYTES - self._buffered
            piece, view = view[:room], view[room:]
            self._buffer.append(bytes(piece))
            self._buffered += len(piece)
            if self._buffered == PART_BYTES:
                self._send_part()

    def _take(self) -> bytes:
        data = b"".join(self._buffer)
        self._buffer, self._buffered = [], 0
        return data

    def _send_part(self) -> None:
        if not self._upload_id:
            self._upload_id = self.store.begin_multipart(self.key)
            self._sender = _Sender()
        number, data = (
            len(self._parts) + 1 + (1 if self._sender and self._sender.is_busy else 0),
            self._take(),
        )
        self._collect()
        assert self._sender is not None
        self._sender.start(lambda: self.store.put_part(self.key, self._upload_id, number, data))

    def _collect(self) -> None:
        if self._sender is not None and self._sender.is_busy:
            self._parts.append(self._sender.wait())

    def finish(self) -> None:
        if not self._upload_id:
            self.store.put(self.key, self._take())
        else:
            if self._buffered:
                self._send_part()
            self._collect()
            self.store.complete_multipart(self.key, self._upload_id, self._parts)
        self._is_done = True

    def abandon(self) -> None:
        """Leave nothing behind, as far as the store can be reached; a sweep finds the rest."""
        if self._sender is not None and self._sender.is_busy:
            try:
                self._sender.wait()
            except StoreError:
                pass
        try:
            if self._upload_id and not self._is_done:
                self.store.abort_multipart(self.key, self._upload_id)
            elif self._is_done:
                self.store.delete(self.key)
        except StoreError as error:
            logger.warning("left behind %s: %s", self.key, error)


class _Sender:
    """Runs one call at a time beside the caller."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._result: PartReceipt | None = None
        self._error: BaseException | None = None

    @property
    def is_busy(self) -> bool:
        return self._thread is not None

    def start(self, call: Any) -> None:
        def work() -> None:
            try:
                self._result = call()
            except BaseException as error:  # noqa: BLE001 (handed to the waiting caller)
                self._error = error

        self._result = self._error = None
        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()

    def wait(self) -> PartReceipt:
        assert self._thread is not None
        self._thread.join()
        self._thread = None
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result


def _md5(data: bytes | bytearray | memoryview) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _cut_off(body: Any) -> None:
    """Close the connection itself: it still holds bytes nobody will read."""
    raw = getattr(body, "_raw_stream", None)
    try:
        if raw is not None and getattr(raw, "_connection", None) is not None:
            raw._connection.close()
        body.close()
    except Exception as error:  # noqa: BLE001 (closing what is broken already)
        logger.debug("closing a broken answer: %s", error)


def _check_key(key: str) -> None:
    if not KEY_PATTERN.match(key):
        raise ValueError("object keys are made by new_key() alone")


_store: ObjectStore | None = None
_store_lock = threading.Lock()


def store() -> ObjectStore:
    """The vault's store: one per process, safe to use from every thread."""
    global _store
    with _store_lock:
        if _store is None:
            _store = ObjectStore(
                endpoint_url=settings.S3_ENDPOINT_URL,
                access_key=settings.S3_ACCESS_KEY_ID,
                secret_key=settings.S3_SECRET_ACCESS_KEY,
                bucket=settings.S3_BUCKET,
                region=settings.S3_REGION,
                kind=settings.STORE_KIND,
                local_root=settings.STORE_ROOT,
            )
        return _store
