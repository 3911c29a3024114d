"""Markdown as HTML: none of its own HTML, no pictures loaded, and links that say where they lead.

Two nets, one behind the other: the parser is told to take HTML for text, and what it makes is
cleaned by an allow-list.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from documents.viewing.marks import marked

SCHEMES = {"http", "https", "mailto"}
TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "mark", "ol", "p",
    "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}


class _Renderer(RendererHTML):
    def text(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return marked(tokens[idx].content, env["terms"])

    def image(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        """What the picture is called. It is not loaded: whoever serves it would learn who reads this."""
        said = tokens[idx].content or str(tokens[idx].attrGet("src") or "")
        return f'<span class="not-loaded">{escape(_("Picture, not loaded:"))} {escape(said)}</span>'

    def link_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        opening = next((token for token in reversed(tokens[:idx]) if token.type == "link_open"), None)
        place = urlsplit(str(opening.attrGet("href") or "")).netloc if opening is not None else ""
        said = "".join(token.content for token in tokens[:idx][-3:])
        shows = f'<span class="leads-to">{escape(place)}</span>' if place and place not in said else ""
        return f"</a>{shows}"


def _reader() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": 40}, renderer_cls=_Renderer)
    return reader.enable(["table", "strikethrough"])


def markdown_html(text: str, terms: list[str]) -> SafeString:
    """The text as HTML that is safe to put into a page. The caller has bounded its length."""
    made = _reader().render(text, {"terms": terms})
    clean = nh3.clean(
        made,
        tags=TAGS,
        attributes=ATTRIBUTES,
        allowed_classes={"span": {"not-loaded", "leads-to"}},
        url_schemes=SCHEMES,
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
        url_relative="deny",
    )
    return SafeString(clean)
