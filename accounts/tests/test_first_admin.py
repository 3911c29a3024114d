"""The first admin comes from the settings, or by a one-time link."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.actions import InvitationUnusable, accept_invitation, make_user
from accounts.actors import Actor
from accounts.models import Invitation, Quota, Role, User
from accounts.tests.conftest import trail
from accounts.tests.test_invite import STRANGER, token_of
from conftest import PASSWORD

pytestmark = pytest.mark.django_db


def first_admin() -> str:
    out = StringIO()
    call_command("first_admin", stdout=out)
    return out.getvalue()


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCUVAULT_ADMIN_EMAIL", raising=False)
    monkeypatch.delenv("DOCUVAULT_ADMIN_PASSWORD", raising=False)


def link_in(printed: str) -> str:
    (line,) = printed.splitlines()
    prefix, _, link = line.partition("First admin: ")
    assert prefix == ""
    return link


def test_without_settings_a_link_is_printed_and_it_makes_the_admin() -> None:
    link = link_in(first_admin())
    assert link.startswith("http://localhost:8000/join/")
    user = accept_invitation(token_of(link), "boss", PASSWORD, email="Boss@vault.test", by=STRANGER)
    assert user.is_admin
    assert user.email == "boss@vault.test"
    assert first_admin() == ""


def test_each_start_ends_the_link_before() -> None:
    old, new = link_in(first_admin()), link_in(first_admin())
    with pytest.raises(InvitationUnusable):
        accept_invitation(token_of(old), "boss", PASSWORD, email="boss@vault.test", by=STRANGER)
    assert accept_invitation(token_of(new), "boss", PASSWORD, email="boss@vault.test", by=STRANGER)


def test_a_link_ends_when_an_admin_came_another_way() -> None:
    link = link_in(first_admin())
    make_user("ada", "ada@vault.test", by=Actor.system(), role=Role.ADMIN)
    with pytest.raises(InvitationUnusable):
        accept_invitation(token_of(link), "boss", PASSWORD, email="boss@vault.test", by=STRANGER)


def test_settings_make_the_admin_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCUVAULT_ADMIN_EMAIL", "Admin@vault.test")
    monkeypatch.setenv("DOCUVAULT_ADMIN_PASSWORD", PASSWORD)
    assert "admin@vault.test" in first_admin()
    assert first_admin() == ""
    user = User.objects.get()
    assert (user.handle, user.role) == ("admin", "admin")
    assert user.check_password(PASSWORD)
    assert Quota.objects.filter(user=user).exists()
    (row,) = trail("user_made")
    assert row.actor_kind == "command"
    assert PASSWORD not in row.details


def test_an_account_with_that_address_becomes_the_admin(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCUVAULT_ADMIN_EMAIL", alice.email)
    monkeypatch.setenv("DOCUVAULT_ADMIN_PASSWORD", "another very long phrase")
    first_admin()
    alice.refresh_from_db()
    assert alice.is_admin
    assert alice.check_password(PASSWORD)
    assert len(trail("role_changed")) == 1


def test_a_disabled_admin_does_not_count(admin_person: User) -> None:
    assert first_admin() == ""
    User.objects.update(is_active=False)
    assert link_in(first_admin())


@pytest.mark.parametrize("password", ["tiny-word", "password1234", "x" * 5000])
def test_a_weak_password_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setenv("DOCUVAULT_ADMIN_EMAIL", "boss@vault.test")
    monkeypatch.setenv("DOCUVAULT_ADMIN_PASSWORD", password)
    with pytest.raises(CommandError) as refused:
        first_admin()
    assert refused.value.returncode == 1
    assert "\n" not in str(refused.value)
    assert password not in str(refused.value)
    assert not User.objects.exists()
    assert not Invitation.objects.exists()
