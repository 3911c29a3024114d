"""Bytes as text: which encoding they are in, and what of it may be put before a person.

Everything here takes bounded bytes and time that grows with them; nothing is parsed.
"""

import codecs
import re

from charset_normalizer import from_bytes

SAMPLE_BYTES = 32_768
# The longer marks first: that of UTF-32 begins with that of UTF-16.
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What reorders the characters around it, so that a text reads differently from what it says.
_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_CONTROLS = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"} | {0x7F: 0x2421}
_NEWLINES = re.compile("\r\n?|\u2028|\u2029|\x0c")


def decode(data: bytes, charset: str = "") -> str:
    """The text of these bytes, which may end in the middle of a character. Never fails."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decoded(data[len(mark) :], encoding)
    if charset:
        try:
            return _decoded(data, charset)
        except LookupError:
            pass
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return _decoded(data, _guessed(data[:SAMPLE_BYTES]))


def _decoded(data: bytes, encoding: str) -> str:
    if not codecs.lookup(encoding)._is_text_encoding:
        raise LookupError(encoding)
    return codecs.getincrementaldecoder(encoding)(errors="replace").decode(data)


def _guessed(sample: bytes) -> str:
    odd, even = sample[1::2].count(0), sample[0::2].count(0)
    if odd + even > len(sample) // 8:
        return "utf-16-be" if even > odd else "utf-16-le"
    best = from_bytes(sample).best()
    return best.encoding if best is not None else "cp1252"


def presentable(text: str) -> str:
    """With plain line ends, and with what is invisible or reorders others made visible."""
    text = _NEWLINES.sub("\n", text).translate(_CONTROLS)
    return _REORDERING.sub(lambda found: f"\u27e8U+{ord(found.group()):04X}\u27e9", text)
