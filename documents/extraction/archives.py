"""What lies in an archive, by its own list: the names alone, so that it is found by them. Nothing is unpacked."""

import stat
import zipfile
from typing import BinaryIO

from documents.extraction.limits import Limits
from documents.extraction.refusals import Locked, NothingToRead
from documents.extraction.telling import Teller
from docuvault.lib.encodings import decoded

MOST_NAMES = 50_000
_SAYS_UTF8, _IS_ENCRYPTED = 0x800, 0x1
# What programs are made of, and what systems leave behind, is nothing that people look for.
_PROGRAMS = ("META-INF/MANIFEST.MF", "AndroidManifest.xml", "Index/Document.iwa")
_LEFT_BEHIND = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")


def read_zip(file: BinaryIO, teller: Teller, limits: Limits) -> None:
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
    if any(entry.flag_bits & _IS_ENCRYPTED for entry in entries):
        raise Locked
    # One that would write where it should not, or holds links, is made to do harm: nothing of it is repeated.
    if any(entry.filename in _PROGRAMS or _leads_out(entry) for entry in entries):
        raise NothingToRead
    names = [name for name in _names(entries[:MOST_NAMES]) if not _is_left_behind(name)]
    if not names:
        raise NothingToRead
    if len(entries) > MOST_NAMES:
        teller.cut = "pages"
    teller.facts("zip")
    teller.pieces("\n".join(names))


def _leads_out(entry: zipfile.ZipInfo) -> bool:
    parts = entry.filename.replace("\\", "/").split("/")
    return parts[0] == "" or parts[0].endswith(":") or ".." in parts or stat.S_ISLNK(entry.external_attr >> 16)


def _is_left_behind(name: str) -> bool:
    return name.endswith("/") or name.startswith(_LEFT_BEHIND) or name.rpartition("/")[2] in _LEFT_BEHIND


def _names(entries: list[zipfile.ZipInfo]) -> list[str]:
    """In words. Old archives do not say in which letters they are written: one guess for all of its names."""
    old = [entry.filename for entry in entries if not entry.flag_bits & _SAYS_UTF8 and not entry.filename.isascii()]
    # zipfile takes them for those of the first PC, which has a letter for each byte.
    guessed = iter(decoded("\n".join(old).encode("cp437", "replace")).split("\n"))
    plain = (
        entry.filename if entry.flag_bits & _SAYS_UTF8 or entry.filename.isascii() else next(guessed, entry.filename)
        for entry in entries
    )
    return [" ".join(name.replace("\\", "/").split()) for name in plain]
