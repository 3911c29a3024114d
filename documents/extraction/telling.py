"""How a reader tells what it has found: frames down a pipe, counted against the limits."""

import io
import os
from typing import Any, BinaryIO, cast

from documents.extraction import frames
from documents.extraction.limits import PIECE_CHARACTERS, Limits
from documents.extraction.refusals import TooLarge

PART_BYTES = 256 * 1024


class Teller:
    """The child's end of the pipe."""

    def __init__(self, handle: int, limits: Limits) -> None:
        self.handle, self.limits = handle, limits
        self.pages = self.characters = 0
        # The beginning of the text, from which its language is guessed.
        self.sample = ""
        # Why it is only read in part, if so.
        self.cut = ""

    def facts(self, kind: str, page_count: int | None = None, title: str = "", written_at: str = "") -> None:
        self.send(
            frames.FACTS,
            {"kind": kind, "page_count": page_count, "title": (title or "")[:2000], "written_at": written_at or ""},
        )

    def page(self, text: str, number: int = 0, **more: Any) -> None:
        """One page; without a number the next one. What is over the limits is left out, and told (`cut`)."""
        words = more.pop("words", None)
        if not number:
            self.pages += 1
            number = self.pages
        else:
            self.pages = max(self.pages, number)
        if number > self.limits.pages:
            self.cut = "pages"
            return
        left = self.limits.characters - self.characters
        if len(text) > left:
            text, self.cut = text[:left], "characters"
        self.characters += len(text)
        if len(self.sample) < 6000:
            self.sample += text[:3000] + "\n"
        packed = frames.pack_words(words) if words else b""
        self.send(frames.PAGE, {"number": number, "text": text, **more}, packed)

    def pieces(self, text: str) -> None:
        """A text without pages: in pieces that end where a line does."""
        start = 0
        while start < len(text) or start == 0:
            end = start + PIECE_CHARACTERS
            if end < len(text):
                end = max(text.rfind("\n", start + PIECE_CHARACTERS // 2, end) + 1, 0) or end
            self.page(text[start:end])
            if self.cut:
                return
            start = end

    def picture(self, kind: str, page: int, width: int, height: int, data: bytes) -> None:
        self.send(frames.PICTURE, {"kind": kind, "page": page, "width": width, "height": height}, data)

    def file(self, number: int, name: str, size: int, data: bytes) -> None:
        self.send(frames.FILE, {"number": number, "name": name[:1000], "size": size}, data)

    def copy(self) -> BinaryIO:
        """Where a copy is written to: it is told as it is made, and held nowhere as a whole."""
        return cast(BinaryIO, io.BufferedWriter(_Copying(self), PART_BYTES))

    def text_done(self) -> None:
        self.send(frames.TEXT_DONE, {})

    def end(self, state: str, reason: str = "", language: str = "", detail: str = "") -> None:
        self.send(frames.END, {"state": state, "reason": reason, "language": language, "detail": detail})

    def send(self, kind: int, values: dict[str, Any], data: bytes = b"") -> None:
        if len(data) > self.limits.frame_bytes:
            raise TooLarge
        left = memoryview(frames.pack(kind, values, data))
        while left:
            left = left[os.write(self.handle, left) :]


class _Copying(io.RawIOBase):
    """Each write is one frame, of bounded size."""

    def __init__(self, teller: Teller) -> None:
        self.teller = teller

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data[:PART_BYTES])
        self.teller.send(frames.COPY, {}, part)
        return len(part)
