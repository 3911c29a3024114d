"""How far one document may go: bytes, pages, pixels, characters, time and memory."""

from dataclasses import asdict, dataclass
from typing import Any

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What one child may use. All of it is in the request, so that a zygote outlives a change of settings."""

    # Of the file, and of what an archive such as a .docx may unpack to.
    file_bytes: int = 256 * MIB
    unpacked_bytes: int = 96 * MIB
    pages: int = 2_000
    ocr_pages: int = 300
    # A picture may have so many pixels before it is decoded; what is recognised or shown has fewer.
    pixels: int = 64_000_000
    ocr_pixels: int = 12_000_000
    characters: int = 8_000_000
    # Wall time; each page that is recognised earns a few seconds more, up to the second figure.
    seconds: float = 50.0
    longest_seconds: float = 900.0
    memory_bytes: int = 350 * MIB
    output_bytes: int = 256 * MIB
    frame_bytes: int = 64 * MIB

    def as_plain(self) -> dict[str, Any]:
        return asdict(self)


SECONDS_EARNED = 8.0
# Longer texts without pages are kept in pieces of about this many characters.
PIECE_CHARACTERS = 40_000
# Words with their boxes, unpacked, of one page.
WORDS_BYTES = 8 * MIB
WORDS_LIMIT = 20_000
EOF_REASONS = ("died", "memory", "time", "output")
