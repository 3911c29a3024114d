"""An e-mail as people read it: who, to whom, when, the words, and what was attached. HTML becomes its words."""

import html
import re
from dataclasses import dataclass, field
from email.message import Message

import nh3

from documents.viewing.decoding import presentable
from docuvault.lib.encodings import decoded
from docuvault.lib.letters import NoLetter, body_of, bytes_of, enclosures, header_text, letter_from

BODY_LENGTH = 400_000
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
        message = letter_from(data)
    except NoLetter:
        return Letter("", [], presentable(decoded(data[:BODY_LENGTH])), False)
    said = [(name, presentable(header_text(message, name))) for name in SHOWN_HEADERS]
    body, is_from_html = body_of(message, _words, most_bytes=4 * BODY_LENGTH)
    return Letter(
        presentable(header_text(message, "Subject")),
        [(name, text) for name, text in said if text],
        presentable(body[:BODY_LENGTH]),
        is_from_html,
        [_enclosure(number, name, part) for number, name, part in enclosures(message)],
    )


def enclosure_of(data: bytes, number: int) -> tuple[str, bytes] | None:
    """Name and bytes of one attachment."""
    try:
        found = enclosures(letter_from(data))
    except NoLetter:
        return None
    return next(((presentable(name), bytes_of(part)) for at, name, part in found if at == number), None)


def _enclosure(number: int, name: str, part: Message) -> Enclosure:
    """The name goes by the rules that hold for every name when it is stored or sent; here it is only read."""
    payload = part.get_payload()
    size = (
        sum(len(one.as_bytes()) for one in payload if isinstance(one, Message))
        if isinstance(payload, list)
        else (len(str(payload)) * (3 if str(part.get("Content-Transfer-Encoding", "")).lower() == "base64" else 4) // 4)
    )
    return Enclosure(number, presentable(name)[:255], part.get_content_type(), size)


def _words(markup: str) -> str:
    """The words of HTML, without what it hides in scripts and styles."""
    text = nh3.clean(_ENDS_LINE.sub("\n<", markup), tags=set(), clean_content_tags={"script", "style", "title"})
    return _GAPS.sub("\n\n", html.unescape(text)).strip()
