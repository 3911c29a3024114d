"""The page behind an invitation's link."""

from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils.timezone import now

from accounts.actions import first_admin_link, invite, withdraw_invitation
from accounts.actors import Actor
from accounts.models import Invitation, User
from accounts.tests.conftest import is_signed_in, sign_in, trail
from accounts.tests.test_sign_in import visible
from conftest import PASSWORD


def path_of(link: str) -> str:
    return link.removeprefix("http://localhost:8000")


def join(client: Client, link: str, **data: str) -> HttpResponse:
    words = {"handle": "eve", "password": PASSWORD, "display_name": "Eve", **data}
    answer: HttpResponse = client.post(path_of(link), words)  # type: ignore[assignment]
    return answer


def test_an_invited_person_joins_and_is_signed_in(admin_actor: Actor, stranger: Client) -> None:
    _invitation, link = invite("eve@vault.test", by=admin_actor)
    page = stranger.get(path_of(link))
    assert page.status_code == 200
    assert b"eve@vault.test" in page.content
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert "no-store" in page.headers["Cache-Control"]
    answer = join(stranger, link)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert is_signed_in(stranger)
    user = User.objects.get(handle="eve")
    assert (user.email, user.role) == ("eve@vault.test", "member")
    assert [row.action for row in trail("user_made", "invitation_accepted", "sign_in")][1:] == [
        "user_made",
        "invitation_accepted",
        "sign_in",
    ]


def test_the_address_of_the_invitation_cannot_be_exchanged(admin_actor: Actor, stranger: Client) -> None:
    _invitation, link = invite("eve@vault.test", by=admin_actor)
    join(stranger, link, email="mallory@vault.test", role="admin")
    assert User.objects.get(handle="eve").email == "eve@vault.test"
    assert User.objects.get(handle="eve").role == "member"


def test_links_that_do_not_work_all_look_the_same(admin_actor: Actor) -> None:
    expired, expired_link = invite("a@vault.test", by=admin_actor)
    Invitation.objects.filter(pk=expired.pk).update(expires_at=now() - timedelta(seconds=1))
    withdrawn, withdrawn_link = invite("b@vault.test", by=admin_actor)
    withdraw_invitation(withdrawn, by=admin_actor)
    _used, used_link = invite("c@vault.test", by=admin_actor)
    join(Client(), used_link)
    answers = []
    for link in (expired_link, withdrawn_link, used_link, "/join/unknown/", "/join/" + "x" * 3000 + "/"):
        client = Client()
        answers += [client.get(path_of(link)), join(client, link, handle="other")]
        assert not is_signed_in(client)
    assert {answer.status_code for answer in answers} == {404}
    assert len({visible(answer) for answer in answers}) == 1
    assert not User.objects.filter(handle="other").exists()


@pytest.mark.parametrize(
    "words",
    [
        {"handle": "alice"},
        {"handle": "admin"},
        {"handle": "not a handle"},
        {"handle": ""},
        {"password": "short"},
        {"password": "x" * 5000},
        {"password": ""},
        {"display_name": "x" * 121},
        {"handle": "eve\x00"},
    ],
)
def test_bad_words_are_answered_with_the_form(
    admin_actor: Actor, alice: User, stranger: Client, words: dict[str, str]
) -> None:
    _invitation, link = invite("eve@vault.test", by=admin_actor)
    answer = join(stranger, link, **words)
    assert answer.status_code == 400
    assert b"errorlist" in answer.content
    assert PASSWORD.encode() not in answer.content
    assert not User.objects.filter(email="eve@vault.test").exists()
    assert join(stranger, link).status_code == 302


def test_the_first_admin_names_the_address(db: None, stranger: Client) -> None:
    link = first_admin_link(by=Actor.command())
    assert link
    assert b'name="email"' in stranger.get(path_of(link)).content
    assert join(stranger, link).status_code == 400
    assert join(stranger, link, email="eve@vault.test").status_code == 302
    assert User.objects.get().is_admin
    assert is_signed_in(stranger)


def test_who_is_signed_in_is_asked_to_sign_out_first(admin_actor: Actor, alice: User, stranger: Client) -> None:
    _invitation, link = invite("eve@vault.test", by=admin_actor)
    sign_in(stranger, "alice")
    for answer in (stranger.get(path_of(link)), join(stranger, link)):
        assert b"signed in already" in answer.content
    assert not User.objects.filter(handle="eve").exists()


def test_a_form_without_its_token_is_refused(admin_actor: Actor) -> None:
    _invitation, link = invite("eve@vault.test", by=admin_actor)
    assert join(Client(enforce_csrf_checks=True), link).status_code == 403
    assert not User.objects.filter(handle="eve").exists()


def test_a69_addresses_of_invitations_are_not_guessed(admin_actor: Actor) -> None:
    _invitation, link = invite("eve@vault.test", by=admin_actor)
    guesser = Client(REMOTE_ADDR="203.0.113.5")
    assert [guesser.get(f"/join/{number:043}/").status_code for number in range(40)] == [404] * 30 + [429] * 10
    late = guesser.get(path_of(link))
    assert (late.status_code, late.headers["Retry-After"]) == (429, "60")
    assert Client(REMOTE_ADDR="203.0.113.6").get(path_of(link)).status_code == 200, "others come in"
