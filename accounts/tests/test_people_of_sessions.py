"""Who a session belongs to is found by one plain statement, as the ORM would find him."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.adapters import People
from accounts.models import User

pytestmark = pytest.mark.django_db


def test_it_is_the_same_person_with_every_field(alice: User) -> None:
    with CaptureQueriesContext(connection) as asked:
        found = People().get_user(alice.pk)
    assert len(asked) == 1
    expected = User.objects.get(pk=alice.pk)
    names = [field.attname for field in User._meta.concrete_fields]
    assert [getattr(found, name) for name in names] == [getattr(expected, name) for name in names]
    assert found is not None
    found.display_name = "Alice A."
    found.save(update_fields=["display_name"])
    assert User.objects.get(pk=alice.pk).display_name == "Alice A."


def test_nobody_is_found_who_is_gone_or_disabled(alice: User) -> None:
    assert People().get_user(uuid4()) is None
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert People().get_user(alice.pk) is None
