"""What happens after a fault: the deadlines pass, the jobs and the sweeps run; and what must hold then."""

import hashlib
from collections import Counter
from datetime import timedelta

from django.conf import settings
from django.db.models import Sum
from django.utils.timezone import now

from accounts.models import Quota
from documents import jobs, tasks
from documents.actions.reading import take_up_left_behind
from documents.models import (
    LIVE_UPLOAD_STATES,
    Document,
    Folder,
    JobRun,
    JobState,
    PendingDeletion,
    Reading,
    ReadingState,
    Upload,
    UploadPiece,
    Version,
)
from documents.storage import store
from tests.totals import TOTALS


def everything_is_old() -> None:
    """Let the sweep take every object for one that has lain there for long."""
    settings.SWEEP_GRACE_HOURS = -1 / 60


def deadlines_pass() -> None:
    """As if two days went by."""
    past = now() - timedelta(days=2)
    Upload.objects.filter(state__in=LIVE_UPLOAD_STATES).update(expires_at=past)
    PendingDeletion.objects.update(due_at=past)
    JobRun.objects.filter(state=JobState.RUNNING).update(started_at=past)
    JobRun.objects.filter(state=JobState.WAITING).update(due_at=past)
    Reading.objects.filter(state=ReadingState.READING).update(beat_at=past)


def work_jobs_off() -> None:
    """What the queue and its workers would do."""
    for _round in range(20):
        jobs.requeue_due()
        waiting = list(
            JobRun.objects.filter(state__in=[JobState.WAITING, JobState.RUNNING]).values_list("pk", flat=True)
        )
        if not waiting:
            return
        for run_id in waiting:
            jobs.run(str(run_id))
            TOTALS.operations += 1
        deadlines_pass()


def heal() -> None:
    """Everything that runs by itself runs, with its deadlines passed."""
    grace = settings.SWEEP_GRACE_HOURS
    everything_is_old()
    try:
        deadlines_pass()
        work_jobs_off()
        tasks.expire_uploads()
        take_up_left_behind()
        tasks.sweep_objects()
        tasks.sweep_objects()  # what has no row is seen twice before it goes
        deadlines_pass()
        tasks.purge_objects()
        work_jobs_off()
    finally:
        settings.SWEEP_GRACE_HOURS = grace


def breaches() -> list[str]:
    """What does not hold of the invariants I1 to I5 and I9, every object read whole."""
    found: list[str] = []
    for quota in Quota.objects.all():
        used = Version.objects.filter(document__user=quota.user_id).aggregate(n=Sum("size_bytes"))["n"] or 0
        live = Upload.objects.filter(user=quota.user_id, state__in=LIVE_UPLOAD_STATES)
        reserved = live.aggregate(n=Sum("reserved_bytes"))["n"] or 0
        if (quota.used_bytes, quota.reserved_bytes) != (used, reserved):
            found.append(f"I1 {quota.used_bytes}, {quota.reserved_bytes} counted; {used}, {reserved} there")
    objects = {item.key: item.size_bytes for item in store().objects()}
    for version in Version.objects.all():
        if objects.get(version.object_key) != version.size_bytes:
            found.append(f"I2 {version.object_key}: {objects.get(version.object_key)} of {version.size_bytes} bytes")
        else:
            data = b"".join(store().open(version.object_key))
            TOTALS.bytes_verified += len(data)
            if hashlib.sha256(data).hexdigest() != version.sha256:
                found.append(f"I2 {version.object_key} has other bytes")
    named = [*Version.objects.values_list("object_key", flat=True)]
    named += UploadPiece.objects.values_list("object_key", flat=True)
    found += [f"I4 {key} is named {count} times" for key, count in Counter(named).items() if count > 1]
    named += Upload.objects.filter(state__in=LIVE_UPLOAD_STATES).values_list("object_key", flat=True)
    named += PendingDeletion.objects.values_list("object_key", flat=True)
    found += [f"I3 {key} has no row" for key in objects.keys() - set(named)]
    found += [f"I3 multipart upload of {key}" for key, _id, _at in store().list_multipart()]
    folders = {row.pk: row for row in Folder.objects.all()}
    for row in folders.values():
        above = folders[row.parent_id].path if row.parent_id else []
        if row.path != [*above, row.pk]:
            found.append(f"I5 {row} has a path that is not its own")
    for document in Document.objects.select_related("current_version"):
        current = document.current_version
        if current is None or current.object_key != document.object_key or current.document_id != document.pk:
            found.append(f"I2 {document} does not stand for its current version")
    open_jobs = JobRun.objects.exclude(state__in=[JobState.DONE, JobState.FAILED])
    found += [f"I9 {row.task} is {row.state} after {row.attempts} tries" for row in open_jobs]
    TOTALS.breaches += len(found)
    return found
