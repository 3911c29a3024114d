"""Versions: notes, an older one made current again, deleting, thinning out, and one document's bytes given to another.

Older versions count against the quota of the vault's owner. The current one is never deleted by
itself: that is what throwing the document away is for.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts import quota
from accounts.actors import Actor
from documents import jobs, previews
from documents.actions.errors import Refused
from documents.actions.reading import ask_to_read
from documents.actions.trash import remove_documents, restore
from documents.locks import lock_vault
from documents.models import Document, EntryKind, PendingDeletion, Version
from documents.search import index_document
from documents.uploads.filing import make_current, next_number
from sharing import access, audit
from sharing.access import Level
from sharing.audit import Verb

NOTE_LIMIT = 500
COPIES_AT_ONCE = 500


class IsCurrent(Refused):
    """The current version stays as long as the document."""


def fetch_version(by: Actor, document_id: UUID, version_id: UUID, at_least: Level = Level.EDIT) -> Version:
    """One version of a document that the actor may edit. Raises NotVisible or NotAllowed."""
    document = access.fetch_document(by, document_id, at_least)
    version = document.versions.filter(pk=version_id).first()
    if version is None:
        raise access.NotVisible(_("There is nothing here that you can see."))
    version.document = document
    return version


@transaction.atomic
def note_version(version: Version, note: str, *, by: Actor) -> Version:
    """Say what a version is about; one with a note is never thinned out. Empty takes the note off."""
    document, version = _held(version, by)
    version.note = " ".join(note.replace("\x00", "").split())[:NOTE_LIMIT]
    version.save(update_fields=["note"])
    if document.current_version_id == version.pk:
        index_document(document.pk)  # what is said of older ones is not searched
    _tell(Verb.VERSION_NOTED, document, version, by)
    return version


@transaction.atomic
def promote_version(version: Version, *, by: Actor) -> Document:
    """Make an older version the current one. No bytes move, and no version is lost."""
    document, version = _held(version, by)
    if document.current_version_id != version.pk:
        make_current(document, version)
        ask_to_read(version)
        _tell(Verb.VERSION_PROMOTED, document, version, by)
    return document


@transaction.atomic
def delete_version(version: Version, *, by: Actor) -> None:
    """Remove an older version of one's own document for good and give its bytes back. Raises IsCurrent."""
    document, version = _held(version, by, Level.OWN)
    if document.current_version_id == version.pk:
        raise IsCurrent(_("This is the current version. Make another one current first, or throw the document away."))
    _remove(document, [version], by)


@transaction.atomic
def drop_older_versions(document: Document, *, by: Actor) -> int:
    """Delete all older versions of one's own document but those with a note; answers how many."""
    lock_vault(document.user_id, is_shared=True)
    access.fetch_document(by, document.pk, Level.OWN)
    document = Document.objects.select_for_update(of=("self",), no_key=True).get(pk=document.pk)
    versions = list(document.versions.filter(current_of=None, note=""))
    if versions:
        _remove(document, versions, by)
    return len(versions)


def _remove(document: Document, versions: list[Version], by: Actor) -> None:
    for version in versions:
        _tell(Verb.VERSION_DELETED, document, version, by)
    PendingDeletion.objects.bulk_create(
        [PendingDeletion(object_key=version.object_key) for version in versions], ignore_conflicts=True
    )
    keys = [version.pk for version in versions]
    previews.forget_pictures_of(keys)
    Version.objects.filter(pk__in=keys).delete()
    quota.free(document.user_id, sum(version.size_bytes for version in versions))
    jobs.enqueue("documents.tasks.purge_objects")


def _held(version: Version, by: Actor, at_least: Level = Level.EDIT) -> tuple[Document, Version]:
    """Document and version once more, the document's row held until the transaction ends."""
    lock_vault(version.document.user_id, is_shared=True)
    access.fetch_document(by, version.document_id, at_least)
    document = Document.objects.select_for_update(of=("self",), no_key=True).get(pk=version.document_id)
    row = document.versions.filter(pk=version.pk).first()
    if row is None:
        raise access.NotVisible(_("There is nothing here that you can see."))
    return document, row


def _tell(verb: Verb, document: Document, version: Version, by: Actor) -> None:
    audit.record(
        verb,
        by=by,
        **audit.about(document),
        details={"version": version.number, "size_bytes": version.size_bytes, "sha256": version.sha256},
    )


# --- The same bytes twice ---------------------------------------------------------------------------


def twins_of(document: Document, *, by: Actor) -> list[Document]:
    """The owner's other documents with a version of the same bytes, in the trash too.

    Only for the owner: whoever adds to somebody else's folder learns nothing of what lies elsewhere.
    """
    if by.active_user is None or document.user_id != by.active_user.pk or not document.size_bytes:
        return []
    rows = Document.objects.owned_by(document.user_id).filter(versions__sha256=document.sha256).exclude(pk=document.pk)
    rows = rows.exclude(trash__kind=EntryKind.RECEIVED)
    return list(rows.select_related("folder", "trash").distinct().order_by("trash_id", "created_at", "pk"))


@transaction.atomic
def give_to(document: Document, other: Document, *, by: Actor) -> Document:
    """Make the document's current bytes the next version of another one; the document itself is gone then.

    Its older versions go along, so nothing is lost. Both are the actor's own. Raises NotVisible.
    """
    lock_vault(document.user_id)
    wanted = [document.pk, other.pk]
    rows = {row.pk: row for row in access.fetch_documents(by, wanted, Level.OWN)}
    document, other = rows[document.pk], rows[other.pk]
    if document.pk == other.pk or document.user_id != other.user_id:
        raise access.NotVisible(_("There is nothing here that you can see."))
    number, last = next_number(other), None
    given = list(document.versions.order_by("number"))
    for version in given:
        version.document, version.number = other, number
        version.save(update_fields=["document", "number"])
        last = version if version.pk == document.current_version_id else last
        number += 1
    document.uploads.update(document=other)
    document.current_version = None
    document.save(update_fields=["current_version", "updated_at"])
    name, key = document.name, document.pk
    document.delete()
    if last is not None:
        make_current(other, last)
        _tell(Verb.VERSION_ADDED, other, last, by)
    audit.record(
        Verb.DOCUMENT_PURGED,
        by=by,
        target_kind="document",
        target_id=key,
        target_name=name,
        owner=other.user_id,
        details={"to": other.name},
    )
    return other


@transaction.atomic
def drop_twin(document: Document, other: Document, *, by: Actor) -> None:
    """Delete a document for good because another one of the actor's, live, holds the same bytes.

    Raises NotVisible where that is not (or no longer) so: then nothing is deleted.
    """
    lock_vault(document.user_id)
    rows = {row.pk: row for row in access.fetch_documents(by, [document.pk, other.pk], Level.OWN)}
    _drop(rows[document.pk], rows[other.pk], by)


@transaction.atomic
def restore_instead(document: Document, other: Document, *, by: Actor) -> None:
    """Bring a document back from the trash in place of one that has just been added with the same bytes.

    Raises NotVisible where the bytes are not (or no longer) the same, or it is not in the trash by itself.
    """
    lock_vault(document.user_id)
    document = access.fetch_documents(by, [document.pk], Level.OWN)[0]
    entry = access.own_trash(by).filter(kind=EntryKind.DOCUMENT, documents=other.pk).first()
    if entry is None:
        raise access.NotVisible(_("There is nothing here that you can see."))
    _drop(document, Document.objects.get(pk=other.pk), by)  # first, so that its name is free
    restore(entry, by=by)


@transaction.atomic
def keep_one(kept: Document, *, by: Actor) -> tuple[int, int]:
    """Delete for good the actor's other live documents of the same bytes; answers how many, and the bytes freed.

    One that has older versions of its own stays: those are nowhere else. Raises NotVisible or NotAllowed, and
    Refused where the stored bytes of the one to keep are known to be missing or damaged.
    """
    lock_vault(kept.user_id)
    kept = access.fetch_documents(by, [kept.pk], Level.OWN)[0]
    if kept.current_version is None or kept.current_version.flaw:
        raise Refused(_("The content of this one is missing or damaged. Keep another one."))
    same = Document.objects.live().owned_by(kept.user_id).filter(sha256=kept.sha256, size_bytes=kept.size_bytes)
    spare = same.exclude(pk=kept.pk).annotate(version_count=Count("versions")).filter(version_count=1)
    rows = list(spare.order_by("pk").values_list("pk", "name")[:COPIES_AT_ONCE])
    if not rows:
        return 0, 0
    freed = remove_documents([key for key, _name in rows])
    quota.free(kept.user_id, freed)
    details: dict[str, object] = {"to": kept.name}
    audit.record_many(
        Verb.DOCUMENT_PURGED, [("document", key, name, kept.user_id, details) for key, name in rows], by=by
    )
    jobs.enqueue("documents.tasks.purge_objects")
    return len(rows), freed


def _drop(document: Document, other: Document, by: Actor) -> None:
    has_same = other.versions.filter(sha256=document.sha256, size_bytes=document.size_bytes, flaw="").exists()
    is_other = document.pk != other.pk and document.user_id == other.user_id
    if not is_other or document.versions.count() != 1 or not has_same:
        raise access.NotVisible(_("There is nothing here that you can see."))
    version = document.versions.get()
    PendingDeletion.objects.create(object_key=version.object_key)
    previews.forget_pictures_of([version.pk])
    key, name, owner_id = document.pk, document.name, document.user_id
    document.delete()
    quota.free(owner_id, version.size_bytes)
    audit.record(
        Verb.DOCUMENT_PURGED,
        by=by,
        target_kind="document",
        target_id=key,
        target_name=name,
        owner=owner_id,
        details={"to": other.name},
    )
    jobs.enqueue("documents.tasks.purge_objects")


# --- Thinning out -----------------------------------------------------------------------------------

OLD_VERSIONS = """
    SELECT document_id, array_agg(id) FROM (
        SELECT v.id, v.document_id, v.note, v.created_at, d.current_version_id, d.user_id,
               row_number() OVER (PARTITION BY v.document_id ORDER BY v.number DESC) AS place
        FROM versions v JOIN documents d ON d.id = v.document_id
        WHERE d.trash_id IS NULL
    ) ranked
    WHERE place > %(keep)s AND note = '' AND created_at < %(before)s AND id IS DISTINCT FROM current_version_id
    GROUP BY document_id LIMIT %(limit)s
"""


def thin_versions(limit: int = 200) -> int:
    """Delete older versions by the vault's policy; answers of how many documents. Off unless a number is set.

    Of each document the newest `VERSIONS_KEPT` stay, all of the last `VERSIONS_KEPT_DAYS` days, those
    with a note, and the current one.
    """
    if not settings.VERSIONS_KEPT:
        return 0
    before = now() - timedelta(days=settings.VERSIONS_KEPT_DAYS)
    count = 0
    for document_id, ids in _old_versions(before, limit):
        with transaction.atomic():
            owner = Document.objects.filter(pk=document_id).values_list("user_id", flat=True).first()
            if owner is None:
                continue
            lock_vault(owner, is_shared=True)
            document = Document.objects.select_for_update(of=("self",), no_key=True).filter(pk=document_id).first()
            if document is None:
                continue
            rows = document.versions.filter(pk__in=ids, note="", current_of=None)
            if versions := list(rows):
                _remove(document, versions, Actor.job())
                count += 1
    return count


def _old_versions(before: datetime, limit: int) -> Iterator[tuple[UUID, list[UUID]]]:
    with connection.cursor() as cursor:
        cursor.execute(OLD_VERSIONS, {"keep": settings.VERSIONS_KEPT, "before": before, "limit": limit})
        yield from cursor.fetchall()
