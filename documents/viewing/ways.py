"""In which way a version is shown in the page, or why it cannot be.

The way follows from what the bytes are, never from a name or from what the sender claimed. What a
browser could run (HTML, SVG, scripts) is shown as the text it is.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from documents.models import Reading, ReadingState, Version

TEXT_LIMIT = 4 * 1024 * 1024
MARKDOWN_LIMIT = 192 * 1024
LETTER_LIMIT = 12 * 1024 * 1024
PICTURE_LIMIT = 48 * 1024 * 1024


class Way(models.TextChoices):
    """How it is shown; each has a template of that name."""

    PDF = "pdf", _("PDF")
    PICTURE = "picture", _("Picture")
    SCAN = "scan", _("Page pictures")
    TEXT = "text", _("Text")
    MARKDOWN = "markdown", _("Text")
    TABLE = "table", _("Table")
    LETTER = "letter", _("E-mail")
    PAGES = "pages", _("Text")
    NONE = "none", _("Nothing to show")


class Why(models.TextChoices):
    """Why there is nothing to show, in words for the person who looks."""

    EMPTY = "empty", _("This file is empty: it holds not one byte.")
    UNKNOWN = "unknown", _("The vault keeps files of this kind, but has no way to show them.")
    WAITING = "waiting", _("It is shown as soon as it has been read. That takes a moment.")
    UNREAD = "unread", _("It could not be read, so there is nothing to show. The file itself is safe.")
    ENCRYPTED = "encrypted", _("It is protected by a password. Download it and open it with the program it belongs to.")
    MISSING = "missing", _("Its bytes are no longer in the storage. Ask your admin: it may be in a backup.")
    DAMAGED = "damaged", _("The stored bytes are not the ones that were put there. Ask your admin for a backup.")
    TOO_LARGE = "too_large", _("It is too large to be shown here. Download it to see it.")
    UNDRAWN = "undrawn", _("It may only be looked at, and the vault has no pictures of files of this kind.")
    AWAY = "away", _("The storage cannot be reached right now. Nothing is lost. Please try again shortly.")


# Types that every browser draws by itself, and never runs.
DRAWN = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
BY_TYPE = {
    "application/pdf": Way.PDF,
    "text/markdown": Way.MARKDOWN,
    "text/csv": Way.TABLE,
    "text/tab-separated-values": Way.TABLE,
    "message/rfc822": Way.LETTER,
    "application/json": Way.TEXT,
    "image/svg+xml": Way.TEXT,
}
LETTERS = frozenset({"message/rfc822"})
# Shown by the names of what lies in them.
LISTED = frozenset({"application/zip"})
# Shown page by page from what was read of them.
READ_FIRST = (
    "application/vnd.openxmlformats-officedocument.",
    "application/vnd.oasis.opendocument.",
    "application/vnd.ms-",
    "application/msword",
    "application/rtf",
    "application/epub+zip",
    "multipart/related",
)


def goes_by_pages(kind: str) -> bool:
    """Whether a document of this type is shown by the pages that were read of it, and not by parts of its text."""
    return (kind not in BY_TYPE and not kind.startswith("text/")) or kind in {"application/pdf", "text/html"}


def way_of(version: Version, reading: Reading | None, *, with_pictures: bool) -> tuple[Way, Why | None]:
    """The way to show it, and with Way.NONE the reason. `with_pictures`: whether pictures of pages can be had."""
    if version.flaw:
        return Way.NONE, Why(version.flaw)
    if not version.size_bytes:
        return Way.NONE, Why.EMPTY
    kind = version.content_type
    is_read = reading is not None and reading.state == ReadingState.READY
    # Recognised words fit the upright page pictures; the pages of the file itself may lie on their side.
    is_scan = reading is not None and is_read and reading.is_scanned and with_pictures
    if kind == "application/pdf":
        return (Way.SCAN, None) if is_scan else (Way.PDF, None)
    if kind.startswith("image/") and kind not in BY_TYPE:
        if is_scan or (is_read and with_pictures and kind not in DRAWN):
            return Way.SCAN, None
        if kind in DRAWN:
            return (Way.PICTURE, None) if version.size_bytes <= PICTURE_LIMIT else (Way.NONE, Why.TOO_LARGE)
        return Way.NONE, _why_unread(reading)
    if kind == "text/html" and is_read:
        return Way.PAGES, None
    if (way := BY_TYPE.get(kind)) is not None:
        return way, None
    if kind.startswith("text/"):
        return Way.TEXT, None
    if kind.startswith(READ_FIRST):
        return (Way.PAGES, None) if is_read else (Way.NONE, _why_unread(reading))
    if kind in LISTED:
        why = _why_unread(reading)
        return (Way.PAGES, None) if is_read else (Way.NONE, Why.UNKNOWN if why == Why.UNREAD else why)
    return Way.NONE, Why.UNKNOWN


def drawn_way(way: Way, why: Why | None, reading: Reading | None) -> tuple[Way, Why | None]:
    """The way for those who get no bytes: pictures of pages, of what a browser would else draw from them."""
    if way not in {Way.PDF, Way.PICTURE}:
        # Not told to download what they cannot.
        return way, Why.UNDRAWN if why in {Why.ENCRYPTED, Why.TOO_LARGE} else why
    if reading is not None and reading.state == ReadingState.READY and reading.page_count:
        return Way.SCAN, None
    why = _why_unread(reading)
    return Way.NONE, why if why == Why.WAITING else Why.UNDRAWN


def _why_unread(reading: Reading | None) -> Why:
    if reading is None:
        return Why.UNKNOWN
    return {
        ReadingState.WAITING: Why.WAITING,
        ReadingState.READING: Why.WAITING,
        ReadingState.ENCRYPTED: Why.ENCRYPTED,
    }.get(ReadingState(reading.state), Why.UNREAD)
