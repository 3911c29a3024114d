"""A person's own name and time zone."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests.conftest import trail


@pytest.fixture
def alices(alice: User, client_for: object) -> Client:
    client: Client = client_for(alice)  # type: ignore[operator]
    return client


def save(client: Client, name: str, zone: str) -> int:
    return int(client.post(reverse("profile"), {"display_name": name, "time_zone": zone}).status_code)


def test_name_and_zone_are_kept_and_told(alice: User, alices: Client) -> None:
    assert save(alices, "  Alice   Ångström ", "Asia/Kathmandu") == 302
    alice.refresh_from_db()
    assert (alice.display_name, alice.time_zone) == ("Alice Ångström", "Asia/Kathmandu")
    (row,) = trail("profile_changed")
    assert row.metadata == {"fields": ["display_name", "time_zone"]}
    assert save(alices, "Alice Ångström", "Asia/Kathmandu") == 302
    assert len(trail("profile_changed")) == 1, "nothing changed, nothing told"


def test_times_are_shown_in_the_persons_zone(alice: User, alices: Client) -> None:
    born = datetime(2026, 1, 1, 20, 0, tzinfo=UTC)
    User.objects.filter(pk=alice.pk).update(created_at=born)
    assert b"Jan. 1, 2026" in alices.get(reverse("profile")).content
    save(alices, "Alice", "Asia/Tokyo")
    assert b"Jan. 2, 2026" in alices.get(reverse("profile")).content


@pytest.mark.parametrize(
    ("name", "zone"), [("x" * 121, ""), ("Alice", "Nowhere/Land"), ("Alice", "../etc/passwd"), ("A\x00", "")]
)
def test_bad_values_are_answered_with_the_form(alice: User, alices: Client, name: str, zone: str) -> None:
    assert save(alices, name, zone) == 400
    alice.refresh_from_db()
    assert alice.display_name == "Alice"
    assert not trail("profile_changed")


def test_handle_role_and_address_cannot_be_slipped_in(alice: User, alices: Client) -> None:
    alices.post(
        reverse("profile"),
        {"display_name": "A", "time_zone": "", "role": "admin", "handle": "root", "email": "x@y.test"},
    )
    alice.refresh_from_db()
    assert (alice.role, alice.handle, alice.email) == ("member", "alice", "alice@vault.test")


def test_a_name_is_shown_escaped(alices: Client) -> None:
    save(alices, "<script>alert(1)</script>", "")
    assert b"<script>alert(1)" not in alices.get(reverse("profile")).content
