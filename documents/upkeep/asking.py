"""An admin asks for a round of upkeep now: it runs as a job, and the trail says who asked."""

from enum import StrEnum

from django.db import transaction

from accounts.actors import Actor
from documents import jobs
from documents.models import JobRun, JobState
from sharing import access, audit


class Wanted(StrEnum):
    """What can be asked for."""

    SWEEP = "sweep"
    RECONCILE = "reconcile"
    REHASH = "rehash"
    CHECK = "check"
    REPAIR = "repair"


TASKS = {
    Wanted.SWEEP: "documents.tasks.sweep_objects",
    Wanted.RECONCILE: "documents.tasks.reconcile",
    Wanted.REHASH: "documents.tasks.rehash_objects",
    Wanted.CHECK: "documents.tasks.check_whole_vault",
    Wanted.REPAIR: "documents.tasks.check_whole_vault",
}


def under_way() -> set[str]:
    """The tasks of upkeep that wait or run now, by their dotted names."""
    alive = JobRun.objects.filter(state__in=[JobState.WAITING, JobState.RUNNING], task__in=TASKS.values())
    return set(alive.values_list("task", flat=True))


@transaction.atomic
def ask_for(wanted: Wanted, *, by: Actor) -> bool:
    """Have it done; answers False where it is under way already. Raises NotAllowed."""
    access.require_admin(by)
    if TASKS[wanted] in under_way():
        return False
    audit.record(audit.Verb.UPKEEP_ASKED, by=by, details={"reason": wanted.value})
    asked = [str(by.user.pk) if by.user else "", wanted is Wanted.REPAIR]
    jobs.enqueue(TASKS[wanted], *(asked if wanted in {Wanted.CHECK, Wanted.REPAIR} else ()))
    return True
