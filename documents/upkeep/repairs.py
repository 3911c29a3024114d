"""What may be put right without a person: each repair is one transaction, with its row in the trail.

Never a row of a document deleted, never bytes changed.
"""

from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.utils.timezone import now

from accounts import quota
from accounts.actors import Actor
from accounts.models import Quota
from documents import jobs
from documents.hold import may_delete_objects
from documents.locks import lock_vault
from documents.models import Document, Folder, JobRun, JobState, PendingDeletion, StrayObject
from documents.search import index_document
from documents.storage import store
from documents.upkeep.matching import named
from documents.uploads.filing import make_current
from docuvault.lib.failpoints import Failpoint, failpoint
from sharing import audit
from sharing.audit import Verb

# Between the note and the deletion of an object without a row; a row that names it by then saves it.
LAST_WAIT = timedelta(hours=1)


@transaction.atomic
def recount(user_id: UUID, *, by: Actor) -> bool:
    """Set a person's counters to what the rows say; answers whether they had drifted."""
    if not Quota.objects.filter(pk=user_id).exists():
        return False
    used, reserved = quota.recount(user_id)
    failpoint(Failpoint.QUOTA_RECOUNTING)
    if not (used or reserved):
        return False
    audit.record(
        Verb.QUOTA_RECOUNTED,
        by=by,
        target_kind="user",
        target_id=user_id,
        owner=user_id,
        details={"used_bytes": used, "reserved_bytes": reserved},
    )
    return True


@transaction.atomic
def stand_for_current(document_id: UUID, *, by: Actor) -> bool:
    """Let a document say again what its current version says; answers whether it has one of its own."""
    document = Document.objects.select_for_update(of=("self",), no_key=True).filter(pk=document_id).first()
    if document is None:
        return False
    version = document.versions.filter(current_of=document).first()
    if version is None:
        return False
    make_current(document, version)
    _tell(document, by, {"version": version.number})
    return True


@transaction.atomic
def condemn(object_key: str, size_bytes: int, *, by: Actor) -> bool:
    """Note an object that no row names for deletion; answers whether it is noted.

    Not while a backup is under way, and not in a restored copy.
    """
    if not may_delete_objects() or named([object_key]):
        return False
    made = PendingDeletion.objects.get_or_create(object_key=object_key, defaults={"due_at": now() + LAST_WAIT})[1]
    StrayObject.objects.filter(pk=object_key).delete()
    if made:
        audit.record(
            Verb.OBJECT_CONDEMNED,
            by=by,
            target_kind="object",
            target_id=object_key,
            details={"size_bytes": size_bytes},
        )
    return True


@transaction.atomic
def end_multipart(object_key: str, upload_id: str, *, by: Actor) -> bool:
    """Let the store forget a multipart upload that nobody finishes."""
    if not may_delete_objects() or named([object_key]):
        return False
    audit.record(Verb.OBJECT_CONDEMNED, by=by, target_kind="object", target_id=object_key, details={"reason": "parts"})
    store().abort_multipart(object_key, upload_id)
    return True


CHAIN = """
    WITH RECURSIVE above AS (
        SELECT id, parent_id, user_id, ARRAY[id] AS path FROM folders WHERE id = %(folder)s
        UNION ALL
        SELECT p.id, p.parent_id, p.user_id, p.id || above.path FROM folders p
        JOIN above ON p.id = above.parent_id AND p.user_id = above.user_id
        WHERE p.id <> ALL(above.path) AND cardinality(above.path) < 64
    )
    SELECT path FROM above WHERE parent_id IS NULL
"""


@transaction.atomic
def rewrite_path(folder_id: UUID, *, by: Actor) -> bool:
    """Give a folder the path its parents make; answers whether they lead to the top without a ring."""
    owner = Folder.objects.filter(pk=folder_id).values_list("user_id", flat=True).first()
    if owner is None:
        return False
    lock_vault(owner)
    with connection.cursor() as cursor:
        cursor.execute(CHAIN, {"folder": folder_id})
        found = cursor.fetchone()
    if found is None:
        return False
    folder = Folder.objects.get(pk=folder_id)
    if folder.path != found[0]:
        folder.path = found[0]
        folder.save(update_fields=["path"])
        _tell(folder, by, {"fields": ["path"]})
    return True


@transaction.atomic
def index_again(document_id: UUID, *, by: Actor) -> bool:
    """Write down anew what a document is found by."""
    document = Document.objects.filter(pk=document_id).first()
    if document is None:
        return False
    index_document(document.pk)
    _tell(document, by, {"fields": ["words"]})
    return True


def revive(job: JobRun, *, by: Actor) -> bool:
    """Hand over a job that nobody looks after, or give a failed one a fresh set of tries."""
    with transaction.atomic():
        is_revived = jobs.repeat(job) if job.state == JobState.FAILED else jobs.hand_over_again(job)
        if is_revived:
            audit.record(Verb.JOB_REPEATED, by=by, target_kind="job", target_id=job.pk, target_name=job.task)
    return is_revived


def _tell(item: Document | Folder, by: Actor, details: dict[str, object]) -> None:
    audit.record(
        Verb.VAULT_REPAIRED,
        by=by,
        **audit.about(item),
        details=details,
    )
