"""What runs in the background: each bears repetition, and two at once."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import Quota, User
from documents import jobs, uploads
from documents.actions import copies, filing, learning
from documents.actions.trash import purge_expired
from documents.actions.versions import thin_versions as thin_old_versions
from documents.exports import sent_back
from documents.hold import may_delete_objects
from documents.jobs import job
from documents.models import LIVE_UPLOAD_STATES, PendingDeletion, UpkeepKind, UpkeepRun, Upload, UploadState
from documents.storage import StoreError, StoreFull, store
from documents.upkeep import alarm, repairs, sweeping
from documents.upkeep.checking import check_vault
from documents.upkeep.matching import named
from documents.upkeep.rehashing import rehash
from documents.upkeep.rounds import AlreadyUnderWay
from docuvault.lib.classifier import Classifier
from docuvault.lib.failpoints import Failpoint, failpoint
from sharing import audit
from sharing.models import ReadingMark

logger = logging.getLogger(__name__)

BATCH = 200
# Of how many versions the check that is asked for in the administration reads the bytes.
SHARE_CHECKED = 0.02
KEEP_SWEEPS = timedelta(days=90)


@job(attempts=8)
def finish_upload(upload_id: str) -> None:
    """End an upload whose bytes are all here, as the person who sent it: a large one, or one that nobody has ended."""
    upload = Upload.objects.select_related("actor").filter(pk=UUID(upload_id)).first()
    if upload is None or upload.state not in LIVE_UPLOAD_STATES:
        return
    try:
        uploads.finish_upload(upload.pk, by=Actor.job(upload.actor))
    except StoreFull:
        alarm.store_is_full()
        raise


@job(attempts=8)
def take_in_import(upload_id: str) -> None:
    """Take in what a person has sent back, or go on with it."""
    try:
        sent_back.take_in_sent(UUID(upload_id))
    except StoreFull:
        alarm.store_is_full()
        raise


@job(attempts=8, waits_while_held=True)
def purge_objects() -> None:
    """Delete objects that no row needs any more. A key that a row names again is left alone.

    While a backup is under way nothing is deleted: the next round does it. The first object that
    cannot be deleted ends the round too: the store is away, and the job tries again.
    """
    outage: StoreError | None = None
    while outage is None:
        with transaction.atomic():
            if not may_delete_objects():
                return
            due = list(
                PendingDeletion.objects.select_for_update(skip_locked=True)
                .filter(due_at__lte=now())
                .order_by("due_at")[:BATCH]
            )
            if not due:
                return
            needed = named([row.object_key for row in due])
            done, deleted = [], 0
            for row in due:
                if row.object_key not in needed:
                    failpoint(Failpoint.OBJECT_DELETING)
                    try:
                        store().delete(row.object_key)
                    except StoreError as error:
                        outage = error
                        _wait_longer(row, error)
                        break
                    failpoint(Failpoint.OBJECT_DELETED)
                    deleted += 1
                done.append(row.object_key)
            PendingDeletion.objects.filter(pk__in=done).delete()
            if deleted:
                audit.record(audit.Verb.OBJECTS_DELETED, by=Actor.job(), details={"count": deleted})
    raise outage


def _wait_longer(row: PendingDeletion, error: StoreError) -> None:
    PendingDeletion.objects.filter(pk=row.pk).update(
        attempts=F("attempts") + 1,
        last_error=str(error)[:500],
        due_at=now() + min(timedelta(seconds=30) * 2 ** min(row.attempts, 20), timedelta(hours=6)),
    )


@job(waits_while_held=True)
def expire_uploads() -> None:
    """End uploads whose deadline has passed."""
    while uploads.expire_uploads():
        pass


@job(waits_while_held=True)
def sweep_objects() -> None:
    """Objects that no row names, twice seen, are noted for deletion."""
    _in_turn(sweeping.sweep)


@job(waits_while_held=True)
def reconcile() -> None:
    """Rows and objects compared both ways; versions without their bytes are marked."""
    _in_turn(sweeping.reconcile)


def _in_turn(go: Callable[..., UpkeepRun]) -> None:
    try:
        go(by=Actor.job())
    except AlreadyUnderWay:
        logger.info("another round is under way: it does what this one would")


@job()
def rehash_objects(versions: int | None = None, size_bytes: int | None = None) -> None:
    """Read a night's share of the stored bytes again, as long as a job may take; another one goes on with the rest."""
    try:
        seconds = settings.JOB_TIMEOUT_SECONDS / 2
        run = rehash(by=Actor.job(), seconds=seconds, versions=versions, size_bytes=size_bytes)
    except AlreadyUnderWay:
        return
    if run.details["left"]:
        jobs.enqueue("documents.tasks.rehash_objects", run.details["left"], run.details["left_bytes"])


@job()
def check_whole_vault(asked_by: str = "", is_repair: bool = False) -> None:
    """The whole check: by night, where bytes are left to `rehash_objects`, or as the admin who asked for it."""
    person = User.objects.filter(pk=UUID(asked_by)).first() if asked_by else None
    by = Actor.job(person) if asked_by else Actor.system()
    check_vault(is_repair=is_repair, share=SHARE_CHECKED if asked_by else 0.0, by=by)


@job()
def alarm_admins(is_full: bool = False) -> None:
    """Tell the admins what is wrong with the store."""
    alarm.alarm_admins(is_full)


@job(attempts=2)
def make_copy(version_id: str) -> None:
    """Have an office paper made into a PDF, to be shown as it looks."""
    copies.make_copy(UUID(version_id))


@job()
def run_rule(run_id: str) -> None:
    """Go on with a rule's run as long as a job may take; another one goes on with the rest."""
    if not filing.work_on_run(UUID(run_id), until=_half_time()):
        jobs.enqueue("documents.tasks.run_rule", run_id)


@job()
def undo_run(run_id: str) -> None:
    """Take back what a run has changed, in the same way."""
    if not filing.work_on_undoing(UUID(run_id), until=_half_time()):
        jobs.enqueue("documents.tasks.undo_run", run_id)


def _half_time() -> datetime:
    return now() + timedelta(seconds=settings.JOB_TIMEOUT_SECONDS / 2)


@job()
def learn_filing(user_id: str) -> None:
    """Learn what somebody files where, from what he has filed, and suggest it for what waits to be filed."""
    user = User.objects.filter(pk=UUID(user_id), is_active=True).first()
    if user is not None:
        with Classifier() as classifier:
            learning.learn(user, classifier)


@job()
def learn_all_filing(after: str = "") -> None:
    """The same by night for everybody who files: what was shared or brought meanwhile comes along.

    `after`: the id of whoever came last, where a job before this one has used up its time.
    """
    ends_at = _half_time()
    people = User.objects.filter(is_active=True).order_by("pk")
    if after:
        people = people.filter(pk__gt=UUID(after))
    with Classifier() as classifier:
        for user in people.iterator():
            learning.learn(user, classifier)
            if now() > ends_at:
                jobs.enqueue("documents.tasks.learn_all_filing", user.pk)
                return


@job(waits_while_held=True)
def purge_old_trash() -> None:
    """Delete for good what has been in the trash for longer than the vault keeps it."""
    while purge_expired(limit=200):
        pass


@job(waits_while_held=True)
def thin_versions() -> None:
    """Delete older versions, where the vault has a policy for them."""
    while thin_old_versions():
        pass


@job()
def recount_quotas() -> None:
    """Set every counter to what the rows say, and tell of each that had drifted."""
    for user_id in list(Quota.objects.values_list("pk", flat=True)):
        repairs.recount(user_id, by=Actor.job())


@job(waits_while_held=True)
def forget_old_rows() -> None:
    """Remove rows that have done their work: of jobs, uploads, sessions, reading marks and hourly rounds."""
    jobs.forget_finished()
    Session.objects.filter(expire_date__lt=now()).delete()
    ended = [UploadState.DONE, UploadState.FAILED, UploadState.CANCELLED, UploadState.EXPIRED]
    Upload.objects.filter(state__in=ended, updated_at__lt=now() - jobs.KEEP_FINISHED).delete()
    UpkeepRun.objects.filter(kind=UpkeepKind.SWEEP, started_at__lt=now() - KEEP_SWEEPS).delete()
    ReadingMark.objects.filter(at__lt=now() - timedelta(days=1)).delete()
