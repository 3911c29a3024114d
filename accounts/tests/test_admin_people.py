"""The admin's own pages for people, groups and invitations go through the verbs."""

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group as DjangoGroup
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.actions import invite, make_group
from accounts.actors import Actor
from accounts.models import Group, Invitation, Quota, User
from accounts.tests.conftest import is_signed_in, sign_in, trail


@pytest.fixture
def admins(admin_person: User, client_for: object) -> Client:
    client: Client = client_for(admin_person)  # type: ignore[operator]
    return client


def change(client: Client, user: User, **words: object) -> int:
    data = {"role": user.role, "limit": "100", **({"is_active": "on"} if user.is_active else {}), **words}
    data = {key: value for key, value in data.items() if value is not None}
    return int(client.post(reverse("admin:accounts_user_change", args=[user.pk]), data).status_code)


def act(client: Client, kind: str, action: str, *rows: object) -> int:
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows]}  # type: ignore[attr-defined]
    return int(client.post(reverse(f"admin:accounts_{kind}_changelist"), data).status_code)


def test_the_list_shows_usage_and_finds_people(admins: Client, alice: User, bob: User) -> None:
    Quota.objects.filter(user=alice).update(used_bytes=52_428_800)
    address = reverse("admin:accounts_user_changelist")
    html = admins.get(address).content.decode()
    assert "50 %" in html
    assert "bob@vault.test" in html
    found = admins.get(address, {"q": "alice"}).content.decode()
    assert "bob@vault.test" not in found
    for order in range(1, 10):
        assert admins.get(address, {"o": str(order)}).status_code == 200


def test_no_password_hash_is_shown(admins: Client, alice: User) -> None:
    html = admins.get(reverse("admin:accounts_user_change", args=[alice.pk])).content.decode()
    assert alice.password not in html
    assert "password" not in html.partition("<main")[2].lower()


def test_a_limit_is_changed_and_told(admins: Client, alice: User) -> None:
    assert change(admins, alice, limit="250.5") == 302
    assert Quota.objects.get(user=alice).limit_bytes == int(250.5 * 1024 * 1024)
    assert trail("quota_changed")[0].actor_name == "ada"
    assert change(admins, alice, limit="250.5") == 302
    assert len(trail("quota_changed")) == 1
    for bad in ("-1", "", "much", "1e99"):
        assert change(admins, alice, limit=bad) == 200


def test_role_and_access_are_changed_and_told(admins: Client, alice: User) -> None:
    assert change(admins, alice, role="admin") == 302
    alice.refresh_from_db()
    assert alice.is_admin
    assert change(admins, alice, is_active=None) == 302
    alice.refresh_from_db()
    assert not alice.is_active
    assert [row.action for row in trail("role_changed", "user_disabled")] == ["role_changed", "user_disabled"]


def test_the_last_admin_stays(admins: Client, admin_person: User, alice: User) -> None:
    for words in ({"role": "member"}, {"is_active": None}):
        assert change(admins, admin_person, **words) == 200
    assert act(admins, "user", "disable", admin_person, alice) == 302
    admin_person.refresh_from_db()
    alice.refresh_from_db()
    assert admin_person.is_admin
    assert alice.is_active, "one refused, none done"
    assert not trail("user_disabled", "role_changed")


def test_handle_and_address_cannot_be_slipped_in(admins: Client, alice: User) -> None:
    change(admins, alice, handle="mallory", email="m@vault.test", password="x")
    alice.refresh_from_db()
    assert (alice.handle, alice.email) == ("alice", "alice@vault.test")


def test_acts_on_several(
    admins: Client, alice: User, bob: User, django_capture_on_commit_callbacks: object, stranger: Client
) -> None:
    sign_in(stranger, "alice")
    act(admins, "user", "disable", alice, bob)
    assert not is_signed_in(stranger)
    assert User.objects.filter(is_active=True).count() == 1
    act(admins, "user", "enable", alice)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        act(admins, "user", "send_reset", alice, bob)
    assert [message.to for message in mail.outbox] == [["alice@vault.test"]]


def test_nobody_is_added_or_deleted_here(admins: Client, alice: User) -> None:
    assert admins.get(reverse("admin:accounts_user_add")).status_code == 403
    address = reverse("admin:accounts_user_delete", args=[alice.pk])
    assert admins.post(address, {"post": "yes"}).status_code == 403
    act(admins, "user", "delete_selected", alice)
    assert User.objects.filter(pk=alice.pk).exists()


def members(group: Group | None, *people: User, initial: int = 0) -> dict[str, object]:
    data: dict[str, object] = {
        "memberships-TOTAL_FORMS": len(people),
        "memberships-INITIAL_FORMS": initial,
    }
    for number, person in enumerate(people):
        data |= {f"memberships-{number}-user": person.pk, f"memberships-{number}-role": "member"}
        if group is not None:
            row = group.memberships.filter(user=person).first()
            data |= {
                f"memberships-{number}-group": group.pk,
                f"memberships-{number}-id": row.pk if row else "",
            }
    return data


def test_a_group_is_made_filled_renamed_and_deleted(admins: Client, alice: User, bob: User) -> None:
    answer = admins.post(reverse("admin:accounts_group_add"), {"name": "Family", **members(None, alice, bob)})
    assert answer.status_code == 302
    group = Group.objects.get(name="Family")
    assert group.name_key == "family"
    assert set(group.members.all()) == {alice, bob}
    address = reverse("admin:accounts_group_change", args=[group.pk])
    words = {
        "name": "Kin",
        **members(group, alice, bob, initial=2),
        "memberships-1-DELETE": "on",
        "memberships-0-role": "manager",
    }
    assert admins.post(address, words).status_code == 302
    group.refresh_from_db()
    assert group.name == "Kin"
    assert list(group.memberships.values_list("user__handle", "role")) == [("alice", "manager")]
    assert admins.post(reverse("admin:accounts_group_delete", args=[group.pk]), {"post": "yes"}).status_code == 302
    told = [row.action for row in trail("group_made", "group_changed", "group_deleted")]
    assert told == ["group_made", *["group_changed"] * 5, "group_deleted"]


def test_a_group_with_a_taken_or_bad_name_is_answered_with_the_form(admins: Client, admin_actor: Actor) -> None:
    make_group("Family", by=admin_actor)
    for name in ("FAMILY", "", " ", "a/b"):
        answer = admins.post(reverse("admin:accounts_group_add"), {"name": name, **members(None)})
        assert answer.status_code == 200
    assert Group.objects.count() == 1


def test_invitations_are_seen_and_withdrawn(admins: Client, admin_actor: Actor) -> None:
    invitation, link = invite("eve@vault.test", by=admin_actor)
    page = admins.get(reverse("admin:accounts_invitation_change", args=[invitation.pk]))
    assert page.status_code == 200
    assert invitation.token_hash not in page.content.decode()
    assert link not in page.content.decode()
    act(admins, "invitation", "withdraw", invitation)
    assert Invitation.objects.get().withdrawn_at
    assert len(trail("invitation_withdrawn")) == 1


def test_members_and_strangers_do_not_enter(alice: User, client_for: object, stranger: Client) -> None:
    member: Client = client_for(alice)  # type: ignore[operator]
    for name in ("user", "group", "invitation"):
        address = reverse(f"admin:accounts_{name}_changelist")
        for client in (member, stranger):
            answer = client.get(address, follow=True)
            assert b"alice@vault.test" not in answer.content
            assert answer.redirect_chain or answer.status_code == 403


def test_what_packages_register_without_a_trail_is_not_offered() -> None:
    for model in (EmailAddress, Authenticator, DjangoGroup):
        assert not admin.site.is_registered(model)


def test_the_admins_own_password_page_leads_to_ours(admins: Client) -> None:
    answer = admins.post("/admin/password_change/", {"old_password": "x"})
    assert answer.headers["Location"] == reverse("account_change_password")


def test_signing_out_there_is_told(admins: Client) -> None:
    admins.post("/admin/logout/")
    assert not is_signed_in(admins)
    assert len(trail("sign_out")) == 1
