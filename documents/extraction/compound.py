"""The container of old Office files and of Outlook's mails: a small file system, read without trust.

Every chain of sectors and every row of siblings is followed once and no further than the file is long.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from documents.extraction.refusals import Unreadable

MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
END, NONE = 0xFFFFFFFE, 0xFFFFFFFF
STORAGE, STREAM, ROOT = 1, 2, 5
ENTRY_BYTES = 128
ENTRIES_LIMIT = 20_000


@dataclass(frozen=True)
class Entry:
    """A stream, or a storage with entries below it."""

    name: str
    type: int
    left: int
    right: int
    child: int
    start: int
    size: int


class Compound:
    """Raises Unreadable wherever it is not what it should be."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        if len(data) < 512 or not data.startswith(MARK):
            raise Unreadable
        shift, mini_shift = struct.unpack_from("<HH", data, 30)
        if shift not in {9, 12} or mini_shift != 6:
            raise Unreadable
        self.sector, self.mini_sector = 1 << shift, 1 << mini_shift
        (first_entry,) = struct.unpack_from("<I", data, 48)
        self.cutoff, first_mini, _count, first_more, _count_more = struct.unpack_from("<IIIII", data, 56)
        self.table = self._table(first_more)
        self.entries = self._entries(self._chained(first_entry))
        if not self.entries or self.entries[0].type != ROOT:
            raise Unreadable
        mini = self._chained(first_mini) if first_mini not in {END, NONE} else b""
        self.mini_table = struct.unpack(f"<{len(mini) // 4}I", mini[: len(mini) // 4 * 4])
        root = self.entries[0]
        self.mini_data = self._chained(root.start) if root.start not in {END, NONE} else b""

    def children(self, entry: Entry) -> Iterator[Entry]:
        """What lies directly in a storage."""
        waiting, seen = [entry.child], set()
        while waiting:
            number = waiting.pop()
            if number in seen or number >= len(self.entries):
                continue
            seen.add(number)
            found = self.entries[number]
            yield found
            waiting += [found.right, found.left]

    @property
    def root(self) -> Entry:
        return self.entries[0]

    def bytes_of(self, entry: Entry) -> bytes:
        if entry.size < self.cutoff:
            return self._in_mini(entry)
        data = self._chained(entry.start)
        if len(data) < entry.size:
            raise Unreadable
        return data[: entry.size]

    def _at(self, number: int) -> bytes:
        start = (number + 1) * self.sector
        found = self.data[start : start + self.sector]
        if not found:
            raise Unreadable
        return found

    def _table(self, first_more: int) -> tuple[int, ...]:
        """Which sector follows each; where that is written is itself in a chain."""
        places = [number for number in struct.unpack_from("<109I", self.data, 76) if number < END - 3]
        most = len(self.data) // self.sector + 1
        seen: set[int] = set()
        while first_more < END - 3 and first_more not in seen and len(places) <= most:
            seen.add(first_more)
            more = self._at(first_more)
            numbers = struct.unpack(f"<{len(more) // 4}I", more[: len(more) // 4 * 4])
            places += [number for number in numbers[:-1] if number < END - 3]
            first_more = numbers[-1] if numbers else END
        held = b"".join(self._at(number) for number in places[:most])
        return struct.unpack(f"<{len(held) // 4}I", held[: len(held) // 4 * 4])

    def _chained(self, first: int) -> bytes:
        found, seen, number = [], set(), first
        while number < END - 3:
            if number in seen or number >= len(self.table):
                raise Unreadable
            seen.add(number)
            found.append(self._at(number))
            number = self.table[number]
        return b"".join(found)

    def _in_mini(self, entry: Entry) -> bytes:
        found, seen, number = bytearray(), set(), entry.start
        while len(found) < entry.size:
            if number in seen or number >= len(self.mini_table):
                raise Unreadable
            seen.add(number)
            found += self.mini_data[number * self.mini_sector : (number + 1) * self.mini_sector]
            number = self.mini_table[number]
        return bytes(found[: entry.size])

    @staticmethod
    def _entries(data: bytes) -> list[Entry]:
        found = []
        for start in range(0, min(len(data), ENTRIES_LIMIT * ENTRY_BYTES) - ENTRY_BYTES + 1, ENTRY_BYTES):
            (length,) = struct.unpack_from("<H", data, start + 64)
            name = data[start : start + max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
            left, right, child = struct.unpack_from("<III", data, start + 68)
            first, size = struct.unpack_from("<II", data, start + 116)
            found.append(Entry(name, data[start + 66], left, right, child, first, size))
        return found
