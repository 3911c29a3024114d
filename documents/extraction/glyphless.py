"""A font whose letters have no shape: for words that can be found and copied, and are not to be seen.

As few TrueType tables as viewers insist on. Its one glyph is a line from corner to corner and back: it
fills nothing and has an extent, without which some readers leave out words that stand on their side.
It is made here, so no font is shipped.
"""

import struct

WIDTH, HEIGHT = 500, 1000
# One contour of two points: its extent, its last point, no instructions, flags, and the way to the second point.
LINE = struct.pack(">hhhhhHHBBhh", 1, 0, 0, WIDTH, HEIGHT, 1, 0, 0x31, 0x01, WIDTH, HEIGHT)


def _tables() -> dict[bytes, bytes]:
    return {
        b"glyf": LINE,
        b"head": struct.pack(
            ">IIIIHHqqhhhhHHhhh",
            0x00010000, 0x00010000, 0, 0x5F0F3CF5, 0, HEIGHT, 0, 0, 0, 0, WIDTH, HEIGHT, 0, 8, 2, 0, 0,
        ),
        b"hhea": struct.pack(">IhhhHhhhhhhhhhhhH", 0x00010000, HEIGHT, 0, 0, WIDTH, 0, 0, WIDTH, 1, *[0] * 7, 1),
        b"hmtx": struct.pack(">Hhh", WIDTH, 0, 0),
        b"loca": struct.pack(">HHH", 0, 0, len(LINE) // 2),
        b"maxp": struct.pack(">IHHHHHHHHHHHHHH", 0x00010000, 2, 2, 1, 0, 0, 1, *[0] * 8),
    }  # fmt: skip


def _sum_of(data: bytes) -> int:
    padded = data + bytes(-len(data) % 4)
    total: int = sum(struct.unpack(f">{len(padded) // 4}I", padded))
    return total & 0xFFFFFFFF


def font_file() -> bytes:
    """The font as a TrueType file."""
    tables = _tables()
    count = len(tables)
    directory, body = b"", b""
    start = 12 + 16 * count
    for name, data in sorted(tables.items()):
        directory += struct.pack(">4sIII", name, _sum_of(data), start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    whole = struct.pack(">IHHHH", 0x00010000, count, 64, 2, count * 16 - 64) + directory + body
    at = whole.index(struct.pack(">I", 0x5F0F3CF5)) - 4
    return whole[:at] + struct.pack(">I", (0xB1B0AFBA - _sum_of(whole)) & 0xFFFFFFFF) + whole[at + 4 :]


# Every letter stands for itself (UTF-16) and is drawn by the second glyph; the first is for none.
GLYPH_OF_EACH = b"\0\1" * 0x10000
TO_UNICODE = b"""/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange
1 beginbfrange
<0000> <FFFF> <0000>
endbfrange
endcmap
CMapName currentdict /CMap defineresource pop
end
end
"""
