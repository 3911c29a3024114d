"""Template tags of the vault: icons, sizes, kinds of file, moments."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import cache, lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from django import template
from django.conf import settings
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.template.defaultfilters import date as format_date
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone, localtime
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from documents.names import shown_name, split_name
from documents.search.languages import language_name
from documents.viewing.neighbours import PARAMETER, Origin
from docuvault.lib import icons

register = template.Library()
# Django has a filter of that name, which knows no language but its own.
register.filter("language_word", language_name)


class Kind(NamedTuple):
    """How a kind of file is shown."""

    css: str
    icon: str
    word: str | Promise


PLAIN = Kind("file", "file", _("File"))
BY_TYPE: dict[str, Kind] = {
    "application/pdf": Kind("pdf", "file-text", _("PDF")),
    "application/rtf": Kind("word", "file-text", _("Text document")),
    "application/msword": Kind("word", "file-text", _("Text document")),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": Kind(
        "word", "file-text", _("Text document")
    ),
    "application/vnd.oasis.opendocument.text": Kind("word", "file-text", _("Text document")),
    "application/epub+zip": Kind("word", "file-text", _("Book")),
    "application/vnd.ms-excel": Kind("sheet", "file-spreadsheet", _("Spreadsheet")),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": Kind(
        "sheet", "file-spreadsheet", _("Spreadsheet")
    ),
    "application/vnd.oasis.opendocument.spreadsheet": Kind("sheet", "file-spreadsheet", _("Spreadsheet")),
    "text/csv": Kind("sheet", "file-spreadsheet", _("Table")),
    "text/tab-separated-values": Kind("sheet", "file-spreadsheet", _("Table")),
    "application/vnd.ms-powerpoint": Kind("slides", "presentation", _("Presentation")),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": Kind(
        "slides", "presentation", _("Presentation")
    ),
    "application/vnd.oasis.opendocument.presentation": Kind("slides", "presentation", _("Presentation")),
    "application/vnd.oasis.opendocument.graphics": Kind("slides", "presentation", _("Drawing")),
    "message/rfc822": Kind("mail", "mail", _("E-mail")),
    "application/vnd.ms-outlook": Kind("mail", "mail", _("E-mail")),
    "application/zip": Kind("archive", "file-archive", _("Archive")),
    "application/gzip": Kind("archive", "file-archive", _("Archive")),
    "application/x-tar": Kind("archive", "file-archive", _("Archive")),
    "application/x-7z-compressed": Kind("archive", "file-archive", _("Archive")),
    "application/json": Kind("code", "file-code", _("Data")),
    "text/html": Kind("code", "file-code", _("Web page")),
    "multipart/related": Kind("code", "file-code", _("Web page")),
    "text/xml": Kind("code", "file-code", _("Data")),
    "text/markdown": Kind("text", "file-text", _("Text")),
    "image/svg+xml": Kind("image", "file-image", _("Drawing")),
    "application/x-empty": Kind("file", "file", _("Empty file")),
}


@register.simple_tag
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """An icon of the sprite: decoration, unless it has a label."""
    return _drawn(name, str(label), css)


@lru_cache(maxsize=1024)
def _drawn(name: str, label: str, css: str) -> SafeString:
    if name not in icons.NAMES:
        raise ValueError(f"icon {name} is not in docuvault.lib.icons.NAMES")
    accessible = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html(
        '<svg class="icon {}" {} focusable="false"><use href="{}#{}"></use></svg>',
        css,
        accessible,
        sprite_url(),
        name,
    )


@register.simple_tag
@cache
def sprite_url() -> str:
    """The address of the sprite; it changes with its contents."""
    _text, digest = icons.sprite(settings.NODE_MODULES / "lucide-static" / "icons")
    return f"{reverse('icons')}?v={digest}"


def address(name: str, key: UUID) -> str:
    """What `{% url name key %}` gives, for rows by the hundred: each route is looked up once."""
    return _route(name).replace(_ANY_ID, str(key))


_ANY_ID = str(UUID(int=0))


@cache
def _route(name: str) -> str:
    return reverse(name, args=[_ANY_ID])


@register.filter
def bytes(size: int | None) -> str:  # noqa: A001 (reads as `{{ size|bytes }}`)
    """A size in the units people use."""
    return filesizeformat(size or 0)


@register.filter
def kind_of(document: Any) -> Kind:
    """How this document's kind is shown, from the type its bytes show."""
    return kind_of_type(document.content_type)


def kinds() -> Callable[[Any], Kind]:
    """What `kind_of` says, for many: each word is translated once."""
    known: dict[str, Kind] = {}

    def said(document: Any) -> Kind:
        if document.content_type not in known:
            kind = kind_of_type(document.content_type)
            known[document.content_type] = kind._replace(word=str(kind.word))
        return known[document.content_type]

    return said


def kind_of_type(content_type: str) -> Kind:
    if content_type in BY_TYPE:
        return BY_TYPE[content_type]
    if content_type.startswith("image/"):
        return Kind("image", "file-image", _("Picture"))
    if content_type.startswith("text/"):
        return Kind("text", "file-text", _("Text"))
    return PLAIN


@register.filter
def shown(name: str) -> str:
    """A name with the characters that hide or reorder others written out."""
    return shown_name(name)


@register.filter
def suffix_warning(document: Any) -> str:
    """The real suffix of a name that tries to look like another, else nothing."""
    return split_name(document.name)[1] if shown_name(document.name) != document.name else ""


MOMENT = '<time datetime="{}" title="{}">{}</time>'


@register.simple_tag
def when(moment: datetime | None) -> SafeString | str:
    """A moment in words, with the exact one behind it, in the person's zone."""
    return "" if moment is None else moments()(moment)


def moments() -> Callable[[datetime], SafeString]:
    """What `when` says, for many: the person's zone, language and the present moment are asked for once."""
    zone, language = get_current_timezone(), get_language()
    present = localtime()

    def said(moment: datetime) -> SafeString:
        local = moment.astimezone(zone)
        if abs((present - local).days) < 1:
            exact, title, _day = _moment_in_words(*_on_the_wall(local), language)
            return format_html(MOMENT, exact, title, naturaltime(moment))
        return _old_moment(*_on_the_wall(local), language)

    return said


def _on_the_wall(local: datetime) -> tuple[datetime, timedelta]:
    return local.replace(tzinfo=None), local.utcoffset() or timedelta()


@lru_cache(maxsize=4096)
def _old_moment(wall: datetime, shift: timedelta, language: str | None) -> SafeString:
    return format_html(MOMENT, *_moment_in_words(wall, shift, language))


@lru_cache(maxsize=4096)
def _moment_in_words(wall: datetime, shift: timedelta, _language: str | None) -> tuple[str, str, str]:
    """Exact, in full, and the day alone. Kept by the clock on the wall: equal moments read differently in two zones."""
    local = wall.replace(tzinfo=timezone(shift))
    return (
        local.isoformat(timespec="seconds"),
        format_date(local, "DATETIME_FORMAT"),
        format_date(local, "DATE_FORMAT"),
    )


@register.simple_tag
def meter(*parts: Any) -> SafeString:
    """Widths in percent for the rects of a meter, each part after the one before.

    Called with (css class, bytes) pairs flattened and the whole last; SVG attributes need no inline style.
    """
    *pairs, whole = parts
    offset = 0.0
    rects = []
    for css, size in zip(pairs[::2], pairs[1::2], strict=True):
        width = min(100.0 - offset, 100.0 * int(size) / whole) if whole else 0.0
        rects.append(
            format_html(
                '<rect class="{}" x="{}%" y="0" width="{}%" height="100%"></rect>',
                css,
                f"{offset:.2f}",
                f"{width:.2f}",
            )
        )
        offset += width
    return SafeString("".join(rects))


@register.simple_tag(takes_context=True)
def way_in(context: dict[str, Any]) -> str:
    """What a link to a document carries of the list it stands in, so that its page has a next and a previous one."""
    place, sort, topic = context.get("place"), context.get("sort", "name"), context.get("topic")
    origin = None
    if place in {"recent", "starred"}:
        origin = Origin(place, sort)
    elif place == "topics" and topic is not None:
        origin = Origin("topic", sort, topic.pk)
    elif place == "files" and "page" in context:
        filtered = context.get("filter_topic")
        origin = Origin("folder", sort, filtered.pk if filtered else None)
    elif place in {"shared_with_me", "shared_by_me"} and not context.get("is_hidden"):
        origin = Origin("shared" if place == "shared_with_me" else "lent", "-created")
    return f"?{PARAMETER}={origin}" if origin else ""


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The page's own query string with some parameters changed; None or "" removes one."""
    parameters = context["request"].GET.copy()
    for key in ("after", "pane"):
        parameters.pop(key, None)
    for key, value in changes.items():
        if value in (None, ""):
            parameters.pop(key, None)
        else:
            parameters[key] = str(value)
    return f"?{parameters.urlencode()}"
