"""Mails: what their head says, the text that is shown, and which files hang on them. HTML is read, never shown."""

import email.policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from typing import BinaryIO

from documents.extraction import markup
from documents.extraction.limits import Limits
from documents.extraction.refusals import TooLarge, Unreadable
from documents.extraction.telling import Teller

MAIL_BYTES = 64 * 1024 * 1024
HEADS = ("Subject", "From", "To", "Cc", "Date")
ATTACHMENTS_LIMIT = 200


def read_mail(file: BinaryIO, teller: Teller, limits: Limits) -> None:
    message = _message(file)
    heads = {name: _head(message, name) for name in HEADS}
    lines = [f"{name}: {value}" for name, value in heads.items() if value]
    names = [name for name, _part in _attachments(message)]
    teller.facts("mail", None, heads["Subject"], _moment(heads["Date"]))
    parts = ["\n".join(lines), _body(message)]
    if names:
        parts.append("\n".join(f"[{name}]" for name in names))
    teller.pieces("\n\n".join(part for part in parts if part).strip())


def tell_attachments(file: BinaryIO, teller: Teller, limits: Limits) -> None:
    """Each attachment with its bytes, up to what may be told in all."""
    left = limits.output_bytes // 2
    for number, (name, part) in enumerate(_attachments(_message(file))):
        data = _bytes_of(part)
        left -= len(data)
        if left < 0:
            raise TooLarge
        teller.file(number, name, data)


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
    """A header in words; one that cannot be understood as it stands."""
    try:
        return " ".join(_eight_bit(str(message.get(name, "") or "")).split())
    except Exception:  # noqa: BLE001 (the standard parser fails in many ways on headers that are none)
        raw = next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")
        return " ".join(_eight_bit(str(raw)).split())


def _eight_bit(text: str) -> str:
    """Raw bytes of a header, which the parser keeps as lone halves of letters."""
    raw = text.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


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
        return str(part.get_content())
    except (LookupError, ValueError, AttributeError, TypeError):
        return _bytes_of(part).decode("utf-8", "replace")


def _bytes_of(part: MIMEPart) -> bytes:
    data = part.get_payload(decode=True)
    if isinstance(data, bytes):
        return data
    return b"".join(inner.as_bytes() for inner in part.iter_parts())  # a mail that hangs on a mail


def _attachments(message: EmailMessage) -> list[tuple[str, MIMEPart]]:
    try:
        parts = list(message.iter_attachments())[:ATTACHMENTS_LIMIT]
    except (AttributeError, TypeError, KeyError):
        return []
    found: list[tuple[str, MIMEPart]] = []
    for number, part in enumerate(parts, 1):
        try:
            name = part.get_filename("") or ""
        except Exception:  # noqa: BLE001
            name = ""
        is_mail = part.get_content_type() == "message/rfc822"
        found.append((_eight_bit(name).strip() or f"{number}{'.eml' if is_mail else ''}", part))
    return found
