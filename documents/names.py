"""What a name may be: one rule for files, folders, topics and groups, whichever way they come in.

Stored names keep what the person wrote, in NFC. Uniqueness compares `name_key`. Rejected: NFKC
(it changes honest names) and a list of names that Windows reserves (harmless here).
"""

import re
import unicodedata
from collections.abc import Container
from pathlib import PurePosixPath

from django.utils.translation import gettext as _

LIMIT_BYTES = 255
# Nothing longer can come down to the limit by being composed or trimmed in earnest.
LONGEST_LOOKED_AT = 4096
# Emoji families and many scripts need these between letters; elsewhere they only hide.
JOINERS = frozenset("\u200c\u200d")
JOINING = frozenset({"Lo", "Lm", "Mn", "Mc", "So", "Sk"})
# Letters and symbols by category, but nothing to see: Hangul fillers, the blank Braille pattern.
BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
# Looks like a slash and is none: shown for what it is.
LOOKALIKES = frozenset("\u2044\u2215\u29f8")
_NUMBERED = re.compile(r" \((\d{1,6})\)$")


class InvalidName(ValueError):
    """A name that cannot be kept, with a sentence for the person who gave it."""

    @property
    def message(self) -> str:
        return str(self.args[0])


def clean_name(raw: str) -> str:
    """The name as it will be stored. Raises InvalidName.

    A backslash path (old browsers send one) is cut to its last part; a slash is refused, since no
    honest door sends one. What has been cleaned once stays as it is.
    """
    if len(raw) > LONGEST_LOOKED_AT:
        raise InvalidName(_("The name is too long: at most %(limit)d bytes.") % {"limit": LIMIT_BYTES})
    name = raw.rpartition("\\")[2]
    for character in name:
        category = unicodedata.category(character)
        if category in {"Cc", "Cs", "Zl", "Zp"}:
            raise InvalidName(
                _("The name holds a character that cannot be kept (U+%(code)04X).") % {"code": ord(character)}
            )
    if "/" in name:
        raise InvalidName(_("A name cannot hold a slash."))
    name = _trimmed(unicodedata.normalize("NFC", name))
    if not any(_is_seen(character) for character in name):
        raise InvalidName(_("A name needs at least one visible character, and cannot be only dots."))
    if len(name.encode()) > LIMIT_BYTES:
        raise InvalidName(_("The name is too long: at most %(limit)d bytes.") % {"limit": LIMIT_BYTES})
    return name


def _trimmed(name: str) -> str:
    """Without blanks at both ends and dots at the end, which Windows drops, in whatever order they come."""
    while (shorter := name.strip().rstrip(".")) != name:
        name = shorter
    return name


def _is_seen(character: str) -> bool:
    is_variation = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    hides = character.isspace() or unicodedata.category(character) == "Cf" or character == "\u034f"
    return not (hides or is_variation or character in BLANKS)


def name_key(name: str) -> str:
    """What uniqueness compares: the casefold of the composed form."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def shown_name(name: str) -> str:
    """The name for display: characters that hide or reorder others are written out."""
    if name.isascii():
        return name
    before = ""
    shown = []
    for character in name:
        is_joining = character in JOINERS and before != "" and unicodedata.category(before) in JOINING
        is_hidden = unicodedata.category(character) == "Cf" or character in BLANKS or character in LOOKALIKES
        shown.append(f"\u27e8U+{ord(character):04X}\u27e9" if is_hidden and not is_joining else character)
        before = character
    return "".join(shown)


def free_name(name: str, taken_keys: Container[str]) -> str:
    """The name itself, or "a (2).pdf", "a (3).pdf" … where its key is taken; never over the limit."""
    if name_key(name) not in taken_keys:
        return name
    stem, suffix = split_name(name)
    found = _NUMBERED.search(stem)
    number = int(found.group(1)) + 1 if found else 2
    stem = stem[: found.start()] if found else stem
    while True:
        tail = f" ({number}){suffix}"
        candidate = _cut(stem, LIMIT_BYTES - len(tail.encode())) + tail
        if name_key(candidate) not in taken_keys:
            return candidate
        number += 1


def split_name(name: str) -> tuple[str, str]:
    """Stem and suffix; "archive.tar.gz" keeps both parts of its suffix, ".hidden" has none."""
    path = PurePosixPath(name)
    suffix = path.suffix
    if suffix and len(suffix.encode()) <= 20:
        stem = name[: -len(suffix)]
        if stem.endswith(".tar"):
            return stem[:-4], ".tar" + suffix
        return stem, suffix
    return name, ""


def _cut(text: str, limit_bytes: int) -> str:
    return text.encode()[: max(limit_bytes, 0)].decode(errors="ignore").rstrip()
