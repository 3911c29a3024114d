"""The second step: on, asked for, recovered from, off; and nothing is reached before it is taken."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail
from django.core.cache import cache
from django.db import connections
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.actions import change_password, end_sessions
from accounts.actors import Actor
from accounts.models import User
from accounts.tests.conftest import code, is_signed_in, sign_in, trail
from conftest import PASSWORD


def show_again(client: Client, password: str = PASSWORD) -> HttpResponse:
    answer: HttpResponse = client.post(reverse("account_reauthenticate"), {"password": password})  # type: ignore[assignment]
    return answer


def give(client: Client, text: str) -> HttpResponse:
    answer: HttpResponse = client.post(reverse("mfa_authenticate"), {"code": text})  # type: ignore[assignment]
    return answer


def turn_on(client: Client) -> str:
    """By the pages; answers the seed."""
    show_again(client)
    page = client.get(reverse("mfa_activate_totp"))
    seed: str = page.context["form"].secret
    shown = format_hotp_value(hotp_value(seed, int(time.time()) // 30))
    assert client.post(reverse("mfa_activate_totp"), {"code": shown}).status_code == 302
    return seed


@pytest.fixture
def pending(alice: User, stranger: Client, with_second_step: object) -> Client:
    """Alice's password was given, the code not yet."""
    with_second_step(alice)  # type: ignore[operator]
    answer = sign_in(stranger, "alice")
    assert answer.headers["Location"] == reverse("mfa_authenticate")
    return stranger


@pytest.mark.django_db(transaction=True)
def test_its_whole_life(alice: User, stranger: Client) -> None:
    other = Client()
    sign_in(stranger, "alice")
    sign_in(other, "alice")
    key = stranger.cookies["sessionid"].value
    asked = stranger.get(reverse("mfa_activate_totp"))
    assert asked.headers["Location"].startswith(reverse("account_reauthenticate"))
    seed = turn_on(stranger)
    assert is_signed_in(stranger)
    assert stranger.cookies["sessionid"].value != key
    assert not is_signed_in(other), "every other session ends"
    assert seed not in str(list(Authenticator.objects.values_list("data", flat=True)))

    codes = stranger.get(reverse("mfa_view_recovery_codes")).context["unused_codes"]
    assert len(set(codes)) == 10
    file = stranger.get(reverse("mfa_download_recovery_codes"))
    assert file.headers["Content-Type"].startswith("text/plain")
    assert codes[0][:4].encode() in file.content

    sign_in(other, "alice")
    assert not is_signed_in(other)
    give(other, codes[3])
    assert is_signed_in(other)
    third = Client()
    sign_in(third, "alice")
    give(third, codes[3])
    assert not is_signed_in(third), "a recovery code is good once"

    stranger.post(reverse("mfa_generate_recovery_codes"))
    assert set(stranger.get(reverse("mfa_view_recovery_codes")).context["unused_codes"]).isdisjoint(codes)
    give(third, codes[5])
    assert not is_signed_in(third), "the old codes are gone"

    assert stranger.post(reverse("mfa_deactivate_totp")).status_code == 302
    assert not Authenticator.objects.exists()
    assert is_signed_in(stranger)
    assert not is_signed_in(other)
    told = [row.action for row in trail("totp_on", "totp_off", "recovery_codes_made", "recovery_code_used")]
    assert told == [
        "totp_on",
        "recovery_codes_made",
        "recovery_code_used",
        "recovery_codes_made",
        "totp_off",
    ]
    everything = str([row.__dict__ for row in trail(*told)])
    assert seed not in everything
    assert not any(one in everything for one in codes)
    assert [message.subject for message in mail.outbox] == [
        "The second step is on",
        "You have new recovery codes",
        "The second step is off",
    ]


def test_the_right_code_opens_and_the_session_changes_its_name_each_time(pending: Client) -> None:
    halfway = pending.cookies["sessionid"].value
    give(pending, code())
    assert is_signed_in(pending)
    assert pending.cookies["sessionid"].value != halfway


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_f34_a_slow_clock_of_one_step_is_borne(pending: Client, steps: int) -> None:
    give(pending, code(steps))
    assert is_signed_in(pending)


@pytest.mark.parametrize("steps", [-3, -2, 2, 3])
def test_more_is_not(pending: Client, steps: int) -> None:
    give(pending, code(steps))
    assert not is_signed_in(pending)


@pytest.mark.parametrize("text", ["", "000000", "abcdef", "1" * 5000, "\x00", "١٢٣٤٥٦"])
def test_other_codes_do_not_open(pending: Client, text: str) -> None:
    assert give(pending, text).status_code == 200
    assert not is_signed_in(pending)


def test_a_code_is_good_once_even_a_step_later(pending: Client, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    used = code()
    give(pending, used)
    assert is_signed_in(pending)
    real = time.time
    monkeypatch.setattr("allauth.mfa.totp.internal.auth.time.time", lambda: real() + 30)
    again = Client()
    sign_in(again, "alice")
    give(again, f"{used[:3]} {used[3:]}")
    assert not is_signed_in(again)


def test_five_wrong_codes_stop_the_sixth_try_from_anywhere(pending: Client) -> None:
    for _ in range(5):
        assert b"Too many tries" not in give(pending, "000000").content
    assert b"Too many tries" in give(pending, code()).content
    second = Client(REMOTE_ADDR="203.0.113.5")
    sign_in(second, "alice")
    assert b"Too many tries" in give(second, code()).content
    assert not is_signed_in(second)
    assert {row.metadata["reason"] for row in trail("sign_in_failed")} == {"code"}


@pytest.mark.django_db(transaction=True)
def test_of_ten_who_give_the_same_code_one_comes_in(alice: User, with_second_step: object) -> None:
    with_second_step(alice)  # type: ignore[operator]
    recovery = RecoveryCodes.activate(alice).generate_codes()[0]
    clients = [Client(REMOTE_ADDR=f"203.0.113.{n}") for n in range(5)]
    for shared in (code(), recovery):
        for client in clients:
            client.cookies.clear()
            sign_in(client, "alice")

        def one(client: Client, text: str = shared) -> bool:
            try:
                give(client, text)
                return is_signed_in(client)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(5) as pool:
            assert list(pool.map(one, clients)).count(True) == 1
        cache.clear()  # the counters of the wrong tries


def routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> list[URLPattern]:
    found: list[URLPattern] = []
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            found += routes(pattern.url_patterns)
        else:
            found.append(pattern)
    return found


STRANGERS_MAY = {
    "account_login",
    "account_logout",
    "account_signup",
    "account_inactive",
    "account_email_verification_sent",
    "account_confirm_email",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "mfa_authenticate",
    "join",
}
ACCOUNTS = {
    *STRANGERS_MAY,
    "account_reauthenticate",
    "account_email",
    "account_change_password",
    "account_set_password",
    "mfa_index",
    "mfa_reauthenticate",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_download_recovery_codes",
    "profile",
    "people",
    "withdraw_invitation",
    "outbox",
    "ask_for_room",
    "withdraw_request",
    "answer_request",
    "groups",
    "group",
    "change_member",
    "delete_group",
}
AN_ID = "5d7b1c1e-6c0b-4f54-9f5e-111111111111"


def address(name: str) -> str:
    arguments = {
        "account_confirm_email": ["abc"],
        "account_reset_password_from_key": ["1", "abc"],
        "withdraw_invitation": [AN_ID],
        "answer_request": [AN_ID],
        "group": [AN_ID],
        "change_member": [AN_ID, AN_ID],
        "delete_group": [AN_ID],
        "join": ["abc"],
    }.get(name, [])
    return reverse(name, args=arguments)


def test_the_list_of_addresses_is_whole() -> None:
    from accounts import urls

    assert {pattern.name for pattern in routes(urls.urlpatterns)} == ACCOUNTS
    assert get_resolver()


@pytest.mark.parametrize("name", sorted(ACCOUNTS - STRANGERS_MAY))
@pytest.mark.parametrize("method", ["get", "post"])
def test_before_the_code_every_page_leads_back_to_signing_in(pending: Client, name: str, method: str) -> None:
    answer = getattr(pending, method)(address(name))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("header", ["Bearer {}", "Basic {}", "Token {}"])
def test_the_cookie_is_no_other_key(pending: Client, header: str) -> None:
    key = pending.cookies["sessionid"].value
    answer = Client().get(reverse("profile"), headers={"Authorization": header.format(key)})
    assert answer.status_code == 302


def test_a_changed_password_ends_a_sign_in_that_waits_for_its_code(pending: Client, alice: User) -> None:
    change_password(alice, "a different and longer phrase", by=Actor.for_user(alice))
    give(pending, code())
    assert not is_signed_in(pending)


def test_so_does_ending_all_sessions_or_disabling(pending: Client, alice: User) -> None:
    end_sessions(alice)
    give(pending, code())
    assert not is_signed_in(pending)


def test_a_disabled_person_does_not_come_in_by_the_code(pending: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    give(pending, code())
    assert not is_signed_in(pending)


def test_turning_off_asks_who_you_are(alice: User, stranger: Client, with_second_step: object) -> None:
    sign_in(stranger, "alice")
    with_second_step(alice)  # type: ignore[operator]
    for name in ("mfa_deactivate_totp", "mfa_generate_recovery_codes"):
        answer = stranger.post(reverse(name))
        assert answer.status_code == 302
        assert "reauthenticate" in answer.headers["Location"]
    assert Authenticator.objects.filter(user=alice).exists()
    assert show_again(stranger, "wrong").status_code == 200
    show_again(stranger)
    assert stranger.post(reverse("mfa_deactivate_totp")).status_code == 302
    assert not Authenticator.objects.filter(user=alice).exists()


def test_a_code_can_show_who_you_are(alice: User, stranger: Client, with_second_step: object) -> None:
    sign_in(stranger, "alice")
    with_second_step(alice)  # type: ignore[operator]
    wrong = stranger.post(reverse("mfa_reauthenticate"), {"code": "000000"})
    assert wrong.status_code == 200
    assert stranger.post(reverse("mfa_reauthenticate"), {"code": code()}).status_code == 302
    assert stranger.get(reverse("mfa_deactivate_totp")).status_code == 200
