"""The ZIP of an import while it lies in pieces: one file, read from any place, with a bound on what is read at once."""

import io
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from documents.exports.marks import NotAnExport
from documents.storage import store

AHEAD_BYTES = 1024 * 1024
# The list of what a ZIP holds is read in one go. A hostile one could be as large as the ZIP itself.
LARGEST_READ = 32 * 1024 * 1024


@dataclass(frozen=True)
class Piece:
    """Where a run of bytes lies."""

    offset: int
    size_bytes: int
    object_key: str


class StagedFile(io.RawIOBase):
    """Reads from the store what is asked for, and a little ahead. Raises StoreError."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = sorted(pieces, key=lambda piece: piece.offset)
        self._starts = [piece.offset for piece in self._pieces]
        self._size = sum(piece.size_bytes for piece in self._pieces)
        self._at = 0
        self._ahead, self._ahead_from = b"", 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError("before the beginning")
        self._at = base + offset
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        wanted = max(0, self._size - self._at)
        wanted = wanted if size is None or size < 0 else min(size, wanted)
        if wanted > LARGEST_READ:
            raise NotAnExport(
                _("It holds too many files to be taken in here. `manage.py import` on the server has no such limit.")
            )
        taken: list[bytes] = []
        while wanted:
            part = self._some(wanted)
            taken.append(part)
            self._at += len(part)
            wanted -= len(part)
        return taken[0] if len(taken) == 1 else b"".join(taken)

    def _some(self, wanted: int) -> bytes:
        """At least a byte of what is wanted from here."""
        start = self._at - self._ahead_from
        if not 0 <= start < len(self._ahead):
            self._fetch()
            start = 0
        return self._ahead[start : start + wanted]

    def _fetch(self) -> None:
        piece = self._pieces[bisect_right(self._starts, self._at) - 1]
        begin = self._at - piece.offset
        end = min(piece.size_bytes, begin + AHEAD_BYTES)
        self._ahead, self._ahead_from = b"".join(store().open(piece.object_key, begin, end)), self._at
