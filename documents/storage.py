"""The one gateway to the object store: a closed list of calls, and errors of its own.

Only this module knows S3, and `documents.wire`, its short way for bytes. Keys are random and never
overwritten; all that describes an object is in PostgreSQL, since the embedded store forgets metadata
when it restarts. What servers differ in is declared in `ABILITIES`. Never called, because some servers
answer 200 and overwrite or delete: tagging, ACLs, legal holds, bucket policies. Never relied on:
conditional writes and the SHA-256 or CRC headers (Content-MD5 is what the embedded store verifies).
"""

import base64
import hashlib
import os
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.handlers import add_expect_header
from botocore.utils import parse_timestamp
from django.conf import settings
from storages.backends.s3 import S3Storage

from documents.store_answers import (
    ABILITIES,
    READ_BYTES,
    Abilities,
    ObjectReader,
    is_range_asked_for,
    said,
    told_in_our_words,
)
from documents.store_errors import ObjectMissing, StoreError, StoreFull, StoreUnavailable, UploadForgotten
from documents.wire import Wire
from documents.writing import PART_BYTES, ObjectWriter, PartReceipt

__all__ = [
    "ABILITIES",
    "KEY_PATTERN",
    "PART_BYTES",
    "READ_BYTES",
    "Abilities",
    "ObjectMissing",
    "ObjectReader",
    "ObjectStore",
    "ObjectWriter",
    "PartReceipt",
    "StoreError",
    "StoreFull",
    "StoreUnavailable",
    "StoredObject",
    "UploadForgotten",
    "new_key",
    "store",
]

KEY_PATTERN = re.compile(r"^[0-9a-f]{2}/[0-9a-f]{32}$")
ANCHOR_NAME = re.compile(r"^[0-9]{4}-[0-9]{10}$")
# What is not a paper's bytes: which vault this bucket belongs to, and what was anchored of its trail.
OWN_PREFIX = "docuvault/"
IDENTITY_KEY = OWN_PREFIX + "instance"
ANCHOR_PREFIX = OWN_PREFIX + "trail/"
ANCHOR_BYTES = 4096
# What the embedded store calls an object whose parts are still coming, before its upload's id.
DRAFT_NAME = ".rclone_temp_multipart_"


@dataclass(frozen=True)
class StoredObject:
    """An object as the store lists it."""

    key: str
    size_bytes: int
    modified_at: datetime


def new_key() -> str:
    """A key that nobody chose, in one of 256 folders.

    Rejected: a second level of folders. Nearly every object would make one, to be synced as well.
    """
    name = uuid.uuid4().hex
    return f"{name[:2]}/{name}"


class OneConnectionStorage(S3Storage):  # type: ignore[misc]
    """django-storages' S3 storage with one client per process; its own is one per thread."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._connections = SimpleNamespace()  # where the parent keeps a threading.local

    @property
    def connection(self) -> Any:
        with _connection_lock:
            return super().connection

    def _create_session(self) -> Any:
        """Without "Expect: 100-continue": a store that breaks off within that answer has botocore read for ever."""
        self.session = super()._create_session()
        self.session.events.unregister("before-call.s3", add_expect_header)
        parsers = self.session._session.get_component("response_parser_factory")
        parsers.set_parser_defaults(timestamp_parser=_moment)
        return self.session

    @cached_property
    def wire(self) -> Wire:
        """The short way for bytes, to the same bucket with the same credentials."""
        client = self.connection.meta.client
        return Wire(client, self.session.get_credentials(), self.bucket_name)


_connection_lock = threading.Lock()


def _moment(told: Any) -> datetime:
    """What botocore reads by a parser for every way of writing a time, which is half of reading a list of objects."""
    try:
        made = datetime.fromisoformat(told)
    except (TypeError, ValueError):
        return parse_timestamp(told)
    return made if made.tzinfo else parse_timestamp(told)


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
        keys: re.Pattern[str] = KEY_PATTERN,
    ) -> None:
        """`keys`: what a key has to look like; a vault's own bucket takes none but random ones."""
        self.bucket = bucket
        self._keys = keys
        self.abilities = ABILITIES[kind]
        self._local_root = Path(local_root) / bucket if local_root else None
        style: Literal["path", "virtual"] = "path" if endpoint_url or "." in bucket else "virtual"
        self._storage = OneConnectionStorage(
            bucket_name=bucket,
            endpoint_url=endpoint_url or None,
            access_key=access_key or None,
            secret_key=secret_key or None,
            region_name=region,
            addressing_style=style,
            client_config=Config(
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                connect_timeout=3,
                read_timeout=20,
                retries={"max_attempts": 2, "mode": "standard"},
                max_pool_connections=100,
                signature_version="s3v4",
                tcp_keepalive=True,
                s3={"addressing_style": style, "payload_signing_enabled": False},
            ),
        )

    @property
    def _client(self) -> Any:
        return self._storage.connection.meta.client

    @property
    def _wire(self) -> Wire:
        return self._storage.wire

    # --- whole objects ------------------------------------------------------------------------------

    def put(self, key: str, data: bytes) -> None:
        """Store an object of at most a part's size."""
        self._check_key(key)
        with told_in_our_words(key):
            self._wire.put(key, data, self._vouching(data))
        self._make_durable(key)

    @contextmanager
    def writing(self, key: str) -> Iterator[ObjectWriter]:
        """A writer whose object exists once the block has ended well, and not at all otherwise."""
        self._check_key(key)
        writer = ObjectWriter(self, key)
        try:
            yield writer
            writer.finish()
        except BaseException:
            writer.abandon()
            raise

    def open(self, key: str, start: int = 0, end: int | None = None) -> ObjectReader:
        """The bytes from `start` to before `end`. Raises StoreUnavailable if fewer come than there are.

        The answer is asked for here, so a missing object is told before any bytes. Some servers
        answer a range with 200 and some might send all: what counts is the range they name.
        """
        self._check_key(key)
        if end is not None and end <= start:
            return ObjectReader(None, 0)
        wanted = f"bytes={start}-{'' if end is None else end - 1}" if start or end is not None else ""
        with told_in_our_words(key):
            answer = self._wire.get(key, wanted)
        length = int(answer.headers["Content-Length"])
        reader = ObjectReader(answer, length)
        if wanted and not is_range_asked_for(answer.headers.get("Content-Range", ""), length, start, end):
            reader.close()
            raise StoreUnavailable("the object store answered another range than was asked for")
        return reader

    def head(self, key: str) -> StoredObject:
        """Size and age of an object. Raises ObjectMissing."""
        self._check_key(key)
        with told_in_our_words(key):
            answer = self._client.head_object(Bucket=self.bucket, Key=key)
        return StoredObject(key, int(said(answer, "ContentLength")), said(answer, "LastModified"))

    def delete(self, key: str) -> None:
        """Remove an object; one that is gone already counts as removed."""
        self._check_key(key)
        try:
            with told_in_our_words(key):
                self._client.delete_object(Bucket=self.bucket, Key=key)
        except ObjectMissing:
            return

    def objects(self, prefix: str = "", after: str = "") -> Iterator[StoredObject]:
        """All objects in key order, a thousand per request, without what the vault notes of itself."""
        for item in self._listed(prefix, after):
            if not item.key.startswith(OWN_PREFIX):
                yield item

    def _listed(self, prefix: str, after: str = "") -> Iterator[StoredObject]:
        token: dict[str, str] = {"StartAfter": after} if after else {}
        while True:
            with told_in_our_words():
                page = self._client.list_objects_v2(Bucket=self.bucket, Prefix=prefix, **token)
            said(page, "IsTruncated")
            for item in page.get("Contents", []):
                yield StoredObject(item["Key"], int(item["Size"]), item["LastModified"])
            if not page["IsTruncated"]:
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    # --- multipart ------------------------------------------------------------------------------------

    def begin_multipart(self, key: str) -> str:
        """The store's id of a new multipart upload."""
        self._check_key(key)
        with told_in_our_words(key):
            answer = self._client.create_multipart_upload(
                Bucket=self.bucket, Key=key, ContentType="application/octet-stream"
            )
        return str(said(answer, "UploadId"))

    def put_part(self, key: str, upload_id: str, number: int, data: bytes) -> PartReceipt:
        """Send one part, counted from 1, in order; all but the last at least 5 MiB. Raises UploadForgotten."""
        with told_in_our_words(key):
            etag = self._wire.put(key, data, self._vouching(data), upload_id=upload_id, number=number)
        self._begin_syncing(key, upload_id, len(data))
        return PartReceipt(number, etag)

    def complete_multipart(self, key: str, upload_id: str, parts: list[PartReceipt]) -> None:
        """Make the parts one object. Raises UploadForgotten."""
        with told_in_our_words(key):
            answer = self._client.complete_multipart_upload(
                Bucket=self.bucket,
                Key=key,
                UploadId=upload_id,
                MultipartUpload={"Parts": [{"PartNumber": p.number, "ETag": p.etag} for p in parts]},
            )
        said(answer, "ETag")
        self._make_durable(key)

    def abort_multipart(self, key: str, upload_id: str) -> None:
        """Forget a multipart upload; one that is forgotten already counts as such."""
        try:
            with told_in_our_words(key):
                self._client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload_id)
        except (ObjectMissing, UploadForgotten):
            return

    def list_multipart(self) -> Iterator[tuple[str, str, datetime]]:
        """Multipart uploads under way: key, id, begun at."""
        marker: dict[str, str] = {}
        while True:
            try:
                with told_in_our_words():
                    page = self._client.list_multipart_uploads(Bucket=self.bucket, **marker)
            except (ObjectMissing, UploadForgotten):
                return  # how rclone answers before the first multipart upload since its start
            said(page, "Bucket")  # rclone leaves IsTruncated out
            for upload in page.get("Uploads", []):
                yield upload["Key"], upload["UploadId"], upload["Initiated"]
            if not page.get("IsTruncated"):
                return
            marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    # --- the rest ---------------------------------------------------------------------------------------

    def presign_get(self, key: str, *, seconds: int, disposition: str, content_type: str) -> str:
        """An address that gives the object for a short time, with both headers inside the signature."""
        self._check_key(key)
        with told_in_our_words(key):
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
            with told_in_our_words():
                self._client.list_objects_v2(Bucket=self.bucket, MaxKeys=1, Prefix="health/")
        except ObjectMissing as error:
            raise StoreUnavailable("the bucket does not exist") from error

    # --- which vault the bucket belongs to --------------------------------------------------------------

    def read_identity(self) -> str:
        """What `write_identity` left here; empty in a bucket that belongs to nobody yet."""
        try:
            with told_in_our_words(IDENTITY_KEY):
                answer = self._client.get_object(Bucket=self.bucket, Key=IDENTITY_KEY)
                said(answer, "ContentLength")
                return str(answer["Body"].read().decode("ascii", "replace")).strip()
        except ObjectMissing:
            return ""

    def write_identity(self, instance: str) -> None:
        data = f"{instance}\n".encode()
        with told_in_our_words(IDENTITY_KEY):
            self._client.put_object(Bucket=self.bucket, Key=IDENTITY_KEY, Body=data, ContentMD5=_md5(data))
        self._make_durable(IDENTITY_KEY)

    # --- what is anchored of the trail -------------------------------------------------------------------

    def write_anchor(self, name: str, text: str) -> None:
        """Keep a few lines under a name of digits; what is there already stays."""
        key, data = self._anchor_key(name), text.encode()
        try:
            with told_in_our_words(key):
                self._client.head_object(Bucket=self.bucket, Key=key)
            return
        except ObjectMissing:
            with told_in_our_words(key):
                self._client.put_object(Bucket=self.bucket, Key=key, Body=data, ContentMD5=_md5(data))
        self._make_durable(key)

    def anchors(self) -> Iterator[tuple[str, str]]:
        """Every anchor, oldest first: its name and its text."""
        for item in self._listed(ANCHOR_PREFIX):
            with told_in_our_words(item.key):
                answer = self._client.get_object(Bucket=self.bucket, Key=item.key)
                text = answer["Body"].read(ANCHOR_BYTES).decode("utf-8", "replace")
            yield item.key.removeprefix(ANCHOR_PREFIX), text

    @staticmethod
    def _anchor_key(name: str) -> str:
        if not ANCHOR_NAME.match(name):
            raise ValueError("anchors have names of digits")
        return ANCHOR_PREFIX + name

    def _check_key(self, key: str) -> None:
        if not self._keys.match(key):
            raise ValueError("object keys are made by new_key() alone")

    def _vouching(self, data: bytes) -> str:
        """The MD5 that a store verifies the bytes by; none to the embedded one.

        Bytes that never leave this machine do not change on the way, and taking it at both ends
        costs a third of writing them.
        """
        return "" if self._local_root is not None else _md5(data)

    def _begin_syncing(self, key: str, upload_id: str, size_bytes: int) -> None:
        """Have the kernel write out the part that came last: the sync of a large object then has little to wait for."""
        if self._local_root is None or not hasattr(os, "posix_fadvise"):
            return
        try:
            handle = os.open((self._local_root / key).with_name(f"{DRAFT_NAME}{upload_id}"), os.O_RDONLY)
        except OSError:
            return  # named in another way by this server; all is synced in the end
        try:
            start = max(0, os.fstat(handle).st_size - size_bytes)
            os.posix_fadvise(handle, start, size_bytes, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)

    def _make_durable(self, key: str) -> None:
        """The embedded store renames without fsync; before a row may name the object, we sync it.

        The folders above it too, up to the bucket: they may be new, and are made again after a deletion.
        """
        if self._local_root is None:
            return
        path = self._local_root / key
        try:
            for target in (path, *list(path.parents)[: key.count("/") + 1]):
                handle = os.open(target, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)
        except OSError as error:
            raise StoreUnavailable(f"the stored file cannot be synced: {type(error).__name__}") from error


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


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
