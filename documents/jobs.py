"""Background jobs: a registry by dotted name, enqueued in the caller's transaction, tried a bounded number of times.

The queue's own counters are blind to a killed worker and its retries know no growing wait, so each
job is a row of ours (`JobRun`): attempts are counted and committed before the work, failures wait
longer each time, and `requeue_due` picks up what a dead worker left.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils.timezone import now
from django_q.tasks import async_task

from accounts.actors import Actor, ActorKind
from documents.hold import is_held
from documents.models import JobRun, JobState
from docuvault.lib.failpoints import Failpoint, failpoint

logger = logging.getLogger(__name__)

Task = Callable[..., None]
_registry: dict[str, tuple[Task, int]] = {}
_waiting_while_held: set[str] = set()
FIRST_WAIT = timedelta(seconds=20)
WAIT_WHILE_HELD = timedelta(minutes=10)
LONGEST_WAIT = timedelta(hours=6)
KEEP_FINISHED = timedelta(days=14)
RUNNER = "documents.jobs.run"


class UnknownTask(LookupError):
    """No function has registered under this name."""


def job(*, attempts: int = 5, waits_while_held: bool = False) -> Callable[[Task], Task]:
    """Register a task under its dotted name; it is called with ids alone and must bear repetition.

    `waits_while_held`: it deletes, or sends; a restored copy does so only once it is released.
    """

    def register(task: Task) -> Task:
        name = f"{task.__module__}.{task.__qualname__}"
        _registry[name] = (task, attempts)
        if waits_while_held:
            _waiting_while_held.add(name)
        return task

    return register


def registered() -> dict[str, Task]:
    """Every task by its dotted name (of the modules imported so far)."""
    return {name: task for name, (task, _) in _registry.items()}


def _task(name: str) -> tuple[Task, int]:
    if name not in _registry:
        module, _, _function = name.rpartition(".")
        import_module(module)
    if name not in _registry:
        raise UnknownTask(name)
    return _registry[name]


def attempts_of(name: str) -> int:
    """How often a task is tried; 0 for one that nobody has registered."""
    try:
        return _task(name)[1]
    except (ImportError, ValueError, UnknownTask):
        return 0


def enqueue(name: str, *arguments: Any, delay: timedelta = timedelta()) -> JobRun:
    """Ask for a job, inside the caller's transaction: a rollback takes it along.

    Arguments are ids or small plain values. With a `delay` it waits for the next `requeue_due`.
    """
    plain = [str(value) if isinstance(value, UUID) else value for value in arguments]
    with transaction.atomic():
        run_row = JobRun.objects.create(
            task=name, arguments=plain, max_attempts=_max_attempts(name), due_at=now() + delay
        )
        if not delay:
            _hand_over(run_row)
    return run_row


def enqueue_once(name: str, *arguments: Any, delay: timedelta = timedelta()) -> None:
    """The same, unless this very job waits already: what has just changed is then seen by that one."""
    plain = [str(value) if isinstance(value, UUID) else value for value in arguments]
    if not JobRun.objects.filter(task=name, arguments=plain, state=JobState.WAITING).exists():
        enqueue(name, *arguments, delay=delay)


LEARN_AFTER = timedelta(seconds=30)


def learn_soon(by: Actor) -> None:
    """Somebody has filed something by hand: what is learned from it is learned soon, once for all he does meanwhile."""
    if by.user is not None and by.kind != ActorKind.JOB:
        enqueue_once("documents.tasks.learn_filing", by.user.pk, delay=LEARN_AFTER)


def _max_attempts(name: str) -> int:
    # Verbs enqueue names of doors they may not import, so the registry may not know them yet.
    return _registry[name][1] if name in _registry else 5


def _hand_over(run_row: JobRun) -> None:
    async_task(RUNNER, str(run_row.pk), task_name=run_row.task.rpartition(".")[2][:80])


def run(run_id: str) -> None:
    """What the queue calls. Claims the row, works, and writes down how it ended; never raises."""
    claimed = JobRun.objects.filter(
        Q(state=JobState.WAITING) | Q(state=JobState.RUNNING, started_at__lt=_stale()), pk=run_id
    ).update(state=JobState.RUNNING, attempts=F("attempts") + 1, started_at=now())
    if not claimed:
        return
    failpoint(Failpoint.JOB_CLAIMED)
    row = JobRun.objects.get(pk=run_id)
    try:
        task, row.max_attempts = _task(row.task)
        if row.attempts > row.max_attempts:
            raise RuntimeError("the worker ended in the middle of it each time")
        if row.task in _waiting_while_held and is_held():
            _wait_for_release(row)
            return
        task(*row.arguments)
        failpoint(Failpoint.JOB_WORKED)
    except Exception as error:
        logger.exception("job %s failed (try %s of %s)", row.task, row.attempts, row.max_attempts)
        is_last = row.attempts >= row.max_attempts
        JobRun.objects.filter(pk=row.pk).update(
            state=JobState.FAILED if is_last else JobState.WAITING,
            max_attempts=row.max_attempts,
            due_at=now() + min(FIRST_WAIT * 4 ** (row.attempts - 1), LONGEST_WAIT),
            finished_at=now() if is_last else None,
            last_error=f"{type(error).__name__}: {error}".replace("\x00", "")[:2000],
        )
    else:
        JobRun.objects.filter(pk=row.pk).update(state=JobState.DONE, finished_at=now(), last_error="")
        failpoint(Failpoint.JOB_ENDED)


def _wait_for_release(row: JobRun) -> None:
    """Back among the waiting ones; this try does not count."""
    JobRun.objects.filter(pk=row.pk).update(
        state=JobState.WAITING, attempts=row.attempts - 1, due_at=now() + WAIT_WHILE_HELD
    )


def _stale() -> Any:
    return now() - timedelta(seconds=settings.JOB_TIMEOUT_SECONDS)


def requeue_due() -> int:
    """Hand over jobs whose wait is over and those a dead worker left running; answers how many."""
    with transaction.atomic():
        moment = now()
        due = JobRun.objects.select_for_update(skip_locked=True).filter(
            Q(state=JobState.WAITING, due_at__lte=moment - timedelta(seconds=60))
            | Q(state=JobState.WAITING, attempts__gt=0, due_at__lte=moment)
            | Q(state=JobState.RUNNING, started_at__lt=_stale())
        )
        rows = list(due[:500])
        # Not again before a worker had the time to take it.
        JobRun.objects.filter(pk__in=[row.pk for row in rows]).update(due_at=moment + timedelta(minutes=5))
        for row in rows:
            _hand_over(row)
        failpoint(Failpoint.JOB_HANDING_OVER)
    return len(rows)


def repeat(run_row: JobRun) -> bool:
    """Give a failed job a fresh set of tries; answers whether it was one."""
    with transaction.atomic():
        if JobRun.objects.filter(pk=run_row.pk, state=JobState.FAILED).update(
            state=JobState.WAITING, attempts=0, due_at=now(), finished_at=None
        ):
            _hand_over(run_row)
            return True
    return False


def hand_over_again(run_row: JobRun) -> bool:
    """Hand over a job that has not ended and that the queue has lost; answers whether it had not."""
    with transaction.atomic():
        # Not again by `requeue_due` before a worker had the time to take it.
        open_jobs = JobRun.objects.filter(pk=run_row.pk, state__in=[JobState.WAITING, JobState.RUNNING])
        if open_jobs.update(due_at=now() + timedelta(minutes=5)):
            _hand_over(run_row)
            return True
    return False


def forget_finished() -> int:
    """Remove the rows of jobs that ended well some time ago."""
    old = JobRun.objects.filter(state=JobState.DONE, finished_at__lt=now() - KEEP_FINISHED)
    return old.delete()[0]


def begin_recurring(name: str) -> None:
    """What a schedule calls: ask for the job, unless the one before is still waiting or running."""
    with transaction.atomic():
        alive = JobRun.objects.filter(task=name, state__in=[JobState.WAITING, JobState.RUNNING])
        if not alive.filter(created_at__gt=now() - timedelta(days=1)).exists():
            enqueue(name)
