"""Which files of a folder an export has written, in this run and before: only those may it replace or remove.

Kept in a private temporary database of SQLite, since the list is as long as the export.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator

LINE = re.compile(r"^([0-9a-f]{64})  (.+)$")


class Known:
    """Digests by path. `before` is what earlier runs wrote, `now` what this one finds or writes."""

    def __init__(self) -> None:
        self._rows = sqlite3.connect("")
        self._rows.execute("CREATE TABLE before (path TEXT, sha256 TEXT, PRIMARY KEY (path, sha256)) WITHOUT ROWID")
        self._rows.execute("CREATE TABLE now (place INTEGER PRIMARY KEY, path TEXT UNIQUE, sha256 TEXT)")

    def close(self) -> None:
        self._rows.close()

    def read(self, lines: Iterable[str]) -> None:
        """Lines as sha256sum writes them; what is none, such as the end of a line cut off, says nothing."""
        found = (LINE.match(line.rstrip("\n")) for line in lines)
        self._rows.executemany(
            "INSERT OR IGNORE INTO before VALUES (?, ?)", ((row[2], row[1]) for row in found if row is not None)
        )

    def wrote(self, path: str, sha256: str) -> bool:
        """Whether an earlier run wrote just this."""
        asked = self._rows.execute("SELECT 1 FROM before WHERE path = ? AND sha256 = ?", (path, sha256))
        return asked.fetchone() is not None

    def is_there(self, path: str, sha256: str) -> None:
        self._rows.execute("INSERT OR REPLACE INTO now (path, sha256) VALUES (?, ?)", (path, sha256))

    def all_there(self) -> Iterator[tuple[str, str]]:
        """Path and digest of what this run found or wrote, in its order."""
        yield from self._rows.execute("SELECT path, sha256 FROM now ORDER BY place")

    def left_over(self) -> Iterator[str]:
        """Paths that an earlier run wrote and this one has not."""
        rows = self._rows.execute(
            "SELECT DISTINCT path FROM before WHERE path NOT IN (SELECT path FROM now) ORDER BY path"
        )
        yield from (path for (path,) in rows)
