"""Shares that make no sense, by every way to ask for them: a clear message, and nothing changed."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import User
from documents.actions.folders import make_folder
from documents.models import Document
from documents.tests.making import put
from docuvault.lib.days import end_of
from sharing.access import Level, NotAllowed
from sharing.actions import change_share, share
from sharing.actions.shares import CannotShare
from sharing.models import AuditEvent, Share

ClientFor = Callable[[User], Client]


@pytest.fixture
def paper(alice_actor: Actor) -> Document:
    return put("paper.txt", make_folder("Car", None, by=alice_actor), alice_actor)


def test_shared_twice_it_is_one_share_with_what_was_said_last(
    paper: Document, alice: User, alice_actor: Actor, bob: User, client_for: ClientFor
) -> None:
    client = client_for(alice)
    for level in ("10", "30", "30"):
        sheet = reverse("share_document", args=[paper.pk])
        assert client.post(sheet, {"who": "bob", "level": level}).status_code == 302
    only = Share.objects.get()
    assert (only.recipient, only.level) == (bob, Level.EDIT)
    told = AuditEvent.objects.filter(action__startswith="share_").order_by("id").values_list("action", flat=True)
    assert list(told) == ["share_made", "share_changed"], "saying the same once more changes nothing"


def test_nobody_gives_more_than_he_has_by_making_changing_or_naming_the_owner(
    paper: Document, alice: User, alice_actor: Actor, bob: User, bob_actor: Actor, dora: User, client_for: ClientFor
) -> None:
    made = share(paper, bob, Level.MANAGE, by=alice_actor, until=now() + timedelta(days=3))
    passed = share(paper, dora, Level.VIEW, by=bob_actor)
    before = str(list(Share.objects.order_by("pk").values()))
    client, sheet = client_for(bob), reverse("share_document", args=[paper.pk])
    for fields, status in (
        ({"who": "dora", "level": "50"}, 422),
        ({"who": "alice", "level": "10"}, 403),
        ({"who": "bob", "level": "10"}, 422),
    ):
        assert client.post(sheet, fields).status_code == status, fields
    change = reverse("change_share", args=[passed.pk])
    for fields in (
        {"level": "50"},
        {"level": ""},
        {"level": "10", "until": "9999-12-31"},
        {"level": "10", "until": "x"},
    ):
        assert client.post(change, fields).status_code == 422, fields
    assert str(list(Share.objects.order_by("pk").values())) == before
    with pytest.raises(NotAllowed):
        share(paper, dora, Level.OWN, by=alice_actor)
    with pytest.raises(NotAllowed):
        change_share(passed, Level.OWN, None, by=bob_actor)
    # What he gives without an end ends with his own.
    assert change_share(passed, Level.VIEW, None, by=bob_actor).expires_at == made.expires_at


@pytest.mark.parametrize(
    "until",
    [now() - timedelta(days=1), now(), datetime(9999, 12, 31, 23, 59, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)],
)
def test_a_last_moment_that_is_over_or_never_comes_is_refused(
    paper: Document, alice_actor: Actor, bob: User, until: datetime
) -> None:
    with pytest.raises(CannotShare):
        share(paper, bob, Level.VIEW, by=alice_actor, until=until)
    assert not Share.objects.exists()
    made = share(paper, bob, Level.VIEW, by=alice_actor)
    with pytest.raises(CannotShare):
        change_share(made, Level.EDIT, until, by=alice_actor)
    made.refresh_from_db()
    assert (made.level, made.expires_at) == (Level.VIEW, None)


# Days on which the clock is put on or back; in Cairo and Santiago at midnight itself.
CHANGES = [
    ("Europe/Berlin", date(2027, 3, 27)), ("Europe/Berlin", date(2027, 3, 28)), ("Europe/Berlin", date(2027, 10, 31)),
    ("Africa/Cairo", date(2027, 4, 29)), ("Africa/Cairo", date(2027, 4, 30)), ("Africa/Cairo", date(2027, 10, 28)),
    ("America/Santiago", date(2027, 9, 4)), ("America/Santiago", date(2027, 4, 3)),
    ("Pacific/Apia", date(2027, 6, 1)), ("Pacific/Kiritimati", date(2027, 12, 31)), ("Asia/Kolkata", date(2028, 2, 29)),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_a_last_day_counts_in_full_when_the_clock_is_changed(zone: str, day: date) -> None:
    """The end is the first moment that is no longer that day, in the person's zone."""
    with timezone.override(ZoneInfo(zone)):
        end = end_of(day)
    assert end is not None
    moment = end.astimezone(UTC)
    assert (moment - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).date() == day
    assert moment.astimezone(ZoneInfo(zone)).date() == day + timedelta(days=1)


@pytest.mark.parametrize(
    "body",
    [
        '{"level": {"a": [1]}}',
        "[" * 1000 + "]" * 1000,
        '{"who": ["bob", {"pk": 1}], "level": 10}',
        "level=10&who=bob",
        "",
    ],
)
def test_bodies_that_are_no_form_share_nothing(paper: Document, alice: User, client_for: ClientFor, body: str) -> None:
    client, sheet = client_for(alice), reverse("share_document", args=[paper.pk])
    for kind in ("application/json", "text/plain", "application/xml"):
        assert client.post(sheet, body, content_type=kind).status_code == 422
    nested = {"who[0][name]": "bob", "level[$gt]": "0", "level": ["10", "40", "x"], "who": ["bob", "dora", ""]}
    assert client.post(sheet, nested).status_code == 422
    assert not Share.objects.exists()
