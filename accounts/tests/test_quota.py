"""A reservation fits or is refused, whoever races."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections

from accounts import quota
from accounts.models import Quota, User


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


def test_over_the_limit_nothing_can_be_added_but_an_empty_file(alice: User) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=10, used_bytes=50)
    quota.reserve(alice.pk, 0)
    with pytest.raises(quota.QuotaExceeded):
        quota.reserve(alice.pk, 1)


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_for_the_last_bytes_give_exactly_what_fits(alice: User) -> None:
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
