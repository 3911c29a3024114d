"""Template tag for what comes by the hundred: it is drawn by a template of `documents.rows`."""

from typing import Any

from django import template
from django.utils.safestring import SafeString

from documents.rows import rendered
from documents.templatetags.vault import kinds, moments, way_in

register = template.Library()


@register.simple_tag(takes_context=True)
def rows(context: dict[str, Any], name: str, **things: Any) -> SafeString:
    """The rows of this name, with what is said of them here."""
    known = {key: context.get(key) for key in ("view", "shows_place")}
    return rendered(f"{name}.jinja", {**known, **things, "way": way_in(context), "when": moments(), "kind_of": kinds()})
