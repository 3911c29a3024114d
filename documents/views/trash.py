"""The trash: what lies there, back to its place, or gone for good."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.exceptions import BadRequest
from django.db.models import Count, Sum
from django.http import HttpResponse
from django.urls import reverse
from django.utils.timezone import make_aware, now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.middleware import PersonRequest
from documents.actions import trash as acts
from documents.listing import BadCursor, Order, page_of
from documents.models import Document, Folder, TrashEntry
from documents.views.asked import uuids
from docuvault.lib.htmx import done, is_fragment, show
from sharing import access

NEWEST_FIRST = Order("trashed_at", datetime.fromisoformat, lambda moment: str(moment.isoformat()), is_descending=True)
# How long one request empties, and how long a number a form may bring.
PATIENCE = timedelta(seconds=2)
DIGITS_TOLD = 12


@require_safe
def trash(request: PersonRequest) -> HttpResponse:
    """Everything thrown away and not yet deleted, the newest first."""
    after = request.GET.get("after", "")
    try:
        page = page_of(access.own_trash(request.actor).select_related("trashed_by"), NEWEST_FIRST, after=after)
    except BadCursor:
        raise BadRequest(_("This address is not one of ours."))
    for entry in page.rows:
        entry.goes_at = entry.trashed_at + timedelta(days=settings.TRASH_DAYS)  # type: ignore[attr-defined]
        entry.days_left = max(0, (entry.goes_at - now()).days)  # type: ignore[attr-defined]
    if after and is_fragment(request):
        return show(request, "documents/trash_more.html", {"page": page})
    context = {"page": page, "place": "trash", "size_bytes": _size(request)}
    return show(request, "documents/trash.html", context)


def _size(request: PersonRequest) -> int:
    return access.own_trash(request.actor).aggregate(size=Sum("size_bytes"))["size"] or 0


def _told(restored: Document | Folder, name: str) -> str:
    """Where it is back, and under which name where its own was taken meanwhile."""
    place = restored.folder if isinstance(restored, Document) else restored.parent
    words = {"name": name, "new": restored.name, "place": place.name if place else _("Files")}
    if restored.name != name:
        return _("“%(name)s” is back in %(place)s, as “%(new)s”: its name was taken.") % words
    return _("“%(name)s” is back in %(place)s.") % words


@require_POST
def restore(request: PersonRequest, entry_id: UUID) -> HttpResponse:
    entry = access.fetch_trash_entry(request.actor, entry_id)
    return done(request, _told(acts.restore(entry, by=request.actor), entry.name), to=reverse("trash"))


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
    """All that lies there when the page is shown; where it is much, some seconds' worth for each request.

    What has been deleted so far travels in the form, so nothing is remembered of somebody who leaves in between.
    """
    before = _moment(request.POST.get("before", "")) if request.method == "POST" else now()
    told = request.POST.get("so_far", "")
    so_far = int(told) if told.isdecimal() and len(told) < DIGITS_TOLD else 0
    if request.method == "POST":
        so_far += acts.empty_trash(by=request.actor, before=before, patience=PATIENCE)
    left = access.own_trash(request.actor).filter(trashed_at__lte=before)
    figures = left.aggregate(count=Count("pk"), size=Sum("size_bytes"))
    if request.method == "POST" and not figures["count"]:
        message = ngettext("%(count)d thing is deleted for good.", "%(count)d things are deleted for good.", so_far)
        return done(request, message % {"count": so_far}, to=reverse("trash"))
    context = {
        "before": before.isoformat(),
        "so_far": so_far,
        "left": figures["count"],
        "all": so_far + figures["count"],
        "size_bytes": figures["size"] or 0,
    }
    return show(request, "documents/empty_trash.html", context)


def _moment(text: str) -> datetime:
    """Until when it is emptied; now, where a form says nothing of it. Raises BadRequest."""
    if not text:
        return now()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(_("This address is not one of ours."))
    return moment if moment.tzinfo else make_aware(moment)
