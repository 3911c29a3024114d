"""Names that every file system can hold, made of the real ones, and paths that stay inside of an export.

The real names stand in the records; these only have to be unlike each other, also where upper and lower case
are the same, and as near to the real ones as Windows, macOS and Linux together allow.
"""

import re
import unicodedata

from documents.names import LIMIT_BYTES, free_name, name_key

# Windows refuses these. The backslash and control characters are in no stored name.
REFUSED = frozenset('<>:"/\\|?*')
# Turning the reading direction round makes "annexe.pdf" of "ann\u202efdp.exe": not in a file that somebody opens.
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
DEVICE = re.compile(r"^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)", re.IGNORECASE)
# Folders' paths that would be longer get names of a few bytes from there on: 64 levels then fit 4,096 bytes.
FOLDERS_LIMIT = 700
SHORT = 12
PATH_LIMIT = 3000
EMPTY = "_"


class UnsafePath(ValueError):
    """A path that an export must not hold."""


def safe_name(name: str) -> str:
    """The name with what some file system refuses replaced by "_". A name that is fine stays as it is."""
    safe = "".join(EMPTY if c in REFUSED or c in TURNING or unicodedata.category(c) == "Cc" else c for c in name)
    safe = safe.rstrip(". ") or EMPTY
    safe = f"{EMPTY}{safe}" if DEVICE.match(safe) else safe
    return safe.encode()[:LIMIT_BYTES].decode(errors="ignore").rstrip(". ")


def place_in(directory: str, name: str, taken: set[str], *, is_folder: bool = False) -> str:
    """Where a thing of this name goes in a directory, whose `taken` keys grow by it; numbered where need be."""
    safe = safe_name(name)
    if is_folder and len(f"{directory}/{safe}".encode()) > FOLDERS_LIMIT:
        safe = safe.encode()[:SHORT].decode(errors="ignore").rstrip(". ") or EMPTY
    chosen = free_name(safe, taken)
    taken.add(name_key(chosen))
    return f"{directory}/{chosen}" if directory else chosen


def checked_path(path: object) -> tuple[str, ...]:
    """The parts of a path that leads nowhere but down. Raises UnsafePath."""
    if not isinstance(path, str) or not path:
        raise UnsafePath
    try:
        is_too_long = len(path.encode()) > PATH_LIMIT
    except UnicodeEncodeError:
        raise UnsafePath from None
    parts = tuple(path.split("/"))
    leads_out = any(part in {"", ".", ".."} or "\\" in part or "\x00" in part for part in parts)
    if is_too_long or leads_out or ":" in parts[0]:
        raise UnsafePath
    return parts
