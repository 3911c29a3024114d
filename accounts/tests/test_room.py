"""Asking for more room: one request at a time, granted until a date or refused; and grants end by themselves."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils.timezone import localdate, now

from accounts import quota, tasks
from accounts.actions import (
    AlreadyAsked,
    AlreadyDecided,
    ask_for_room,
    change_file_limit,
    give_room,
    grant_request,
    refuse_request,
    take_room_back,
    withdraw_request,
)
from accounts.actors import Actor
from accounts.models import Quota, QuotaRequest, User
from accounts.tests.conftest import trail
from documents.jobs import run
from documents.models import JobRun
from sharing.access import NotAllowed

MB = 1024**2


def work() -> None:
    """Run what is waiting, as the worker does."""
    for row in JobRun.objects.filter(state="waiting").order_by("created_at"):
        run(str(row.pk))
    assert not JobRun.objects.filter(state="failed").exists()


def test_somebody_asks_and_the_admins_get_a_mail(alice_actor: Actor, admin_person: User) -> None:
    asked = ask_for_room(50 * MB, "for the\x00 letters\n of 1912", by=alice_actor)
    assert (asked.reason, asked.state) == ("for the letters of 1912", "open")
    with pytest.raises(AlreadyAsked):
        ask_for_room(MB, "", by=alice_actor)
    assert [row.metadata for row in trail("room_asked")] == [{"wanted": 50 * MB}]
    work()
    assert [one.to for one in mail.outbox] == [["ada@vault.test"]]
    assert "50.0" in str(mail.outbox[0].body)
    assert "letters of 1912" in str(mail.outbox[0].body)


@pytest.mark.parametrize("wanted", [0, -1, 2**60 + 1])
def test_a_size_that_is_none_is_refused(alice_actor: Actor, wanted: int) -> None:
    with pytest.raises(ValidationError):
        ask_for_room(wanted, "", by=alice_actor)
    assert not QuotaRequest.objects.exists()


def test_a_request_is_withdrawn_and_another_one_made(alice_actor: Actor, bob_actor: Actor, admin_person: User) -> None:
    asked = ask_for_room(MB, "", by=alice_actor)
    assert not withdraw_request(by=bob_actor)
    assert withdraw_request(by=alice_actor)
    assert not withdraw_request(by=alice_actor)
    assert len(trail("room_withdrawn")) == 1
    ask_for_room(MB, "", by=alice_actor)
    with pytest.raises(AlreadyDecided):
        grant_request(asked, MB, until=None, by=Actor.for_user(admin_person))
    withdraw_request(by=alice_actor)
    work()
    assert mail.outbox == [], "nobody is troubled with what was withdrawn"


def test_a_grant_counts_until_its_date_ends_by_itself_and_is_told(
    alice: User, alice_actor: Actor, admin_actor: Actor
) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=10)
    asked = ask_for_room(90, "", by=alice_actor)
    until = now() + timedelta(days=3)
    grant_request(asked, 90, until=until, answer="until the move", by=admin_actor)
    quota.require(alice.pk, 100)
    row = Quota.objects.get(user=alice)
    assert (row.limit_bytes, row.allowed_bytes, row.granted_until) == (10, 100, until)
    work()
    assert [one.to for one in mail.outbox] == [["alice@vault.test"]]
    assert "until the move" in str(mail.outbox[0].body)
    tasks.watch_quotas()
    assert not trail("room_ended")

    Quota.objects.filter(user=alice).update(granted_until=now() - timedelta(hours=1), used_bytes=60)
    with pytest.raises(quota.QuotaExceeded):
        quota.require(alice.pk, 20)
    tasks.watch_quotas()
    tasks.watch_quotas()
    assert [row.metadata for row in trail("room_ended")] == [{"removed": 90}]
    row.refresh_from_db()
    assert (row.granted_bytes, row.granted_until, row.warning, row.over_bytes) == (0, None, "over", 50)
    work()
    assert [one.subject for one in mail.outbox[1:]] == [
        "The space you had on top has ended",
        "Your space is 100 % full",
    ]
    assert "Nothing of it is lost" in str(mail.outbox[1].body)


def test_without_a_date_the_limit_itself_is_higher(alice: User, alice_actor: Actor, admin_actor: Actor) -> None:
    grant_request(ask_for_room(MB, "", by=alice_actor), 2 * MB, until=None, by=admin_actor)
    row = Quota.objects.get(user=alice)
    assert (row.limit_bytes, row.extra_bytes) == (102 * MB, 0)
    assert [row.metadata for row in trail("room_granted")] == [{"added": 2 * MB, "until": ""}]


def test_a_date_that_has_passed_grants_nothing_and_decides_nothing(
    alice: User, alice_actor: Actor, admin_actor: Actor
) -> None:
    asked = ask_for_room(MB, "", by=alice_actor)
    with pytest.raises(ValidationError):
        grant_request(asked, MB, until=now() - timedelta(seconds=1), by=admin_actor)
    asked.refresh_from_db()
    assert asked.state == "open"
    assert Quota.objects.get(user=alice).granted_bytes == 0


def test_a_request_is_refused_with_a_word_and_answered_once(alice_actor: Actor, admin_actor: Actor) -> None:
    asked = ask_for_room(MB, "", by=alice_actor)
    refuse_request(asked, answer="The disk is full", by=admin_actor)
    with pytest.raises(AlreadyDecided):
        grant_request(asked, MB, until=None, by=admin_actor)
    work()
    assert "The disk is full" in str(mail.outbox[-1].body)
    assert len(trail("room_refused")) == 1
    assert not trail("room_granted")


def test_a_member_grants_nothing_not_even_to_himself(alice: User, alice_actor: Actor) -> None:
    asked = ask_for_room(MB, "", by=alice_actor)
    for act in (
        lambda: grant_request(asked, MB, until=None, by=alice_actor),
        lambda: refuse_request(asked, by=alice_actor),
        lambda: give_room(alice, MB, until=None, by=alice_actor),
        lambda: take_room_back(alice, by=alice_actor),
        lambda: change_file_limit(alice, None, by=alice_actor),
    ):
        with pytest.raises(NotAllowed):
            act()
    assert Quota.objects.get(user=alice).allowed_bytes == 100 * MB


def test_a_file_limit_is_set_and_told_and_files_left_are_counted(alice: User, admin_actor: Actor) -> None:
    change_file_limit(alice, 3, by=admin_actor)
    change_file_limit(alice, 3, by=admin_actor)
    assert [row.metadata for row in trail("quota_changed")] == [{"fields": ["file_limit"], "from": None, "to": 3}]
    assert quota.files_left(Quota.objects.get(user=alice)) == 3
    with pytest.raises(ValidationError):
        change_file_limit(alice, -1, by=admin_actor)


# --- The pages --------------------------------------------------------------------------------------


def client(user: User) -> Client:
    made = Client()
    made.force_login(user, backend="accounts.adapters.People")
    return made


def test_one_asks_by_a_plain_form_sees_it_and_withdraws(alice: User) -> None:
    alices = client(alice)
    assert alices.get(reverse("ask_for_room")).status_code == 200
    sent = alices.post(reverse("ask_for_room"), {"amount": "1.5", "unit": "gb", "reason": "films"})
    assert sent.headers["Location"] == reverse("space")
    assert QuotaRequest.objects.get().wanted_bytes == 1536 * MB
    assert "You have asked for 1.5" in alices.get(reverse("space")).content.decode()
    again = alices.post(reverse("ask_for_room"), {"amount": "1", "unit": "gb"})
    assert (again.status_code, QuotaRequest.objects.count()) == (422, 1)
    assert b"You have asked already" in again.content
    alices.post(reverse("withdraw_request"))
    assert QuotaRequest.objects.get().state == "withdrawn"


@pytest.mark.parametrize(
    "words",
    [
        {"amount": "", "unit": "mb"},
        {"amount": "0", "unit": "mb"},
        {"amount": "-5", "unit": "mb"},
        {"amount": "1e99", "unit": "gb"},
        {"amount": "NaN", "unit": "gb"},
        {"amount": "much", "unit": "gb"},
        {"amount": "5", "unit": "parsec"},
        {"amount": "5", "unit": "mb", "reason": "x" * 501},
    ],
)
def test_a_form_that_makes_no_sense_is_shown_again(alice: User, words: dict[str, str]) -> None:
    assert client(alice).post(reverse("ask_for_room"), words).status_code == 422
    assert not QuotaRequest.objects.exists()


def test_an_admin_sees_requests_answers_one_and_the_person_reads_it(
    alice: User, alice_actor: Actor, bob_actor: Actor, admin_person: User
) -> None:
    asked = ask_for_room(300 * MB, "<b>films</b>", by=alice_actor)
    other = ask_for_room(MB, "", by=bob_actor)
    admins = client(admin_person)
    html = admins.get(reverse("people")).content.decode()
    assert "2 requests for more space" in html
    assert "&lt;b&gt;films" in html
    page = reverse("answer_request", args=[asked.pk])
    assert 'value="300"' in admins.get(page).content.decode()
    day = localdate() + timedelta(days=10)
    for wrong in (
        {"decision": "grant", "amount": "", "unit": "mb"},
        {"decision": "grant", "amount": "5", "unit": "mb", "until": "2001-01-01"},
        {"decision": "grant", "amount": "5", "unit": "mb", "until": "someday"},
        {"decision": "perhaps", "amount": "5", "unit": "mb"},
        {},
    ):
        answer = admins.post(page, {"x": "", **wrong})
        assert answer.status_code == 422, wrong
    granted = {"decision": "grant", "amount": "200", "unit": "mb", "until": day.isoformat(), "answer": "enjoy"}
    assert admins.post(page, granted).status_code == 302
    row = Quota.objects.get(user=alice)
    assert row.granted_bytes == 200 * MB
    assert row.granted_until is not None
    assert (row.granted_until - now()).days in {9, 10}
    space = client(alice).get(reverse("space")).content.decode()
    assert "Your request was granted" in space
    assert "enjoy" in space
    late = admins.post(page, granted, follow=True)
    assert b"answered or withdrawn meanwhile" in late.content
    refused = reverse("answer_request", args=[other.pk])
    assert admins.post(refused, {"decision": "refuse", "amount": "", "answer": "no"}).status_code == 302
    other.refresh_from_db()
    assert (other.state, other.answer, other.decided_by) == ("refused", "no", admin_person)
    assert b"Refused" in admins.get(refused).content
    assert admins.get(reverse("admin:accounts_quotarequest_changelist")).status_code == 200


def test_members_neither_see_nor_answer_requests(alice: User, bob_actor: Actor) -> None:
    asked = ask_for_room(MB, "secret reason", by=bob_actor)
    page = reverse("answer_request", args=[asked.pk])
    for answer in (client(alice).get(page), client(alice).post(page, {"decision": "grant", "amount": "1"})):
        assert answer.status_code == 403
        assert b"secret reason" not in answer.content
    asked.refresh_from_db()
    assert asked.state == "open"


def test_the_administration_grants_until_a_date_limits_files_and_takes_it_back(admin_person: User, alice: User) -> None:
    admins, page = client(admin_person), reverse("admin:accounts_user_change", args=[alice.pk])
    day = (localdate() + timedelta(days=5)).isoformat()
    words = {"role": "member", "is_active": "on", "limit": "100"}
    extra = {"extra": "25", "extra_until_0": day, "extra_until_1": "12:00", "file_limit": "7"}
    assert admins.post(page, {**words, **extra}).status_code == 302
    row = Quota.objects.get(user=alice)
    assert (row.extra_bytes, row.file_limit, row.limit_bytes) == (25 * MB, 7, 100 * MB)
    assert admins.post(page, {**words, **extra}).status_code == 302
    assert len(trail("room_granted", "quota_changed")) == 2, "what has not changed is not told"
    assert admins.post(page, {**words, "extra": "25"}).status_code == 200, "a date is asked for"
    assert admins.post(page, words).status_code == 302
    row.refresh_from_db()
    assert (row.extra_bytes, row.file_limit) == (0, None)
    assert len(trail("room_ended")) == 1
