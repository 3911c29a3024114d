"""An admin asks for the trail to be verified now: it runs as a job."""

from django.db import transaction

from accounts.actors import Actor
from documents import jobs
from documents.models import JobRun, JobState
from sharing import access, audit

TASK = "sharing.tasks.verify_trail"


def is_under_way() -> bool:
    """Whether a verification waits or runs now."""
    return JobRun.objects.filter(task=TASK, state__in=[JobState.WAITING, JobState.RUNNING]).exists()


@transaction.atomic
def ask_to_verify(*, by: Actor) -> bool:
    """Have it verified; answers False where that is under way already. Raises NotAllowed."""
    access.require_admin(by)
    if is_under_way():
        return False
    audit.record(audit.Verb.UPKEEP_ASKED, by=by, details={"reason": "trail"})
    jobs.enqueue(TASK, str(by.user.pk) if by.user else "")
    return True
