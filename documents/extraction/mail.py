"""Mails: what their head says, the text that is shown, and which files hang on them. HTML is read, never shown."""

from email.message import Message
from email.utils import parsedate_to_datetime
from typing import BinaryIO

from documents.extraction import markup
from documents.extraction.limits import Limits
from documents.extraction.refusals import TooLarge, Unreadable
from documents.extraction.telling import Teller
from docuvault.lib.letters import NoLetter, body_of, bytes_of, enclosures, header_text, letter_from

MAIL_BYTES = 64 * 1024 * 1024
HEADS = ("Subject", "From", "To", "Cc", "Date")


def read_mail(file: BinaryIO, teller: Teller, limits: Limits) -> None:
    letter = _letter(file)
    heads = {name: header_text(letter, name) for name in HEADS}
    lines = [f"{name}: {value}" for name, value in heads.items() if value]
    names = [name for _number, name, _part in _attachments(letter)]
    teller.facts("mail", None, heads["Subject"], _moment(heads["Date"]))
    parts = ["\n".join(lines), _words(letter)]
    if names:
        parts.append("\n".join(f"[{name}]" for name in names))
    teller.pieces("\n\n".join(part for part in parts if part).strip())


def read_saved_page(file: BinaryIO, teller: Teller, limits: Limits) -> None:
    """A web page as a browser saves it: its words alone."""
    page = _letter(file)
    teller.facts("page", None, header_text(page, "Subject"), _moment(header_text(page, "Date")))
    teller.pieces(_words(page))


def tell_attachments(file: BinaryIO, teller: Teller, limits: Limits, wanted: set[int]) -> None:
    """Each attachment, with the bytes of those that are wanted, up to what may be told in all."""
    left = limits.output_bytes // 2
    for number, name, part in _attachments(_letter(file)):
        data = bytes_of(part)
        if number in wanted:
            left -= len(data)
        if left < 0:
            raise TooLarge
        teller.file(number, name, len(data), data if number in wanted else b"")


def _letter(file: BinaryIO) -> Message:
    file.seek(0)
    data = file.read(MAIL_BYTES + 1)
    if len(data) > MAIL_BYTES:
        raise TooLarge
    try:
        letter = letter_from(data)
    except NoLetter as error:
        raise Unreadable from error
    if not letter.keys():
        raise Unreadable
    return letter


def _words(letter: Message) -> str:
    body, _is_html = body_of(letter, lambda text: markup.html_text(text)[0], most_bytes=MAIL_BYTES)
    return markup.tidy(body)


def _moment(date: str) -> str:
    try:
        return parsedate_to_datetime(date).isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""


def _attachments(letter: Message) -> list[tuple[int, str, Message]]:
    """Those without a name are called by their place, so that they can be documents."""
    found: list[tuple[int, str, Message]] = []
    for number, name, part in enclosures(letter):
        is_mail = part.get_content_type() == "message/rfc822"
        found.append((number, name or f"{len(found) + 1}{'.eml' if is_mail else ''}", part))
    return found
