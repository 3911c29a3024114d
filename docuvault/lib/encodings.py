"""Which encoding a text is in: marks first, then UTF-8, then a guess. For whatever shows or reads a text.

The guess is that of Firefox (chardetng), which knows what the web is written in; old files of DOS and of the Mac, which
it takes for Windows', are told by letters that stand where no text has them. Rejected: charset-normalizer, which took
two of three short letters in Western Europe's languages for Central Europe's.
"""

import codecs
import unicodedata
from contextlib import suppress

from chardetng_py import detect

SAMPLE_BYTES = 64 * 1024
# The longer marks first: that of UTF-32 begins with that of UTF-16.
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What is said and what is meant by it: the wider one, as browsers take it.
_WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
}
_WESTERN = {"cp1250", "cp1252", "cp1254", "cp1257"}
_BEFORE_WINDOWS = ("cp850", "mac_roman", "cp437", "cp852")
# From this share of odd letters on it is none of Windows' encodings, if another has at most half as many.
_TOO_ODD, _HALF = 0.15, 0.5
_WITHIN_WORDS = frozenset("’‐–—·")  # where good texts have them
_SELDOM = frozenset("ƒ†‡ˆ‰¤¦¬¨¸¯´˛ˇ˘˙˝≈∂∑∏π∫Ω√∆◊░▒▓│┤╣║╗╝┐└┴┬├─┼╚╔╩╦╠═╬┘┌█▄▌▐▀")
_EBCDIC = "cp500"
_EBCDIC_SHARE, _EBCDIC_SPACES = 0.97, 0.04
_EBCDIC_BYTES = bytes(
    code for code in range(256) if (shown := bytes([code]).decode(_EBCDIC)).isalnum() and shown.isascii()
) + " .,;:'\"()-/&?!\n\x85\r\t".encode(_EBCDIC)


def codec_of(label: str) -> str:
    """Python's name for an encoding that somebody names. Raises LookupError for none, and for what is no text."""
    found = codecs.lookup(label)
    if not found._is_text_encoding:
        raise LookupError(label)
    return _WIDER.get(found.name, found.name)


def decoded(data: bytes, label: str = "") -> str:
    """The text of these bytes, which may end in the middle of a letter. Never fails.

    `label`: what somebody says of the encoding; it is not asked where a mark says otherwise.
    """
    encoding, mark = _marked(data)
    if label and not mark:
        with suppress(LookupError):
            encoding = codec_of(label)
    encoding = encoding or _without_mark(data)
    return codecs.getincrementaldecoder(encoding)(errors="replace").decode(data[mark:])


def encoding_of(data: bytes) -> tuple[str, int]:
    """Python's name of the encoding, and how many bytes of mark stand before the text."""
    encoding, mark = _marked(data)
    return encoding or _without_mark(data), mark


def _marked(data: bytes) -> tuple[str, int]:
    return next(((encoding, len(mark)) for mark, encoding in BYTE_ORDER_MARKS if data.startswith(mark)), ("", 0))


def _without_mark(data: bytes) -> str:
    sample = data[:SAMPLE_BYTES]
    if wide := _wide(sample):
        return wide
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        # Cut off in the middle of one of its letters, or a few bad bytes in what is otherwise UTF-8.
        is_cut = error.reason == "unexpected end of data" and not data[: error.start].isascii()
        if is_cut or (error.start > 4096 and data.count(b"\xc3") > 0):
            return "utf-8"
        return _guess(sample)
    # Japanese mails and old files switch between alphabets by escapes, all in ASCII.
    return codec_of(detect(sample)) if b"\x1b$" in sample else "utf-8"


def _wide(sample: bytes) -> str:
    """Two bytes for each letter and no mark: half of the bytes are NUL, all in even or all in odd places."""
    half = len(sample) // 2
    even, odd = sample[0 : half * 2 : 2].count(0), sample[1 : half * 2 : 2].count(0)
    if half >= 2 and even > half * 0.6 and odd < half * 0.1:
        return "utf-16-be"
    if half >= 2 and odd > half * 0.6 and even < half * 0.1:
        return "utf-16-le"
    return ""


def _guess(sample: bytes) -> str:
    if _is_ebcdic(sample):
        return _EBCDIC
    best = codec_of(detect(sample))
    if best not in _WESTERN:
        return best
    least = _oddness(sample.decode(best, "replace"))
    if least > _TOO_ODD:
        for older in _BEFORE_WINDOWS:
            oddness = _oddness(sample.decode(older, "replace"))
            if oddness < least * _HALF:
                best, least = older, oddness
    return "cp1250" if best == "cp1252" and _is_hungarian(sample) else best


def _is_ebcdic(sample: bytes) -> bool:
    return (
        len(sample) - len(sample.translate(None, _EBCDIC_BYTES)) > len(sample) * _EBCDIC_SHARE
        and sample.count(" ".encode(_EBCDIC)) > len(sample) * _EBCDIC_SPACES
        and not sample.count(b" ")
    )


def _is_hungarian(sample: bytes) -> bool:
    """Two of its letters, both long, are where Portuguese and French have others; these come with more of their own."""
    letters = set(sample.decode("cp1252", "replace").lower())
    return bool(letters & set("õû")) and bool(letters & set("áíóú")) and not letters & set("ãçàèêâ")


def _oddness(text: str) -> float:
    """The share of what is beyond ASCII that stands where no text has it: signs within words, a capital after a small
    letter, lines of boxes, and what is no character at all, which counts twice."""
    beyond = odd = 0
    for before, letter, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if letter < "\x80":
            continue
        beyond += 1
        kind = unicodedata.category(letter)
        if kind in {"Cc", "Cn", "Co"} or letter == "\ufffd":
            odd += 2
        elif kind[0] in "LM":
            odd += letter in _SELDOM or (kind == "Lu" and before.islower())
        else:
            ends_a_word = kind in {"Pi", "Ps"} and before.isalpha()
            is_within = before.isalpha() and after.isalpha() and letter not in _WITHIN_WORDS
            odd += letter in _SELDOM or ends_a_word or is_within
    return odd / beyond if beyond else 0.0
