"""Where backups lie: a folder, or a prefix of a bucket. Named files that exist whole or not at all."""

import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit

from django.conf import settings

from documents.storage import ObjectMissing, ObjectStore, StoreError

READ_BYTES = 1024 * 1024
NAMES = re.compile(r"^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]{0,900}$")
UNFINISHED = ".unfinished-"
FOLDERS = ("generations", "objects")


class PlaceUnusable(Exception):
    """The place cannot be read or written, in a sentence for the operator."""


class FileGone(PlaceUnusable):
    """A file that was to be read is not there."""


class Place(Protocol):
    """What a backup asks of the place it lies in. Every call may raise PlaceUnusable."""

    address: str

    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Names below a prefix, which ends with a slash, and their bytes."""

    def read(self, name: str) -> Iterator[bytes]:
        """A file's bytes. Raises FileGone."""

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """A file of these bytes, in the place of an older one; nothing where the chunks raise. Durable at the end."""

    def delete(self, name: str) -> None:
        """Remove a file; one that is gone already counts as removed."""

    def remove_unfinished(self) -> None:
        """What a killed writer left; only while nobody writes."""


def place_at(address: str) -> Place:
    """The place named "s3://bucket/prefix" or by a folder's path. Raises PlaceUnusable."""
    if address.startswith("s3://"):
        parts = urlsplit(address)
        return BucketPlace(parts.netloc, parts.path.strip("/"))
    if "://" in address:
        raise PlaceUnusable(f"{address} is neither a folder nor s3://bucket/prefix.")
    return FolderPlace(Path(address))


class FolderPlace:
    """A folder of this machine, readable by its owner alone."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.address = str(self.root)

    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        try:
            for folder, _folders, names in os.walk(self._path(prefix)):
                for name in names:
                    path = Path(folder) / name
                    if not name.startswith(UNFINISHED):
                        yield path.relative_to(self.root).as_posix(), path.stat().st_size
        except OSError as error:
            raise self._unusable(error) from error

    def read(self, name: str) -> Iterator[bytes]:
        try:
            file = self._path(name).open("rb")
        except FileNotFoundError as error:
            raise FileGone(f"{name} is missing") from error
        except OSError as error:
            raise self._unusable(error) from error
        return self._chunks(file)

    def _chunks(self, file: BinaryIO) -> Iterator[bytes]:
        with file:
            try:
                while chunk := file.read(READ_BYTES):
                    yield chunk
            except OSError as error:
                raise self._unusable(error) from error

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        path = self._path(name)
        draft = path.with_name(UNFINISHED + secrets.token_hex(8))
        try:
            self._make_folders(path.parent)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(path)
            _sync(path.parent)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise self._unusable(error) from error
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def delete(self, name: str) -> None:
        path = self._path(name)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise self._unusable(error) from error
        with suppress(OSError):  # the folder stays as long as anything is in it
            path.parent.rmdir()

    def remove_unfinished(self) -> None:
        """What a writer left that was killed; only while nobody writes."""
        for folder in FOLDERS:
            for path in (self.root / folder).rglob(f"{UNFINISHED}*"):
                path.unlink(missing_ok=True)

    def _make_folders(self, folder: Path) -> None:
        if folder.is_dir():
            return
        if folder != self.root:
            self._make_folders(folder.parent)
        folder.mkdir(parents=folder == self.root, exist_ok=True, mode=0o700)
        _sync(folder.parent)

    def _path(self, name: str) -> Path:
        if name and not NAMES.match(name):
            raise PlaceUnusable(f"{name!r} is no name of a file of a backup.")
        return self.root / name

    def _unusable(self, error: OSError) -> PlaceUnusable:
        return PlaceUnusable(f"{self.address}: {error.strerror or type(error).__name__}")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Source(Iterator[bytes]):
    """The chunks of the side that is read, and its failure, so that the two sides are told apart."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self.failure: BaseException | None = None

    def __next__(self) -> bytes:
        try:
            return next(self._chunks)
        except StopIteration:
            raise
        except BaseException as error:
            self.failure = error
            raise


class BucketPlace:
    """A prefix of a bucket, by default on the vault's own store; the DOCUVAULT_BACKUP_S3_* settings name another."""

    def __init__(self, bucket: str, prefix: str) -> None:
        if not bucket:
            raise PlaceUnusable("s3:// needs a bucket: s3://bucket/prefix.")
        is_same = not settings.BACKUP_S3_ENDPOINT_URL
        if bucket == settings.S3_BUCKET and is_same:
            raise PlaceUnusable(f"{bucket} is the vault's own bucket. A backup belongs somewhere else.")
        self.prefix = f"{prefix}/" if prefix else ""
        self.address = f"s3://{bucket}/{prefix}".rstrip("/")
        self._store = ObjectStore(
            endpoint_url=settings.S3_ENDPOINT_URL if is_same else settings.BACKUP_S3_ENDPOINT_URL,
            access_key=settings.BACKUP_S3_ACCESS_KEY_ID or settings.S3_ACCESS_KEY_ID,
            secret_key=settings.BACKUP_S3_SECRET_ACCESS_KEY or settings.S3_SECRET_ACCESS_KEY,
            bucket=bucket,
            region=settings.BACKUP_S3_REGION or settings.S3_REGION,
            kind=settings.STORE_KIND if is_same else "s3",
            local_root=settings.STORE_ROOT if is_same else "",
            keys=NAMES,
        )

    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        try:
            for item in self._store.objects(self.prefix + prefix):
                yield item.key[len(self.prefix) :], item.size_bytes
        except StoreError as error:
            raise self._unusable(error) from error

    def read(self, name: str) -> Iterator[bytes]:
        try:
            yield from self._store.open(self.prefix + name)
        except ObjectMissing as error:
            raise FileGone(f"{name} is missing") from error
        except StoreError as error:
            raise self._unusable(error) from error

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        source = Source(chunks)
        try:
            with self._store.writing(self.prefix + name) as writer:
                for chunk in source:
                    writer.write(chunk)
        except StoreError as error:
            if source.failure is error:
                raise
            raise self._unusable(error) from error

    def delete(self, name: str) -> None:
        try:
            self._store.delete(self.prefix + name)
        except StoreError as error:
            raise self._unusable(error) from error

    def remove_unfinished(self) -> None:
        """Multipart uploads that a killed writer left below the prefix."""
        try:
            for key, upload_id, _begun_at in self._store.list_multipart():
                if key.startswith(tuple(f"{self.prefix}{folder}/" for folder in FOLDERS)):
                    self._store.abort_multipart(key, upload_id)
        except StoreError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: StoreError) -> PlaceUnusable:
        if "NoSuchBucket" in str(error):
            return PlaceUnusable(f"{self.address}: there is no such bucket. Make it first.")
        return PlaceUnusable(f"{self.address}: {error}")
