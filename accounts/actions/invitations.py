"""Invitations: a one-time link to an account, the first admin's included."""

import re
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts.actions.people import NameTaken, clean_address, clean_handle, make_user
from accounts.actions.rights import only_admins
from accounts.actors import Actor
from accounts.models import Invitation, Role, User, valid_handle
from accounts.secrets import hash_token, new_token
from sharing import audit
from sharing.actions.receiving import receive_waiting
from sharing.policy import may_invite

LIFETIME = timedelta(days=7)
FIRST_ADMIN_LIFETIME = timedelta(hours=24)


class InvitationUnusable(Exception):
    """Unknown, used, withdrawn or expired: a stranger is not told which."""

    def __init__(self) -> None:
        super().__init__(_("This link does not work any more. Ask for a new one."))


class AlreadyMember(Exception):
    """There is an account with this address."""

    def __init__(self) -> None:
        super().__init__(_("There is already an account with this e-mail address."))


def _open() -> QuerySet[Invitation]:
    return Invitation.objects.filter(accepted_at=None, withdrawn_at=None)


def _is_admin_there() -> bool:
    return User.objects.filter(role=Role.ADMIN, is_active=True).exists()


def _make(email: str, role: str, lifetime: timedelta, invited_by: User | None) -> tuple[Invitation, str]:
    token = new_token()
    invitation = Invitation.objects.create(
        email=email,
        role=role,
        token_hash=hash_token(token),
        invited_by=invited_by,
        expires_at=now() + lifetime,
    )
    return invitation, settings.BASE_URL + reverse("join", args=[token])


def _tell(verb: audit.Verb, invitation: Invitation, by: Actor) -> None:
    audit.record(
        verb,
        by=by,
        target_kind="invitation",
        target_id=invitation.pk,
        target_name=invitation.email,
        details={"role": invitation.role},
    )


@transaction.atomic
def invite(email: str, role: str = Role.MEMBER, *, by: Actor) -> tuple[Invitation, str]:
    """An invitation and its link, which is nowhere else; older ones to this address end.

    Raises AlreadyMember, ValidationError.
    """
    if role != Role.MEMBER or not may_invite(by):
        only_admins(by)
    email = clean_address(email)
    if role not in Role.values:
        raise ValidationError(_("There is no such role."))
    if User.objects.filter(email__iexact=email).exists():
        raise AlreadyMember
    _open().filter(email=email).update(withdrawn_at=now())
    invitation, link = _make(email, role, LIFETIME, by.user)
    _tell(audit.Verb.USER_INVITED, invitation, by)
    return invitation, link


@transaction.atomic
def withdraw_invitation(invitation: Invitation, *, by: Actor) -> bool:
    """End an invitation that nobody has taken; answers whether it was still open."""
    only_admins(by)
    if not _open().filter(pk=invitation.pk).update(withdrawn_at=now()):
        return False
    _tell(audit.Verb.INVITATION_WITHDRAWN, invitation, by)
    return True


def _usable(token: str, invitations: QuerySet[Invitation]) -> Invitation:
    invitation = invitations.filter(token_hash=hash_token(token), expires_at__gt=now()).first()
    if invitation is None or (not invitation.email and _is_admin_there()):
        raise InvitationUnusable
    return invitation


def find_invitation(token: str) -> Invitation:
    """The open invitation behind a link. Raises InvitationUnusable."""
    return _usable(token, _open())


@transaction.atomic
def accept_invitation(
    token: str, handle: str, password: str, display_name: str = "", *, by: Actor, email: str = ""
) -> User:
    """Turn an invitation into an account, once, whoever races.

    The address counts as confirmed: the link was sent to it, or printed on the server's own terminal
    (then `email` names it). Raises InvitationUnusable, NameTaken, ValidationError.
    """
    invitation = _usable(token, _open().select_for_update())
    handle = clean_handle(handle)
    email = clean_address(invitation.email or email)
    display_name = " ".join(display_name.split())
    validate_password(password, User(handle=handle, email=email, display_name=display_name))
    user = make_user(
        handle,
        email,
        by=by,
        password=password,
        display_name=display_name,
        role=invitation.role,
        is_confirmed=True,
    )
    Invitation.objects.filter(pk=invitation.pk).update(accepted_at=now(), accepted_by=user)
    if invitation.email:
        receive_waiting(user, email, by=Actor.for_user(user, request_id=by.request_id, address=by.address))
    _tell(
        audit.Verb.INVITATION_ACCEPTED,
        invitation,
        Actor.for_user(user, request_id=by.request_id, address=by.address),
    )
    return user


# --- The first admin ----------------------------------------------------------------------------------


@transaction.atomic
def first_admin_link(*, by: Actor) -> str | None:
    """A fresh one-time link for the first admin; older unused ones end. None when there is an admin."""
    only_admins(by)
    if _is_admin_there():
        return None
    _open().filter(email="", role=Role.ADMIN).update(withdrawn_at=now())
    invitation, link = _make("", Role.ADMIN, FIRST_ADMIN_LIFETIME, None)
    _tell(audit.Verb.USER_INVITED, invitation, by)
    return link


def _first_handle(email: str) -> str:
    """A handle from the address; reserved words are welcome here."""
    stem = re.sub(r"[^a-z0-9._-]+", "-", email.partition("@")[0].lower())[:40].strip("._-") or "admin"
    candidate, number = stem, 2
    while User.objects.filter(handle=candidate).exists():
        candidate, number = f"{stem}-{number}", number + 1
    valid_handle(candidate)
    return candidate


@transaction.atomic
def make_first_admin(email: str, password: str, *, by: Actor) -> User | None:
    """The first admin from the operator's settings; None when there is an admin already.

    An account that has the address becomes the admin and keeps its password. Raises ValidationError.
    """
    only_admins(by)
    if _is_admin_there():
        return None
    email = clean_address(email)
    known = User.objects.select_for_update().filter(email__iexact=email).first()
    if known is not None:
        User.objects.filter(pk=known.pk).update(role=Role.ADMIN, is_active=True)
        EmailAddress.objects.filter(user=known, email=known.email).update(verified=True)
        audit.record(
            audit.Verb.ROLE_CHANGED,
            by=by,
            target_kind="user",
            target_id=known.pk,
            target_name=known.handle,
            owner=known.pk,
            details={"from": known.role, "to": Role.ADMIN.value},
        )
        return known
    handle = _first_handle(email)
    validate_password(password, User(handle=handle, email=email))
    try:
        return make_user(handle, email, by=by, password=password, role=Role.ADMIN, is_confirmed=True)
    except NameTaken:
        if _is_admin_there():
            return None  # another start of the same vault was a moment faster
        raise
