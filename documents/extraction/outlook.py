"""What hangs on a mail of Outlook's (.msg). Its text is read elsewhere (`foreign`)."""

from collections.abc import Iterator
from typing import BinaryIO

from documents.extraction.compound import STORAGE, STREAM, Compound, Entry
from documents.extraction.limits import Limits
from documents.extraction.refusals import TooLarge
from documents.extraction.telling import Teller

MSG_BYTES = 64 * 1024 * 1024
ATTACHMENTS_LIMIT = 200
HANGS_ON = "__attach_version1.0_"
CONTENT = "__substg1.0_37010102"
# The long name, what it is called on the screen, the short name; in wide letters, else in those of a code page.
NAMES = [f"__substg1.0_{tag}{kind}" for tag in ("3707", "3001", "3704") for kind in ("001F", "001E")]


def tell_attachments(file: BinaryIO, teller: Teller, limits: Limits, wanted: set[int]) -> None:
    """Each attachment that is a file, with the bytes of those that are wanted."""
    file.seek(0)
    data = file.read(MSG_BYTES + 1)
    if len(data) > MSG_BYTES:
        raise TooLarge
    held = Compound(data)
    left = limits.output_bytes // 2
    for number, (name, content) in enumerate(_attachments(held)):
        if number not in wanted:
            teller.file(number, name, content.size, b"")
            continue
        left -= content.size
        if left < 0:
            raise TooLarge
        teller.file(number, name, content.size, held.bytes_of(content))


def _attachments(held: Compound) -> Iterator[tuple[str, Entry]]:
    """In the order of their numbers, which are in their names. A mail that hangs on a mail is no file."""
    found = [one for one in held.children(held.root) if one.type == STORAGE and one.name.startswith(HANGS_ON)]
    for number, storage in enumerate(sorted(found, key=lambda one: one.name)[:ATTACHMENTS_LIMIT], 1):
        parts = {one.name: one for one in held.children(storage) if one.type == STREAM}
        if CONTENT in parts:
            yield _name(held, parts) or str(number), parts[CONTENT]


def _name(held: Compound, parts: dict[str, Entry]) -> str:
    for wanted in NAMES:
        if wanted in parts and parts[wanted].size:
            encoding = "utf-16-le" if wanted.endswith("1F") else "cp1252"
            if said := held.bytes_of(parts[wanted])[:2000].decode(encoding, "replace").strip("\0 "):
                return said
    return ""
