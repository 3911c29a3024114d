"""The file that says of a folder or a ZIP that it is an export, and of which format: read without trust."""

import json
import re
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from documents.exports.layout import FORMAT, MARK
from documents.exports.paths import UnsafePath, checked_path

LARGEST = 4 * 1024 * 1024
VAULT = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


class NotAnExport(Exception):
    """This cannot be taken in as an export, in a sentence that says why and what can be done."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class MarkedPerson:
    """Whose part lies in which directory."""

    handle: str
    directory: str
    documents: int
    size_bytes: int


@dataclass(frozen=True)
class Mark:
    """What an export says of itself."""

    vault: str
    scope: str
    is_finished: bool
    people: list[MarkedPerson]


def read_mark(data: bytes) -> Mark:
    """Raises NotAnExport, for one of a later format in words of its own."""
    damaged = NotAnExport(_("%(file)s is damaged.") % {"file": MARK})
    if len(data) > LARGEST:
        raise damaged
    try:
        found: Any = json.loads(data)
        number = found["format"]
        if type(number) is not int or number < 1:
            raise damaged
        if number > FORMAT:
            raise NotAnExport(
                _("It was made by a later version (format %(number)d, this one knows %(known)d). Update first.")
                % {"number": number, "known": FORMAT}
            )
        people = [_person(row) for row in found["people"]]
        vault, scope = str(found["vault"]), str(found["scope"])
        if not VAULT.match(vault):
            raise damaged
        return Mark(vault, scope[:200], bool(found["finished_at"]), people)
    except (ValueError, KeyError, TypeError, RecursionError, UnsafePath) as error:
        raise damaged from error


def _person(row: Any) -> MarkedPerson:
    handle, directory, count, size = row["handle"], row["directory"], row["documents"], row["size_bytes"]
    is_plain = type(handle) is str and type(count) is int and type(size) is int
    if not is_plain or len(checked_path(directory)) != 1:
        raise ValueError(directory)
    return MarkedPerson(handle, directory, count, size)
