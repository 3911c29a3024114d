"""What of a document's content its page shows: the way, the part, the marks; and the bytes that viewers read."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Case, Q, QuerySet, Value, When
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.middleware import PersonRequest
from documents.actions.copies import CopyState, ask_for_copy, copy_of, copy_state, state_of_made
from documents.actions.versions import fetch_version
from documents.downloads import ContentFlawed, read_beginning, send_enclosure, stream_copy
from documents.models import Document, Page, Reading, ReadingState, Version
from documents.names import InvalidName, clean_name
from documents.search import parse
from documents.storage import ObjectMissing, StoreUnavailable
from documents.viewing import neighbours as beside
from documents.viewing.decoding import presentable
from documents.viewing.letters import enclosure_of, letter_of
from documents.viewing.markdown import markdown_html
from documents.viewing.marks import marked, terms_of
from documents.viewing.parts import Line, indented, lines_of, part_of
from documents.viewing.tables import Row, table_of
from documents.viewing.ways import LETTER_LIMIT, LETTERS, MARKDOWN_LIMIT, TEXT_LIMIT, Way, Why, drawn_way, way_of
from documents.views.asked import version_asked
from documents.views.downloads import bytes_or_why_not
from docuvault.lib.encodings import decoded
from docuvault.lib.htmx import is_fragment, show
from docuvault.lib.plain import row_by
from sharing import access, audit

PAGE_LIMIT = 1_000_000
HIT_PAGES = 500
SCAN_PAGES = 60
SHEET_WIDTH = 800
JSON_LINE = 400  # longer lines than this on average are spread over several
# What else than its own way a document can be shown as.
TEXT_TOO = {Way.MARKDOWN, Way.TABLE, Way.LETTER}
Shown = dict[str, Any]


@require_safe
def document_content(request: PersonRequest, document_id: UUID) -> HttpResponseBase:
    """The current version's bytes for the viewer, with ranges. Told as a view, not as a download."""
    document = access.fetch_document(request.actor, document_id)
    return bytes_or_why_not(request, document, verb=audit.Verb.DOCUMENT_VIEWED)


@require_safe
def version_content(request: PersonRequest, document_id: UUID, version_id: UUID) -> HttpResponseBase:
    """The bytes of one version for the viewer."""
    version = fetch_version(request.actor, document_id, version_id)
    return bytes_or_why_not(request, version.document, version, verb=audit.Verb.DOCUMENT_VIEWED)


@require_safe
def document_copy(request: PersonRequest, document_id: UUID) -> HttpResponseBase:
    """The PDF that was made of an office paper, for the viewer; of the current version."""
    item = access.fetch_document(request.actor, document_id)
    copy = copy_of(item.current_version) if item.current_version is not None else None
    if copy is None:
        raise access.NotVisible
    try:
        return stream_copy(request, item, copy, by=request.actor)
    except ObjectMissing:
        copy.delete()  # it is made again when somebody looks
        raise access.NotVisible


@require_safe
def copy_progress(request: PersonRequest, document_id: UUID) -> HttpResponseBase:
    """How far that PDF is: a line that asks again until it is there, or will not be."""
    item = access.fetch_document(request.actor, document_id)
    if not is_fragment(request):
        return redirect("document", document_id)
    state = copy_state(item.current_version) if item.current_version is not None else CopyState.NONE
    return show(request, "documents/copy_progress.html", {"item": item, "shown": {"copy": state}})


@require_safe
def document_enclosure(request: PersonRequest, document_id: UUID, number: int) -> HttpResponseBase:
    """One attachment of an e-mail, or of an older version of it."""
    item = access.fetch_document(request.actor, document_id)
    version = version_asked(request, item)
    if version is None or version.content_type not in LETTERS:
        raise access.NotVisible
    try:
        found = enclosure_of(read_beginning(version, LETTER_LIMIT), number)
    except ContentFlawed:
        return bytes_or_why_not(request, item, version)
    if found is None:
        raise access.NotVisible
    name, data = found
    try:
        name = clean_name(name.replace("\\", "/").rpartition("/")[2])
    except InvalidName:
        name = _("attachment")
    return send_enclosure(version, name, data, by=request.actor)


class Doors:
    """Where whoever looks gets bytes and pictures: a signed-in person's here. "" where there is no way."""

    # Whether nothing but what the vault itself has drawn is given away.
    gives_pictures_only = False
    # Whether an office program is started for whoever looks here.
    makes_copies = True

    def content(self, version: Version) -> str:
        return content_address(version)

    def page(self, name: str, version: Version, number: int) -> str:
        return page_address(name, version, number)

    def download(self, version: Version) -> str:
        if version.pk == version.document.current_version_id:
            return reverse("download_document", args=[version.document_id])
        return reverse("download_version", args=[version.document_id, version.pk])

    def copy(self, version: Version) -> str:
        """Where the PDF of an office paper is."""
        return reverse("document_copy", args=[version.document_id])

    def enclosure(self, version: Version, number: int) -> str:
        older = "" if version.pk == version.document.current_version_id else f"?version={version.pk}"
        return reverse("document_enclosure", args=[version.document_id, number]) + older


def viewer_of(request: PersonRequest, item: Document, version: Version | None, doors: Doors | None = None) -> Shown:
    """The context of `_viewer.html`. What cannot be shown is a state of the viewer, never an error of the page."""
    doors = doors or Doors()
    if doors.gives_pictures_only and request.GET.get("as"):
        raise access.NotAllowed(_("This link is for looking only."))
    words = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    shown: Shown = {
        "way": Way.NONE,
        "words": words,
        "terms": terms_of(words),
        "page": _number(request.GET.get("page")),
        "asked_part": _number(request.GET.get("part")),
        "keeps": _kept(request),
        "doors": doors,
        "is_older": version is not None and version.pk != item.current_version_id,
    }
    if version is None:
        return shown | {"why": Why.EMPTY}
    version.document = item
    shown["download"] = doors.download(version)
    reading = row_by(Reading, "version_id", version.pk)
    way, why = way_of(version, reading, with_pictures=gives_pictures())
    if doors.gives_pictures_only:
        way, why = drawn_way(way, why, reading)
    asked = request.GET.get("as", "")
    has_text = reading is not None and reading.state == ReadingState.READY
    if asked == "text" and way == Way.PAGES:
        # Its text by choice: an office paper is not made to look like itself then.
        shown["is_copied"] = not shown["is_older"] and doors.copy(version) != "" and copy_of(version) is not None
    elif asked == "text" and (way in TEXT_TOO or (way in {Way.PDF, Way.SCAN} and has_text)):
        way = Way.TEXT if way in TEXT_TOO else Way.PAGES
    elif way == Way.PAGES and not shown["is_older"] and doors.copy(version):
        shown["copy"] = ask_for_copy(version) if doors.makes_copies else state_of_made(version)
        way = Way.PDF if shown["copy"] == CopyState.READY else way
    elif asked == "original" and way == Way.SCAN and version.content_type == "application/pdf":
        way = Way.PDF
    shown |= {"way": way, "why": why, "reading": reading, "has_text": has_text}
    shown["is_text_asked"] = asked == "text" and shown.get("is_copied", True)
    try:
        return shown | WAYS.get(way, _nothing)(version, shown)
    except ContentFlawed as error:
        return shown | {"way": Way.NONE, "why": Why(error.flaw)}
    except StoreUnavailable:
        return shown | {"way": Way.NONE, "why": Why.AWAY}


def steps_of(request: PersonRequest, item: Document) -> Shown:
    """The documents before and after in the list one came from, and the address that keeps the list."""
    origin = beside.origin_of(request.GET.get(beside.PARAMETER, ""), request.GET.get(beside.LINE, ""))
    if origin is None:
        return {}
    before, after = beside.neighbours(item, origin, by=request.actor)
    steps: Shown = {"before": before, "after": after}
    marks = {}
    if origin.place == "find":
        steps["back"] = f"{reverse('find')}?{urlencode({'q': origin.line, 'sort': origin.sort})}"
        words = parse(origin.line).words
        marks = {"q": words} if words else {}
    return steps | {"way_in": "?" + urlencode({**origin.parameters, **marks})}


# --- Each way ---------------------------------------------------------------------------------------------


def _nothing(version: Version, shown: Shown) -> Shown:
    return {}


def _pdf(version: Version, shown: Shown) -> Shown:
    """pdf.js reads the bytes itself; beside them what a browser without scripts shows: the text of one page."""
    copy = copy_of(version) if shown.get("copy") else None
    if copy is not None:
        # Its pages are not those that were read: the words are looked for in the copy itself.
        context: Shown = {
            "content": shown["doors"].copy(version),
            "content_bytes": copy.size_bytes,
            "content_mark": copy.pk.hex,
            "page": None if shown["words"] else shown["page"],
        }
        return context | _page_text(shown)
    context = {"content": shown["doors"].content(version), "hit_pages": _pages_with(shown)}
    if shown["has_text"]:
        context |= _page_text(shown)
    return context


def _picture(version: Version, shown: Shown) -> Shown:
    return {"content": shown["doors"].content(version)}


def _scan(version: Version, shown: Shown) -> Shown:
    """The page pictures, some dozens around the page asked for, each with the words that were recognised on it."""
    count = shown["reading"].page_count or 1
    hit_pages = _pages_with(shown)
    asked = min(shown["page"] or (hit_pages or [1])[0], count)
    first = max(1, min(asked - SCAN_PAGES // 3, count - SCAN_PAGES + 1))
    numbers = range(first, min(count, first + SCAN_PAGES - 1) + 1)
    sizes = {page.number: page for page in Page.objects.filter(reading=shown["reading"], number__in=numbers)}
    sheets = [
        Sheet(
            number,
            shown["doors"].page("page_picture", version, number),
            shown["doors"].page("page_words", version, number) if shown["has_text"] else "",
            *room_of(sizes.get(number)),
        )
        for number in numbers
    ]
    return {
        "sheets": sheets,
        "page": asked,
        "page_count": count,
        "hit_pages": hit_pages,
        "first": first,
        "last": numbers[-1],
        "pages_before": max(1, first - SCAN_PAGES + SCAN_PAGES // 3) if first > 1 else None,
        "pages_after": numbers[-1] + 1 if numbers[-1] < count else None,
    }


@dataclass(frozen=True)
class Sheet:
    """One page picture: where it is, where its words are, and the room to keep for it."""

    number: int
    picture: str
    words: str
    width: int
    height: int


def room_of(page: Page | None) -> tuple[int, int]:
    """The size of a page on the screen at 100 %: as wide as a letter, as high as its own shape makes it."""
    if page is None or not page.width or not page.height:
        return SHEET_WIDTH, SHEET_WIDTH * 1414 // 1000
    return SHEET_WIDTH, max(1, min(20 * SHEET_WIDTH, round(SHEET_WIDTH * page.height / page.width)))


def _text(version: Version, shown: Shown) -> Shown:
    data = read_beginning(version, TEXT_LIMIT)
    text = presentable(decoded(data))
    if version.content_type == "application/json" and not shown["is_text_asked"]:
        text = indented(text) if len(text) > JSON_LINE * (1 + text.count("\n")) or "\n" not in text else text
    return _lines(text, shown) | {"is_cut": version.size_bytes > len(data), "is_numbered": True}


def _lines(text: str, shown: Shown) -> Shown:
    part = part_of(lines_of(text), shown["terms"], shown["asked_part"], say=_said)
    rows = [(line.number, marked(line.text, shown["terms"])) for line in part.rows]
    return {"part": part, "rows": rows}


def _said(line: Line) -> str:
    return line.text


def _markdown(version: Version, shown: Shown) -> Shown:
    if version.size_bytes > MARKDOWN_LIMIT:
        return {"way": Way.TEXT} | _text(version, shown)
    text = presentable(decoded(read_beginning(version, MARKDOWN_LIMIT)))
    return {"html": markdown_html(text, shown["terms"]), "other": "text"}


def _table(version: Version, shown: Shown) -> Shown:
    data = read_beginning(version, TEXT_LIMIT)
    table = table_of(presentable(decoded(data)), shown["terms"], shown["asked_part"])
    terms = shown["terms"]

    def cells(row: Row) -> list[str]:
        return [marked(cell, terms) for cell in row.cells]

    rows = [(row.number, cells(row), row.left_out) for row in table.part.rows]
    width = max([len(table.head), *(len(row.cells) for row in table.part.rows)], default=0)
    return {
        "part": table.part,
        "head": [*table.head, *[""] * (width - len(table.head))] if table.head else [],
        "columns": range(1, width + 1),
        "rows": rows,
        "is_cut": table.is_cut or version.size_bytes > len(data),
        "other": "text",
    }


def _letter(version: Version, shown: Shown) -> Shown:
    data = read_beginning(version, LETTER_LIMIT)
    letter = letter_of(data)
    terms = shown["terms"]
    return {
        "letter": letter,
        "enclosures": [(one, shown["doors"].enclosure(version, one.number)) for one in letter.enclosures],
        "subject": marked(letter.subject, terms),
        "headers": [(name, marked(text, terms)) for name, text in letter.headers],
        "is_cut": version.size_bytes > len(data),
        "other": "text",
    } | _lines(letter.body, shown)


def _pages(version: Version, shown: Shown) -> Shown:
    return _page_text(shown) | {"hit_pages": _pages_with(shown)}


WAYS: dict[Way, Callable[[Version, Shown], Shown]] = {
    Way.PDF: _pdf,
    Way.PICTURE: _picture,
    Way.SCAN: _scan,
    Way.TEXT: _text,
    Way.MARKDOWN: _markdown,
    Way.TABLE: _table,
    Way.LETTER: _letter,
    Way.PAGES: _pages,
}


# --- What was read of it ----------------------------------------------------------------------------------


def _page_text(shown: Shown) -> Shown:
    """The text of the page asked for, or of the first that has one of the words, and the way to the others."""
    pages = Page.objects.filter(reading=shown["reading"])
    with_hits = _pages_with(shown)
    number = shown["page"] or _with_most(pages, with_hits, shown["terms"])
    page = pages.filter(number__gte=number).order_by("number").first() or pages.order_by("-number").first()
    if page is None:
        return {"page_text": None}
    lines = lines_of(presentable(page.text[:PAGE_LIMIT]))[:5000]
    before = pages.filter(number__lt=page.number).order_by("-number").values_list("number", flat=True).first()
    after = pages.filter(number__gt=page.number).order_by("number").values_list("number", flat=True).first()
    return {
        "page_text": page,
        "page_before": before,
        "page_after": after,
        "page_hit_before": max((n for n in with_hits if n < page.number), default=None),
        "page_hit_after": min((n for n in with_hits if n > page.number), default=None),
        "rows": [(line.number, marked(line.text, shown["terms"])) for line in lines],
    }


def _with_most(pages: QuerySet[Page], numbers: list[int], terms: list[str]) -> int:
    """Of these pages the first that holds most of the words; 1 where there are none."""
    if len(terms) < 2 or len(numbers) < 2:
        return (numbers or [1])[0]
    asked = [Case(When(text__unaccent__icontains=term, then=1), default=0) for term in terms]
    held = pages.filter(number__in=numbers[:HIT_PAGES]).annotate(held=sum(asked, Value(0)))
    return held.order_by("-held", "number").values_list("number", flat=True).first() or 1


def _pages_with(shown: Shown) -> list[int]:
    """The pages that hold one of the words, as far as they were read."""
    if not shown["terms"] or not shown["has_text"]:
        return []
    any_of = Q()
    for term in shown["terms"]:
        any_of |= Q(text__unaccent__icontains=term)
    rows = Page.objects.filter(any_of, reading=shown["reading"])
    return list(rows.order_by("number").values_list("number", flat=True)[:HIT_PAGES])


# --- Addresses --------------------------------------------------------------------------------------------


def content_address(version: Version) -> str:
    """Where the viewer reads the bytes: by ids alone."""
    if version.pk == version.document.current_version_id:
        return reverse("document_content", args=[version.document_id])
    return reverse("version_content", args=[version.document_id, version.pk])


@cache
def gives_pictures() -> bool:
    """Whether this vault gives pictures of pages away."""
    try:
        reverse("page_picture", args=[UUID(int=0), 1])
    except NoReverseMatch:
        return False
    return True


def page_address(name: str, version: Version, number: int) -> str:
    """Where the picture or the words of one page are; those of an older version are asked for by its id."""
    older = "" if version.pk == version.document.current_version_id else f"?version={version.pk}"
    return reverse(name, args=[version.document_id, number]) + older


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and 0 < len(text) < 7 and int(text) else None


def _kept(request: PersonRequest) -> list[tuple[str, str]]:
    """What the find form hands on of the address."""
    return [(key, request.GET[key]) for key in ("in", "for", "as", "version") if request.GET.get(key)]
