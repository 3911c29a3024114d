"""What a link opens, for whoever holds it: the door, a folder, and a document with its viewer.

Each page fetches as the holder (`request.actor`), so access answers for him as for anybody else. A link without
password and without a limit is open at once to a person's browser; robots that look what an address is meet the door,
which tells nothing and counts nothing.
"""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.actors import Actor
from accounts.middleware import PersonRequest
from documents.listing import SORTS, BadCursor, mark_for, page_of
from documents.models import Document, Folder, Reading, Version
from documents.views.viewer import Doors, viewer_of
from docuvault.lib.addresses import client_address
from sharing import access, audit, gate
from sharing.actions import LinkClosed, enter_by_link, refuse_password
from sharing.gate import Kind
from sharing.models import LinkLevel, ShareLink
from sharing.views.gate import closed, is_from_our_page, let_in, may_ask, miss, open_to_holders, too_many, visit_of

FOLDERS_SHOWN = 500
View = Callable[..., HttpResponseBase]


class LinkRequest(PersonRequest):
    """A request of whoever holds a link. `visit`: the opening it belongs to; "" outside of any."""

    link: ShareLink
    visit: str


# --- Who comes ----------------------------------------------------------------------------------------------


def _stamp(link: ShareLink) -> str:
    return gate.stamp_of(link.password_hash, link.token_hash)


def _has_door(link: ShareLink) -> bool:
    """Whether one must have come in by the door, and not by the address alone."""
    return bool(link.password_hash) or link.max_opens is not None


def _holder(request: HttpRequest, link: ShareLink, visit: str) -> Actor:
    return Actor.for_link(
        link.pk,
        link.name,
        link.made_by,
        request_id=request.request_id,  # type: ignore[attr-defined]
        address=client_address(request),
        visit=visit,
    )


def _anonymous_visit(request: HttpRequest) -> str:
    """Who comes to an open link without a cookie: one source is one visit."""
    return hashlib.sha256(f"{client_address(request)}".encode()).hexdigest()[:32]


def by_link(view: View) -> View:
    """The link of the token in the address, and its holder as the actor. Everything that is closed looks alike."""

    @open_to_holders
    @wraps(view)
    def wrapped(request: LinkRequest, link_token: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may_ask(request, Kind.LINK):
            return too_many(request)
        link = access.link_by_token(gate.hash_of(link_token))
        if link is None:
            return miss(request, Kind.LINK)
        request.link = link
        request.visit = visit_of(request, Kind.LINK, link.pk, _stamp(link)) or ""
        request.actor = _holder(request, link, request.visit or _anonymous_visit(request))
        try:
            return view(request, link_token, *args, **kwargs)
        except LinkClosed:
            return miss(request, Kind.LINK)
        except access.NotAllowed as error:
            return render(request, "sharing/link_refused.html", {"message": str(error)}, status=403)
        except Http404:
            return closed(request)

    return wrapped


def within(view: View) -> View:
    """For those who have come in; others are sent to the door. Older versions are nobody's here."""

    @by_link
    @wraps(view)
    def wrapped(request: LinkRequest, token: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.visit and _has_door(request.link):
            if request.link.is_used_up:
                raise LinkClosed
            return redirect("link", token)
        if "version" in request.GET:
            raise access.NotVisible
        return view(request, token, *args, **kwargs)

    return wrapped


# --- The door -------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@by_link
def link(request: LinkRequest, token: str) -> HttpResponseBase:
    """What the address opens; before it a door, where there is one."""
    if request.method == "POST":
        return _come_in(request, token)
    if request.visit:
        return _opened(request, token)
    if request.link.is_used_up:
        raise LinkClosed
    if _has_door(request.link) or not _is_a_person_looking(request):
        return _door(request)
    visit = gate.new_visit()
    request.actor, request.visit = _holder(request, request.link, visit), visit
    request.link = enter_by_link(by=request.actor)
    response = _opened(request, token)
    let_in(response, Kind.LINK, request.link.pk, _stamp(request.link), visit)
    return response


def _is_a_person_looking(request: HttpRequest) -> bool:
    """A browser that shows this to somebody now: no robot that looks what the address is, and nothing in advance."""
    in_advance = request.headers.get("Sec-Purpose", "") or request.headers.get("Purpose", "")
    return request.method == "GET" and request.headers.get("Sec-Fetch-Dest") == "document" and not in_advance


def _door(request: LinkRequest, error: str = "") -> HttpResponse:
    """Says nothing of what lies behind it."""
    context = {
        "asks_password": bool(request.link.password_hash),
        "ticket": gate.make_ticket(Kind.LINK, request.link.pk),
        "error": error,
    }
    return render(request, "sharing/link_door.html", context, status=422 if error else 200)


def _come_in(request: LinkRequest, token: str) -> HttpResponseBase:
    link = request.link
    if not is_from_our_page(request, Kind.LINK, link.pk):
        raise access.NotAllowed(_("This page has been open for too long. Load it again."))
    if link.is_used_up:
        raise LinkClosed
    if link.password_hash:
        if not gate.may_try_password(Kind.LINK, link.pk, client_address(request)):
            return too_many(request)
        if not gate.is_password(request.POST.get("password", ""), link.password_hash):
            refuse_password(link, by=request.actor)
            return _door(request, _("That is not the password."))
    visit = gate.new_visit()
    entered = enter_by_link(by=_holder(request, link, visit))
    response = redirect("link", token)
    response.status_code = 303
    let_in(response, Kind.LINK, link.pk, _stamp(entered), visit)
    return response


def _opened(request: LinkRequest, token: str) -> HttpResponse:
    link = request.link
    if not link.shows:
        return adding_page(request, token)
    if isinstance(link.item, Document):
        return document_page(request, token, access.fetch_document(request.actor, link.item.pk))
    return folder_page(request, token, access.fetch_folder(request.actor, link.item.pk))


# --- Pages -----------------------------------------------------------------------------------------------------


def _frame(request: LinkRequest, token: str) -> dict[str, Any]:
    link = request.link
    return {
        "link": link,
        "token": token,
        "maker": link.made_by.shown_name,
        "lets_download": link.lets_download and link.has_downloads_left,
        "lets_add": link.lets_add,
        "ticket": gate.make_ticket(Kind.LINK, link.pk, request.visit),
    }


@require_safe
@within
def link_folder(request: LinkRequest, token: str, folder_id: UUID) -> HttpResponse:
    """What lies in a folder that the link opens: folders first, then a page of documents."""
    return folder_page(request, token, access.fetch_folder(request.actor, folder_id))


def folder_page(
    request: LinkRequest, token: str, folder: Folder, *, told: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    rows = access.documents_in(request.actor, folder)
    try:
        page = page_of(rows, SORTS["name"], after=request.GET.get("after", ""), within="folder_id")
    except BadCursor:
        raise BadRequest(_("This address is not one of ours."))
    mark_for(page.rows, request.actor)
    folders = access.folders_in(request.actor, folder).order_by("name_key", "id")[:FOLDERS_SHOWN]
    crumbs = access.visible_ancestors(request.actor, folder)
    context = {
        **_frame(request, token),
        "folder": folder,
        "page": page,
        "folders": [] if request.GET.get("after") else list(folders),
        "crumbs": crumbs[:-1],
        **(told or {}),
    }
    return render(request, "sharing/link_folder.html", context, status=status)


@require_safe
@within
def link_document(request: LinkRequest, token: str, document_id: UUID) -> HttpResponse:
    return document_page(request, token, access.fetch_document(request.actor, document_id))


class LinkDoors(Doors):
    """Where the holder of a link gets bytes and pictures. No office program is started for guests."""

    makes_copies = False

    def __init__(self, link: ShareLink, token: str) -> None:
        self.token = token
        self.gives_pictures_only = not link.lets_download or link.max_downloads is not None
        self.lets_download = link.lets_download and link.has_downloads_left

    def content(self, version: Version) -> str:
        return reverse("link_content", args=[self.token, version.document_id])

    def page(self, name: str, version: Version, number: int) -> str:
        if name == "page_words" and self.gives_pictures_only:
            return ""
        return reverse(f"link_{name}", args=[self.token, version.document_id, number])

    def download(self, version: Version) -> str:
        return reverse("link_download", args=[self.token, version.document_id]) if self.lets_download else ""

    def copy(self, version: Version) -> str:
        """An office paper as it looks, where somebody of the vault has had that made."""
        return "" if self.gives_pictures_only else reverse("link_copy", args=[self.token, version.document_id])

    def enclosure(self, version: Version, number: int) -> str:
        if self.gives_pictures_only:
            return ""
        return reverse("link_enclosure", args=[self.token, version.document_id, number])


def document_page(
    request: LinkRequest, token: str, item: Document, *, told: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    version = item.current_version
    shown = viewer_of(request, item, version, LinkDoors(request.link, token))
    if version is not None and request.method != "HEAD":
        version.document = item
        audit.record_reading(audit.Verb.DOCUMENT_VIEWED, version, by=request.actor)
    context = {
        **_frame(request, token),
        "item": item,
        "version": version,
        "shown": shown,
        "reading": Reading.objects.filter(pk=item.current_version_id).first(),
        "crumbs": access.visible_ancestors(request.actor, item.folder),
        "lets_replace": request.link.level == LinkLevel.EDIT,
        **(told or {}),
    }
    return render(request, "sharing/link_document.html", context, status=status)


def adding_page(
    request: LinkRequest, token: str, *, told: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    """Only a way in: nothing of what is there."""
    context = {**_frame(request, token), "folder_id": request.link.folder_id, **(told or {})}
    return render(request, "sharing/link_add.html", context, status=status)
