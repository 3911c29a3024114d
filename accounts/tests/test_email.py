"""Changing one's address: the new one counts once it is confirmed."""

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests.conftest import sign_in, trail
from accounts.tests.test_second_step import show_again
from accounts.tests.test_sign_up import link_in_mail


@pytest.fixture
def alices(alice: User, stranger: Client) -> Client:
    sign_in(stranger, "alice")
    return stranger


def ask(client: Client, email: str) -> int:
    answer = client.post(reverse("account_email"), {"action_add": "1", "email": email})
    if answer.status_code == 302 and "reauthenticate" in answer.headers["Location"]:
        show_again(client)
        answer = client.post(reverse("account_email"), {"action_add": "1", "email": email})
    return int(answer.status_code)


def test_the_old_address_stays_until_the_new_one_is_confirmed(alice: User, alices: Client) -> None:
    assert ask(alices, "New@Vault.test") == 302
    assert mail.outbox[-1].to == ["new@vault.test"]
    alice.refresh_from_db()
    assert alice.email == "alice@vault.test"
    assert b"new@vault.test" in alices.get(reverse("account_email")).content
    assert alices.post(link_in_mail()).status_code == 302
    alice.refresh_from_db()
    assert alice.email == "new@vault.test"
    assert [(row.email, row.verified) for row in EmailAddress.objects.all()] == [("new@vault.test", True)]
    confirmed, changed = trail("email_confirmed", "email_changed")
    assert changed.metadata == {"from": "alice@vault.test", "to": "new@vault.test"}
    assert {confirmed.owner_id, changed.owner_id} == {alice.pk}
    assert mail.outbox[-1].to == ["alice@vault.test"], "the old address is told"
    fresh = Client()
    sign_in(fresh, "new@vault.test")
    assert fresh.get(reverse("profile")).status_code == 200


def test_a_change_asks_who_you_are(alices: Client) -> None:
    answer = alices.post(reverse("account_email"), {"action_add": "1", "email": "new@vault.test"})
    assert "reauthenticate" in answer.headers["Location"]
    assert mail.outbox == []


def test_it_can_be_taken_back(alice: User, alices: Client) -> None:
    ask(alices, "new@vault.test")
    link = link_in_mail()
    alices.post(reverse("account_email"), {"action_remove": "1", "email": "new@vault.test"})
    assert alices.post(link).status_code == 404
    alices.post(reverse("account_email"), {"action_remove": "1", "email": "alice@vault.test"})
    assert EmailAddress.objects.get().email == "alice@vault.test", "the only address stays"


def test_a_second_step_does_not_forbid_it(alice: User, alices: Client, with_second_step: object) -> None:
    with_second_step(alice)  # type: ignore[operator]
    assert ask(alices, "new@vault.test") == 302
    assert mail.outbox


def test_an_address_of_somebody_else_is_asked_but_never_taken(alice: User, bob: User, alices: Client) -> None:
    assert ask(alices, "BOB@vault.test") == 302
    answer = alices.post(link_in_mail())
    assert answer.status_code in {200, 302, 404}
    alice.refresh_from_db()
    assert alice.email == "alice@vault.test"
    assert not EmailAddress.objects.filter(user=alice, verified=True, email="bob@vault.test").exists()
    assert not trail("email_changed")


def test_an_address_that_somebody_is_about_to_confirm_is_not_taken_either(
    alice: User, bob: User, alices: Client
) -> None:
    EmailAddress.objects.filter(user=bob).update(verified=False)
    ask(alices, "bob@vault.test")
    alices.post(link_in_mail())
    alice.refresh_from_db()
    assert alice.email == "alice@vault.test"


@pytest.mark.parametrize(
    "email", ["", "no address", "alice@vault.test", "x" * 250 + "@vault.test", "a@b.test\nBcc: x@y.test"]
)
def test_what_is_no_new_address_is_refused(alices: Client, email: str) -> None:
    show_again(alices)
    answer = alices.post(reverse("account_email"), {"action_add": "1", "email": email})
    assert answer.status_code == 200
    assert mail.outbox == []


def test_somebody_elses_address_cannot_be_handled(alices: Client, bob: User) -> None:
    show_again(alices)
    for act in ("action_remove", "action_primary", "action_send"):
        alices.post(reverse("account_email"), {act: "1", "email": "bob@vault.test"})
    assert EmailAddress.objects.get(user=bob).verified
    assert mail.outbox == []


def test_f43_a_mail_server_that_is_away_is_told_and_nothing_breaks(
    alices: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> int:
        raise ConnectionRefusedError

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", away)
    assert ask(alices, "new@vault.test") == 302
    assert b"could not be sent" in alices.get(reverse("account_email")).content
