"""Signing in and up: allauth's views, told what our pages need to know."""

from typing import Any

from allauth.account import views as account
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render


class SignIn(account.LoginView):  # type: ignore[misc]
    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {**context, "is_signup_open": settings.SIGNUP == "open"}


class SignUp(account.SignupView):  # type: ignore[misc]
    def closed(self) -> HttpResponse:
        """The page for strangers where nobody, or only an invited person, may sign up."""
        return render(
            self.request, "account/signup_closed.html", {"is_by_invitation": settings.SIGNUP == "invitation"}
        )


sign_in = SignIn.as_view()
sign_up = SignUp.as_view()
