"""Plain text in whatever encoding: marks first, then UTF-8, then a guess. What is no text is not read."""

from documents.extraction.refusals import NothingToRead
from docuvault.lib.encodings import decoded

SAMPLE = 128 * 1024
_CONTROLS = frozenset([*range(1, 9), 11, *range(14, 27), *range(28, 32), *range(127, 160)]) - {0x85}


def decode(data: bytes) -> str:
    """The text, with ends of lines as one character. Raises NothingToRead for bytes that are no text."""
    text = decoded(data)
    sample = text[:SAMPLE]
    controls = sum(1 for letter in sample if ord(letter) in _CONTROLS)
    if sample.count("\x00") > len(sample) * 0.3:
        raise NothingToRead
    if sample and (controls + sample.count("\ufffd")) / len(sample) > 0.1:
        raise NothingToRead
    return text.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")
