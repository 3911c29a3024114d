"""An invitation is a one-time link, for one address, until a day."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.db import connections
from django.utils.timezone import now

from accounts.actions import (
    AlreadyMember,
    InvitationUnusable,
    NameTaken,
    accept_invitation,
    find_invitation,
    invite,
    withdraw_invitation,
)
from accounts.actors import Actor
from accounts.models import Invitation, Quota, Role, User
from accounts.tests.conftest import trail
from conftest import PASSWORD
from sharing.access import NotAllowed

STRANGER = Actor.anonymous(address="203.0.113.7")


def token_of(link: str) -> str:
    return link.rstrip("/").rpartition("/")[2]


def test_an_admin_invites_and_the_token_is_kept_as_a_hash(admin_actor: Actor) -> None:
    invitation, link = invite(" Eve@Vault.test ", by=admin_actor)
    token = token_of(link)
    assert link.startswith("http://localhost:8000/join/")
    assert len(token) >= 43
    assert invitation.email == "eve@vault.test"
    assert token not in str(Invitation.objects.values_list().get(pk=invitation.pk))
    (row,) = trail("user_invited")
    assert (row.actor_name, row.target_name) == ("ada", "eve@vault.test")
    assert token not in row.details


def test_a_member_cannot_invite(alice_actor: Actor) -> None:
    with pytest.raises(NotAllowed):
        invite("eve@vault.test", by=alice_actor)
    assert not Invitation.objects.exists()
    assert not trail("user_invited")


def test_who_is_here_is_not_invited_again(admin_actor: Actor, alice: User) -> None:
    with pytest.raises(AlreadyMember):
        invite("ALICE@vault.test", by=admin_actor)


@pytest.mark.parametrize("address", ["", "no address", "a@b\n.test", "x" * 250 + "@vault.test"])
def test_only_an_address_can_be_invited(admin_actor: Actor, address: str) -> None:
    with pytest.raises(ValidationError):
        invite(address, by=admin_actor)


def test_accepting_makes_an_account_with_its_quota_and_a_confirmed_address(admin_actor: Actor) -> None:
    _invitation, link = invite("eve@vault.test", Role.ADMIN, by=admin_actor)
    user = accept_invitation(token_of(link), "Eve", PASSWORD, " Eve  Adams ", by=STRANGER)
    assert (user.handle, user.email, user.role, user.display_name) == (
        "eve",
        "eve@vault.test",
        "admin",
        "Eve Adams",
    )
    assert user.check_password(PASSWORD)
    assert Quota.objects.get(user=user).limit_bytes == 104_857_600
    assert EmailAddress.objects.get(user=user).verified
    made, accepted = trail("user_made", "invitation_accepted")[-2:]
    assert (made.action, made.target_name, made.ip_address) == ("user_made", "eve", "203.0.113.7")
    assert (accepted.actor_name, accepted.target_name) == ("eve", "eve@vault.test")


def test_an_invitation_is_used_once(admin_actor: Actor) -> None:
    _invitation, link = invite("eve@vault.test", by=admin_actor)
    accept_invitation(token_of(link), "eve", PASSWORD, by=STRANGER)
    with pytest.raises(InvitationUnusable):
        accept_invitation(token_of(link), "eve2", PASSWORD, by=STRANGER)
    with pytest.raises(InvitationUnusable):
        find_invitation(token_of(link))


def test_expired_withdrawn_replaced_and_unknown_links_do_not_work(admin_actor: Actor) -> None:
    expired, expired_link = invite("a@vault.test", by=admin_actor)
    Invitation.objects.filter(pk=expired.pk).update(expires_at=now() - timedelta(seconds=1))
    withdrawn, withdrawn_link = invite("b@vault.test", by=admin_actor)
    assert withdraw_invitation(withdrawn, by=admin_actor)
    assert not withdraw_invitation(withdrawn, by=admin_actor)
    _old, replaced_link = invite("c@vault.test", by=admin_actor)
    _new, fresh_link = invite("c@vault.test", by=admin_actor)
    for link in (expired_link, withdrawn_link, replaced_link, "https://x/join/nothing/"):
        with pytest.raises(InvitationUnusable):
            accept_invitation(token_of(link), "eve", PASSWORD, by=STRANGER)
    assert find_invitation(token_of(fresh_link)).email == "c@vault.test"
    assert len(trail("invitation_withdrawn")) == 1


@pytest.mark.parametrize("handle", ["admin", "a", "-a", "a b", "héloïse", "x" * 65, ""])
def test_a_bad_or_reserved_handle_leaves_the_invitation_open(admin_actor: Actor, handle: str) -> None:
    _invitation, link = invite("eve@vault.test", by=admin_actor)
    with pytest.raises(ValidationError):
        accept_invitation(token_of(link), handle, PASSWORD, by=STRANGER)
    assert find_invitation(token_of(link))


def test_a_taken_handle_leaves_the_invitation_open(admin_actor: Actor, alice: User) -> None:
    _invitation, link = invite("eve@vault.test", by=admin_actor)
    with pytest.raises(NameTaken) as refused:
        accept_invitation(token_of(link), "ALICE", PASSWORD, by=STRANGER)
    assert refused.value.field == "handle"
    assert find_invitation(token_of(link))


@pytest.mark.parametrize("password", ["", "short", "password1234", "eve@vault.test", "1" * 5000])
def test_a_weak_or_endless_password_leaves_the_invitation_open(admin_actor: Actor, password: str) -> None:
    _invitation, link = invite("eve@vault.test", by=admin_actor)
    with pytest.raises(ValidationError):
        accept_invitation(token_of(link), "eve", password, by=STRANGER)
    assert not User.objects.filter(handle="eve").exists()
    assert find_invitation(token_of(link))


@pytest.mark.django_db(transaction=True)
def test_of_ten_who_race_for_a_link_one_gets_the_account(admin_actor: Actor) -> None:
    _invitation, link = invite("eve@vault.test", by=admin_actor)

    def one(number: int) -> bool:
        try:
            accept_invitation(token_of(link), f"eve{number}", PASSWORD, by=STRANGER)
        except (InvitationUnusable, NameTaken):
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(one, range(10))).count(True) == 1
    assert User.objects.filter(email="eve@vault.test").count() == 1
    assert len(trail("invitation_accepted")) == 1
