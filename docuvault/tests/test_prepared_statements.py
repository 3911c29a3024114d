"""Lookups are prepared once they were asked a few times; patterns never, and nothing where it is switched off."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet

from accounts.models import User
from docuvault.lib.asked_often import AskedOften
from docuvault.lib.connections import prepared_statements
from docuvault.lib.plain import row_by

pytestmark = pytest.mark.django_db
OFTEN = 8


@AskedOften
def handles(key: Any) -> QuerySet[User, str]:
    return User.objects.filter(pk=key).values_list("handle", flat=True)


@AskedOften
def handles_like(text: str) -> QuerySet[User, str]:
    return User.objects.filter(handle__contains=text).values_list("handle", flat=True)


def prepared() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [statement for (statement,) in cursor.fetchall()]


def ask(text: str, *values: Any) -> None:
    with prepared_statements(), connection.cursor() as cursor:
        cursor.execute(text, values)


@pytest.fixture(autouse=True)
def nothing_prepared_yet() -> None:
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")


def test_what_is_asked_often_is_prepared_and_answers_for_each_value(alice: User, bob: User) -> None:
    for _ in range(OFTEN):
        assert handles(alice.pk) == ["alice"]
        assert handles(bob.pk) == ["bob"]
        assert handles(uuid4()) == []
        found = row_by(User, "id", bob.pk)
        assert found is not None
        assert found.handle == "bob"
    assert sum('FROM "users"' in statement for statement in prepared()) == 2


def test_what_is_asked_once_is_not_prepared(alice: User) -> None:
    assert handles(alice.pk) == ["alice"]
    assert prepared() == []


def test_a_text_within_a_pattern_is_planned_for_itself(alice: User) -> None:
    for _ in range(OFTEN):
        assert handles_like("lic") == ["alice"]
    assert prepared() == []


def test_other_statements_go_their_usual_way(alice: User) -> None:
    ask("SELECT 1")
    for _ in range(OFTEN):
        assert User.objects.filter(pk=alice.pk).exists()
    assert prepared() == []


def test_nothing_is_prepared_where_it_is_switched_off(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.connection, "prepare_threshold", None)
    for _ in range(OFTEN):
        assert handles(alice.pk) == ["alice"]
    assert prepared() == []


def test_what_was_rolled_back_leaves_the_questions_answered(alice: User) -> None:
    for _ in range(OFTEN):
        handles(alice.pk)
    with pytest.raises(DatabaseError), transaction.atomic():
        ask("SELECT 1 / %s", 0)
    assert handles(alice.pk) == ["alice"]
