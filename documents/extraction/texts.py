"""Plain text in whatever encoding: marks first, then UTF-8, then a guess. What is no text is not read."""

import charset_normalizer

from documents.extraction.refusals import NothingToRead

SAMPLE = 128 * 1024
# UTF-32 before UTF-16, whose mark it begins with.
MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_CONTROLS = frozenset([*range(1, 9), 11, *range(14, 27), *range(28, 32), *range(127, 160)]) - {0x85}
_ASCII = bytes([9, 10, 13, *range(32, 127)])
_MAINFRAME = ["cp037", "cp273", "cp424", "cp500", "cp864", "cp875", "cp1026", "cp1140"]


def decode(data: bytes) -> str:
    """The text, with ends of lines as one character. Raises NothingToRead for bytes that are no text."""
    text = _decode(data)
    sample = text[:SAMPLE]
    controls = sum(1 for letter in sample if ord(letter) in _CONTROLS)
    if sample.count("\x00") > len(sample) * 0.3:
        raise NothingToRead
    if sample and (controls + sample.count("\ufffd")) / len(sample) > 0.1:
        raise NothingToRead
    return text.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")


def _decode(data: bytes) -> str:
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if wide := _unmarked(data):
        return data.decode(wide, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        # Cut off in the middle of a letter, or a few bad bytes in what is otherwise UTF-8.
        if error.start > len(data) - 4 or (error.start > 4096 and data.count(b"\xc3") > 0):
            return data.decode("utf-8", "replace")
    sample = data[:SAMPLE]
    # Where ASCII letters prevail it is none of the mainframe's encodings, in which those mean something else.
    is_ascii_like = len(sample.translate(None, _ASCII)) < len(sample) * 0.5
    best = charset_normalizer.from_bytes(sample, cp_exclusion=_MAINFRAME if is_ascii_like else None).best()
    # Too short to tell by, or no text at all: the controls in it will show.
    return data.decode(best.encoding if best else "latin-1", "replace")


def _unmarked(data: bytes) -> str:
    """Two bytes for each letter and no mark: half of the bytes are NUL, all in even or all in odd places."""
    sample = data[:4096]
    if len(sample) < 4 or len(sample) % 2:
        return ""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if even > half * 0.6 and odd < half * 0.1:
        return "utf-16-be"
    if odd > half * 0.6 and even < half * 0.1:
        return "utf-16-le"
    return ""
