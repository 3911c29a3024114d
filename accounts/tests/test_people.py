"""What an admin does to accounts, and that one admin always remains."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ValidationError
from django.db import connections
from django.test import Client

from accounts.actions import (
    LastAdmin,
    NameTaken,
    change_limit,
    change_role,
    disable_user,
    enable_user,
    make_user,
    send_reset,
)
from accounts.actors import Actor
from accounts.models import Quota, RefreshToken, Role, User
from accounts.tests.conftest import is_signed_in, sign_in, trail
from sharing.access import NotAllowed


def test_an_account_has_its_quota_from_birth(db: None) -> None:
    user = make_user("eve", "eve@vault.test", by=Actor.system())
    quota = Quota.objects.get(user=user)
    assert (quota.limit_bytes, quota.used_bytes, quota.reserved_bytes) == (104_857_600, 0, 0)


@pytest.mark.parametrize(
    ("handle", "email", "field"),
    [("Alice", "new@vault.test", "handle"), ("new", "ALICE@vault.test", "email")],
)
def test_a_name_is_taken_in_any_case(alice: User, handle: str, email: str, field: str) -> None:
    with pytest.raises(NameTaken) as refused:
        make_user(handle, email, by=Actor.system())
    assert refused.value.field == field


def test_an_admin_changes_a_limit(admin_actor: Actor, alice: User) -> None:
    change_limit(alice, 5_000, by=admin_actor)
    change_limit(alice, 5_000, by=admin_actor)
    assert Quota.objects.get(user=alice).limit_bytes == 5_000
    (row,) = trail("quota_changed")
    assert (row.actor_name, row.target_name, row.metadata) == (
        "ada",
        "alice",
        {"from": 104_857_600, "to": 5_000},
    )


@pytest.mark.parametrize("limit", [-1, 2**60 + 1])
def test_a_limit_is_a_size(admin_actor: Actor, alice: User, limit: int) -> None:
    with pytest.raises(ValidationError):
        change_limit(alice, limit, by=admin_actor)


def test_a_member_changes_nobodys_account(alice_actor: Actor, bob: User) -> None:
    acts: list[Callable[[], None]] = [
        lambda: change_limit(bob, 1, by=alice_actor),
        lambda: change_role(bob, Role.ADMIN, by=alice_actor),
        lambda: disable_user(bob, by=alice_actor),
        lambda: enable_user(bob, by=alice_actor),
        lambda: send_reset(bob, by=alice_actor),
        lambda: change_role(alice_actor.user or bob, Role.ADMIN, by=alice_actor),
    ]
    for refused in acts:
        with pytest.raises(NotAllowed):
            refused()
    assert User.objects.filter(role=Role.MEMBER, is_active=True).count() == 2


def test_a_disabled_admin_is_no_admin(admin_person: User, alice: User) -> None:
    User.objects.filter(pk=admin_person.pk).update(is_active=False)
    with pytest.raises(NotAllowed):
        change_limit(alice, 1, by=Actor.for_user(User.objects.get(pk=admin_person.pk)))


def test_the_last_admin_stays(admin_actor: Actor, admin_person: User, alice: User) -> None:
    with pytest.raises(LastAdmin):
        disable_user(admin_person, by=admin_actor)
    with pytest.raises(LastAdmin):
        change_role(admin_person, Role.MEMBER, by=admin_actor)
    change_role(alice, Role.ADMIN, by=admin_actor)
    change_role(admin_person, Role.MEMBER, by=admin_actor)
    assert [row.metadata for row in trail("role_changed")] == [
        {"from": "member", "to": "admin"},
        {"from": "admin", "to": "member"},
    ]


@pytest.mark.django_db(transaction=True)
def test_two_admins_who_disable_each_other_leave_one(admin_person: User) -> None:
    other = make_user("otto", "otto@vault.test", by=Actor.system(), role=Role.ADMIN)

    def one(pair: tuple[User, User]) -> bool:
        try:
            disable_user(pair[0], by=Actor.for_user(User.objects.get(pk=pair[1].pk)))
        except (LastAdmin, NotAllowed):  # too late by a moment, or by more
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(one, [(admin_person, other), (other, admin_person)]))
    assert sorted(done) == [False, True]
    assert User.objects.filter(role=Role.ADMIN, is_active=True).count() == 1


def test_disabling_ends_access_at_once(admin_actor: Actor, alice: User, stranger: Client) -> None:
    sign_in(stranger, "alice")
    assert is_signed_in(stranger)
    token = RefreshToken.objects.create(user=alice, token_hash="0" * 64, expires_at="2100-01-01T00:00:00Z")
    disable_user(alice, by=admin_actor)
    assert not is_signed_in(stranger)
    assert "inactive" in sign_in(stranger, "alice").headers["Location"]
    token.refresh_from_db()
    assert token.revoked
    enable_user(alice, by=admin_actor)
    assert not is_signed_in(stranger), "the old session is not woken up"
    sign_in(stranger, "alice")
    assert is_signed_in(stranger)
    assert [row.action for row in trail("user_disabled", "user_enabled")] == ["user_disabled", "user_enabled"]
