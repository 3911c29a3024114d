"""What can be done with accounts: make, invite, change, disable; each told to the trail."""

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction

from accounts.actors import Actor
from accounts.models import Quota, Role, User
from sharing import audit


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
    """An account with its quota row. Raises IntegrityError where handle or address is taken."""
    user = User.objects.create_user(handle, email, password, display_name=display_name, role=role)
    Quota.objects.create(
        user=user, limit_bytes=settings.DEFAULT_QUOTA_BYTES if limit_bytes is None else limit_bytes
    )
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=is_confirmed)
    audit.record(
        audit.Verb.USER_MADE,
        by=by,
        target_kind="user",
        target_id=user.pk,
        target_name=user.handle,
        owner=user.pk,
        details={"role": user.role},
    )
    return user
