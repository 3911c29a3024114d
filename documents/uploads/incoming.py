"""The body of a request, read a piece at a time, whatever breaks it off."""

from dataclasses import dataclass
from typing import BinaryIO

from django.utils.translation import gettext as _

from documents.uploads.refusals import TooLarge

PIECE_BYTES = 8 * 1024 * 1024
TAKE_BYTES = 1024 * 1024


@dataclass
class Incoming:
    """The body of a request, read a piece at a time; `cut` tells how it broke off."""

    stream: BinaryIO
    left: int
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
            wanted -= len(chunk)
            self.left -= len(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def must_be_over(self) -> None:
        """Raises TooLarge if there is more."""
        if self.cut is None and self.stream.read(1):
            raise TooLarge(_("More bytes arrived than were announced."))
