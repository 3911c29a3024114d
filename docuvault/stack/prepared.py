"""Remembers what the last start brought up to date, so that the next one serves at once where nothing has changed.

Schema, static files and schedules are then looked at while it serves.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from docuvault.stack.configuration import CHECKOUT, our_variables, write_private

# Whose changes the schema, the static files or what is planned may follow.
WATCHED = ("*/migrations/*.py", "static/**/*", "docuvault/**/*.py", "package-lock.json", "requirements.txt")


class Prepared:
    """The mark of one data folder."""

    def __init__(self, data: Path, settings: Mapping[str, str]) -> None:
        self.file = data / "prepared.digest"
        self.digest = digest_of(CHECKOUT, settings)

    def is_it(self) -> bool:
        """Whether the last start had the same files and settings."""
        try:
            return self.file.read_text() == self.digest
        except OSError:
            return False

    def note(self) -> None:
        """All is up to date."""
        if not self.is_it():
            write_private(self.file, self.digest)


def digest_of(checkout: Path, settings: Mapping[str, str]) -> str:
    """Changes when a setting, or name, size or time of a watched file does."""
    digest = hashlib.sha256(repr(sorted(our_variables(settings).items())).encode())
    for pattern in WATCHED:
        for file in sorted(checkout.glob(pattern)):
            status = file.stat()
            digest.update(f"{file} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
