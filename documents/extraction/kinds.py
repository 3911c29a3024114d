"""What bytes are to a reader: a closed list, by their own marks. Names are not asked."""

import zipfile
from enum import StrEnum
from typing import BinaryIO

HEAD = 4096
# Streams of the old container, whose names are UTF-16. The first that is found counts.
_OLE = (
    ("EncryptedPackage", "encrypted"),
    ("WordDocument", "doc"),
    ("__substg1.0_", "msg"),
    ("PowerPoint Document", "ppt"),
    ("Workbook", "xls"),
    ("Book", "xls"),
)
_ODF = "application/vnd.oasis.opendocument."
_SAYS_ITS_TYPE = {
    _ODF + "text": "odt",
    _ODF + "spreadsheet": "ods",
    _ODF + "presentation": "odp",
    _ODF + "graphics": "odp",
    "application/epub+zip": "epub",
}
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_IMAGES = (
    (0, b"\x89PNG\r\n\x1a\n"), (0, b"\xff\xd8\xff"), (0, b"GIF87a"), (0, b"GIF89a"), (8, b"WEBP"), (0, b"II*\x00"),
    (0, b"MM\x00*"), (0, b"II+\x00"), (0, b"MM\x00+"), (0, b"BM"), (4, b"ftypavif"),
    *((4, b"ftyp" + brand) for brand in _HEIF),
)  # fmt: skip
_MARKUP = (b"<!doctype html", b"<html", b"<script", b"<body", b"<head", b"<iframe", b"<meta")


class Kind(StrEnum):
    PDF = "pdf"
    IMAGE = "image"
    DOCX = "docx"
    XLSX = "xlsx"
    PPTX = "pptx"
    ODT = "odt"
    ODS = "ods"
    ODP = "odp"
    EPUB = "epub"
    DOC = "doc"
    XLS = "xls"
    PPT = "ppt"
    MSG = "msg"
    RTF = "rtf"
    MAIL = "mail"
    SAVED_PAGE = "page"
    HTML = "html"
    ZIP = "zip"
    TEXT = "text"
    # Nothing that can be read, or nothing without a password.
    ENCRYPTED = "encrypted"
    NOTHING = "nothing"


def kind_of(file: BinaryIO, size: int, content_type: str) -> Kind:
    """`content_type` only chooses among what is text, and was sniffed as well."""
    file.seek(0)
    head = file.read(HEAD)
    if not head:
        return Kind.NOTHING
    if b"%PDF-" in head[:1024] and not _is_other(head):
        return Kind.PDF
    if any(head[at : at + len(mark)] == mark for at, mark in _IMAGES) and not _is_plain(head):
        return Kind.IMAGE
    if head.startswith(b"PK\x03\x04"):
        return _of_zip(file, content_type)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _of_ole(file, size)
    if head.startswith(b"{\\rtf"):
        return Kind.RTF
    if head[257:262] == b"ustar" or head.startswith(
        (b"MZ\x90", b"PK", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"\x7fELF", b"%!PS", b"\xc5\xd0\xd3\xc6")
    ):
        return Kind.NOTHING
    if content_type == "message/rfc822":
        return Kind.MAIL
    if content_type == "multipart/related":
        return Kind.SAVED_PAGE
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(_MARKUP) or content_type == "text/html" or (b"<html" in start and b"xhtml" in start):
        return Kind.HTML
    return Kind.TEXT


def _is_other(head: bytes) -> bool:
    """A picture or a container with the letters of a PDF somewhere inside is what it begins as."""
    return not head.startswith(b"%PDF-") and any(head[at : at + len(mark)] == mark for at, mark in _IMAGES[:8])


def _is_plain(head: bytes) -> bool:
    """Letters that happen to begin like a picture ("BM" of "BMW")."""
    return head.startswith(b"BM") and (len(head) < 26 or head[6:10] != b"\0\0\0\0")


def _of_zip(file: BinaryIO, content_type: str) -> Kind:
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
            if "mimetype" in names and archive.getinfo("mimetype").file_size < 200:
                said = archive.read("mimetype").decode("ascii", "replace").strip()
                for mark, kind in _SAYS_ITS_TYPE.items():
                    if said.startswith(mark):
                        return Kind(kind)
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError, EOFError, KeyError):
        return Kind.NOTHING
    for name, kind in (
        ("word/document.xml", Kind.DOCX),
        ("xl/workbook.xml", Kind.XLSX),
        ("ppt/presentation.xml", Kind.PPTX),
    ):
        if name in names:
            return kind
    return Kind.ZIP if names and content_type == "application/zip" else Kind.NOTHING


def _of_ole(file: BinaryIO, size: int) -> Kind:
    file.seek(0)
    data = file.read(min(size, 64 * 1024 * 1024))
    for stream, kind in _OLE:
        if stream.encode("utf-16-le") in data:
            return Kind(kind)
    return Kind.NOTHING
