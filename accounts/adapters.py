"""How allauth is told our rules: who may sign up, what is written down, where links point."""

import unicodedata
from typing import Any
from uuid import UUID

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.timezone import now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import mails
from accounts.actions import change_password, clean_address, clean_handle
from accounts.middleware import actor_of
from accounts.models import User
from accounts.secrets import SECOND_STEP, is_too_long, seal, unseal
from docuvault.lib.addresses import client_address
from docuvault.lib.plain import row_by
from sharing import audit

PENDING_HASH = "pending_auth_hash"
WRONG_SIGN_IN = _("This name and password do not belong together.")


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-up policy, trail rows in the transaction of what they tell, links to our own address."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": _("This account cannot be used at the moment."),
        "duplicate_email": _("This is your address already."),
        "email_password_mismatch": WRONG_SIGN_IN,
        "username_password_mismatch": WRONG_SIGN_IN,
        "invalid_login": WRONG_SIGN_IN,
        "email_taken": _("There is already an account with this e-mail address."),
        "enter_current_password": _("This is not your current password."),
        "incorrect_code": _("This code is not right, or no longer."),
        "incorrect_password": _("This is not your password."),
        "invalid_password_reset": _("This link does not work any more."),
        "too_many_login_attempts": _("Too many tries. Please wait a few minutes."),
        "username_blacklisted": _("This name is taken. Please choose another."),
        "username_taken": _("This name is taken. Please choose another."),
        "rate_limited": _("Too many tries. Please wait a few minutes."),
    }

    # --- Who may come ------------------------------------------------------------------------------

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGNUP == "open")

    def clean_username(self, username: str, shallow: bool = False) -> str:
        handle = clean_handle(username)
        if not shallow and User.objects.filter(handle=handle).exists():
            raise self.validation_error("username_taken")
        return handle

    def clean_email(self, email: str) -> str:
        return clean_address(email)

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request) or "unknown"

    # --- Signing in and out --------------------------------------------------------------------------

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        # Before any hashing: a password that long is refused whoever is meant.
        if is_too_long(credentials.get("password") or ""):
            raise self.validation_error("invalid_login")
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            self._tell_failure(request, self._named_by(credentials), "limited")
            raise

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """One counter per account, however its name is written; else one per text."""
        user = self._named_by(credentials)
        if user is not None:
            return f"user:{user.pk}"
        typed = str(credentials.get("email") or credentials.get("username") or "")
        return "text:" + unicodedata.normalize("NFKC", typed).strip().casefold()[:320]

    @staticmethod
    def _named_by(credentials: dict[str, Any]) -> User | None:
        typed = str(credentials.get("email") or credentials.get("username") or "").strip()
        folded = unicodedata.normalize("NFKC", typed).casefold().replace("\x00", "")
        return User.objects.filter(Q(handle=folded) | Q(email=folded)).first()

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        self._tell_failure(request, self._named_by(credentials), "password")

    def _tell_failure(self, request: HttpRequest, user: User | None, reason: str) -> None:
        """What was typed for an unknown account is not kept: people type passwords there."""
        audit.record_apart(
            audit.Verb.SIGN_IN_FAILED,
            by=actor_of(request),
            target_kind="user",
            target_id=user.pk if user else "",
            target_name=user.handle if user else "",
            owner=user.pk if user else None,
            details={"reason": reason},
        )

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        if response is not None:
            self._tell_failure(request, user, "disabled")
            return response
        if not kwargs["signup"]:
            request.session.cycle_key()
        # What follows (the second step) holds for the password that was just given, and no other.
        request.session[PENDING_HASH] = user.get_session_auth_hash()
        return None

    def login(self, request: HttpRequest, user: User) -> None:
        pending = request.session.pop(PENDING_HASH, "")
        fresh = User.objects.get(pk=user.pk)
        if not fresh.is_active or not constant_time_compare(pending, fresh.get_session_auth_hash()):
            raise ImmediateHttpResponse(redirect("account_login"))
        with transaction.atomic():
            super().login(request, user)
            by = request.actor = actor_of(request)  # type: ignore[attr-defined]
            audit.record(
                audit.Verb.SIGN_IN,
                by=by,
                target_kind="user",
                target_id=user.pk,
                target_name=user.handle,
                owner=user.pk,
            )

    def logout(self, request: HttpRequest) -> None:
        with transaction.atomic():
            super().logout(request)  # accounts.signals writes the row, for every door
        request.actor = actor_of(request)  # type: ignore[attr-defined]

    # --- Passwords and addresses ------------------------------------------------------------------------

    def set_password(self, user: User, password: str) -> None:
        change_password(user, password, by=self.request.actor)

    def can_delete_email(self, email_address: EmailAddress) -> bool:
        """Only an address that is not yet confirmed, which takes a change back."""
        return not (email_address.primary or email_address.verified)

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Confirmation, the change of address it may bring, and their rows, in one transaction."""
        is_foreign = User.objects.filter(email__iexact=email_address.email).exclude(pk=email_address.user_id).exists()
        if is_foreign:
            messages.error(request, gettext("This address belongs to another account."))
            return False
        with transaction.atomic():
            return bool(super().confirm_email(request, email_address))

    # --- Mails ---------------------------------------------------------------------------------------------

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        known = {"email": email, "vault_url": settings.BASE_URL}
        message = self.render_mail(template_prefix, email, {**known, **context})
        if not mails.deliver(message):
            messages.warning(self.request, gettext("The mail could not be sent just now. Please try again later."))

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Tell a person what was changed in the account, and from where."""
        known = {"changed_at": now(), "address": client_address(self.request) or "", "handle": user.handle}
        self.send_mail(template_prefix, email or user.email, {**known, **(context or {})})

    def get_reset_password_from_key_url(self, key: str) -> str:
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return str(settings.BASE_URL) + path.replace("UID-KEY", key)

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return str(settings.BASE_URL) + reverse("account_confirm_email", args=[emailconfirmation.key])

    def send_account_already_exists_mail(self, email: str) -> None:
        self.send_mail(
            "account/email/account_already_exists",
            email,
            {"password_reset_url": settings.BASE_URL + reverse("account_reset_password")},
        )


class People(AuthenticationBackend):  # type: ignore[misc]
    """Who a session belongs to, by one plain statement: every request passes here."""

    def get_user(self, user_id: UUID) -> User | None:
        user = row_by(User, "id", user_id)
        return user if user is not None and self.user_can_authenticate(user) else None


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Seeds rest encrypted."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("This code is not right, or no longer."),
        "unverified_email": _("Please confirm your e-mail address first."),
        "cannot_generate_recovery_codes": _("Recovery codes belong to a second step. Turn it on first."),
    }

    def encrypt(self, text: str) -> str:
        return seal(text, SECOND_STEP)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text, SECOND_STEP)


def keep_this_session(request: HttpRequest, user: User) -> None:
    """After `end_sessions`: the one that asked goes on, under a new key."""
    update_session_auth_hash(request, user)
    request.actor = actor_of(request)  # type: ignore[attr-defined]
