"""What a child says: framed JSON, with bytes beside it. Each frame is looked at before anything believes it.

A frame is its kind, two lengths, JSON, bytes. Never pickle: unpickling what a parser of foreign
bytes has sent would run code.
"""

import json
import math
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from documents.extraction.limits import WORDS_BYTES, WORDS_LIMIT, Limits

HEADER = struct.Struct("!BII")
FACTS, PAGE, PICTURE, END, TEXT_DONE, FILE, COPY = range(1, 8)
JSON_LIMIT = 16 * 1024 * 1024
SIDE_LIMIT = 100_000
PICTURE_TYPES = {"image/webp"}
STATES = {"ready", "failed", "encrypted", "nothing"}
REASON = re.compile(r"^[a-z_]{0,32}$")
LANGUAGE = re.compile(r"^[a-z]{0,3}$")


class BadFrame(ValueError):
    """The child sent something that no child of ours sends."""


@dataclass(frozen=True)
class Facts:
    """What the file says of itself, and how many pages it has."""

    kind: str = ""
    page_count: int | None = None
    title: str = ""
    written_at: datetime | None = None


@dataclass(frozen=True)
class PageRead:
    """One page. `turn`: degrees, clockwise, by which its picture stands upright. `words` are packed."""

    number: int
    text: str
    is_ocr: bool = False
    width: float | None = None
    height: float | None = None
    turn: float = 0.0
    words: bytes | None = None


@dataclass(frozen=True)
class PictureMade:
    """A picture, encoded anew: nothing of the file's own metadata is in it."""

    kind: str
    page: int
    width: int
    height: int
    data: bytes = field(repr=False)
    content_type: str = "image/webp"


@dataclass(frozen=True)
class FileFound:
    """A file that lay in another: an attachment of a mail. Its bytes only where they were asked for."""

    number: int
    name: str
    size_bytes: int
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class CopyPart:
    """The next bytes of a searchable PDF."""

    data: bytes = field(repr=False)


@dataclass(frozen=True)
class TextDone:
    """All of the text has come: whatever happens from here on costs pictures only."""


@dataclass(frozen=True)
class Ended:
    """How it ended. `peak_bytes`: the most memory the child has had, as far as known."""

    state: str
    reason: str = ""
    language: str = ""
    detail: str = ""
    peak_bytes: int = 0


Frame = Facts | PageRead | PictureMade | FileFound | CopyPart | TextDone | Ended


# --- In the child ----------------------------------------------------------------------------------


def pack(kind: int, values: dict[str, Any], data: bytes = b"") -> bytes:
    told = json.dumps(values).encode()
    return HEADER.pack(kind, len(told), len(data)) + told + data


def pack_words(words: list[tuple[float, float, float, float, str]]) -> bytes:
    """[left, top, right, bottom, text] for each word, compressed."""
    plain = [[round(a, 1), round(b, 1), round(c, 1), round(d, 1), text[:200]] for a, b, c, d, text in words]
    return zlib.compress(json.dumps(plain[:WORDS_LIMIT], ensure_ascii=False, separators=(",", ":")).encode(), 6)


def unpack_words(packed: bytes) -> list[list[Any]]:
    """The words of a page. Raises BadFrame unless they are numbers and short texts, not too many."""
    engine = zlib.decompressobj()
    try:
        plain = engine.decompress(packed, WORDS_BYTES)
        if engine.unconsumed_tail:
            raise BadFrame("too many words")
        words = json.loads(plain)
    except (zlib.error, ValueError) as error:
        raise BadFrame("words that cannot be read") from error
    if not isinstance(words, list) or len(words) > WORDS_LIMIT:
        raise BadFrame("words that are no list")
    for word in words:
        if not isinstance(word, list) or len(word) != 5 or not isinstance(word[4], str):
            raise BadFrame("a word that is none")
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in word[:4]):
            raise BadFrame("a word without a place")
    return words


# --- In the vault ----------------------------------------------------------------------------------


def clean_text(text: str) -> str:
    """What PostgreSQL can keep: no NUL, no half characters."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def parse(kind: int, told: bytes, data: bytes, limits: Limits) -> Frame:
    """Raises BadFrame."""
    try:
        values = json.loads(told)
        if not isinstance(values, dict):
            raise BadFrame("no object")
        return _PARSERS[kind](values, data, limits)
    except BadFrame:
        raise
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise BadFrame(f"frame {kind}: {type(error).__name__}") from error


def _whole(value: Any, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BadFrame("a number out of bounds")
    return value


def _measure(value: Any) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value < 1e7:
        raise BadFrame("a measure out of bounds")
    return float(value)


def _text(value: Any, limit: int) -> str:
    if not isinstance(value, str):
        raise BadFrame("no text")
    return clean_text(value[:limit])


def _moment(value: Any) -> datetime | None:
    """A believable moment: files claim years from 0 to 9999."""
    if not value:
        return None
    moment = datetime.fromisoformat(str(value)[:40])
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment if 1900 <= moment.year <= 2200 else None


def _facts(values: dict[str, Any], data: bytes, limits: Limits) -> Facts:
    count = values.get("page_count")
    return Facts(
        kind=_text(values["kind"], 16),
        page_count=None if count is None else _whole(count, 0, 10_000_000),
        title=" ".join(_text(values.get("title", ""), 500).split()),
        written_at=_moment(values.get("written_at")),
    )


def _page(values: dict[str, Any], data: bytes, limits: Limits) -> PageRead:
    if data:
        unpack_words(data)
    turn = values.get("turn", 0.0)
    if not isinstance(turn, int | float) or not math.isfinite(turn) or not -360 <= turn <= 360:
        raise BadFrame("a turn out of bounds")
    return PageRead(
        number=_whole(values["number"], 1, limits.pages),
        text=_text(values["text"], limits.characters),
        is_ocr=bool(values.get("is_ocr")),
        width=_measure(values.get("width")),
        height=_measure(values.get("height")),
        turn=float(turn),
        words=data or None,
    )


def _picture(values: dict[str, Any], data: bytes, limits: Limits) -> PictureMade:
    if values["kind"] not in {"thumbnail", "page"} or not data.startswith(b"RIFF") or data[8:12] != b"WEBP":
        raise BadFrame("a picture that is none of ours")
    return PictureMade(
        kind=values["kind"],
        page=_whole(values["page"], 1, limits.pages),
        width=_whole(values["width"], 1, SIDE_LIMIT),
        height=_whole(values["height"], 1, SIDE_LIMIT),
        data=data,
    )


def _file(values: dict[str, Any], data: bytes, limits: Limits) -> FileFound:
    size = _whole(values["size"], 0, limits.file_bytes * 2)
    return FileFound(_whole(values["number"], 0, 10_000), _text(values["name"], 1000), size, data)


def _copy(values: dict[str, Any], data: bytes, limits: Limits) -> CopyPart:
    if not data:
        raise BadFrame("a part of a copy that is empty")
    return CopyPart(data)


def _end(values: dict[str, Any], data: bytes, limits: Limits) -> Ended:
    reason, language = values.get("reason", ""), values.get("language", "")
    if values["state"] not in STATES or not REASON.match(reason) or not LANGUAGE.match(language):
        raise BadFrame("an end that is none of ours")
    return Ended(values["state"], reason, language, _text(values.get("detail", ""), 200))


_PARSERS: dict[int, Callable[[dict[str, Any], bytes, Limits], Frame]] = {
    FACTS: _facts,
    PAGE: _page,
    PICTURE: _picture,
    FILE: _file,
    COPY: _copy,
    END: _end,
    TEXT_DONE: lambda values, data, limits: TextDone(),
}
