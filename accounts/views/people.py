"""People, for admins: who is here, how full each vault is, who is invited."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import mails, outbox
from accounts.actions import AlreadyMember, invite, withdraw_invitation
from accounts.actions.rights import only_admins
from accounts.forms import InviteForm
from accounts.middleware import PersonRequest
from accounts.models import Invitation, QuotaRequest, QuotaRequestState, User
from sharing.access import NotVisible

PER_PAGE = 50
REQUESTS_SHOWN = 50


@require_http_methods(["GET", "HEAD", "POST"])
def people(request: PersonRequest) -> HttpResponse:
    """The list, and the form that invites; a fresh link is shown once, in the answer to the form."""
    only_admins(request.actor)
    form = InviteForm(request.POST or None)
    made: Invitation | None = None
    link = ""
    is_mailed = False
    if request.method == "POST" and form.is_valid():
        try:
            made, link = invite(form.cleaned_data["email"], form.cleaned_data["role"], by=request.actor)
        except (AlreadyMember, ValidationError) as error:
            form.add_error("email", error if isinstance(error, ValidationError) else str(error))
        else:
            is_mailed = mails.send_invitation(made, link)
            form = InviteForm()
    query = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    found = User.objects.select_related("quota").order_by("handle")
    if query:
        found = found.filter(Q(handle__icontains=query) | Q(email__icontains=query) | Q(display_name__icontains=query))
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    waiting = Invitation.objects.filter(accepted_at=None, withdrawn_at=None, expires_at__gt=now()).exclude(email="")
    open_requests = QuotaRequest.objects.filter(state=QuotaRequestState.OPEN).select_related("user__quota")
    return render(
        request,
        "accounts/people.html",
        {
            "place": "people",
            "form": form,
            "page": page,
            "query": query,
            "requests": open_requests.order_by("created_at")[:REQUESTS_SHOWN],
            "invitations": waiting.select_related("invited_by").order_by("-created_at")[:100],
            "made": made,
            "link": link,
            "is_mailed": is_mailed,
            "has_outbox": outbox.is_in_use(),
        },
        status=400 if form.errors else 200,
    )


@require_POST
def withdraw(request: PersonRequest, invitation_id: UUID) -> HttpResponse:
    only_admins(request.actor)
    invitation = Invitation.objects.filter(pk=invitation_id).first()
    if invitation is None:
        raise NotVisible
    if withdraw_invitation(invitation, by=request.actor):
        messages.success(request, _("The invitation is withdrawn. Its link does not work any more."))
    else:
        messages.info(request, _("This invitation had ended already."))
    return redirect("people")
