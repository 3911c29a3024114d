"""Saved searches shared with people and groups: the sheet of one, and leaving what somebody else shares."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.middleware import PersonRequest
from documents.actions.errors import Refused
from documents.models import SavedView
from docuvault.lib.htmx import done, is_fragment, show
from sharing import access
from sharing.actions import leave_view as leave
from sharing.actions import share_view as share
from sharing.actions import withdraw_view_share as withdraw
from sharing.forms import ReceiverForm
from sharing.listing import known_people


@require_http_methods(["GET", "HEAD", "POST"])
def share_view(request: PersonRequest, view_id: UUID) -> HttpResponse:
    """With whom a search of one's own is shared, and one more where the form asks for it."""
    view = access.fetch_view(request.actor, view_id)
    if request.method != "POST":
        return _sheet(request, view)
    form = ReceiverForm(request.POST)
    if not form.is_valid():
        return _sheet(request, view, form)
    wanted = form.cleaned_data
    receiver = access.fetch_group(request.actor, wanted["group"]) if wanted["group"] else wanted["who"]
    try:
        made = share(view, receiver, by=request.actor)
    except Refused as refused:
        form.add_error("who", refused.message)
        return _sheet(request, view, form)
    return _answer(request, view, _("Shared with %(name)s.") % {"name": made.receiver})


@require_POST
def withdraw_view_share(request: PersonRequest, view_share_id: UUID) -> HttpResponse:
    found = access.fetch_view_share(request.actor, view_share_id)
    withdraw(found, by=request.actor)
    return _answer(request, found.view, _("Withdrawn."))


@require_POST
def leave_view(request: PersonRequest, view_id: UUID) -> HttpResponse:
    """Off one's own list."""
    view = access.fetch_visible_view(request.actor, view_id)
    leave(view, by=request.actor)
    message = _("“%(name)s” is no longer on your list.") % {"name": view.name}
    return done(request, message, to=reverse("find"), is_moving=True)


def _answer(request: PersonRequest, view: SavedView, message: str) -> HttpResponse:
    """The sheet once more in its dialog; without scripts its page."""
    if is_fragment(request):
        return _sheet(request, view, notice=message)
    messages.success(request, message)
    return redirect("share_view", view.pk)


def _sheet(request: PersonRequest, view: SavedView, form: ReceiverForm | None = None, notice: str = "") -> HttpResponse:
    context = {
        "view": view,
        "form": form,
        "shares": list(access.view_shares_on(request.actor, view).select_related("group").order_by("created_at", "pk")),
        "people": known_people(request.actor),
        "groups": list(access.visible_groups(request.actor).order_by("name_key")[:200]),
        "notice": notice,
        "place": "find",
    }
    return show(request, "sharing/share_view.html", context, status=422 if form is not None else 200)
