"""Accounts: make, describe, limit, promote, disable."""

import zoneinfo

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.actions.rights import only_admins
from accounts.actions.sessions import end_sessions
from accounts.actors import Actor
from accounts.models import Quota, Role, User, valid_handle
from sharing import audit

LARGEST_LIMIT_BYTES = 2**60
LONGEST_ADDRESS = 254


class NameTaken(Exception):
    """Handle or address belongs to somebody else; `field` says which."""

    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__(
            _("This name is taken. Please choose another.")
            if field == "handle"
            else _("There is already an account with this e-mail address.")
        )


class LastAdmin(Exception):
    """Nobody would be left to run the server."""

    def __init__(self) -> None:
        super().__init__(_("This is the only admin. Make somebody else an admin first."))


def clean_handle(raw: str) -> str:
    """The handle as it is kept. Raises ValidationError for a bad or reserved one."""
    handle = raw.strip().lower()
    valid_handle(handle)
    if len(handle) < settings.ACCOUNT_USERNAME_MIN_LENGTH:
        raise ValidationError(_("Please use at least two letters or digits."))
    if handle in settings.ACCOUNT_USERNAME_BLACKLIST:
        raise ValidationError(_("This name is taken. Please choose another."))
    return handle


def clean_address(raw: str) -> str:
    """An e-mail address as it is kept. Raises ValidationError."""
    address = raw.strip().lower()
    validate_email(address)
    if len(address) > LONGEST_ADDRESS:
        raise ValidationError(_("This e-mail address is too long."))
    return address


@transaction.atomic
def make_user(
    handle: str,
    email: str,
    *,
    by: Actor,
    password: str | None = None,
    display_name: str = "",
    role: str = Role.MEMBER,
    is_confirmed: bool = False,
    limit_bytes: int | None = None,
) -> User:
    """An account with its quota row and its address. Raises NameTaken."""
    try:
        with transaction.atomic():
            user = User.objects.create_user(handle, email, password, display_name=display_name, role=role)
            EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=is_confirmed)
    except IntegrityError as error:
        raise NameTaken("handle" if "uq_users_handle" in str(error) else "email") from error
    Quota.objects.create(user=user, limit_bytes=settings.DEFAULT_QUOTA_BYTES if limit_bytes is None else limit_bytes)
    _tell(audit.Verb.USER_MADE, user, by, {"role": user.role})
    return user


def _tell(verb: audit.Verb, user: User, by: Actor, details: dict[str, object] | None = None) -> None:
    audit.record(
        verb,
        by=by,
        target_kind="user",
        target_id=user.pk,
        target_name=user.handle,
        owner=user.pk,
        details=details,
    )


@transaction.atomic
def change_profile(display_name: str, time_zone: str, *, by: Actor) -> User:
    """A person's own name and time zone; an empty zone follows the server's."""
    if by.active_user is None:
        raise ValueError("a profile belongs to a person")
    display_name = " ".join(display_name.split())
    if time_zone and time_zone not in zoneinfo.available_timezones():
        raise ValidationError(_("Please choose a time zone from the list."))
    user = User.objects.select_for_update().get(pk=by.active_user.pk)
    changed = [
        field
        for field, value in (("display_name", display_name), ("time_zone", time_zone))
        if getattr(user, field) != value
    ]
    if changed:
        user.display_name, user.time_zone = display_name, time_zone
        user.save(update_fields=changed)
        _tell(audit.Verb.PROFILE_CHANGED, user, by, {"fields": changed})
    return user


@transaction.atomic
def change_limit(user: User, limit_bytes: int, *, by: Actor) -> None:
    """How much a person may keep. Below what is kept already, nothing more can be added."""
    only_admins(by)
    if not 0 <= limit_bytes <= LARGEST_LIMIT_BYTES:
        raise ValidationError(_("Please give a size between nothing and one exabyte."))
    quota = Quota.objects.select_for_update().get(user=user)
    if quota.limit_bytes == limit_bytes:
        return
    Quota.objects.filter(user=user).update(limit_bytes=limit_bytes)
    _tell(audit.Verb.QUOTA_CHANGED, user, by, {"from": quota.limit_bytes, "to": limit_bytes})


def _lock_with_admins(user: User) -> tuple[User, list[User]]:
    """The person and all active admins, locked in one order, so that two cannot remove each other."""
    admins = list(User.objects.select_for_update().filter(role=Role.ADMIN, is_active=True).order_by("pk"))
    return User.objects.select_for_update().get(pk=user.pk), admins


def _keep_one_admin(user: User, admins: list[User]) -> None:
    if [admin.pk for admin in admins] == [user.pk]:
        raise LastAdmin


@transaction.atomic
def change_role(user: User, role: str, *, by: Actor) -> None:
    """Make a member an admin or the reverse. Raises LastAdmin."""
    only_admins(by)
    if role not in Role.values:
        raise ValidationError(_("There is no such role."))
    person, admins = _lock_with_admins(user)
    if person.role == role:
        return
    if role != Role.ADMIN:
        _keep_one_admin(person, admins)
    before, person.role = person.role, role
    person.save(update_fields=["role"])
    user.role = role
    _tell(audit.Verb.ROLE_CHANGED, person, by, {"from": before, "to": role})


@transaction.atomic
def disable_user(user: User, *, by: Actor) -> None:
    """No sign-in any more, and every session ends now. What the person keeps stays. Raises LastAdmin."""
    only_admins(by)
    person, admins = _lock_with_admins(user)
    if not person.is_active:
        return
    _keep_one_admin(person, admins)
    person.is_active = False
    person.save(update_fields=["is_active"])
    user.is_active = False
    end_sessions(person)
    _tell(audit.Verb.USER_DISABLED, person, by)


@transaction.atomic
def enable_user(user: User, *, by: Actor) -> None:
    """Let a disabled person sign in again."""
    only_admins(by)
    person = User.objects.select_for_update().get(pk=user.pk)
    if person.is_active:
        return
    person.is_active = True
    person.save(update_fields=["is_active"])
    user.is_active = True
    _tell(audit.Verb.USER_ENABLED, person, by)
