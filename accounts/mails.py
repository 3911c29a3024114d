"""The mails that a verb sends by itself; allauth's own go through accounts.adapters."""

import logging
from smtplib import SMTPException
from typing import Any

from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Invitation, QuotaRequest, QuotaRequestState, User
from accounts.secrets import ResetTokens

logger = logging.getLogger(__name__)


def deliver(message: EmailMessage) -> bool:
    """Hand a mail over; a mail server that is away is logged and answered with False, never raised."""
    try:
        message.send()
    except (SMTPException, OSError) as error:
        logger.error("a mail could not be sent: %s: %s", type(error).__name__, error)
        return False
    return True


def compose(template: str, to: str, context: dict[str, Any]) -> EmailMessage:
    """A plain mail from `<template>_subject.txt` and `<template>_message.txt`; the subject is one line."""
    context = {"vault_url": settings.BASE_URL, **context}
    subject = " ".join(render_to_string(f"{template}_subject.txt", context).split())
    body = render_to_string(f"{template}_message.txt", context).strip() + "\n"
    return EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [to])


def send_invitation(invitation: Invitation, link: str) -> bool:
    inviter = invitation.invited_by.shown_name if invitation.invited_by else ""
    return deliver(
        compose(
            "emails/invitation",
            invitation.email,
            {"link": link, "inviter": inviter, "expires_at": invitation.expires_at},
        )
    )


def reset_link(user: User) -> str:
    """Where a person sets a new password; works once, for an hour."""
    uid, key = user_pk_to_url_str(user), ResetTokens().make_token(user)
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": key})
    return str(settings.BASE_URL) + path


def send_reset_link(user: User) -> bool:
    return deliver(compose("emails/reset_by_admin", user.email, {"link": reset_link(user), "handle": user.handle}))


def send_room_asked(asked: QuotaRequest, admin: User) -> bool:
    context = {"handle": admin.handle, "asked": asked, "quota": asked.user.quota, "link": _address("people")}
    return deliver(compose("emails/room_asked", admin.email, context))


def send_room_answered(asked: QuotaRequest) -> bool:
    is_granted = asked.state == QuotaRequestState.GRANTED
    return _about_room("emails/room_answered", asked.user, asked=asked, is_granted=is_granted)


def send_room_ended(user: User) -> bool:
    return _about_room("emails/room_ended", user)


def send_nearly_full(user: User) -> bool:
    return _about_room("emails/nearly_full", user)


def _about_room(template: str, user: User, **more: Any) -> bool:
    context = {"handle": user.handle, "quota": user.quota, "link": _address("space"), **more}
    return deliver(compose(template, user.email, context))


def _address(name: str) -> str:
    return str(settings.BASE_URL) + reverse(name)
