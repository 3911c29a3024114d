"""Mails: what their head says, the text that is shown, and which files hang on them. HTML is read, never shown."""

import email.policy
from collections.abc import Iterator
from contextlib import suppress
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from typing import BinaryIO

from documents.extraction import markup
from documents.extraction.limits import Limits
from documents.extraction.refusals import TooLarge, Unreadable
from documents.extraction.telling import Teller
from docuvault.lib.encodings import decoded

MAIL_BYTES = 64 * 1024 * 1024
HEADS = ("Subject", "From", "To", "Cc", "Date")
PARTS_LIMIT = 200


def read_mail(file: BinaryIO, teller: Teller, limits: Limits) -> None:
    message = _message(file)
    heads = {name: _head(message, name) for name in HEADS}
    lines = [f"{name}: {value}" for name, value in heads.items() if value]
    names = [name for _number, name, _part in _attachments(message)]
    teller.facts("mail", None, heads["Subject"], _moment(heads["Date"]))
    parts = ["\n".join(lines), _body(message)]
    if names:
        parts.append("\n".join(f"[{name}]" for name in names))
    teller.pieces("\n\n".join(part for part in parts if part).strip())


def tell_attachments(file: BinaryIO, teller: Teller, limits: Limits, wanted: set[int]) -> None:
    """Each attachment, with the bytes of those that are wanted, up to what may be told in all."""
    left = limits.output_bytes // 2
    for number, name, part in _attachments(_message(file)):
        data = _bytes_of(part)
        if number in wanted:
            left -= len(data)
        if left < 0:
            raise TooLarge
        teller.file(number, name, len(data), data if number in wanted else b"")


def _message(file: BinaryIO) -> EmailMessage:
    file.seek(0)
    data = file.read(MAIL_BYTES + 1)
    if len(data) > MAIL_BYTES:
        raise TooLarge
    message = BytesParser(policy=email.policy.default).parsebytes(data)
    if not isinstance(message, EmailMessage) or not message.keys():
        raise Unreadable
    return message


def _head(message: EmailMessage, name: str) -> str:
    """A header in words; one that cannot be understood, or holds raw bytes, as it stands."""
    raw = next((str(value) for key, value in message.raw_items() if key.lower() == name.lower()), "")
    said = raw
    if raw.isascii():
        # The standard parser fails in many ways on headers that are none.
        with suppress(Exception):
            said = str(message.get(name, "") or "")
    return " ".join(_eight_bit(said).split())


def _eight_bit(text: str) -> str:
    """Raw bytes of a header, which the parser keeps as lone halves of letters."""
    return decoded(text.encode("utf-8", "surrogateescape"))


def _moment(date: str) -> str:
    try:
        return parsedate_to_datetime(date).isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""


def _body(message: EmailMessage) -> str:
    """The plain text, else the text of the HTML; without either, nothing."""
    try:
        part = message.get_body(("plain", "html"))
    except Exception:  # noqa: BLE001
        part = None
    if part is None:
        return ""
    text = _text_of(part)
    return markup.html_text(text)[0] if part.get_content_subtype() == "html" else markup.tidy(text)


def _text_of(part: MIMEPart) -> str:
    try:
        label = part.get_content_charset() or ""
    except Exception:  # noqa: BLE001 (a header that is none)
        label = ""
    return decoded(_bytes_of(part), label)


def _bytes_of(part: MIMEPart) -> bytes:
    data = part.get_payload(decode=True)
    if isinstance(data, bytes):
        return data
    return b"".join(inner.as_bytes() for inner in part.iter_parts())  # a mail that hangs on a mail


def _attachments(message: EmailMessage) -> list[tuple[int, str, MIMEPart]]:
    """What hangs on it, with its place among the parts: the number by which the page that shows a mail calls it too."""
    found: list[tuple[int, str, MIMEPart]] = []
    for number, part in enumerate(_leaves(message)):
        try:
            is_enclosed = part.get_content_disposition() == "attachment"
        except Exception:  # noqa: BLE001 (a header that is none)
            is_enclosed = False
        if not is_enclosed and part.get_content_type() in {"text/plain", "text/html"}:
            continue
        try:
            name = part.get_filename("") or ""
        except Exception:  # noqa: BLE001
            name = ""
        is_mail = part.get_content_type() == "message/rfc822"
        found.append((number, _eight_bit(name).strip() or f"{len(found) + 1}{'.eml' if is_mail else ''}", part))
    return found


def _leaves(message: EmailMessage) -> Iterator[MIMEPart]:
    """Its parts in order, those of a mail within it as one. No more than mails have."""
    waiting: list[MIMEPart] = [message]
    for _turn in range(PARTS_LIMIT):
        if not waiting:
            return
        part = waiting.pop(0)
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting[:0] = [one for one in payload if isinstance(one, MIMEPart)]
        else:
            yield part
