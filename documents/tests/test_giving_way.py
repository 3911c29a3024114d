"""Reading waits while files come by the hundred, and not for ever."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from accounts.actors import Actor
from documents.actions import giving_way, reading
from documents.actions.giving_way import LOOK_SECONDS, MANY_PER_SECOND, TURN_SECONDS, GivingWay
from documents.management.commands import read
from documents.models import Reading, ReadingState
from documents.tests.making import put
from sharing import audit
from sharing.models import AuditEvent


class Day:
    """A clock, and a trail that gets on by so many rows a second."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moment, self.rows, self.per_second = 100.0, 1000.0, 0.0
        monkeypatch.setattr(audit, "last_number", lambda: int(self.rows))
        self.way = GivingWay(clock=lambda: self.moment)

    def passes(self, seconds: float) -> list[bool]:
        """What is answered at each look meanwhile."""
        answers = []
        for _ in range(round(seconds / LOOK_SECONDS)):
            self.moment += LOOK_SECONDS
            self.rows += self.per_second * LOOK_SECONDS
            answers.append(self.way.must_wait())
        return answers


def test_what_people_do_one_by_one_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    day = Day(monkeypatch)
    assert day.way.must_wait() is False
    day.rows += 2  # one file, and one look at it
    day.moment += LOOK_SECONDS
    assert day.way.must_wait() is False
    day.per_second = MANY_PER_SECOND / 2
    assert not any(day.passes(10))


def test_a_hundred_files_at_once_come_in_first(monkeypatch: pytest.MonkeyPatch) -> None:
    day = Day(monkeypatch)
    day.passes(1)
    day.per_second = 100
    assert all(day.passes(2))
    day.per_second = 0
    assert day.passes(1)[0] is False


def test_in_a_vault_that_is_filled_for_long_waiting_and_reading_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    day = Day(monkeypatch)
    day.passes(1)
    day.per_second = 100
    answers = day.passes(6 * TURN_SECONDS)
    assert 0.4 < sum(answers) / len(answers) < 0.6
    longest = max(len(run) for run in "".join("w" if each else " " for each in answers).split())
    assert longest * LOOK_SECONDS <= TURN_SECONDS + LOOK_SECONDS


def test_a_long_reading_between_two_looks_is_reckoned_with(monkeypatch: pytest.MonkeyPatch) -> None:
    day = Day(monkeypatch)
    day.passes(1)
    day.moment, day.rows = day.moment + 60, day.rows + 60
    assert day.way.must_wait() is False


@pytest.mark.django_db
def test_the_number_of_the_last_row_is_that_of_the_trail(alice_actor: Actor) -> None:
    before = audit.last_number()
    put("a.txt", None, alice_actor)
    last = AuditEvent.objects.order_by("-pk").values_list("pk", flat=True)[0]
    assert audit.last_number() == last > before


@pytest.mark.django_db
def test_the_reader_asks_before_it_begins_with_a_document(alice_actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    put("a.txt", None, alice_actor)
    stopping = threading.Event()
    answers = iter([True, True, False])
    seen: list[str] = []

    def asked(_way: GivingWay) -> bool:
        seen.append(Reading.objects.get().state)
        return next(answers)

    def claimed(_turn: int) -> None:
        stopping.set()

    quick: Callable[..., Any] = lambda *_args: stopping.is_set()  # noqa: E731
    monkeypatch.setattr(giving_way.GivingWay, "must_wait", asked)
    monkeypatch.setattr(reading, "claim", claimed)
    monkeypatch.setattr(stopping, "wait", quick)
    monkeypatch.setattr(read, "close_old_connections", lambda: None)
    read._lane(0, stopping, False)
    assert seen == [ReadingState.WAITING] * 3
