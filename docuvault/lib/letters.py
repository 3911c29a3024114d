"""What an e-mail says: its head in words, its text, and which of its parts are files. Nothing in it is believed.

The older policy of the email package hands headers out as they came: the newer one parses each on
the way, and its parser of addresses takes time by the square of their length.
"""

from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message

from docuvault.lib.encodings import decoded

PARTS, DEPTH, HEADER_LENGTH = 200, 30, 2000


class NoLetter(ValueError):
    """Bytes that the standard parser cannot take apart."""


def letter_from(data: bytes) -> Message:
    """Raises NoLetter."""
    try:
        return message_from_bytes(data)
    except (RecursionError, ValueError, LookupError) as error:
        raise NoLetter from error


def header_text(message: Message, name: str) -> str:
    """A header in plain words, whatever charset it was written in, or should have been."""
    raw = next((str(value) for key, value in message.raw_items() if key.lower() == name.lower()), "")
    return _in_words(raw[:HEADER_LENGTH])


def _in_words(raw: str) -> str:
    raw = " ".join(raw.split())
    if not raw.isascii():  # raw bytes, which the parser keeps as lone halves of letters
        return decoded(raw.encode("utf-8", "surrogateescape"))
    try:
        pieces = decode_header(raw)
    except (HeaderParseError, ValueError):
        return raw
    words = (piece if isinstance(piece, str) else decoded(piece, charset or "ascii") for piece, charset in pieces)
    return " ".join("".join(words).split())


def leaves(message: Message) -> Iterator[Message]:
    """Its parts in order, those of a letter within it as one. No more than letters have."""
    waiting = [message]
    for _turn in range(PARTS):
        if not waiting:
            return
        part = waiting.pop(0)
        waiting[:0] = inner = _parts(part)
        if not inner:
            yield part


def _parts(part: Message) -> list[Message]:
    payload = part.get_payload()
    if part.get_content_maintype() != "multipart" or not isinstance(payload, list):
        return []
    return [one for one in payload if isinstance(one, Message)]


def is_enclosed(part: Message) -> bool:
    """Whether it is a file that came along, and no text to be read."""
    return part.get_content_disposition() == "attachment" or part.get_content_type() not in {"text/plain", "text/html"}


def enclosures(message: Message) -> Iterator[tuple[int, str, Message]]:
    """The files that hang on it, with their names and the numbers by which they are asked for."""
    for number, part in enumerate(leaves(message)):
        if is_enclosed(part):
            yield number, _file_name(part), part


def _file_name(part: Message) -> str:
    try:
        return _in_words(part.get_filename() or "")
    except (ValueError, LookupError, TypeError):
        return ""


def bytes_of(part: Message) -> bytes:
    """The content of a part; of a letter within the letter, all of it."""
    data = part.get_payload(decode=True)
    if isinstance(data, bytes):
        return data
    payload = part.get_payload()
    if isinstance(payload, list):
        return b"".join(one.as_bytes() for one in payload if isinstance(one, Message))
    return b""


def body_of(message: Message, words_of_html: Callable[[str], str], *, most_bytes: int) -> tuple[str, bool]:
    """All text there is to read, in order, and whether some of it is made from HTML.

    Of what says the same twice, the plain text if it says anything. `most_bytes`: of each part.
    """
    texts = _texts_of(message, most_bytes, DEPTH)
    words = [words_of_html(text) if is_html else text for text, is_html in texts]
    return "\n\n".join(filter(None, (word.strip() for word in words))), any(is_html for _text, is_html in texts)


def _texts_of(part: Message, most_bytes: int, depth: int) -> list[tuple[str, bool]]:
    inner = _parts(part)[:PARTS]
    if not inner:
        text = "" if is_enclosed(part) else _text_of(part, most_bytes)
        return [(text, part.get_content_type() == "text/html")] if text.strip() else []
    if depth == 0:
        return []
    ways = [_texts_of(one, most_bytes, depth - 1) for one in inner]
    if part.get_content_type() != "multipart/alternative":
        return [text for way in ways for text in way]
    said = [way for way in ways if way]
    return next((way for way in said if not any(is_html for _text, is_html in way)), said[-1] if said else [])


def _text_of(part: Message, most_bytes: int) -> str:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    try:
        charset = part.get_content_charset() or ""
    except (ValueError, LookupError):
        charset = ""
    return decoded(data[:most_bytes], charset)
