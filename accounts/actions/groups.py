"""Groups: people who are shared with together."""

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.actions.rights import only_admins
from accounts.actors import Actor
from accounts.models import Group, Membership, MembershipRole, User
from documents.names import InvalidName, clean_name, name_key
from sharing import audit


def _clean(raw: str) -> tuple[str, str]:
    try:
        name = clean_name(raw)
    except InvalidName as error:
        raise ValidationError(str(error)) from error
    return name, name_key(name)


def _tell(verb: audit.Verb, group: Group, by: Actor, details: dict[str, object] | None = None) -> None:
    audit.record(verb, by=by, target_kind="group", target_id=group.pk, target_name=group.name, details=details)


def _taken() -> ValidationError:
    return ValidationError(_("There is already a group with this name."))


@transaction.atomic
def make_group(name: str, *, by: Actor) -> Group:
    only_admins(by)
    cleaned, key = _clean(name)
    try:
        with transaction.atomic():
            group = Group.objects.create(name=cleaned, name_key=key)
    except IntegrityError:
        raise _taken() from None
    _tell(audit.Verb.GROUP_MADE, group, by)
    return group


@transaction.atomic
def rename_group(group: Group, name: str, *, by: Actor) -> None:
    only_admins(by)
    cleaned, key = _clean(name)
    before = group.name
    if cleaned == before:
        return
    try:
        with transaction.atomic():
            Group.objects.filter(pk=group.pk).update(name=cleaned, name_key=key)
    except IntegrityError:
        raise _taken() from None
    group.name, group.name_key = cleaned, key
    _tell(audit.Verb.GROUP_CHANGED, group, by, {"name_before": before})


@transaction.atomic
def delete_group(group: Group, *, by: Actor) -> None:
    """What was shared with the group is shared no more; the people stay."""
    only_admins(by)
    _tell(audit.Verb.GROUP_DELETED, group, by)
    group.delete()


@transaction.atomic
def add_member(group: Group, user: User, *, by: Actor, role: str = MembershipRole.MEMBER) -> Membership:
    """Put a person in, or change what he is there."""
    only_admins(by)
    if role not in MembershipRole.values:
        raise ValidationError(_("There is no such role."))
    membership, is_new = Membership.objects.select_for_update().get_or_create(
        group=group, user=user, defaults={"role": role}
    )
    if is_new or membership.role != role:
        Membership.objects.filter(pk=membership.pk).update(role=role)
        membership.role = role
        _tell(audit.Verb.GROUP_CHANGED, group, by, {"added": user.handle, "role": role})
    return membership


@transaction.atomic
def remove_member(group: Group, user: User, *, by: Actor) -> None:
    only_admins(by)
    removed, _rows = Membership.objects.filter(group=group, user=user).delete()
    if removed:
        _tell(audit.Verb.GROUP_CHANGED, group, by, {"removed": user.handle})
