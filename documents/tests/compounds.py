"""A mail of Outlook's, made here: the container with its table of sectors, and as much of a mail as readers ask for."""

import struct

SECTOR, MINI = 512, 64
FREE, END, TABLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
Tree = dict[str, "bytes | Tree"]


class _Container:
    def __init__(self, tree: Tree) -> None:
        self.entries: list[list[object]] = []  # name, type, right, child, start, size
        self.mini, self.mini_table = bytearray(), []  # type: ignore[var-annotated]
        self.big: list[tuple[int, bytes]] = []
        self._add("Root Entry", 5, tree)

    def _add(self, name: str, kind: int, tree: "Tree | bytes") -> int:
        number = len(self.entries)
        entry: list[object] = [name, kind, FREE, FREE, END, 0]
        self.entries.append(entry)
        if isinstance(tree, bytes):
            entry[5] = len(tree)
            if len(tree) >= 4096:
                self.big.append((number, tree))
            elif tree:
                entry[4] = len(self.mini) // MINI
                count = -(-len(tree) // MINI)
                self.mini_table += [len(self.mini_table) + n + 1 for n in range(count - 1)] + [END]
                self.mini += tree + bytes(-len(tree) % MINI)
            return number
        before: int | None = None
        # Siblings one after the other: a tree as long as it is deep is a tree all the same.
        for child, below in sorted(tree.items(), key=lambda item: (len(item[0]), item[0].upper())):
            here = self._add(child, 2 if isinstance(below, bytes) else 1, below)
            if before is None:
                entry[3] = here
            else:
                self.entries[before][2] = here
            before = here
        return number

    def packed(self) -> bytes:
        sectors: list[bytes] = []
        table: list[int] = []

        def put(data: bytes) -> int:
            start = len(sectors)
            count = max(1, -(-len(data) // SECTOR))
            padded = data + bytes(count * SECTOR - len(data))
            sectors.extend(padded[n * SECTOR : (n + 1) * SECTOR] for n in range(count))
            table.extend([start + n + 1 for n in range(count - 1)] + [END])
            return start

        for number, data in self.big:
            self.entries[number][4] = put(data)
        self.entries[0][4], self.entries[0][5] = (put(bytes(self.mini)), len(self.mini)) if self.mini else (END, 0)
        minis = struct.pack(f"<{len(self.mini_table)}I", *self.mini_table)
        first_mini = put(minis + b"\xff" * (-len(minis) % SECTOR)) if minis else END
        rows = b""
        for name, kind, right, child, start, size in self.entries:
            wide = str(name).encode("utf-16-le")
            rows += wide.ljust(64, b"\0") + struct.pack("<HBB", len(wide) + 2, kind, 1)
            rows += struct.pack("<III", FREE, right, child) + bytes(36) + struct.pack("<IQ", start, size)
        rows += (b"\0" * 66 + struct.pack("<BB", 0, 1) + struct.pack("<III", FREE, FREE, FREE) + bytes(48)) * (
            -len(self.entries) % 4
        )
        first_row = put(rows)
        count = 1
        while (len(table) + count) > count * SECTOR // 4:
            count += 1
        places = list(range(len(table), len(table) + count))
        table += [TABLE] * count
        packed = struct.pack(f"<{len(table)}I", *table)
        packed += b"\xff" * (count * SECTOR - len(packed))
        head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
        head += struct.pack("<IIIIIIIII", 0, count, first_row, 0, 4096, first_mini, bool(minis), END, 0)
        head += struct.pack("<109I", *places, *[FREE] * (109 - count))
        return head + b"".join(sectors) + packed


def compound(tree: Tree) -> bytes:
    return _Container(tree).packed()


def msg(subject: str, body: str, *attachments: tuple[str, bytes]) -> bytes:
    tree: Tree = {
        "__properties_version1.0": bytes(32),
        "__substg1.0_001A001F": "IPM.Note".encode("utf-16-le"),
        "__substg1.0_0037001F": subject.encode("utf-16-le"),
        "__substg1.0_1000001F": body.encode("utf-16-le"),
        "__nameid_version1.0": {"__substg1.0_00020102": b"", "__substg1.0_00030102": b"", "__substg1.0_00040102": b""},
    }
    for number, (name, data) in enumerate(attachments):
        tree[f"__attach_version1.0_#{number:08X}"] = {
            "__properties_version1.0": bytes(8),
            "__substg1.0_3707001F": name.encode("utf-16-le"),
            "__substg1.0_37010102": data,
        }
    return compound(tree)
