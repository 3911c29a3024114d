"""Changing and resetting a password: the link works once, every other session ends."""

import re
from datetime import datetime, timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.actions import send_reset
from accounts.actors import Actor
from accounts.mails import reset_link
from accounts.models import RefreshToken, User
from accounts.secrets import ResetTokens
from accounts.tests.conftest import code, is_signed_in, sign_in, trail
from accounts.tests.test_sign_in import visible
from accounts.tests.test_sign_up import link_in_mail
from conftest import PASSWORD

NEW = "a different and longer phrase"


def ask(client: Client, email: str, **extra: str) -> object:
    return client.post(reverse("account_reset_password"), {"email": email}, **extra)  # type: ignore[arg-type]


def follow(client: Client, link: str, password: str = NEW) -> int:
    """As a browser: the link leads to the form, and the form is sent."""
    landed = client.get(link)
    if landed.status_code != 302:
        return int(landed.status_code) if b"does not work" not in landed.content else 404
    answer = client.post(landed.headers["Location"], {"password1": password, "password2": password})
    return int(answer.status_code)


def change(client: Client, old: str = PASSWORD, new: str = NEW, again: str = NEW) -> int:
    data = {"oldpassword": old, "password1": new, "password2": again}
    return int(client.post(reverse("account_change_password"), data).status_code)


def test_changing_it_ends_every_other_session(alice: User, stranger: Client) -> None:
    other = Client()
    sign_in(stranger, "alice")
    sign_in(other, "alice")
    key = stranger.cookies["sessionid"].value
    token = RefreshToken.objects.create(user=alice, token_hash="0" * 64, expires_at="2100-01-01T00:00:00Z")
    assert change(stranger) == 302
    assert is_signed_in(stranger)
    assert stranger.cookies["sessionid"].value != key
    assert not is_signed_in(other)
    token.refresh_from_db()
    assert token.revoked
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    (row,) = trail("password_changed")
    assert (row.actor_name, row.owner_id) == ("alice", alice.pk)
    assert NEW not in row.details
    assert [message.subject for message in mail.outbox] == ["Your password was changed"]
    assert NEW not in str(mail.outbox[0].body)


@pytest.mark.parametrize(
    ("old", "new", "again"),
    [
        ("wrong", NEW, NEW),
        ("x" * 5000, NEW, NEW),
        (PASSWORD, NEW, NEW + "x"),
        (PASSWORD, "short", "short"),
        (PASSWORD, "alice@vault.test", "alice@vault.test"),
        (PASSWORD, "x" * 4097, "x" * 4097),
    ],
)
def test_a_change_that_is_refused_changes_nothing(
    alice: User, stranger: Client, old: str, new: str, again: str
) -> None:
    other = Client()
    sign_in(stranger, "alice")
    sign_in(other, "alice")
    assert change(stranger, old, new, again) == 200
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
    assert is_signed_in(other)
    assert not trail("password_changed")


def test_a_forgotten_password_is_reset_by_mail(alice: User, stranger: Client) -> None:
    other = Client()
    sign_in(other, "alice")
    ask(stranger, "ALICE@vault.test")
    (message,) = mail.outbox
    assert message.to == ["alice@vault.test"]
    assert follow(stranger, link_in_mail()) == 302
    assert not is_signed_in(stranger), "the new password is asked for"
    assert not is_signed_in(other)
    assert sign_in(stranger, "alice", PASSWORD).status_code == 200
    sign_in(stranger, "alice", NEW)
    assert is_signed_in(stranger)
    assert [row.action for row in trail("password_reset_asked", "password_reset")] == [
        "password_reset_asked",
        "password_reset",
    ]
    assert {row.owner_id for row in trail("password_reset_asked", "password_reset")} == {alice.pk}


def test_the_link_points_to_the_configured_host(alice: User, settings: object) -> None:
    settings.ALLOWED_HOSTS = ["*"]  # type: ignore[attr-defined]
    ask(Client(), "alice@vault.test", HTTP_HOST="evil.test")
    assert "evil" not in str(mail.outbox[0].body)
    assert "http://localhost:8000/account/password/reset/key/" in str(mail.outbox[0].body)


def test_known_and_unknown_addresses_get_the_same_answer(alice: User, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    answers = [ask(Client(), address) for address in ("alice@vault.test", "no@vault.test", "bob@vault.test")]
    assert {answer.status_code for answer in answers} == {302}  # type: ignore[attr-defined]
    assert len({answer.headers["Location"] for answer in answers}) == 1  # type: ignore[attr-defined]
    assert len({frozenset(answer.headers) for answer in answers}) == 1  # type: ignore[attr-defined]
    pages = {visible(Client().get(reverse("account_reset_password_done"))) for _ in answers}
    assert len(pages) == 1
    assert len(mail.outbox) == 3, "a mail goes out each time, so that time does not tell"
    assert "reset/key" not in str(mail.outbox[1].body) + str(mail.outbox[2].body)
    known, unknown, off = trail("password_reset_asked")
    assert known.owner_id == alice.pk
    assert (unknown.owner_id, unknown.target_name) == (off.owner_id, off.target_name) == (None, "")


def test_a_link_works_once_and_dies_with_a_newer_one_or_a_change(alice: User) -> None:
    ask(Client(), "alice@vault.test")
    first = link_in_mail()
    ask(Client(), "alice@vault.test")
    second = link_in_mail()
    assert follow(Client(), first) == 404
    assert follow(Client(), second) == 302
    assert follow(Client(), second) == 404
    alice.refresh_from_db()
    third = reset_link(alice).removeprefix("http://localhost:8000")
    signed_in = Client()
    sign_in(signed_in, "alice", NEW)
    assert change(signed_in, NEW, PASSWORD, PASSWORD) == 302
    assert follow(Client(), third) == 404


def test_a_link_lives_an_hour(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = ResetTokens()
    token = tokens.make_token(alice)
    start = datetime.now()  # noqa: DTZ005 (as Django's generator does)
    monkeypatch.setattr(ResetTokens, "_now", lambda self: start + timedelta(minutes=59))
    assert tokens.check_token(alice, token)
    monkeypatch.setattr(ResetTokens, "_now", lambda self: start + timedelta(minutes=61))
    assert not tokens.check_token(alice, token)


@pytest.mark.parametrize("key", ["1-abc", "zzz-abc-def", "0-0-0", "%00-a-b"])
def test_a_made_up_link_is_answered_plainly(db: None, stranger: Client, key: str) -> None:
    answer = stranger.get(f"/account/password/reset/key/{key}/")
    assert answer.status_code in {200, 404}


def test_with_a_second_step_a_reset_does_not_sign_anybody_in(
    alice: User, stranger: Client, with_second_step: object
) -> None:
    with_second_step(alice)  # type: ignore[operator]
    ask(stranger, "alice@vault.test")
    assert follow(stranger, link_in_mail()) == 302
    answer = sign_in(stranger, "alice", NEW)
    assert answer.headers["Location"] == reverse("mfa_authenticate")
    assert not is_signed_in(stranger)
    stranger.post(reverse("mfa_authenticate"), {"code": code()})
    assert is_signed_in(stranger)


def test_an_admin_sends_a_reset_and_everything_else_ends(
    alice: User, admin_actor: Actor, stranger: Client, django_capture_on_commit_callbacks: object
) -> None:
    sign_in(stranger, "alice")
    ask(Client(), "alice@vault.test")
    older = link_in_mail()
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        send_reset(alice, by=admin_actor)
    assert not is_signed_in(stranger)
    assert follow(Client(), older) == 404
    assert mail.outbox[-1].to == ["alice@vault.test"]
    link = link_in_mail()
    assert follow(Client(), link) == 302
    (row,) = trail("password_reset_sent")
    assert (row.actor_name, row.target_name) == ("ada", "alice")
    key = re.search(r"reset/key/(\S+)/", link)
    assert key
    assert key.group(1) not in row.details


def test_asking_again_and_again_is_stopped(alice: User) -> None:
    answers = [ask(Client(REMOTE_ADDR=f"203.0.113.{n}"), "alice@vault.test") for n in range(7)]
    assert [answer.status_code for answer in answers] == [302] * 5 + [429] * 2  # type: ignore[attr-defined]
    assert len(mail.outbox) == 5
