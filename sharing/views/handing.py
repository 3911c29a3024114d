"""Ownership that passes on: offering it, and answering an offer."""

from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.middleware import PersonRequest
from accounts.models import Quota
from accounts.quota import QuotaExceeded
from documents.actions.errors import Refused
from documents.models import Document, Folder
from docuvault.lib.htmx import done, show
from sharing import access
from sharing.access import Level
from sharing.actions import handing as verbs
from sharing.handing_forms import HandOverForm
from sharing.listing import known_people
from sharing.models_handing import Handover

SHOWN = 100


@require_http_methods(["GET", "HEAD", "POST"])
def hand_over_document(request: PersonRequest, document_id: UUID) -> HttpResponse:
    return _offer(request, access.fetch_document(request.actor, document_id, Level.OWN))


@require_http_methods(["GET", "HEAD", "POST"])
def hand_over_folder(request: PersonRequest, folder_id: UUID) -> HttpResponse:
    return _offer(request, access.fetch_folder(request.actor, folder_id, Level.OWN))


def _offer(request: PersonRequest, item: Document | Folder) -> HttpResponse:
    """To whom, with which words, and whether one goes on seeing it."""
    form = HandOverForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        try:
            verbs.offer(
                item, wanted["who"], by=request.actor, message=wanted["message"], keeps_view=wanted["keeps_view"]
            )
        except Refused as refused:
            form.add_error("who", refused.message)
        else:
            message = _("Offered to %(name)s. Nothing changes until they accept.") % {"name": wanted["who"]}
            return done(request, message, to=reverse("handovers"))
    offered = access.open_handovers(request.actor).filter(
        **({"document": item} if isinstance(item, Document) else {"folder": item})
    )
    size, count = verbs.weight_of(item)
    context: dict[str, Any] = {
        "item": item,
        "is_folder": isinstance(item, Folder),
        "form": form,
        "people": known_people(request.actor),
        "offered": offered.first(),
        "size_bytes": size,
        "count": count,
        "place": "shared_by_me",
    }
    return show(request, "sharing/hand_over.html", context, status=422 if form.errors else 200)


@require_safe
def handovers(request: PersonRequest) -> HttpResponse:
    """Offers to me, with what each would take of my space, and those I have made."""
    rows = access.open_handovers(request.actor).select_related("document", "folder", "giver").order_by("-created_at")
    incoming: list[Handover] = list(rows.filter(receiver=request.actor.user)[:SHOWN])
    for row in incoming:
        row.size_bytes, row.count = verbs.weight_of(row.item)  # type: ignore[attr-defined]
        row.share_count = verbs.openings_of(row.item)  # type: ignore[attr-defined]
    context = {
        "incoming": incoming,
        "outgoing": list(rows.filter(giver=request.actor.user)[:SHOWN]),
        "quota": Quota.objects.get(user=request.actor.user),
        "tab": "handovers",
        "place": "shared_with_me",
    }
    return show(request, "sharing/handovers.html", context)


@require_POST
def answer_handover(request: PersonRequest, handover_id: UUID) -> HttpResponse:
    """Accept or refuse what was offered, or withdraw what one has offered oneself."""
    row = access.fetch_handover(request.actor, handover_id)
    act, name = request.POST.get("act", ""), row.item.name
    try:
        if act == "accept":
            item = verbs.accept_offer(row, by=request.actor)
            to = reverse("document" if isinstance(item, Document) else "folder", args=[item.pk])
            return done(request, _("“%(name)s” is yours now.") % {"name": item.name}, to=to, is_moving=True)
        if act == "refuse":
            verbs.refuse_offer(row, by=request.actor)
            message = _("Refused. “%(name)s” stays with its owner.") % {"name": name}
        elif act == "withdraw":
            verbs.withdraw_offer(row, by=request.actor)
            message = _("Withdrawn. “%(name)s” stays yours.") % {"name": name}
        else:
            raise BadRequest(_("Choose what to do."))
    except (Refused, QuotaExceeded) as refused:
        return done(request, refused.message, to=reverse("handovers"), is_error=True)
    return done(request, message, to=reverse("handovers"), is_moving=True)
