"""What a reader tells of some bytes, gathered; and how far a text is from what it should be."""

import io
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from documents.extraction.frames import CopyPart, Ended, Facts, FileFound, PageRead, PictureMade
from documents.extraction.lane import Lane
from documents.extraction.limits import Limits
from documents.sniffing import HEAD_BYTES, sniff


@dataclass
class Told:
    """Everything that came of one document."""

    facts: Facts = field(default_factory=Facts)
    pages: list[PageRead] = field(default_factory=list)
    pictures: list[PictureMade] = field(default_factory=list)
    files: list[FileFound] = field(default_factory=list)
    copy: bytes = b""
    end: Ended = field(default_factory=lambda: Ended("failed", "nothing was told"))
    seconds: float = 0.0

    @property
    def text(self) -> str:
        return "\n".join(page.text for page in self.pages)

    @property
    def state(self) -> str:
        return self.end.state


def told_of(
    lane: Lane, source: bytes | Path, name: str = "", work: str = "read", limits: Limits | None = None, **more: Any
) -> Told:
    """Through the lane, as the vault does it; bytes are given by an open file without a name."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            return _told(lane, file, file.read(HEAD_BYTES), name or source.name, work, limits or Limits(), more)
    with os.fdopen(os.memfd_create("test"), "w+b") as file:
        file.write(source)
        file.seek(0)
        return _told(lane, file, source[:HEAD_BYTES], name, work, limits or Limits(), more)


_SEEN: dict[Path, Told] = {}


def told_once(lane: Lane, path: Path) -> Told:
    """The same with usual limits; one that several tests ask about is read once."""
    if path not in _SEEN:
        _SEEN[path] = told_of(lane, path)
    return _SEEN[path]


def _told(lane: Lane, file: BinaryIO, head: bytes, name: str, work: str, limits: Limits, more: dict[str, Any]) -> Told:
    told, parts = Told(), io.BytesIO()
    started = time.monotonic()
    for frame in lane.work(work, file, limits, content_type=sniff(head, name), **more):
        if isinstance(frame, PageRead):
            told.pages.append(frame)
        elif isinstance(frame, Facts):
            told.facts = frame
        elif isinstance(frame, PictureMade):
            told.pictures.append(frame)
        elif isinstance(frame, FileFound):
            told.files.append(frame)
        elif isinstance(frame, CopyPart):
            parts.write(frame.data)
        elif isinstance(frame, Ended):
            told.end = frame
    told.pages.sort(key=lambda page: page.number)
    told.copy, told.seconds = parts.getvalue(), time.monotonic() - started
    return told


def distance(a: str, b: str) -> int:
    """How many letters must be put in, taken out or changed."""
    row = list(range(len(b) + 1))
    for i, one in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return row[-1]


def letters_of(text: str) -> str:
    return "".join(text.split())


def error_rate(found: str, gold: str) -> float:
    """Of letters, white space apart."""
    return distance(letters_of(found), letters_of(gold)) / len(letters_of(gold))
