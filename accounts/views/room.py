"""Asking for more room, and, for admins, what people ask for."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.urls import reverse
from django.utils.timezone import localdate
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import actions
from accounts.actions.rights import only_admins
from accounts.forms import UNITS, AnswerForm, AskForRoomForm
from accounts.middleware import PersonRequest
from accounts.models import Quota, QuotaRequest, QuotaRequestState
from docuvault.lib.htmx import done, show
from sharing.access import NotVisible

USUAL_DAYS = 30


@require_http_methods(["GET", "HEAD", "POST"])
def ask_for_room(request: PersonRequest) -> HttpResponse:
    """How much more, and what for."""
    form = AskForRoomForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.ask_for_room(form.cleaned_data["size_bytes"], form.cleaned_data["reason"], by=request.actor)
        except actions.AlreadyAsked as refused:
            form.add_error(None, str(refused))
        except ValidationError as error:
            form.add_error("amount", error)
        else:
            return done(request, _("You have asked. You will get a mail with the answer."), to=reverse("space"))
    context = {"form": form, "quota": Quota.objects.get(user=request.actor.user), "place": "space"}
    return show(request, "accounts/ask_for_room.html", context, status=422 if form.errors else 200)


@require_POST
def withdraw_request(request: PersonRequest) -> HttpResponse:
    if actions.withdraw_request(by=request.actor):
        message = _("Your request is withdrawn.")
    else:
        message = _("Nothing is asked for at the moment.")
    return done(request, message, to=reverse("space"))


@require_http_methods(["GET", "HEAD", "POST"])
def answer_request(request: PersonRequest, request_id: UUID) -> HttpResponse:
    """What somebody asks for, how full that vault is, and the answer: so much until then, or no."""
    only_admins(request.actor)
    asked = QuotaRequest.objects.select_related("user__quota", "decided_by").filter(pk=request_id).first()
    if asked is None:
        raise NotVisible
    amount, unit = _in_units(asked.wanted_bytes)
    until = localdate() + timedelta(days=USUAL_DAYS)
    form = AnswerForm(request.POST or None, initial={"amount": amount, "unit": unit, "until": until})
    if request.method == "POST" and form.is_valid():
        try:
            _answer(asked, form, request)
        except actions.AlreadyDecided as late:
            return done(request, str(late), to=reverse("people"), is_error=True)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            is_grant = form.cleaned_data["decision"] == "grant"
            message = _("%(name)s has more space now.") if is_grant else _("The request of %(name)s is refused.")
            return done(request, message % {"name": asked.user.shown_name}, to=reverse("people"))
    is_open = asked.state == QuotaRequestState.OPEN
    context = {"form": form, "asked": asked, "person": asked.user, "is_open": is_open, "place": "people"}
    return show(request, "accounts/answer_request.html", context, status=422 if form.errors else 200)


def _answer(asked: QuotaRequest, form: AnswerForm, request: PersonRequest) -> None:
    words = form.cleaned_data
    if words["decision"] == "grant":
        actions.grant_request(
            asked, words["size_bytes"], until=words["until"], answer=words["answer"], by=request.actor
        )
    else:
        actions.refuse_request(asked, answer=words["answer"], by=request.actor)


def _in_units(size_bytes: int) -> tuple[str, str]:
    """The amount in the largest unit that it fills, as one would write it (never as 3E+2)."""
    unit = max((name for name in UNITS if size_bytes >= UNITS[name]), key=UNITS.__getitem__, default="mb")
    amount = (Decimal(size_bytes) / UNITS[unit]).quantize(Decimal("0.001")).normalize()
    return f"{amount:f}", unit
