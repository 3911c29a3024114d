"""An export that is taken in, as a folder or as the ZIP itself: files by path, never through a link, never outside."""

import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from django.utils.translation import gettext as _

from documents.exports.layout import MARK
from documents.exports.marks import NotAnExport
from documents.exports.paths import UnsafePath, checked_path

READ_BYTES = 1024 * 1024
NO_LIMIT = 2**50


class Unreadable(Exception):
    """A file of an export cannot be read, in words."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Source(Protocol):
    """Where an export lies. Its list of checksums is read no further than `largest_sums`."""

    largest_sums: int

    def reading(self, path: str) -> AbstractContextManager[BinaryIO]:
        """A file, open from its beginning. Raises Unreadable."""

    def close(self) -> None:
        """Done with it."""


def source_at(address: Path) -> Source:
    """The export in a folder or a ZIP. Raises NotAnExport for what is neither."""
    try:
        if address.is_dir():
            return FolderSource(address)
        return ZipSource(address, str(address), other=_unpack(address))
    except FileNotFoundError:
        raise NotAnExport(_("There is no %(path)s.") % {"path": address}) from None
    except OSError as error:
        raise NotAnExport(f"{address}: {error.strerror or type(error).__name__}") from error


def chunks_of(source: Source, path: str, limit_bytes: int) -> Iterator[bytes]:
    """A file's bytes, up to one more than the limit. Raises Unreadable."""
    with source.reading(path) as file:
        left = limit_bytes + 1
        while left and (chunk := _read(file, min(READ_BYTES, left))):
            left -= len(chunk)
            yield chunk


def _read(file: BinaryIO, count: int) -> bytes:
    try:
        return file.read(count)
    except OSError as error:
        raise Unreadable(error.strerror or _("cannot be read")) from error
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
        raise Unreadable(_("this part of the ZIP is damaged")) from error
    except Exception as error:
        if type(error).__module__ in {"zlib", "_lzma", "lzma"}:
            raise Unreadable(_("this part of the ZIP is damaged")) from error
        raise


def _parts(path: str) -> tuple[str, ...]:
    try:
        return checked_path(path)
    except UnsafePath:
        raise Unreadable(_("its path leads out of the export")) from None


class FolderSource:
    """A folder. Each step of a path is opened in the one before, so that no link on the way is followed."""

    largest_sums = NO_LIMIT

    def __init__(self, root: Path) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if not os.access(MARK, os.F_OK, dir_fd=self._root, follow_symlinks=False):
            self.close()
            raise NotAnExport(_unpack(root))

    @contextmanager
    def reading(self, path: str) -> Iterator[BinaryIO]:
        parts = _parts(path)
        opened: list[int] = []
        at = self._root
        try:
            for part in parts[:-1]:
                at = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
                opened.append(at)
            handle = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
        except FileNotFoundError:
            raise Unreadable(_("is missing")) from None
        except OSError as error:
            raise Unreadable(_("cannot be read (%(why)s)") % {"why": error.strerror}) from error
        finally:
            for directory in opened:
                os.close(directory)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise Unreadable(_("is no file"))
        with os.fdopen(handle, "rb") as file:
            yield file

    def close(self) -> None:
        os.close(self._root)


class ZipSource:
    """A ZIP, as it was downloaded, or packed again with one folder around it.

    `shown` is what it is called, `other` what is said where it is no export at all.
    """

    def __init__(self, file: Path | BinaryIO, shown: str, *, other: str, largest_sums: int = NO_LIMIT) -> None:
        self.largest_sums = largest_sums
        try:
            self._archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, NotImplementedError):
            if shown.lower().endswith(".zip"):
                raise NotAnExport(
                    _("%(path)s is damaged, or its download broke off. Download it again.") % {"path": shown}
                ) from None
            raise NotAnExport(other) from None
        names = self._archive.namelist()
        marks = [name for name in names if name == MARK or (name.count("/") == 1 and name.endswith(f"/{MARK}"))]
        if len(marks) != 1:
            self.close()
            raise NotAnExport(other)
        if len(set(names)) != len(names):
            self.close()
            raise NotAnExport(_("%(path)s holds two files of one name. That is no export.") % {"path": shown})
        self._prefix = marks[0][: -len(MARK)]

    @contextmanager
    def reading(self, path: str) -> Iterator[BinaryIO]:
        name = self._prefix + "/".join(_parts(path))
        try:
            info = self._archive.getinfo(name)
        except KeyError:
            raise Unreadable(_("is missing")) from None
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in {0, stat.S_IFREG}:
            raise Unreadable(_("is no file"))
        try:
            file = self._archive.open(info)
        except RuntimeError:
            raise Unreadable(_("is encrypted")) from None
        except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError) as error:
            raise Unreadable(_("this part of the ZIP is damaged")) from error
        with file:
            yield file  # type: ignore[misc]

    def close(self) -> None:
        self._archive.close()


def _unpack(path: Path) -> str:
    return _(
        "%(path)s is no export of a DocuVault. `manage.py add` brings plain files and folders in"
        " (unpack a ZIP of another origin first)."
    ) % {"path": path}
