"""A person's own settings."""

from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.actions import change_profile
from accounts.forms import ProfileForm
from accounts.middleware import PersonRequest


@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: PersonRequest) -> HttpResponse:
    user = request.actor.user
    assert user is not None  # sign-in is required
    form = ProfileForm(request.POST or None, initial={"display_name": user.display_name, "time_zone": user.time_zone})
    if request.method == "POST" and form.is_valid():
        try:
            change_profile(form.cleaned_data["display_name"], form.cleaned_data["time_zone"], by=request.actor)
        except ValidationError as error:
            form.add_error("time_zone", error)
        else:
            messages.success(request, _("Your profile is saved."))
            return redirect("profile")
    return render(
        request,
        "accounts/profile.html",
        {"form": form, "person": user, "has_second_step": is_mfa_enabled(user)},
        status=400 if form.errors else 200,
    )
