"""Trail rows for what Django and allauth do by themselves; connected when the app is ready."""

from typing import Any

from allauth.account import signals as account
from allauth.account.models import EmailAddress
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.actors import Actor
from accounts.middleware import actor_of
from accounts.models import User
from sharing import audit
from sharing.actions.receiving import receive_waiting


def _is_ours(request: HttpRequest | None) -> bool:
    """Requests that came through the middleware; a test client's own sign-out is nobody's act."""
    return hasattr(request, "request_id")


def _tell(verb: audit.Verb, request: HttpRequest, user: User, details: dict[str, Any] | None = None) -> None:
    with transaction.atomic():
        audit.record(
            verb,
            by=actor_of(request),
            target_kind="user",
            target_id=user.pk,
            target_name=user.handle,
            owner=user.pk,
            details=details,
        )


@receiver(user_logged_out, dispatch_uid="tell_sign_out")
def tell_sign_out(request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    if user is not None and _is_ours(request):
        _tell(audit.Verb.SIGN_OUT, request, user)


@receiver(mfa.authentication_failed, dispatch_uid="tell_wrong_code")
def tell_wrong_code(request: HttpRequest, user: User, **kwargs: Any) -> None:
    audit.record_apart(
        audit.Verb.SIGN_IN_FAILED,
        by=actor_of(request),
        target_kind="user",
        target_id=user.pk,
        target_name=user.handle,
        owner=user.pk,
        details={"reason": "code"},
    )


@receiver(mfa.authenticator_used, dispatch_uid="tell_recovery_code")
def tell_recovery_code(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        _tell(
            audit.Verb.RECOVERY_CODE_USED,
            request,
            user,
            {"left": len(authenticator.wrap().get_unused_codes())},
        )


@receiver(account.email_confirmed, dispatch_uid="tell_email_confirmed")
def tell_email_confirmed(request: HttpRequest, email_address: EmailAddress, **kwargs: Any) -> None:
    with transaction.atomic():
        _tell(audit.Verb.EMAIL_CONFIRMED, request, email_address.user, {"address": email_address.email})
        receive_waiting(email_address.user, email_address.email, by=Actor.for_user(email_address.user))


@receiver(account.email_changed, dispatch_uid="tell_email_changed")
def tell_email_changed(
    request: HttpRequest,
    user: User,
    from_email_address: EmailAddress | None,
    to_email_address: EmailAddress,
    **kwargs: Any,
) -> None:
    if from_email_address is not None:
        _tell(
            audit.Verb.EMAIL_CHANGED,
            request,
            user,
            {"from": from_email_address.email, "to": to_email_address.email},
        )
