"""Who may make an account is a setting; whoever does has a quota and must confirm the address."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import Quota, User
from accounts.tests.conftest import is_signed_in, sign_in, trail
from accounts.tests.test_sign_in import visible
from conftest import PASSWORD


def sign_up(
    client: Client, handle: str = "eve", email: str = "eve@vault.test", password: str = PASSWORD
) -> HttpResponse:
    data = {"username": handle, "email": email, "password1": password}
    answer: HttpResponse = client.post(reverse("account_signup"), data)  # type: ignore[assignment]
    return answer


@pytest.mark.django_db
@pytest.mark.parametrize("policy", ["closed", "invitation"])
def test_where_it_is_not_open_nobody_can(stranger: Client, settings: Settings, policy: str) -> None:
    settings.SIGNUP = policy
    page = stranger.get(reverse("account_signup"))
    assert page.status_code == 200
    assert b"<form" not in page.content
    assert (b"invitation" in page.content) is (policy == "invitation")
    sign_up(stranger)
    assert not User.objects.exists()
    assert mail.outbox == []
    assert b"Make an account" not in stranger.get(reverse("account_login")).content


@pytest.fixture
def is_open(settings: Settings, db: None) -> None:
    settings.SIGNUP = "open"


def link_in_mail(number: int = -1) -> str:
    found = re.search(r"https?://localhost:8000(/\S+)", str(mail.outbox[number].body))
    assert found
    return found.group(1)


@pytest.mark.usefixtures("is_open")
def test_open_sign_up_asks_for_confirmation_before_the_first_sign_in(stranger: Client) -> None:
    assert b"Make an account" in stranger.get(reverse("account_login")).content
    answer = sign_up(stranger, "Eve", "Eve@Vault.test")
    assert answer.headers["Location"] == reverse("account_email_verification_sent")
    user = User.objects.get()
    assert (user.handle, user.email, user.role) == ("eve", "eve@vault.test", "member")
    assert Quota.objects.get(user=user).limit_bytes == 104_857_600
    assert trail("user_made")[0].target_name == "eve"
    assert not is_signed_in(stranger)
    sign_in(stranger, "eve")
    assert not is_signed_in(stranger)

    link = link_in_mail(0)
    assert stranger.get(link).status_code == 200
    assert not EmailAddress.objects.get().verified, "looking at the link confirms nothing"
    assert stranger.post(link).status_code == 302
    assert EmailAddress.objects.get().verified
    assert trail("email_confirmed")[0].target_name == "eve"
    sign_in(stranger, "eve")
    assert is_signed_in(stranger)
    assert stranger.get(link).status_code == 200
    assert Client().post(link).status_code == 404, "a link confirms once"


@pytest.mark.usefixtures("is_open")
def test_a_known_address_gets_the_same_answer_and_a_mail_instead(alice: User) -> None:
    fresh, known = Client(), Client()
    answers = [sign_up(fresh, "eve"), sign_up(known, "mallory", "ALICE@vault.test")]
    assert [(answer.status_code, answer.headers["Location"]) for answer in answers] == [
        (302, reverse("account_email_verification_sent"))
    ] * 2
    assert set(answers[0].headers) == set(answers[1].headers)
    pages = [client.get(reverse("account_email_verification_sent")) for client in (fresh, known)]
    assert visible(pages[0]).replace("eve@vault.test", "") == visible(pages[1]).replace("alice@vault.test", "")
    assert [message.to for message in mail.outbox] == [["eve@vault.test"], ["alice@vault.test"]]
    assert "already" in mail.outbox[1].subject
    assert User.objects.count() == 2


@pytest.mark.usefixtures("is_open")
@pytest.mark.parametrize(
    ("handle", "email", "password"),
    [
        ("alice", "new@vault.test", PASSWORD),
        ("ALICE", "new@vault.test", PASSWORD),
        ("root", "new@vault.test", PASSWORD),
        ("a", "new@vault.test", PASSWORD),
        ("e v e", "new@vault.test", PASSWORD),
        ("eve\x00", "new@vault.test", PASSWORD),
        ("<script>", "new@vault.test", PASSWORD),
        ("eve", "no address", PASSWORD),
        ("eve", "x" * 250 + "@vault.test", PASSWORD),
        ("eve", "e@" + "x" * 63 + "." + "y" * 63 + "." + "z" * 63 + "." + "w" * 62 + ".test", PASSWORD),
        ("eve", "new@vault.test", "short"),
        ("eve", "new@vault.test", "password1234"),
        ("eve", "new@vault.test", "x" * 5000),
    ],
)
def test_bad_words_make_no_account(alice: User, stranger: Client, handle: str, email: str, password: str) -> None:
    answer = sign_up(stranger, handle, email, password)
    assert answer.status_code == 200
    assert b"errorlist" in answer.content
    assert User.objects.count() == 1
    assert mail.outbox == []


@pytest.mark.usefixtures("is_open")
def test_a_password_of_64_letters_in_any_script_is_welcome(stranger: Client) -> None:
    sign_up(stranger, password="пароль с пробелами и ünïcødé, sehr länglich ⚘ ")
    assert User.objects.get().check_password("пароль с пробелами и ünïcødé, sehr länglich ⚘ ")
