"""Web pages as text: tags and scripts left out, lines where a reader would see lines. Nothing is fetched or run."""

import re
from html.parser import HTMLParser

from documents.extraction import texts
from docuvault.lib.encodings import decoded

_BLOCK_NAMES = (
    "address article aside blockquote br caption dd div dl dt figcaption figure footer form h1 h2 h3 h4 h5 h6 "
    "header hr li main nav ol option p pre section table td th tr ul"
)
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_SILENT = frozenset({"script", "style", "template", "noscript", "svg", "head", "title", "object", "iframe"})
_CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})""", re.IGNORECASE)
_DRAWN = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->|<[^<>]*>", re.IGNORECASE | re.DOTALL)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.title = ""
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._silent.clear()
        if tag in _SILENT:
            self._silent.append(tag)
        elif tag in _BLOCKS and not self._silent:
            self.parts.append("\t" if tag in {"td", "th"} else "\n")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._silent:
            while self._silent.pop() != tag:
                pass
        elif tag in _BLOCKS and not self._silent:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if "title" in self._silent:
            self.title += data
        elif not self._silent:
            self.parts.append(data)


def html_text(markup: str) -> tuple[str, str]:
    """The text of a page, and its title."""
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return tidy("".join(reader.parts)), " ".join(reader.title.split())


def decode_html(data: bytes) -> str:
    """By its mark, by what it says of itself in the first kilobytes, else by a guess."""
    said = _CHARSET.search(data[:4096])
    label = said.group(1).decode("ascii").lower() if said else ""
    if not label or label.startswith(("utf-7", "utf7")):
        return texts.decode(data)
    return decoded(data, label)


def without_tags(text: str) -> str:
    """The text of a drawing (SVG): its tags taken out, not understood."""
    return tidy(_DRAWN.sub(" ", text))


def tidy(text: str) -> str:
    lines = (" ".join(line.split(" ")).strip() for line in re.sub(r"[ \xa0]+", " ", text).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
