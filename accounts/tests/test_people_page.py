"""The people page: for admins alone."""

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.actions import invite
from accounts.actors import Actor
from accounts.models import Invitation, User
from accounts.tests.conftest import trail


@pytest.fixture
def admins(admin_person: User, client_for: object) -> Client:
    client: Client = client_for(admin_person)  # type: ignore[operator]
    return client


def test_admins_see_everybody_with_state_and_usage(admins: Client, alice: User, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    html = admins.get(reverse("people")).content.decode()
    assert "alice@vault.test" in html
    assert "Switched off" in html
    assert "100.0" in html


def test_the_number_of_queries_does_not_depend_on_how_many_there_are(
    admins: Client, django_assert_max_num_queries: object
) -> None:
    from accounts.actions import make_user

    with django_assert_max_num_queries(20):  # type: ignore[operator]
        admins.get(reverse("people"))
    for number in range(30):
        make_user(f"person{number}", f"person{number}@vault.test", by=Actor.system())
    with django_assert_max_num_queries(20):  # type: ignore[operator]
        admins.get(reverse("people"))


def test_one_finds_a_person(admins: Client, alice: User, bob: User) -> None:
    html = admins.get(reverse("people"), {"q": "ALI"}).content.decode()
    assert "alice@vault.test" in html
    assert "bob@vault.test" not in html
    for query in ("\x00", "%", "'", "x" * 5000):
        assert admins.get(reverse("people"), {"q": query, "page": "99999999999"}).status_code == 200


def test_an_invitation_is_mailed_and_its_link_shown_once(admins: Client) -> None:
    page = admins.post(reverse("people"), {"email": "eve@vault.test", "role": "member"})
    link = page.context["link"]
    assert link in page.content.decode()
    assert link in str(mail.outbox[0].body)
    assert mail.outbox[0].to == ["eve@vault.test"]
    assert "Ada" in str(mail.outbox[0].body)
    again = admins.get(reverse("people")).content.decode()
    assert link not in again
    assert "eve@vault.test" in again


@pytest.mark.parametrize(
    "words",
    [
        {"email": "", "role": "member"},
        {"email": "alice@vault.test", "role": "member"},
        {"email": "eve@vault.test", "role": "king"},
        {"email": "eve@vault.test\nBcc: x@y.test", "role": "member"},
    ],
)
def test_bad_invitations_are_answered_with_the_form(admins: Client, alice: User, words: dict[str, str]) -> None:
    assert admins.post(reverse("people"), words).status_code == 400
    assert not Invitation.objects.exists()
    assert mail.outbox == []


def test_an_invitation_is_withdrawn(admins: Client, admin_actor: Actor) -> None:
    invitation, _link = invite("eve@vault.test", by=admin_actor)
    address = reverse("withdraw_invitation", args=[invitation.pk])
    assert admins.get(address).status_code == 405
    assert admins.post(address).status_code == 302
    assert admins.post(address).status_code == 302
    assert len(trail("invitation_withdrawn")) == 1
    assert admins.post(reverse("withdraw_invitation", args=[admin_actor.user.pk])).status_code == 404  # type: ignore[union-attr]


def test_members_and_strangers_see_nothing(
    alice: User, client_for: object, stranger: Client, admin_actor: Actor
) -> None:
    invitation, _link = invite("eve@vault.test", by=admin_actor)
    member: Client = client_for(alice)  # type: ignore[operator]
    for address in (reverse("people"), reverse("withdraw_invitation", args=[invitation.pk])):
        for answer in (member.get(address), member.post(address, {"email": "x@y.test", "role": "admin"})):
            assert answer.status_code in {403, 405}
            assert b"ada@vault.test" not in answer.content
        assert stranger.get(address).status_code == 302
        assert stranger.post(address).status_code == 302
    assert Invitation.objects.count() == 1
    assert mail.outbox == []
