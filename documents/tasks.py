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
from documents.jobs import job
from documents.models import PendingDeletion, Upload, UploadPiece, UploadState, Version
from documents.storage import StoreError, store
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


@job(attempts=8)
def purge_objects() -> None:
    """Delete objects that no row needs any more. A key that a row names again is left alone."""
    while True:
        with transaction.atomic():
            due = list(
                PendingDeletion.objects.select_for_update(skip_locked=True)
                .filter(due_at__lte=now())
                .order_by("due_at")[:BATCH]
            )
            if not due:
                return
            keys = {row.object_key for row in due}
            named = set(Version.objects.filter(object_key__in=keys).values_list("object_key", flat=True))
            named |= set(UploadPiece.objects.filter(object_key__in=keys).values_list("object_key", flat=True))
            gone: list[str] = []
            for row in due:
                if row.object_key in named:
                    gone.append(row.object_key)
                    continue
                try:
                    store().delete(row.object_key)
                except StoreError as error:
                    PendingDeletion.objects.filter(pk=row.pk).update(
                        attempts=F("attempts") + 1,
                        last_error=str(error)[:500],
                        due_at=now() + min(timedelta(seconds=30) * 2**row.attempts, timedelta(hours=6)),
                    )
                else:
                    gone.append(row.object_key)
            PendingDeletion.objects.filter(pk__in=gone).delete()
            deleted = len(gone) - len(named)
            if deleted:
                audit.record(audit.Verb.OBJECTS_DELETED, by=Actor.job(), details={"count": deleted})


@job()
def expire_uploads() -> None:
    uploads.expire_uploads()


KNOWN_KEYS = """
    SELECT object_key FROM versions WHERE object_key = ANY(%(keys)s)
    UNION ALL SELECT object_key FROM upload_pieces WHERE object_key = ANY(%(keys)s)
    UNION ALL SELECT object_key FROM uploads
        WHERE object_key = ANY(%(keys)s) AND state IN ('receiving', 'finishing')
    UNION ALL SELECT object_key FROM pending_deletions WHERE object_key = ANY(%(keys)s)
"""


@job()
def sweep_objects() -> None:
    """Note objects without a row for deletion, a day after they were written and a look later.

    The note falls due after another hour; a row that names the key by then saves the object.
    """
    oldest = now() - ORPHAN_AGE
    batch: list[str] = []
    found = 0
    for item in store().objects():
        if item.modified_at < oldest:
            batch.append(item.key)
        if len(batch) == 1000:
            found += _note_orphans(batch)
            batch = []
    found += _note_orphans(batch)
    for key, upload_id, begun_at in store().list_multipart():
        if begun_at < oldest:
            store().abort_multipart(key, upload_id)
            found += 1
    if found:
        with transaction.atomic():
            audit.record(audit.Verb.STORAGE_SWEPT, by=Actor.job(), details={"count": found})


def _note_orphans(keys: list[str]) -> int:
    if not keys:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(KNOWN_KEYS, {"keys": keys})
        known = {row[0] for row in cursor.fetchall()}
    orphans = [key for key in keys if key not in known]
    PendingDeletion.objects.bulk_create(
        [PendingDeletion(object_key=key, due_at=now() + timedelta(hours=1)) for key in orphans],
        ignore_conflicts=True,
    )
    return len(orphans)


@job()
def purge_old_trash() -> None:
    """Delete for good what has been in the trash for longer than the vault keeps it."""
    while purge_expired(limit=200):
        pass


@job()
def recount_quotas() -> None:
    """Set every counter to what the rows say, and tell of each that had drifted."""
    for user_id in list(Quota.objects.values_list("pk", flat=True)):
        with transaction.atomic():
            used, reserved = quota.recount(user_id)
            if used or reserved:
                audit.record(
                    audit.Verb.QUOTA_RECOUNTED,
                    by=Actor.job(),
                    target_kind="user",
                    target_id=user_id,
                    owner=user_id,
                    details={"used_bytes": used, "reserved_bytes": reserved},
                )


@job()
def forget_old_rows() -> None:
    """Remove rows that have done their work: finished jobs, ended uploads, dead sessions, old reading marks."""
    jobs.forget_finished()
    Session.objects.filter(expire_date__lt=now()).delete()
    ended = [UploadState.DONE, UploadState.FAILED, UploadState.CANCELLED, UploadState.EXPIRED]
    Upload.objects.filter(state__in=ended, updated_at__lt=now() - jobs.KEEP_FINISHED).delete()
    ReadingMark.objects.filter(at__lt=now() - timedelta(days=1)).delete()
