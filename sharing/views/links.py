"""Links on the sharing sheet: make one, change it, pause it, close it for good."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.middleware import PersonRequest
from documents.actions.copies import ask_for_copy
from documents.actions.errors import Refused
from documents.models import Document, Folder
from docuvault.lib.htmx import show
from sharing import access, gate
from sharing.access import Level
from sharing.actions import Terms
from sharing.actions import change_link as change
from sharing.actions import make_link as make
from sharing.actions import pause_link as pause
from sharing.actions import revoke_link as revoke
from sharing.actions.links import strength
from sharing.forms import LINK_MEANINGS, LinkForm, link_terms_of
from sharing.models import LinkLevel, ShareLink
from sharing.policy import policy
from sharing.views.sheet import answer, show_sheet


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password")
def make_document_link(request: PersonRequest, document_id: UUID) -> HttpResponse:
    return _make(request, access.fetch_document(request.actor, document_id, Level.MANAGE))


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password")
def make_folder_link(request: PersonRequest, folder_id: UUID) -> HttpResponse:
    return _make(request, access.fetch_folder(request.actor, folder_id, Level.MANAGE))


def _make(request: PersonRequest, item: Document | Folder) -> HttpResponse:
    if request.method != "POST":
        return _form_page(request, item, None)
    form = LinkForm(request.POST)
    if not form.is_valid():
        return _form_page(request, item, None, form=form)
    try:
        link = make(item, _terms(form), by=request.actor)
    except Refused as refused:
        return _form_page(request, item, None, form=form, error=refused.message)
    # Guests have nothing made for them: what they are to see as it looks is made for its maker, now.
    if link.shows and isinstance(item, Document) and item.current_version is not None:
        ask_for_copy(item.current_version)
    # Shown once and kept nowhere: so this answer is the sheet itself, not a way to it.
    password = form.cleaned_data["password"] if form.cleaned_data["protect"] == "new" else ""
    return show_sheet(request, item, notice=_("The link is made."), fresh_link=link.pk, fresh_password=password)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password")
def change_link(request: PersonRequest, link_id: UUID) -> HttpResponse:
    """Other terms."""
    link = access.fetch_link(request.actor, link_id)
    if request.method != "POST":
        return _form_page(request, link.item, link)
    form = LinkForm(request.POST)
    if not form.is_valid():
        return _form_page(request, link.item, link, form=form)
    try:
        change(link, _terms(form), by=request.actor)
    except Refused as refused:
        return _form_page(request, link.item, link, form=form, error=refused.message)
    password = form.cleaned_data["password"] if form.cleaned_data["protect"] == "new" else ""
    return show_sheet(request, link.item, notice=_("Saved."), fresh_link=link.pk, fresh_password=password)


@require_POST
def pause_link(request: PersonRequest, link_id: UUID) -> HttpResponse:
    """Close it for a while; with `resume`, open it again."""
    link = access.fetch_link(request.actor, link_id)
    resumes = "resume" in request.POST
    try:
        pause(link, by=request.actor, resumes=resumes)
    except Refused as refused:
        return show_sheet(request, link.item, error=refused.message)
    message = _("The link opens again.") if resumes else _("The link is paused: it opens nothing for now.")
    return answer(request, link.item, message)


@require_POST
def revoke_link(request: PersonRequest, link_id: UUID) -> HttpResponse:
    """Close it for good."""
    link = access.fetch_link(request.actor, link_id)
    revoke(link, by=request.actor)
    return answer(request, link.item, _("The link is closed for good."))


def _terms(form: LinkForm) -> Terms:
    asked = form.cleaned_data
    password = {"new": asked["password"], "none": ""}.get(asked["protect"])
    return Terms(
        name=asked["name"],
        level=asked["level"],
        until=asked["until"],
        password=password,
        max_opens=asked["max_opens"],
        max_downloads=asked["max_downloads"],
        message=asked["message"],
    )


def _form_page(
    request: PersonRequest,
    item: Document | Folder,
    link: ShareLink | None,
    *,
    form: LinkForm | None = None,
    error: str = "",
) -> HttpResponse:
    is_folder = isinstance(item, Folder)
    levels = [level for level in LinkLevel if is_folder or level != LinkLevel.UPLOAD]
    least = strength()
    context: dict[str, Any] = {
        "item": item,
        "link": link,
        "is_folder": is_folder,
        "address": request.path,
        "sheet": reverse("share_folder" if is_folder else "share_document", args=[item.pk]),
        "form": form,
        "error": error or (next(iter(form.errors.values()))[0] if form is not None and form.errors else ""),
        "levels": [(level.value, level.label, LINK_MEANINGS[level]) for level in levels],
        "terms": link_terms_of(policy()),
        "last_day": link.last_day if link is not None else None,
        "made_password": gate.new_password(least),
        "least": least,
        "place": "shared_by_me",
    }
    return show(request, "sharing/link_form.html", context, status=422 if context["error"] else 200)
