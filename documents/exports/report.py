"""What an import says of itself: what came in, what was there already, and what was refused and why."""

from collections.abc import Callable
from dataclasses import dataclass, field

LISTED = 20
REFUSED_LISTED = 1000

Step = Callable[[int, int], None]


class Interrupted(Exception):
    """Whoever asked has stopped it, or it goes on later. What came in stays."""


@dataclass
class ImportReport:
    """What came in, what was there already, and what was refused and why. The first of `added` and `known` by name."""

    added: int = 0
    added_bytes: int = 0
    known: int = 0
    folders: int = 0
    rules: int = 0
    views: int = 0
    total: int = 0
    shown_added: list[tuple[str, str]] = field(default_factory=list)
    shown_known: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    refused_count: int = 0

    def note_refused(self, path: str, why: str) -> None:
        self.refused_count += 1
        if len(self.refused) < REFUSED_LISTED:
            self.refused.append((path, why))

    def note_added(self, path: str, note: str, size_bytes: int) -> None:
        self.added += 1
        self.added_bytes += size_bytes
        if len(self.shown_added) < LISTED:
            self.shown_added.append((path, note))

    def note_known(self, path: str, note: str) -> None:
        self.known += 1
        if len(self.shown_known) < LISTED:
            self.shown_known.append((path, note))
