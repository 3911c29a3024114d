"""A reservation fits or is refused, whoever races."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils.timezone import now

from accounts import quota
from accounts.actors import Actor
from accounts.models import Quota, User
from documents import uploads
from documents.models import Document, Upload, Version


def test_a_reservation_adds_only_what_fits(alice: User) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=1000)
    quota.reserve(alice.pk, 600)
    with pytest.raises(quota.QuotaExceeded) as refused:
        quota.reserve(alice.pk, 401)
    assert (refused.value.available, refused.value.wanted) == (400, 401)
    quota.reserve(alice.pk, 400)
    quota.settle(alice.pk, reserved_bytes=600, used_bytes=500)
    quota.release(alice.pk, 400)
    row = Quota.objects.get(user=alice)
    assert (row.used_bytes, row.reserved_bytes) == (500, 0)


def test_a132_over_the_limit_nothing_can_be_added_but_an_empty_file(alice: User) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=10, used_bytes=50)
    quota.reserve(alice.pk, 0)
    with pytest.raises(quota.QuotaExceeded):
        quota.reserve(alice.pk, 1)


@pytest.mark.django_db(transaction=True)
def test_f18_a129_twenty_at_once_for_the_last_bytes_give_exactly_what_fits(alice: User) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=1000)

    def one(_: int) -> bool:
        try:
            quota.reserve(alice.pk, 300)
        except quota.QuotaExceeded:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(20) as pool:
        won = list(pool.map(one, range(20)))
    assert won.count(True) == 3
    assert Quota.objects.get(user=alice).reserved_bytes == 900


def test_a_recount_sets_the_counters_to_what_the_rows_say(alice: User) -> None:
    Quota.objects.filter(user=alice).update(used_bytes=77, reserved_bytes=5)
    assert connection.in_atomic_block
    assert quota.recount(alice.pk) == (-77, -5)
    assert Quota.objects.get(user=alice).used_bytes == 0


def test_what_was_granted_on_top_counts_until_its_date(alice: User) -> None:
    rows = Quota.objects.filter(user=alice)
    rows.update(limit_bytes=100, granted_bytes=50, granted_until=now() + timedelta(days=1))
    quota.require(alice.pk, 150)
    quota.reserve(alice.pk, 120)
    assert rows.get().free_bytes == 30
    rows.update(granted_until=now() - timedelta(seconds=1))
    assert rows.get().free_bytes == 0
    for ask in (quota.require, quota.reserve, quota.take):
        with pytest.raises(quota.QuotaExceeded):
            ask(alice.pk, 1)


def test_bytes_can_be_taken_without_a_promise(alice: User) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=100, reserved_bytes=30)
    quota.take(alice.pk, 70)
    with pytest.raises(quota.QuotaExceeded):
        quota.take(alice.pk, 1)
    row = Quota.objects.get(user=alice)
    assert (row.used_bytes, row.reserved_bytes) == (70, 30)


def test_a134_a_limit_of_files_counts_versions_and_what_is_under_way(alice: User, alice_actor: Actor) -> None:
    Quota.objects.filter(user=alice).update(file_limit=2)
    uploads.file_whole("a", io.BytesIO(b"abc"), 3, None, by=alice_actor)
    under_way = uploads.begin_upload("b", 3, None, by=alice_actor)
    with pytest.raises(quota.TooManyFiles, match="2 files"):
        uploads.begin_upload("c", 3, None, by=alice_actor)
    with pytest.raises(quota.TooManyFiles, match="2 files"):
        uploads.file_whole("c", io.BytesIO(b"abc"), 3, None, by=alice_actor)
    uploads.cancel_upload(under_way.pk, by=alice_actor)
    uploads.file_whole("c", io.BytesIO(b"abc"), 3, None, by=alice_actor)
    assert Quota.objects.get(user=alice).used_bytes == 6


@pytest.mark.django_db(transaction=True)
def test_f18_twenty_whole_files_at_once_take_exactly_what_fits(alice: User, alice_actor: Actor) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=10, file_limit=12)

    def one(_: int) -> bool:
        try:
            uploads.file_whole("one", io.BytesIO(b"abc"), 3, None, by=alice_actor)
        except quota.QuotaExceeded:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(20) as pool:
        won = list(pool.map(one, range(20)))
    assert won.count(True) == 3
    assert Quota.objects.get(user=alice).used_bytes == 9
    assert Document.objects.count() == Version.objects.count() == Upload.objects.count() == 3
