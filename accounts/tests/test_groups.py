"""Groups are made and filled by admins."""

import pytest
from django.core.exceptions import ValidationError

from accounts.actions import add_member, delete_group, make_group, remove_member, rename_group
from accounts.actors import Actor
from accounts.models import Group, User
from accounts.tests.conftest import trail
from sharing.access import NotAllowed


def test_a_group_lives(admin_actor: Actor, alice: User, bob: User) -> None:
    group = make_group("Famille Müller", by=admin_actor)
    add_member(group, alice, by=admin_actor)
    add_member(group, alice, by=admin_actor)
    add_member(group, bob, by=admin_actor, role="manager")
    assert set(group.members.values_list("handle", flat=True)) == {"alice", "bob"}
    remove_member(group, alice, by=admin_actor)
    remove_member(group, alice, by=admin_actor)
    rename_group(group, "Müllers", by=admin_actor)
    delete_group(group, by=admin_actor)
    assert not Group.objects.exists()
    assert User.objects.filter(handle="bob").exists()
    told = [row.action for row in trail("group_made", "group_changed", "group_deleted")]
    assert told == ["group_made", *["group_changed"] * 4, "group_deleted"]


def test_group_names_are_unique_without_regard_to_case(admin_actor: Actor) -> None:
    make_group("Family", by=admin_actor)
    other = make_group("Work", by=admin_actor)
    with pytest.raises(ValidationError):
        make_group("FAMILY", by=admin_actor)
    with pytest.raises(ValidationError):
        rename_group(other, "family", by=admin_actor)
    with pytest.raises(ValidationError):
        make_group(" ", by=admin_actor)


def test_members_do_not_make_groups(alice_actor: Actor, admin_actor: Actor, bob: User) -> None:
    group = make_group("Family", by=admin_actor)
    for refused in (
        lambda: make_group("Mine", by=alice_actor),
        lambda: rename_group(group, "Mine", by=alice_actor),
        lambda: delete_group(group, by=alice_actor),
        lambda: add_member(group, bob, by=alice_actor),
        lambda: remove_member(group, bob, by=alice_actor),
    ):
        with pytest.raises(NotAllowed):
            refused()
