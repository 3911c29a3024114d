"""The queue survives that the database goes away."""

import psycopg
import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django_q.brokers.orm import ORM

from docuvault.lib import queue


def end_own_session() -> None:
    """As when the server is restarted: the connection is dead, and nobody has told us."""
    connection.ensure_connection()
    own = connection.connection.info.backend_pid
    settings = connection.get_connection_params()
    known = {key: settings[key] for key in ("dbname", "user", "password", "host", "port") if key in settings}
    with psycopg.connect(**known) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [own])


@pytest.mark.django_db(transaction=True)
def test_f15_a_task_is_taken_over_a_fresh_connection_after_the_database_went_away() -> None:
    broker = queue.SteadyBroker("docuvault")
    broker.enqueue("one")
    end_own_session()
    assert [payload for _, payload in broker.dequeue()] == ["one"]


def test_f15_while_the_database_is_away_there_is_simply_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(broker: ORM) -> None:
        raise OperationalError("server closed the connection\nmore words")

    monkeypatch.setattr(ORM, "dequeue", away)
    monkeypatch.setattr(queue, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(ORM, "get_connection", lambda broker, list_key=None: None)
    assert queue.SteadyBroker("docuvault").dequeue() is None


@pytest.mark.django_db(transaction=True)
def test_f15_the_heartbeat_comes_back_after_the_database_went_away() -> None:
    broker = queue.SteadyBroker("docuvault")
    broker.set_stat("cluster", "born", 30)
    end_own_session()
    broker.set_stat("cluster", "alive", 30)
    assert cache.get("cluster") == "alive"
