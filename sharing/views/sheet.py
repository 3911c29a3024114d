"""The sharing sheet of a document or folder: with whom, how far, until when, and who has read it."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from accounts.middleware import PersonRequest
from documents.actions.errors import Refused
from documents.models import Document, Folder
from docuvault.lib.htmx import back_to, is_fragment, show
from sharing import access
from sharing.access import Level
from sharing.actions import change_share as change
from sharing.actions import share
from sharing.actions import withdraw_share as withdraw
from sharing.forms import MEANINGS, ShareForm, TermsForm, terms_of
from sharing.listing import known_people, shown_links, shown_shares
from sharing.models import Share, ShareLevel
from sharing.policy import may_invite, policy

SHARES_SHOWN = 200


@require_http_methods(["GET", "HEAD", "POST"])
def share_document(request: PersonRequest, document_id: UUID) -> HttpResponse:
    return _sheet(request, access.fetch_document(request.actor, document_id, Level.MANAGE))


@require_http_methods(["GET", "HEAD", "POST"])
def share_folder(request: PersonRequest, folder_id: UUID) -> HttpResponse:
    return _sheet(request, access.fetch_folder(request.actor, folder_id, Level.MANAGE))


def _sheet(request: PersonRequest, item: Document | Folder) -> HttpResponse:
    """The sheet, and one more share where the form asks for it."""
    if request.method != "POST":
        return show_sheet(request, item)
    form = ShareForm(request.POST)
    if not form.is_valid():
        return show_sheet(request, item, form=form)
    wanted = form.cleaned_data
    receiver = access.fetch_group(request.actor, wanted["group"]) if wanted["group"] else wanted["who"]
    terms = {"until": wanted["until"], "message": wanted["message"], "is_inviting": wanted["invite"]}
    try:
        share(item, receiver, wanted["level"], by=request.actor, **terms)
    except Refused as refused:
        form.add_error("who", refused.message)
        return show_sheet(request, item, form=form)
    name = receiver if isinstance(receiver, str) else receiver.name
    return answer(request, item, _("Shared with %(name)s.") % {"name": name})


@require_POST
def change_share(request: PersonRequest, share_id: UUID) -> HttpResponse:
    """Another level or last day."""
    found = access.fetch_share(request.actor, share_id)
    form = TermsForm(request.POST)
    if not form.is_valid():
        error = next(iter(form.errors.values()))[0]
        return show_sheet(request, found.item, error=str(error), changing=found)
    try:
        change(found, form.cleaned_data["level"], form.cleaned_data["until"], by=request.actor)
    except Refused as refused:
        return show_sheet(request, found.item, error=refused.message, changing=found)
    return answer(request, found.item, _("Saved."))


@require_POST
def withdraw_share(request: PersonRequest, share_id: UUID) -> HttpResponse:
    """Close it again, with what was passed on by its recipient where that is asked for."""
    found = access.fetch_share(request.actor, share_id)
    item = found.item
    count = withdraw(found, by=request.actor, with_those_passed_on="passed_on" in request.POST)
    message = ngettext("Withdrawn.", "%(count)d shares withdrawn.", count) % {"count": count}
    return answer(request, item, message)


def answer(request: PersonRequest, item: Document | Folder, message: str) -> HttpResponse:
    """The sheet once more in its dialog; without scripts the page one came from."""
    if is_fragment(request):
        return show_sheet(request, item, notice=message)
    messages.success(request, message)
    return redirect(back_to(request, address_of(item)) if "next" in request.POST else address_of(item))


def address_of(item: Document | Folder) -> str:
    return reverse("share_document" if isinstance(item, Document) else "share_folder", args=[item.pk])


def show_sheet(
    request: PersonRequest,
    item: Document | Folder,
    *,
    form: ShareForm | None = None,
    notice: str = "",
    error: str = "",
    changing: Share | None = None,
    fresh_link: UUID | None = None,
    fresh_password: str = "",
) -> HttpResponse:
    """The sheet as it is now. `fresh_password` stands at its link this once."""
    allowed = policy()
    rows = access.shares_on(request.actor, item).select_related("document", "folder", "recipient", "group", "shared_by")
    shown = shown_shares(list(rows.order_by("created_at", "pk")[:SHARES_SHOWN]), request.actor)
    above = {row.share.folder_id for row in shown if row.share.folder_id not in {None, item.pk}}
    links = access.links_on(request.actor, item).select_related(*access.LINK_RELATED)
    links = links.order_by(F("revoked_at").desc(nulls_first=True), "-created_at", "pk")
    ways = shown_links(list(links[:SHARES_SHOWN]), request.actor)
    above |= {row.link.folder_id for row in ways if row.link.folder_id not in {None, item.pk}}
    context: dict[str, Any] = {
        "item": item,
        "is_folder": isinstance(item, Folder),
        "address": address_of(item),
        "here": [row for row in shown if row.share.item.pk == item.pk],
        "inherited": [row for row in shown if row.share.item.pk != item.pk],
        "visible_above": set(access.visible_folders(request.actor).filter(pk__in=above).values_list("pk", flat=True)),
        "managed_above": set(
            access.visible_folders(request.actor, Level.MANAGE).filter(pk__in=above).values_list("pk", flat=True)
        ),
        "form": form,
        "levels": [(level.value, level.label, MEANINGS[level]) for level in ShareLevel],
        "chosen_level": form["level"].value() if form is not None else str(ShareLevel.VIEW.value),
        "terms": terms_of(allowed),
        "people": known_people(request.actor),
        "groups": list(access.visible_groups(request.actor).order_by("name_key")[:200]),
        "may_invite": may_invite(request.actor),
        "links": [row for row in ways if row.link.item.pk == item.pk and row.state != "revoked"],
        "links_above": [row for row in ways if row.link.item.pk != item.pk and row.state == "open"],
        "links_closed": [row for row in ways if row.link.item.pk == item.pk and row.state == "revoked"],
        "allows_links": allowed.allows_links,
        "host": settings.BASE_URL,
        "fresh_link": fresh_link,
        "fresh_password": fresh_password,
        "notice": notice,
        "error": error,
        "changing": changing.pk if changing else None,
        "place": "shared_by_me",
    }
    status = 422 if error or (form is not None and form.errors) else 200
    return show(request, "sharing/share.html", context, status=status)
