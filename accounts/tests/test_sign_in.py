"""Signing in and out: by address or handle, in any case, a few times wrong at most."""

import re
from collections.abc import Callable

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from accounts.tests.conftest import is_signed_in, sign_in, trail
from conftest import PASSWORD

HOME = "/"


@pytest.mark.parametrize("login", ["alice", "ALICE", " Alice ", "alice@vault.test", "Alice@VAULT.test"])
def test_by_handle_or_address_in_any_case(alice: User, stranger: Client, login: str) -> None:
    answer = sign_in(stranger, login)
    assert (answer.status_code, answer.headers["Location"]) == (302, HOME)
    assert is_signed_in(stranger)
    (row,) = trail("sign_in")
    assert (row.actor_name, row.target_name, row.owner_id, row.ip_address) == (
        "alice",
        "alice",
        alice.pk,
        "127.0.0.1",
    )
    assert row.session_hash
    assert not trail("sign_in_failed")


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("alice", "wrong"),
        ("alice", ""),
        ("alice", PASSWORD + " "),
        ("alice", PASSWORD.upper()),
        ("nobody", PASSWORD),
        ("álice", PASSWORD),
        ("", PASSWORD),
        ("alice\x00", PASSWORD),
        ("x" * 10_000, PASSWORD),
    ],
)
def test_the_wrong_words_are_refused(alice: User, stranger: Client, login: str, password: str) -> None:
    assert sign_in(stranger, login, password).status_code == 200
    assert not is_signed_in(stranger)
    assert not trail("sign_in")


def test_an_account_without_a_password_lets_nobody_in(alice: User, stranger: Client) -> None:
    alice.set_unusable_password()
    alice.save()
    for password in ("", "!", alice.password):
        sign_in(stranger, "alice", password)
    assert not is_signed_in(stranger)


def test_a_failure_is_told_to_the_person_but_not_what_was_typed(alice: User, stranger: Client) -> None:
    sign_in(stranger, "alice", "a secret typo")
    sign_in(stranger, "my password in the wrong field", "x")
    known, unknown = trail("sign_in_failed")
    assert (known.owner_id, known.target_name, known.metadata) == (
        alice.pk,
        "alice",
        {"reason": "password"},
    )
    assert (unknown.owner_id, unknown.target_id, unknown.target_name) == (None, "", "")
    assert "typo" not in known.details
    assert "wrong field" not in str(unknown.__dict__)


def visible(answer: object) -> str:
    """The page without what differs by chance."""
    html = answer.content.decode()  # type: ignore[attr-defined]
    html = re.sub(r'(csrfmiddlewaretoken" value|csrf-token" content)="[^"]*"', "", html)
    return re.sub(r'value="[^"]*@?[^"]*"', "", html)


def test_known_and_unknown_names_get_the_same_answer(alice: User, stranger: Client) -> None:
    known, unknown = sign_in(stranger, "alice", "wrong"), sign_in(stranger, "nobody", "wrong")
    by_address = sign_in(stranger, "alice@vault.test", "wrong")
    no_address = sign_in(stranger, "nobody@vault.test", "wrong")
    assert visible(known) == visible(unknown) == visible(by_address) == visible(no_address)
    assert {answer.status_code for answer in (known, unknown, by_address, no_address)} == {200}
    assert set(known.headers) == set(unknown.headers)


@pytest.mark.parametrize("login", ["alice", "nobody", "alice@vault.test", "nobody@vault.test"])
def test_a_try_costs_one_hash_whoever_is_meant(
    alice: User, stranger: Client, login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.contrib.auth.hashers import MD5PasswordHasher

    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def count(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", count)
    sign_in(stranger, login, "wrong")
    assert hashed == ["wrong"]


def test_an_endless_password_is_refused_without_hashing(
    alice: User, stranger: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.contrib.auth.hashers import MD5PasswordHasher

    def never(*_: object) -> str:
        raise AssertionError("hashed")

    monkeypatch.setattr(MD5PasswordHasher, "encode", never)
    for login in ("alice", "nobody"):
        assert sign_in(stranger, login, "x" * 5000).status_code == 200
    assert not is_signed_in(stranger)


def test_the_sixth_wrong_try_is_stopped_however_the_name_is_written(alice: User, db: None) -> None:
    for number, login in enumerate(["alice", "ALICE", "alice@vault.test", " Alice", "ａｌｉｃｅ"]):
        answer = sign_in(Client(REMOTE_ADDR=f"203.0.113.{number}"), login, "wrong")
        assert b"Too many tries" not in answer.content
    late = Client(REMOTE_ADDR="203.0.113.99")
    assert b"Too many tries" in sign_in(late, "Alice@Vault.test", PASSWORD).content
    assert not is_signed_in(late)
    assert trail("sign_in_failed")[-1].metadata == {"reason": "limited"}


def test_one_counter_does_not_stop_another_person(alice: User, bob: User) -> None:
    for number in range(8):
        sign_in(Client(REMOTE_ADDR=f"203.0.113.{number}"), "alice", "wrong")
    other = Client(REMOTE_ADDR="203.0.113.99")
    sign_in(other, "bob")
    assert is_signed_in(other)


def test_a_success_does_not_clear_the_counter_of_another(alice: User, bob: User) -> None:
    client = Client()
    for _ in range(5):
        sign_in(client, "alice", "wrong")
    sign_in(client, "bob")
    assert b"Too many tries" in sign_in(Client(REMOTE_ADDR="203.0.113.9"), "alice", PASSWORD).content


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP"])
def test_one_address_tries_ten_names_a_minute_and_cannot_pretend_to_be_others(
    db: None, stranger: Client, header: str
) -> None:
    pages = [
        sign_in(stranger, f"name{number}", "wrong", headers={header: f"198.51.100.{number}"}).content
        for number in range(12)
    ]
    assert [b"Too many tries" in page for page in pages] == [False] * 10 + [True] * 2
    assert {row.ip_address for row in trail("sign_in_failed")} == {"127.0.0.1"}


def test_behind_a_named_proxy_its_word_counts(alice: User, stranger: Client, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 1
    sign_in(stranger, "alice", headers={"X-Forwarded-For": "10.0.0.1, 198.51.100.7"})
    assert trail("sign_in")[0].ip_address == "198.51.100.7"


def test_the_session_changes_its_name_at_sign_in(alice: User, stranger: Client) -> None:
    session = stranger.session
    session["fixed"] = "by somebody else"
    session.save()
    stranger.cookies["sessionid"] = session.session_key or ""
    before = session.session_key
    sign_in(stranger, "alice")
    assert stranger.cookies["sessionid"].value != before
    assert not Session.objects.filter(pk=before).exists()


def test_signing_out_ends_the_session_and_is_told(alice: User, stranger: Client) -> None:
    sign_in(stranger, "alice")
    key = stranger.cookies["sessionid"].value
    assert stranger.get(reverse("account_logout")).status_code == 200
    assert is_signed_in(stranger), "looking at the page signs nobody out"
    answer = stranger.post(reverse("account_logout"))
    assert answer.status_code == 302
    assert not is_signed_in(stranger)
    stranger.cookies["sessionid"] = key
    assert not is_signed_in(stranger), "the old cookie is worth nothing"
    (row,) = trail("sign_out")
    assert (row.actor_name, row.owner_id) == ("alice", alice.pk)


@pytest.mark.parametrize(
    "trick",
    [
        "//evil.test/",
        "https:evil.test",
        "/\\evil.test",
        "http:///evil.test",
        "javascript:alert(1)",
        "\thttps://evil.test",
        "https://evil.test/",
        "/%0d%0aLocation:%20https://evil.test",
        "https://localhost:8000@evil.test/",
    ],
)
def test_next_leads_to_our_own_pages_only(alice: User, stranger: Client, trick: str) -> None:
    answer = stranger.post(reverse("account_login"), {"login": "alice", "password": PASSWORD, "next": trick})
    location = answer.headers["Location"]
    assert "evil" not in location.partition("?")[0] or location.startswith("/%0d%0a")
    assert "\n" not in location
    assert "\r" not in location
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))


def test_next_leads_where_one_wanted_to_go(alice: User, stranger: Client) -> None:
    asked = stranger.get(reverse("profile"))
    assert asked.headers["Location"] == "/account/login/?next=/profile/"
    answer = stranger.post(asked.headers["Location"], {"login": "alice", "password": PASSWORD})
    assert answer.headers["Location"] == "/profile/"


def test_django_admins_own_sign_in_is_no_way_around_ours(
    admin_person: User, stranger: Client, client_for: Callable[[User], Client], alice: User
) -> None:
    answer = stranger.post("/admin/login/", {"username": "ada", "password": PASSWORD})
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/account/login/")
    assert not is_signed_in(stranger)
    assert client_for(alice).get("/admin/login/").status_code == 403
