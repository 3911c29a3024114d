"""Recurring jobs: one list, brought to the queue without doubles; every name that is enqueued exists."""

import ast
from pathlib import Path

import pytest
from django.core.management import call_command
from django_q.models import OrmQ, Schedule

from accounts.models import Quota, User
from documents import jobs, tasks
from documents.models import JobRun
from docuvault.schedules import MARK, RECURRING, sync
from sharing.models import AuditEvent

ROOT = Path(__file__).resolve().parents[2]


def test_the_list_is_brought_to_the_queue_once_and_kept_true(db: None) -> None:
    Schedule.objects.create(name=MARK + "documents.tasks.gone", func="x")
    Schedule.objects.create(name="somebody else's", func="x")
    assert sync() > len(RECURRING)
    assert sync() == 0
    call_command("schedules", verbosity=0)
    names = set(Schedule.objects.values_list("name", flat=True))
    assert names == {MARK + item.task for item in RECURRING} | {MARK + "documents.jobs.requeue_due", "somebody else's"}


def test_f26_every_recurring_task_exists_runs_and_bears_repetition(alice: User) -> None:
    Quota.objects.filter(user=alice).update(used_bytes=5)
    for item in RECURRING:
        for _ in range(2):
            jobs.begin_recurring(item.task)
            row = JobRun.objects.filter(task=item.task).latest("created_at")
            jobs.run(str(row.pk))
            row.refresh_from_db()
            assert (row.state, row.last_error) == ("done", ""), item.task
    assert Quota.objects.get(user=alice).used_bytes == 0
    assert AuditEvent.objects.filter(action="quota_recounted").count() == 1


def test_a_recurring_job_that_still_waits_is_not_asked_for_again(db: None) -> None:
    for _ in range(3):
        jobs.begin_recurring("documents.tasks.purge_objects")
    assert JobRun.objects.count() == 1
    assert OrmQ.objects.count() == 1


def enqueued_names() -> set[str]:
    """The first argument of every call of `enqueue` in the code."""
    found = set()
    for app in ("accounts", "documents", "sharing", "docuvault"):
        for path in (ROOT / app).rglob("*.py"):
            if "tests" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                called = getattr(node, "func", None)
                name = getattr(called, "attr", getattr(called, "id", ""))
                if isinstance(node, ast.Call) and name == "enqueue" and isinstance(node.args[0], ast.Constant):
                    found.add(str(node.args[0].value))
    return found


def test_every_name_that_is_enqueued_is_a_task(db: None) -> None:
    assert tasks
    names = enqueued_names()
    assert "documents.tasks.purge_objects" in names
    assert names <= set(jobs.registered())


def test_f28_a_job_that_fails_waits_longer_each_time_and_ends_failed(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def failing() -> None:
        calls.append(1)
        raise ZeroDivisionError("no")

    monkeypatch.setitem(jobs._registry, "documents.tasks.failing", (failing, 3))
    row = jobs.enqueue("documents.tasks.failing")
    waits = []
    for _ in range(5):
        jobs.run(str(row.pk))
        row.refresh_from_db()
        waits.append(row.due_at)
    assert len(calls) == 3
    assert (row.state, row.attempts) == ("failed", 3)
    assert "ZeroDivisionError" in row.last_error
    assert waits[0] < waits[1]


def test_f28_attempts_are_counted_before_the_work_so_a_killed_worker_counts(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying() -> None:
        raise SystemExit(9)  # what is left of a worker that is killed: nothing is written after it

    monkeypatch.setitem(jobs._registry, "documents.tasks.dying", (dying, 2))
    row = jobs.enqueue("documents.tasks.dying")
    for _ in range(2):
        with pytest.raises(SystemExit):
            jobs.run(str(row.pk))
        JobRun.objects.filter(pk=row.pk).update(started_at="2000-01-01T00:00:00Z")
    jobs.run(str(row.pk))
    row.refresh_from_db()
    assert row.state == "failed"


def test_a_job_asked_for_in_a_transaction_that_is_rolled_back_is_not_there(db: None) -> None:
    from django.db import transaction

    with transaction.atomic():
        jobs.enqueue("documents.tasks.purge_objects")
        transaction.set_rollback(True)
    assert not JobRun.objects.exists()
    assert not OrmQ.objects.exists()
