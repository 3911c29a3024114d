"""An e-mail as people read it: who, to whom, when, the words, and what was attached. HTML becomes its words.

The older policy of the email package hands headers out as they came: the newer one parses each on
the way, and its parser of addresses takes time by the square of their length.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message

import nh3

from documents.viewing.decoding import presentable
from docuvault.lib.encodings import decoded

HEADER_LENGTH, BODY_LENGTH, PARTS = 2000, 400_000, 200
_ENDS_LINE = re.compile(r"(?i)<(?=br\b|/p>|/div>|/tr>|/li>|/h[1-6]>|/blockquote>)")
_GAPS = re.compile(r"\n[ \t]*\n[ \t\n]*\n")


@dataclass(frozen=True)
class Enclosure:
    """What was attached: its name, what it claims to be, and about how large it is."""

    number: int
    name: str
    type: str
    size_bytes: int


@dataclass(frozen=True)
class Letter:
    subject: str
    headers: list[tuple[str, str]]
    body: str
    is_from_html: bool
    enclosures: list[Enclosure] = field(default_factory=list)


SHOWN_HEADERS = ("From", "To", "Cc", "Reply-To", "Date")


def letter_of(data: bytes) -> Letter:
    """Never fails: what cannot be made out is shown as it came."""
    try:
        message: Message = message_from_bytes(data)
        parts = list(_leaves(message))
    except (RecursionError, ValueError, LookupError):
        return Letter("", [], presentable(decoded(data[:BODY_LENGTH])), False)
    said = [(name, header_text(message, name)) for name in SHOWN_HEADERS]
    bodies = [part for part in parts if not _is_enclosed(part)]
    plain = [part for part in bodies if part.get_content_type() == "text/plain"]
    marked_up = [part for part in bodies if part.get_content_type() == "text/html"]
    if plain and (text := "\n\n".join(_text(part) for part in plain[:20]).strip()):
        body, is_from_html = text, False
    else:
        body, is_from_html = "\n\n".join(_words(_text(part)) for part in marked_up[:5]), bool(marked_up)
    enclosures = [_enclosure(at, part) for at, part in enumerate(parts) if _is_enclosed(part)]
    return Letter(
        header_text(message, "Subject"),
        [(name, text) for name, text in said if text],
        presentable(body[:BODY_LENGTH]),
        is_from_html,
        enclosures,
    )


def enclosure_of(data: bytes, number: int) -> tuple[str, bytes] | None:
    """Name and bytes of one attachment."""
    try:
        parts = list(_leaves(message_from_bytes(data)))
    except (RecursionError, ValueError, LookupError):
        return None
    if not 0 <= number < len(parts) or not _is_enclosed(parts[number]):
        return None
    part = parts[number]
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        payload = part.as_bytes() if part.is_multipart() else b""
    return _enclosure(number, part).name, payload


def header_text(message: Message, name: str) -> str:
    """A header in plain words, whatever charset it was written in, or should have been."""
    raw = next((str(value) for key, value in message.raw_items() if key.lower() == name.lower()), "")[:HEADER_LENGTH]
    raw = " ".join(raw.split())
    if not raw.isascii():
        return presentable(decoded(raw.encode("utf-8", "surrogateescape")))
    try:
        pieces = decode_header(raw)
    except (HeaderParseError, ValueError):
        return presentable(raw)
    words = (piece if isinstance(piece, str) else decoded(piece, charset or "ascii") for piece, charset in pieces)
    return presentable("".join(words).replace("\n", " ")).strip()


def _leaves(message: Message) -> Iterator[Message]:
    """Its parts in order, those of a message within it as one. No deeper than letters are."""
    waiting = [message]
    for _ in range(PARTS):
        if not waiting:
            return
        part = waiting.pop(0)
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting[:0] = [one for one in payload if isinstance(one, Message)]
        else:
            yield part


def _is_enclosed(part: Message) -> bool:
    return part.get_content_disposition() == "attachment" or part.get_content_type() not in {"text/plain", "text/html"}


def _enclosure(number: int, part: Message) -> Enclosure:
    """The name goes by the rules that hold for every name when it is stored or sent; here it is only read."""
    try:
        name = part.get_filename() or ""
    except (ValueError, LookupError, TypeError):
        name = ""
    if name.isascii():
        wrapped = Message()
        wrapped["Name"] = name
        name = header_text(wrapped, "Name")
    else:
        name = presentable(decoded(name.encode("utf-8", "surrogateescape")))
    payload = part.get_payload()
    size = (
        sum(len(one.as_bytes()) for one in payload if isinstance(one, Message))
        if isinstance(payload, list)
        else (len(str(payload)) * (3 if str(part.get("Content-Transfer-Encoding", "")).lower() == "base64" else 4) // 4)
    )
    return Enclosure(number, " ".join(name.split())[:255], part.get_content_type(), size)


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        charset = part.get_content_charset() or ""
    except (ValueError, LookupError):
        charset = ""
    return decoded(payload[: BODY_LENGTH * 4], charset)


def _words(markup: str) -> str:
    """The words of HTML, without what it hides in scripts and styles."""
    text = nh3.clean(_ENDS_LINE.sub("\n<", markup), tags=set(), clean_content_tags={"script", "style", "title"})
    return _GAPS.sub("\n\n", html.unescape(text)).strip()
