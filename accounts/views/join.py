"""Where an invitation's link leads."""

from allauth.account.utils import perform_login
from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.actions import InvitationUnusable, NameTaken, accept_invitation, find_invitation
from accounts.forms import JoinForm
from accounts.middleware import PersonRequest
from accounts.secrets import is_too_long
from docuvault.lib.addresses import client_address
from sharing import gate
from sharing.gate import Kind
from sharing.views.gate import may_ask, too_many


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters("password")
def join(request: PersonRequest, token: str) -> HttpResponse:
    """Unknown, used, withdrawn and expired links look the same; who asks for many of them is asked to wait."""
    if request.actor.user is not None:
        return render(request, "accounts/join_signed_in.html", {"person": request.actor.user})
    if not may_ask(request, Kind.INVITATION):
        return too_many(request)
    refused: HttpResponse | None = ratelimit.consume_or_429(request, action="signup")
    if refused is not None:
        return refused
    try:
        invitation = find_invitation(token)
        form = JoinForm(request.POST or None, asks_email=not invitation.email)
        if request.method == "POST" and form.is_valid() and (answer := _accept(request, token, form)):
            return answer
    except InvitationUnusable:
        gate.count_miss(Kind.INVITATION, client_address(request))
        return render(request, "accounts/join_unusable.html", status=404)
    return render(
        request,
        "accounts/join.html",
        {"form": form, "invitation": invitation},
        status=400 if form.errors else 200,
    )


def _accept(request: PersonRequest, token: str, form: JoinForm) -> HttpResponse | None:
    """Signed in and on the way; None when the form has something to say."""
    data = form.cleaned_data
    if is_too_long(data["password"]):
        form.add_error("password", _("This password is too long."))
        return None
    try:
        user = accept_invitation(
            token,
            data["handle"],
            data["password"],
            data["display_name"],
            email=data.get("email", ""),
            by=request.actor,
        )
    except NameTaken as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
        return None
    except ValidationError as error:
        form.add_error("password", error)
        return None
    response: HttpResponse = perform_login(request, user, redirect_url="/")
    if response.status_code == 302:
        messages.success(request, _("Welcome. This is your vault."))
    return redirect("home") if request.user.is_authenticated else response
