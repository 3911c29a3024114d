"""What bytes are, by their first few thousand: a closed list of marks, and no trust in what is claimed.

The name only chooses among types that share a container or are all text. Nothing here decides how
bytes are served; `documents.downloads` does that with a list of its own.
"""

import puremagic

from documents.names import split_name

HEAD_BYTES = 4096
UNKNOWN = "application/octet-stream"
EMPTY = "application/x-empty"
# A web page that a browser saved with its pictures, as a mail of several parts.
WEB_ARCHIVE = "multipart/related"

_OOXML = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."
_TEXT_BYTES = bytes(set(range(0x20, 0x100)) - {0x7F} | {0x07, 0x08, 0x09, 0x0A, 0x0C, 0x0D, 0x1B})

# Photos of phones and cameras, also several in one file.
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"II+\x00", "image/tiff"),
    (0, b"MM\x00+", "image/tiff"),
    *((4, b"ftyp" + brand, "image/heic") for brand in _HEIF),
    (4, b"ftypavif", "image/avif"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"%!PS", "application/postscript"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (257, b"ustar", "application/x-tar"),
)
TEXT_BY_SUFFIX = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".tab": "text/tab-separated-values",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".xml": "text/xml",
    ".json": "application/json",
    ".eml": "message/rfc822",
    ".ics": "text/calendar",
    ".vcf": "text/vcard",
}
OOXML_BY_FOLDER = {
    b"word/": _OOXML + "wordprocessingml.document",
    b"xl/": _OOXML + "spreadsheetml.sheet",
    b"ppt/": _OOXML + "presentationml.presentation",
}
OOXML_BY_SUFFIX = {
    **dict.fromkeys((".docx", ".docm", ".dotx", ".dotm"), OOXML_BY_FOLDER[b"word/"]),
    **dict.fromkeys((".xlsx", ".xlsm", ".xltx", ".xltm"), OOXML_BY_FOLDER[b"xl/"]),
    **dict.fromkeys((".pptx", ".pptm", ".potx", ".potm", ".ppsx", ".ppsm"), OOXML_BY_FOLDER[b"ppt/"]),
}
# The first member of these is called "mimetype" and holds just that.
SAYS_ITS_TYPE = (_ODF + "text", _ODF + "spreadsheet", _ODF + "presentation", _ODF + "graphics", "application/epub+zip")
OLE_BY_SUFFIX = {
    ".doc": "application/msword",
    ".xls": "application/vnd.ms-excel",
    ".ppt": "application/vnd.ms-powerpoint",
    ".msg": "application/vnd.ms-outlook",
}
MARKUP = (b"<!doctype html", b"<html", b"<script", b"<body", b"<head", b"<iframe", b"<meta")


LONG_MARK = 8  # the shortest that puremagic holds to be likely enough


def _beginnings() -> dict[tuple[int, int], set[bytes]]:
    """How puremagic's marks begin, by offset and length: of those long enough to be believed, or built on by others."""
    found: dict[tuple[int, int], set[bytes]] = {}
    for row in puremagic.main.magic_header_array:
        if len(row.byte_match) >= LONG_MARK or row.byte_match in puremagic.main.multi_part_dict:
            beginning = row.byte_match[:LONG_MARK]
            found.setdefault((row.offset, len(beginning)), set()).add(beginning)
    return found


_BEGINNINGS = _beginnings()


def sniff(head: bytes, name: str) -> str:
    """The type that the first bytes show."""
    suffix = split_name(name)[1].lower()
    if not head:
        return EMPTY
    for offset, mark, kind in SIGNATURES:
        if head[offset : offset + len(mark)] == mark:
            return kind
    if head.startswith(b"PK\x03\x04"):
        return _of_zip(head, suffix)
    if head.startswith(b"PK\x05\x06"):
        return "application/zip"  # one with nothing in it
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return OLE_BY_SUFFIX.get(suffix, "application/x-ole-storage")
    return _of_text(head, suffix) if _is_text(head) else _of_others(head, suffix)


def _of_zip(head: bytes, suffix: str) -> str:
    if head[30:38] == b"mimetype":
        for kind in SAYS_ITS_TYPE:
            if head[38:].startswith(kind.encode()):
                return kind
    for folder, kind in OOXML_BY_FOLDER.items():
        if folder in head:
            return kind
    if b"[Content_Types].xml" in head or b"_rels/" in head:
        return OOXML_BY_SUFFIX.get(suffix, "application/zip")
    return "application/zip"


def _of_text(head: bytes, suffix: str) -> str:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(MARKUP):
        return "text/html"
    if b"<svg" in start:
        return "image/svg+xml"
    if start.startswith(b"<?xml"):
        return "text/xml"
    if suffix == ".pdf" and _is_late_pdf(head):
        return "application/pdf"
    if suffix in {".mht", ".mhtml"} and b"\nmime-version:" in b"\n" + start:
        return WEB_ARCHIVE
    return TEXT_BY_SUFFIX.get(suffix, "text/plain")


def _of_others(head: bytes, suffix: str) -> str:
    if suffix == ".pdf" and _is_late_pdf(head):
        return "application/pdf"
    if not any(head[offset : offset + length] in marks for (offset, length), marks in _BEGINNINGS.items()):
        return UNKNOWN  # spares a walk through all of its marks
    try:
        guesses = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return UNKNOWN
    best = next((g.mime_type for g in guesses if g.mime_type and g.confidence >= 0.8), "")
    # Nothing a browser would run is believed of bytes that are not text.
    return best if best and not best.startswith(("text/", "application/javascript")) else UNKNOWN


def _is_late_pdf(head: bytes) -> bool:
    """Readers accept a header anywhere in the first kilobyte."""
    return b"%PDF-" in head[:1024]


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return not head.translate(None, _TEXT_BYTES)
