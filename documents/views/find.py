"""Finding by a part of a name; and the lists of what was added last and what is starred."""

from typing import TypeVar

from django.core.exceptions import BadRequest
from django.db.models import Case, Model, QuerySet, Value, When
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.middleware import PersonRequest
from documents.listing import SORTS, BadCursor, mark_for, page_of, with_topics
from documents.models import Document
from documents.names import name_key
from documents.tree import paths_of
from documents.views.asked import size_of
from docuvault.lib.htmx import is_fragment, show
from sharing import access

Row = TypeVar("Row", bound=Model)
WORDS_LIMIT = 200
IN_BOX, ON_PAGE = 6, 100


def _matching(rows: QuerySet[Row], key: str, limit: int) -> list[Row]:
    """Rows whose name holds the words; those that begin with them come first."""
    begins = Case(When(name_key__startswith=key, then=Value(0)), default=Value(1))
    return list(rows.filter(name_key__contains=key).order_by(begins, "name_key", "id")[:limit])


@require_safe
def find(request: PersonRequest) -> HttpResponse:
    """Folders, documents and topics by a part of their name: a page, or the box's list."""
    text = request.GET.get("q", "").replace("\x00", "").strip()[:WORDS_LIMIT]
    key = name_key(text)
    in_box = is_fragment(request) and "box" in request.GET
    limit = IN_BOX if in_box else ON_PAGE
    context: dict[str, object] = {"query_text": text, "place": "find", "limit": limit}
    if key:
        documents = _matching(
            with_topics(access.visible_documents(request.actor).select_related("folder"), request.actor),
            key,
            limit + 1,
        )
        folders = _matching(access.visible_folders(request.actor), key, limit)
        mark_for(documents, request.actor)
        paths = paths_of(folders, request.actor)
        context |= {
            "documents": documents[:limit],
            "is_more": len(documents) > limit,
            "folders": [(folder, paths[folder.pk]) for folder in folders],
            "found_topics": _matching(access.visible_topics(request.actor), key, limit),
        }
        context["is_empty"] = not (documents or folders or context["found_topics"])
    return show(request, "documents/find_box.html" if in_box else "documents/find.html", context)


def _page(request: PersonRequest, rows: QuerySet[Document], sort: str, place: str) -> HttpResponse:
    """A list over all folders, or its next rows."""
    after = request.GET.get("after", "")
    wanted = with_topics(rows.select_related("folder"), request.actor)
    try:
        page = page_of(wanted, SORTS[sort], after=after, size=size_of(request.GET))
    except BadCursor:
        raise BadRequest(_("This address is not one of ours."))
    mark_for(page.rows, request.actor)
    context = {"page": page, "place": place, "shows_place": True, "view": "list", "sort": sort}
    is_more = bool(after) and is_fragment(request)
    return show(request, "documents/more.html" if is_more else f"documents/{place}.html", context)


@require_safe
def recent(request: PersonRequest) -> HttpResponse:
    """What came in last, wherever it lies."""
    return _page(request, access.visible_documents(request.actor, access.Level.OWN), "-created", "recent")


@require_safe
def starred(request: PersonRequest) -> HttpResponse:
    """What the person wants at hand."""
    rows = access.visible_documents(request.actor).filter(stars__user=request.actor.user)
    return _page(request, rows, "name", "starred")
