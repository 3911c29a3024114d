"""The body of a request, read a piece at a time, whatever breaks it off."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from django.utils.translation import gettext as _

from documents.uploads.refusals import TooLarge, WrongChecksum

PIECE_BYTES = 8 * 1024 * 1024
TAKE_BYTES = 1024 * 1024
CHECKSUM_KINDS = ("sha256", "sha1", "md5")


@dataclass
class Checksum:
    """What the bytes of one request must come to, by one of CHECKSUM_KINDS."""

    kind: str
    expected: bytes
    _hash: Any = field(init=False)

    def __post_init__(self) -> None:
        self._hash = hashlib.new(self.kind, usedforsecurity=False)

    def take(self, data: bytes) -> None:
        self._hash.update(data)

    @property
    def is_met(self) -> bool:
        return bool(self._hash.digest() == self.expected)


@dataclass
class Incoming:
    """The body of a request, read a piece at a time; `cut` tells how it broke off."""

    stream: BinaryIO
    left: int
    checksum: Checksum | None = None
    cut: Exception | None = None

    def piece(self) -> bytes:
        """The next bytes, as many as a piece holds; fewer at the end or at a cut."""
        wanted = min(PIECE_BYTES, self.left)
        chunks: list[bytes] = []
        while wanted and self.cut is None:
            try:
                chunk = self.stream.read(min(TAKE_BYTES, wanted))
            except Exception as error:  # noqa: BLE001 (the server names a vanished client in its own ways)
                self.cut = error
                break
            if not chunk:
                self.cut = EOFError("the connection ended before the file did")
                break
            chunks.append(chunk)
            if self.checksum is not None:
                self.checksum.take(chunk)
            wanted -= len(chunk)
            self.left -= len(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def must_match(self) -> None:
        """Raises WrongChecksum where a checksum was sent, and what arrived is not what it was taken of."""
        if self.checksum is not None and not self.checksum.is_met:
            raise WrongChecksum(_("The bytes were damaged on the way. Please send them again."))

    def must_be_over(self) -> None:
        """Raises TooLarge if there is more."""
        if self.cut is None and self.stream.read(1):
            raise TooLarge(_("More bytes arrived than were announced."))
