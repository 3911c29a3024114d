"""What runs in the background: each bears repetition, and two at once."""

import logging
from datetime import timedelta
from uuid import UUID

from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.models import F
from django.utils.timezone import now

from accounts import quota
from accounts.actors import Actor
from accounts.models import Quota
from documents import jobs, uploads
from documents.actions.trash import purge_expired
from documents.actions.versions import thin_versions as thin_old_versions
from documents.hold import may_delete_objects
from documents.jobs import job
from documents.models import PendingDeletion, Upload, UploadState
from documents.storage import KEY_PATTERN, StoreError, store
from docuvault.lib.failpoints import Failpoint, failpoint
from sharing import audit
from sharing.models import ReadingMark

logger = logging.getLogger(__name__)

BATCH = 200
ORPHAN_AGE = timedelta(hours=24)


@job(attempts=8)
def finish_upload(upload_id: str) -> None:
    """Put a large upload together, as the person who sent it."""
    upload = Upload.objects.select_related("actor").filter(pk=UUID(upload_id)).first()
    if upload is not None and upload.state == UploadState.FINISHING:
        uploads.assemble(upload.pk, by=Actor.job(upload.actor))


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
            named = _named([row.object_key for row in due])
            done, deleted = [], 0
            for row in due:
                if row.object_key not in named:
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


NAMED_KEYS = """
    SELECT object_key FROM versions WHERE object_key = ANY(%(keys)s)
    UNION ALL SELECT object_key FROM upload_pieces WHERE object_key = ANY(%(keys)s)
    UNION ALL SELECT object_key FROM uploads
        WHERE object_key = ANY(%(keys)s) AND state IN ('receiving', 'finishing')
"""


def _named(keys: list[str]) -> set[str]:
    """Which of these objects a row needs."""
    with connection.cursor() as cursor:
        cursor.execute(NAMED_KEYS, {"keys": keys})
        return {row[0] for row in cursor.fetchall()}


@job(waits_while_held=True)
def sweep_objects() -> None:
    """Note objects without a row for deletion, a day after they were written and a look later.

    The note falls due after another hour; a row that names the key by then saves the object. What
    has no key of our making is somebody else's and stays.
    """
    oldest = now() - ORPHAN_AGE
    batch: list[str] = []
    found = 0
    for item in store().objects():
        if item.modified_at < oldest and KEY_PATTERN.match(item.key):
            batch.append(item.key)
        if len(batch) == 1000:
            found += _note_orphans(batch)
            batch = []
    found += _note_orphans(batch)
    for key, upload_id, begun_at in store().list_multipart():
        if begun_at < oldest and KEY_PATTERN.match(key):
            store().abort_multipart(key, upload_id)
            found += 1
    if found:
        with transaction.atomic():
            audit.record(audit.Verb.STORAGE_SWEPT, by=Actor.job(), details={"count": found})


def _note_orphans(keys: list[str]) -> int:
    if not keys:
        return 0
    noted = set(PendingDeletion.objects.filter(pk__in=keys).values_list("pk", flat=True))
    known = _named(keys) | noted
    orphans = [key for key in keys if key not in known]
    PendingDeletion.objects.bulk_create(
        [PendingDeletion(object_key=key, due_at=now() + timedelta(hours=1)) for key in orphans],
        ignore_conflicts=True,
    )
    failpoint(Failpoint.ORPHANS_NOTED)
    return len(orphans)


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
        with transaction.atomic():
            used, reserved = quota.recount(user_id)
            failpoint(Failpoint.QUOTA_RECOUNTING)
            if used or reserved:
                audit.record(
                    audit.Verb.QUOTA_RECOUNTED,
                    by=Actor.job(),
                    target_kind="user",
                    target_id=user_id,
                    owner=user_id,
                    details={"used_bytes": used, "reserved_bytes": reserved},
                )


@job(waits_while_held=True)
def forget_old_rows() -> None:
    """Remove rows that have done their work: finished jobs, ended uploads, dead sessions, old reading marks."""
    jobs.forget_finished()
    Session.objects.filter(expire_date__lt=now()).delete()
    ended = [UploadState.DONE, UploadState.FAILED, UploadState.CANCELLED, UploadState.EXPIRED]
    Upload.objects.filter(state__in=ended, updated_at__lt=now() - jobs.KEEP_FINISHED).delete()
    ReadingMark.objects.filter(at__lt=now() - timedelta(days=1)).delete()
