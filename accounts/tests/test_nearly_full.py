"""Warnings at 80 and 95 percent: one mail when a mark is first crossed, none while it stays or wavers there."""

import pytest
from django.core import mail

from accounts.actions.nearly_full import warn_of_full_vaults
from accounts.models import Quota, User
from accounts.tests.conftest import trail
from accounts.tests.test_room import work


def fill(user: User, used: int, reserved: int = 0) -> None:
    Quota.objects.filter(user=user).update(limit_bytes=1000, used_bytes=used, reserved_bytes=reserved)


def told(user: User) -> list[object]:
    """Look, and answer what the person has heard of by this look."""
    before = len(trail("quota_warned"))
    warn_of_full_vaults()
    work()
    return [row.metadata["percent"] for row in trail("quota_warned")[before:] if row.owner_id == user.pk]


def test_a_mark_is_told_once_and_again_only_after_it_was_well_below(alice: User, bob: User) -> None:
    steps: list[tuple[int, list[object]]] = [
        (799, []), (800, [80]), (810, []), (790, []), (800, []), (949, []), (950, [95]), (1000, []), (940, []),
        (960, []), (890, []), (950, [95]), (749, []), (805, [80]), (0, []), (990, [95]),
    ]  # fmt: skip
    for used, expected in steps:
        fill(alice, used)
        assert told(alice) == expected, used
    assert len(mail.outbox) == 5
    assert {one.to[0] for one in mail.outbox} == {"alice@vault.test"}
    assert mail.outbox[0].subject == "Your space is 80 % full"


def test_what_is_under_way_counts_and_a_grant_helps(alice: User) -> None:
    fill(alice, 500, 300)
    assert told(alice) == [80]
    Quota.objects.filter(user=alice).update(warned_percent=0, granted_bytes=1000, granted_until="2100-01-01T00:00:00Z")
    assert told(alice) == []


def test_who_may_keep_nothing_or_not_sign_in_gets_no_mail(alice: User, bob: User) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=0)
    fill(bob, 1000)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert warn_of_full_vaults() == 0
    assert not trail("quota_warned")


@pytest.mark.parametrize(
    ("used", "limit", "word"),
    [(799, 1000, ""), (800, 1000, "high"), (950, 1000, "full"), (1001, 1000, "over"), (0, 0, "full")],
)
def test_the_bar_says_how_near_the_end_is(alice: User, client_for: object, used: int, limit: int, word: str) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=limit, used_bytes=used)
    assert Quota.objects.get(user=alice).warning == word
    html = client_for(alice).get("/space/bar/").content.decode()  # type: ignore[operator]
    assert ("quota-word" in html) == bool(word)
    assert not word or f"quota-{word}" in html
