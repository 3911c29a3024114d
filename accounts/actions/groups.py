"""Groups: people who are shared with together. Admins make them, or members by policy; managers look after theirs."""

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.actions.rights import only_admins
from accounts.actors import Actor
from accounts.models import Group, Membership, MembershipRole, User
from documents.names import InvalidName, clean_name, name_key
from sharing import audit
from sharing.actions.shares import find_person
from sharing.listing import knows
from sharing.policy import may_make_groups


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


def manages(group: Group, actor: Actor) -> bool:
    """Whether the actor looks after this group: its managers, and admins."""
    user = actor.active_user
    if actor.is_admin or user is None:
        return actor.is_admin
    return Membership.objects.filter(group=group, user=user, role=MembershipRole.MANAGER).exists()


def _require_manager(group: Group, by: Actor) -> None:
    if not manages(group, by):
        only_admins(by)


@transaction.atomic
def make_group(name: str, *, by: Actor) -> Group:
    """A new group; a member who makes one is its first manager. Raises NotAllowed, ValidationError."""
    if not may_make_groups(by):
        only_admins(by)
    cleaned, key = _clean(name)
    try:
        with transaction.atomic():
            group = Group.objects.create(name=cleaned, name_key=key)
    except IntegrityError:
        raise _taken() from None
    _tell(audit.Verb.GROUP_MADE, group, by)
    if by.active_user is not None and not by.is_admin:
        Membership.objects.create(group=group, user=by.active_user, role=MembershipRole.MANAGER)
    return group


@transaction.atomic
def rename_group(group: Group, name: str, *, by: Actor) -> None:
    _require_manager(group, by)
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
    _require_manager(group, by)
    _tell(audit.Verb.GROUP_DELETED, group, by)
    group.delete()


@transaction.atomic
def add_member(group: Group, user: User, *, by: Actor, role: str = MembershipRole.MEMBER) -> Membership:
    """Put a person in, or change what he is there."""
    _require_manager(group, by)
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
    """Take a person out; anybody may go by himself. What the group sees is closed to him from the next request on."""
    if by.active_user is None or by.active_user.pk != user.pk:
        _require_manager(group, by)
    removed, _rows = Membership.objects.filter(group=group, user=user).delete()
    if removed:
        _tell(audit.Verb.GROUP_CHANGED, group, by, {"removed": user.handle})


@transaction.atomic
def add_known(group: Group, typed: str, *, by: Actor, role: str = MembershipRole.MEMBER) -> Membership:
    """Put in whoever has this handle or address, among the people the actor may know of.

    Whoever is not here and whoever is none of the actor's business is answered alike. Raises ValidationError.
    """
    _require_manager(group, by)
    person = find_person(typed)
    if person is None or not knows(by, person):
        raise ValidationError(_("Among the people you share things with nobody has this handle or address."))
    return add_member(group, person, by=by, role=role)
