"""The second step of signing in: turn on, turn off, new recovery codes; each with its row in the trail."""

from typing import Any

from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from accounts.actions import end_sessions
from accounts.adapters import keep_this_session
from accounts.models import User
from sharing import audit


def _tell(verb: audit.Verb, request: HttpRequest) -> User:
    user = request.user
    assert isinstance(user, User)
    audit.record(
        verb,
        by=request.actor,  # type: ignore[attr-defined]
        target_kind="user",
        target_id=user.pk,
        target_name=user.handle,
        owner=user.pk,
    )
    return user


class TurnOn(totp.ActivateTOTPView):  # type: ignore[misc]
    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            response: HttpResponse = super().form_valid(form)
            user = _tell(audit.Verb.TOTP_ON, self.request)
            if self.did_generate_recovery_codes:
                _tell(audit.Verb.RECOVERY_CODES_MADE, self.request)
            end_sessions(user)
            keep_this_session(self.request, user)
        return response


class TurnOff(totp.DeactivateTOTPView):  # type: ignore[misc]
    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            response: HttpResponse = super().form_valid(form)
            user = _tell(audit.Verb.TOTP_OFF, self.request)
            end_sessions(user)
            keep_this_session(self.request, user)
        return response


class NewCodes(codes.GenerateRecoveryCodesView):  # type: ignore[misc]
    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            response: HttpResponse = super().form_valid(form)
            _tell(audit.Verb.RECOVERY_CODES_MADE, self.request)
        return response


turn_on = TurnOn.as_view()
turn_off = TurnOff.as_view()
new_codes = NewCodes.as_view()
