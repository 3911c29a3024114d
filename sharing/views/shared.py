"""What others share with me, what I share, and what I make of what I was given."""

from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.middleware import PersonRequest
from documents.listing import SORTS, BadCursor, Order, Page, page_of
from documents.models import Document, Folder
from docuvault.lib.htmx import back_to, done, is_fragment, show
from sharing import access
from sharing.actions import accept_shared, hide_shared, leave_shared, rejoin_shared, show_shared
from sharing.listing import shown_links, shown_shares
from sharing.models import Share, ShareReception
from sharing.review import unused_count

RELATED = ("document__user", "folder__user", "recipient", "group", "shared_by")
NEWEST_FIRST: Order = SORTS["-created"]


def _page(request: PersonRequest, rows: Any) -> Page[Share]:
    try:
        return page_of(rows.select_related(*RELATED), NEWEST_FIRST, after=request.GET.get("after", ""))
    except BadCursor:
        raise BadRequest(_("This address is not one of ours."))


@require_safe
def shared_with_me(request: PersonRequest) -> HttpResponse:
    """What others have opened to this person, the newest first; what was put away, when asked for."""
    is_hidden = "hidden" in request.GET
    mine = ShareReception.objects.filter(share=OuterRef("pk"), user=request.actor.user)
    rows = access.shares_received(request.actor).annotate(
        is_accepted=Exists(mine.filter(accepted_at__isnull=False)),
        is_hidden=Exists(mine.filter(hidden_at__isnull=False)),
    )
    page = _page(request, rows.filter(is_hidden=is_hidden))
    context: dict[str, Any] = {"page": page, "place": "shared_with_me", "is_hidden": is_hidden, "tab": "with_me"}
    if is_hidden:
        context["left"] = list(access.shares_left(request.actor).select_related(*RELATED).order_by("-created_at")[:100])
    is_more = bool(request.GET.get("after")) and is_fragment(request)
    return show(request, "sharing/with_me_more.html" if is_more else "sharing/shared_with_me.html", context)


@require_safe
def shared_by_me(request: PersonRequest) -> HttpResponse:
    """What this person has opened to others, and whether they have looked."""
    page = _page(request, access.shares_made(request.actor))
    context = {
        "page": page,
        "rows": shown_shares(page.rows, request.actor),
        "place": "shared_by_me",
        "tab": "by_me",
    }
    is_more = bool(request.GET.get("after")) and is_fragment(request)
    if not is_more:
        context["unused"] = unused_count(request.actor)
    return show(request, "sharing/by_me_more.html" if is_more else "sharing/shared_by_me.html", context)


@require_safe
def shared_by_link(request: PersonRequest) -> HttpResponse:
    """The links to what is this person's, and those he has made, the newest first; closed ones too."""
    rows = access.links_made(request.actor).select_related(*access.LINK_RELATED)
    try:
        page = page_of(rows, NEWEST_FIRST, after=request.GET.get("after", ""))
    except BadCursor:
        raise BadRequest(_("This address is not one of ours."))
    context = {
        "page": page,
        "rows": shown_links(page.rows, request.actor, with_documents=False),
        "place": "shared_by_me",
        "tab": "by_link",
    }
    is_more = bool(request.GET.get("after")) and is_fragment(request)
    return show(request, "sharing/by_link_more.html" if is_more else "sharing/shared_by_link.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def received_document(request: PersonRequest, document_id: UUID) -> HttpResponse:
    if request.method == "POST" and request.POST.get("act") == "rejoin":
        return _rejoin(request, document_id)
    return _received(request, access.fetch_document(request.actor, document_id))


@require_http_methods(["GET", "HEAD", "POST"])
def received_folder(request: PersonRequest, folder_id: UUID) -> HttpResponse:
    if request.method == "POST" and request.POST.get("act") == "rejoin":
        return _rejoin(request, folder_id)
    return _received(request, access.fetch_folder(request.actor, folder_id))


def _rejoin(request: PersonRequest, key: UUID) -> HttpResponse:
    """What was left cannot be fetched: it is looked for among what was left."""
    share = next((row for row in access.shares_left(request.actor) if key in {row.document_id, row.folder_id}), None)
    if share is None:
        raise access.NotVisible
    rejoin_shared(share.item, by=request.actor)
    return done(request, _("You are back."), to=reverse("shared_with_me"), is_moving=True)


def _received(request: PersonRequest, item: Document | Folder) -> HttpResponse:
    """What to make of something that was shared: accept it, hide it, show it again, or leave it."""
    if not access.own_ways(request.actor, item).exists():
        raise access.NotVisible
    acts = {
        "accept": (accept_shared, _("It is on your list.")),
        "hide": (hide_shared, _("Put away. You find it under “Hidden”.")),
        "show": (show_shared, _("It is on your list again.")),
        "leave": (leave_shared, _("You have left it. The file stays with its owner.")),
    }
    here = back_to(request, reverse("shared_with_me"))
    if request.method == "POST":
        if (chosen := acts.get(request.POST.get("act", ""))) is None:
            raise BadRequest(_("Choose what to do."))
        act, message = chosen
        act(item, by=request.actor)
        has_left = request.POST["act"] == "leave"
        return done(request, message, to=reverse("shared_with_me") if has_left else here, is_moving=has_left)
    context = {"item": item, "is_folder": isinstance(item, Folder), "address": request.path, "place": "shared_with_me"}
    return show(request, "sharing/leave.html", context)
