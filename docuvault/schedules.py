"""Every recurring job, in one list; `manage.py schedules` brings the queue's own rows up to it."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.db import transaction
from django.utils.timezone import localtime, make_aware, now
from django_q.models import Schedule

MARK = "docuvault: "


@dataclass(frozen=True)
class Recurring:
    """A task by its dotted name, every so many minutes, or each night at an hour of the server's zone."""

    task: str
    minutes: int = 0
    at_hour: int | None = None


# Straight into the queue: it is what makes failed and forgotten jobs run again.
REQUEUE = Recurring("documents.jobs.requeue_due", minutes=1)
RECURRING = (
    Recurring("sharing.tasks.seal_trail", minutes=1),
    Recurring("sharing.tasks.anchor_trail", minutes=60),
    Recurring("documents.tasks.purge_objects", minutes=10),
    Recurring("documents.tasks.expire_uploads", minutes=10),
    Recurring("accounts.tasks.watch_quotas", minutes=10),
    Recurring("documents.tasks.sweep_objects", minutes=60),
    Recurring("documents.tasks.purge_old_trash", at_hour=2),
    Recurring("documents.tasks.thin_versions", at_hour=2),
    Recurring("sharing.tasks.let_go_of_received", at_hour=2),
    Recurring("sharing.tasks.grant_emergencies", minutes=10),
    Recurring("sharing.tasks.ask_about_unused", at_hour=6),
    Recurring("documents.tasks.recount_quotas", at_hour=3),
    Recurring("documents.tasks.reconcile", at_hour=3),
    Recurring("documents.tasks.rehash_objects", at_hour=4),
    Recurring("documents.tasks.forget_old_rows", at_hour=4),
    Recurring("documents.tasks.learn_all_filing", at_hour=4),
    Recurring("documents.tasks.check_whole_vault", at_hour=5),
    Recurring("sharing.tasks.verify_trail", at_hour=5),
)


def _next_night(hour: int) -> datetime:
    today = localtime()
    wanted = make_aware(datetime.combine(today.date(), time(hour)))
    return wanted if wanted > today else wanted + timedelta(days=1)


@transaction.atomic
def sync() -> int:
    """Make the queue's schedules equal to the list; answers how many rows were made, changed or removed."""
    changed: int = 0
    wanted = {MARK + item.task: item for item in (REQUEUE, *RECURRING)}
    changed += Schedule.objects.filter(name__startswith=MARK).exclude(name__in=wanted).delete()[0]
    for name, item in wanted.items():
        is_nightly = item.at_hour is not None
        values = {
            "func": item.task if item is REQUEUE else "documents.jobs.begin_recurring",
            "args": None if item is REQUEUE else f"'{item.task}',",
            "schedule_type": Schedule.DAILY if is_nightly else Schedule.MINUTES,
            "minutes": None if is_nightly else item.minutes,
            "repeats": -1,
        }
        row = Schedule.objects.filter(name=name).first()
        if row is None:
            first = _next_night(item.at_hour) if item.at_hour is not None else now() + timedelta(seconds=20)
            Schedule.objects.create(name=name, next_run=first, **values)
            changed += 1
        else:
            changed += Schedule.objects.filter(pk=row.pk).exclude(**values).update(**values)
    return int(changed)
