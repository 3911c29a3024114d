"""The trash: what lies there, back to its place, or gone for good."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.middleware import PersonRequest
from documents.actions import trash as acts
from documents.listing import BadCursor, Order, page_of
from documents.models import Document, TrashEntry
from documents.views.asked import uuids
from docuvault.lib.htmx import done, is_fragment, show
from sharing import access

NEWEST_FIRST = Order("trashed_at", datetime.fromisoformat, lambda moment: str(moment.isoformat()), is_descending=True)


@require_safe
def trash(request: PersonRequest) -> HttpResponse:
    """Everything thrown away and not yet deleted, the newest first."""
    after = request.GET.get("after", "")
    try:
        page = page_of(access.own_trash(request.actor).select_related("trashed_by"), NEWEST_FIRST, after=after)
    except BadCursor:
        raise BadRequest(_("This address is not one of ours."))
    for entry in page.rows:
        left = entry.trashed_at + timedelta(days=settings.TRASH_DAYS) - now()
        entry.days_left = max(0, left.days)  # type: ignore[attr-defined]
    is_more = bool(after) and is_fragment(request)
    context = {"page": page, "place": "trash"}
    return show(request, "documents/trash_more.html" if is_more else "documents/trash.html", context)


def _told(restored: object) -> str:
    name = getattr(restored, "name", "")
    place = restored.folder if isinstance(restored, Document) else getattr(restored, "parent", None)
    return _("“%(name)s” is back in %(place)s.") % {
        "name": name,
        "place": place.name if place else _("Files"),
    }


@require_POST
def restore(request: PersonRequest, entry_id: UUID) -> HttpResponse:
    entry = access.fetch_trash_entry(request.actor, entry_id)
    return done(request, _told(acts.restore(entry, by=request.actor)), to=reverse("trash"))


@require_POST
def undo_trash(request: PersonRequest) -> HttpResponse:
    """Bring back what one act has just thrown away."""
    entries: list[TrashEntry] = [
        access.fetch_trash_entry(request.actor, key) for key in uuids(request.GET.getlist("entry"))
    ]
    acts.restore_entries(entries, by=request.actor)
    message = ngettext("%(count)d thing is back.", "%(count)d things are back.", len(entries)) % {"count": len(entries)}
    return done(request, message, to=reverse("files"))


@require_http_methods(["GET", "HEAD", "POST"])
def purge(request: PersonRequest, entry_id: UUID) -> HttpResponse:
    entry = access.fetch_trash_entry(request.actor, entry_id)
    if request.method == "POST":
        acts.purge(entry, by=request.actor)
        return done(request, _("“%(name)s” is deleted for good.") % {"name": entry.name}, to=reverse("trash"))
    return show(request, "documents/purge.html", {"entry": entry})


@require_http_methods(["GET", "HEAD", "POST"])
def empty_trash(request: PersonRequest) -> HttpResponse:
    if request.method == "POST":
        count = acts.empty_trash(by=request.actor)
        message = ngettext("%(count)d thing is deleted for good.", "%(count)d things are deleted for good.", count)
        return done(request, message % {"count": count}, to=reverse("trash"))
    return show(request, "documents/empty_trash.html", {})
