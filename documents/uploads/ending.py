"""Uploads that end without a document: stopped, failed or left lying. The bytes and the space come back."""

import logging
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts import quota
from accounts.actors import Actor
from documents import jobs
from documents.locks import lock_vault
from documents.models import LIVE_UPLOAD_STATES, PendingDeletion, Upload, UploadState
from docuvault.lib.failpoints import Failpoint, failpoint
from sharing import access, audit
from sharing.models_requests import ReceivedFile, ReceivedState

logger = logging.getLogger(__name__)


def cancel_upload(upload_id: UUID, *, by: Actor) -> None:
    """Stop an upload and give its bytes back. One that has ended already stays as it is."""
    upload = access.fetch_upload(by, upload_id)
    with transaction.atomic():
        if closed := _close(upload, UploadState.CANCELLED, ""):
            _tell(audit.Verb.UPLOAD_CANCELLED, closed, by)


def turn_away(upload_id: UUID, *, by: Actor) -> bool:
    """End an upload into one's own vault, whoever sends it; answers whether it was still under way."""
    upload = access.fetch_charged_upload(by, upload_id)
    reason = "" if upload.actor_id == upload.user_id else _("The owner of the vault has stopped it.")
    with transaction.atomic():
        closed = _close(upload, UploadState.CANCELLED, reason)
        if closed is not None:
            _tell(audit.Verb.UPLOAD_CANCELLED, closed, by)
    return closed is not None


def stop_upload(upload_id: UUID, *, by: Actor) -> bool:
    """End anybody's upload, as an admin; answers whether it was still under way."""
    access.require_admin(by)
    upload = Upload.objects.filter(pk=upload_id).first()
    if upload is None:
        return False
    with transaction.atomic():
        closed = _close(upload, UploadState.CANCELLED, _("An admin has stopped it."))
        if closed is not None:
            _tell(audit.Verb.UPLOAD_CANCELLED, closed, by)
    return closed is not None


def end_import(upload_id: UUID, failure: str = "") -> None:
    """What an import brought has been taken in, or cannot be: its ZIP goes."""
    upload = Upload.objects.filter(pk=upload_id).first()
    if upload is not None:
        with transaction.atomic():
            _close(upload, UploadState.FAILED if failure else UploadState.DONE, failure)


def expire_uploads(limit: int = 500) -> int:
    """End uploads past their deadline; answers how many."""
    late = Upload.objects.filter(state__in=LIVE_UPLOAD_STATES, expires_at__lt=now())[:limit]
    count = 0
    for upload in list(late):
        with transaction.atomic():
            if closed := _close(upload, UploadState.EXPIRED, _("The upload was not finished in time.")):
                _tell(audit.Verb.UPLOAD_EXPIRED, closed, Actor.system())
                count += 1
    return count


def fail_upload(upload: Upload, reason: BaseException, *, by: Actor) -> None:
    """Note why it could not be filed. Best effort, since the cause may be the database itself.

    What this cannot do is done when the upload's deadline passes.
    """
    message = getattr(reason, "message", "") or _("The file could not be stored.")
    try:
        with transaction.atomic():
            if closed := _close(upload, UploadState.FAILED, message):
                _tell(audit.Verb.UPLOAD_FAILED, closed, by)
    except Exception as error:  # noqa: BLE001
        logger.warning("upload %s stays until its deadline: %s", upload.pk, error)


def _close(upload: Upload, state: UploadState, reason: str) -> Upload | None:
    """End a live upload: reservation back, objects noted for deletion. None if it had ended."""
    lock_vault(upload.user_id, is_shared=True)
    row = Upload.objects.select_for_update(of=("self",)).filter(pk=upload.pk).first()
    if row is None or row.state not in LIVE_UPLOAD_STATES:
        return None
    quota.release(row.user_id, row.reserved_bytes)
    keys = set(row.pieces.values_list("object_key", flat=True))
    if row.object_key:
        keys.add(row.object_key)
    row.pieces.all().delete()
    if row.actor_id is None:
        # Its place among the files of a request is free again.
        ReceivedFile.objects.filter(upload=row, state=ReceivedState.ARRIVING).update(state=ReceivedState.FAILED)
    row.state, row.failure, row.reserved_bytes = state, reason[:500], 0
    row.save(update_fields=["state", "failure", "reserved_bytes", "updated_at"])
    if keys:
        note_for_deletion(keys)
        jobs.enqueue("documents.tasks.purge_objects")
    failpoint(Failpoint.UPLOAD_CLOSING)
    return row


def _tell(verb: audit.Verb, upload: Upload, by: Actor) -> None:
    audit.record(
        verb,
        by=by,
        target_kind="upload",
        target_id=upload.pk,
        target_name=upload.name,
        owner=upload.user_id,
        details={"received_bytes": upload.received_bytes, "reason": upload.failure},
        result="done" if verb is audit.Verb.UPLOAD_CANCELLED else "failed",
    )


def note_for_deletion(keys: Iterable[str], after: timedelta = timedelta()) -> None:
    """Remember objects to delete: at once, or once it is sure that no row will name them."""
    PendingDeletion.objects.bulk_create(
        [PendingDeletion(object_key=key, due_at=now() + after) for key in sorted(keys)],
        update_conflicts=True,
        unique_fields=["object_key"],
        update_fields=["due_at"],
    )
