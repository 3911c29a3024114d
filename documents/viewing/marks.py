"""Which words of a search are marked in a text, whatever their case and accents; the text comes out escaped.

`static/js/viewer/marks.js` does the same for the text of a PDF: keep the two alike.
"""

import re
import unicodedata

from django.utils.html import escape
from django.utils.safestring import SafeString

TERMS_LIMIT, TERM_LENGTH, WORDS_LENGTH = 10, 100, 200
_PIECES = re.compile(r'(-?)"([^"]*)"|(\S+)')
_FIELD = re.compile(r"^[a-z]+:")
_COMBINING = re.compile("[\u0300-\u036f]")
SHORT = 2  # so few letters are marked at the beginning of a word only


def terms_of(words: str) -> list[str]:
    """The words and phrases of a search that a text can hold, folded; not what was excluded or filtered by."""
    found = []
    for minus, phrase, word in _PIECES.findall(words.replace("\x00", "")[:WORDS_LENGTH]):
        if minus or word.startswith("-") or word == "OR" or _FIELD.match(word):
            continue
        term = " ".join(fold(phrase or word).strip("\"'()*.,;!?").split())[:TERM_LENGTH]
        if term and term not in found:
            found.append(term)
    return found[:TERMS_LIMIT]


def fold(text: str) -> str:
    """Without case and accents."""
    if text.isascii():
        return text.lower()
    return _COMBINING.sub("", unicodedata.normalize("NFKD", text.casefold()))


def has_any(text: str, terms: list[str]) -> bool:
    return bool(terms) and bool(_places(fold(text), terms))


def terms_in(text: str, terms: list[str]) -> set[str]:
    """Which of the terms a text holds."""
    folded = fold(text)
    return {term for term in terms if _places(folded, [term])}


def marked(text: str, terms: list[str]) -> SafeString:
    """The text, escaped, with a mark around each place that one of the terms names."""
    if not terms or not has_any(text, terms):
        return escape(text)
    folded, origins = [], []
    for at, character in enumerate(text):
        for one in fold(character):
            folded.append(one)
            origins.append(at)
    pieces, done = [], 0
    for start, end in _places("".join(folded), terms):
        first, last = origins[start], origins[end - 1] + 1
        if first < done:
            continue
        pieces += [escape(text[done:first]), SafeString("<mark>"), escape(text[first:last]), SafeString("</mark>")]
        done = last
    return SafeString("".join([*pieces, escape(text[done:])]))


def _places(folded: str, terms: list[str]) -> list[tuple[int, int]]:
    """Where the terms stand, in order, none within another."""
    found = []
    for term in terms:
        at = folded.find(term)
        while at >= 0:
            if len(term) > SHORT or not term.isascii() or at == 0 or not folded[at - 1].isalnum():
                found.append((at, at + len(term)))
            at = folded.find(term, at + len(term))
    found.sort(key=lambda place: (place[0], -place[1]))
    apart: list[tuple[int, int]] = []
    for place in found:
        if not apart or place[0] >= apart[-1][1]:
            apart.append(place)
    return apart
