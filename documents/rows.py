"""Templates of what comes by the hundred: rows, hits, places in the rail.

They are written for Jinja, which compiles a template to Python: a row costs a sixth of what it does in
Django's own language. They know the same tags and filters, by the same names, and gettext: said once
above the rows, since looking a sentence up costs more than a row's HTML.
"""

from typing import Any

from django.template import engines
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from jinja2 import Environment

from documents.names import shown_name
from documents.templatetags import vault

ENGINE = "rows"
STATE_ICONS = {"waiting": "clock", "reading": "clock", "failed": "triangle-alert", "encrypted": "lock"}


def environment(**options: Any) -> Environment:
    """What settings name as the environment of this engine."""
    options["extensions"] = ["jinja2.ext.i18n"]
    made = Environment(**options, trim_blocks=True, lstrip_blocks=True)  # noqa: S701 (Django sets autoescape)
    made.install_gettext_callables(gettext, ngettext)  # type: ignore[attr-defined]
    made.globals.update(icon=vault.icon, address=vault.address, state_icons=STATE_ICONS)
    made.filters.update(shown=shown_name, bytes=vault.bytes)
    return made


def rendered(template: str, context: dict[str, Any]) -> SafeString:
    """A template of this kind, with what it names in its head."""
    return SafeString(engines[ENGINE].get_template(template).render(context))
