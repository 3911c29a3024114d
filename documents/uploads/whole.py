"""The shortest way in: a file that comes whole in one request. The bytes are put first, then told in one transaction.

No row stands before the bytes: the sender waits in the same request, so nothing is promised, and an
object that a dead process leaves is found by the sweep. Plain SQL, since files of this kind come by
the hundred and building these statements with the ORM costs more than running them.
"""

import hashlib
import uuid
from datetime import timedelta
from typing import BinaryIO
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts import quota
from accounts.actors import Actor
from documents.locks import lock_names, lock_upload, lock_vault
from documents.models import Folder, Upload, UploadState
from documents.names import name_key
from documents.sniffing import HEAD_BYTES, sniff
from documents.storage import StoreUnavailable, new_key, store
from documents.uploads.beginning import admit, must_be_in, told_when_refused
from documents.uploads.ending import note_for_deletion
from documents.uploads.filing import NAME_TRIES, Received, next_free_name, tell_added
from documents.uploads.incoming import Checksum, Incoming
from documents.uploads.refusals import UploadRefused
from docuvault.lib.connections import let_go_of_database
from docuvault.lib.failpoints import Failpoint, failpoint
from sharing import access

# An object without a row is safe from the sweep for a day; a process that was held for longer files nothing.
PATIENCE = timedelta(hours=12)
# No row where the name is taken: then another name is tried.
FILE = """
    WITH document AS (
        INSERT INTO documents (id, user_id, folder_id, name, name_key, current_version_id, object_key, size_bytes,
                               sha256, content_type, created_at, updated_at)
        VALUES (%(document)s, %(owner)s, %(folder)s, %(name)s, %(name_key)s, %(version)s, %(key)s, %(size)s,
                %(sha256)s, %(type)s, %(moment)s, %(moment)s)
        ON CONFLICT (user_id, folder_id, name_key) WHERE trash_id IS NULL DO NOTHING
        RETURNING id
    ), version AS (
        INSERT INTO versions (id, document_id, number, object_key, size_bytes, sha256, content_type, declared_type,
                              created_by_id)
        SELECT %(version)s, id, 1, %(key)s, %(size)s, %(sha256)s, %(type)s, %(declared_type)s, %(actor)s
        FROM document
    ), reading AS (
        INSERT INTO readings (version_id, owner_id) SELECT %(version)s, %(owner)s FROM document
    )
    INSERT INTO uploads (id, user_id, actor_id, folder_id, to_root, name, declared_type, declared_bytes,
                         received_bytes, object_key, state, document_id, updated_at, expires_at)
    SELECT %(upload)s, %(owner)s, %(actor)s, %(folder)s, %(folder)s::uuid IS NULL, %(wanted)s, %(declared_type)s,
           %(size)s, %(size)s, %(key)s, 'done', id, %(moment)s, %(expiry)s
    FROM document
"""


def file_whole(
    name: str,
    stream: BinaryIO,
    size_bytes: int,
    folder: Folder | None,
    declared_type: str = "",
    *,
    by: Actor,
    upload_id: UUID | None = None,
    checksum: Checksum | None = None,
) -> Upload:
    """The document of a file that fits one piece, and the ended upload that brought it.

    With the `upload_id` of an upload that is there already, that one is answered and nothing is added.
    Raises what begin_upload raises, UploadRefused where the stream ends too early, StoreError.
    """
    name, owner = admit(name, size_bytes, folder, by=by)
    with told_when_refused(name, owner, by):
        quota.require(owner.pk, size_bytes)
    let_go_of_database()
    incoming = Incoming(stream, size_bytes, checksum)
    data = incoming.piece()
    if len(data) != size_bytes:
        raise UploadRefused(_("The connection ended before the file did."))
    incoming.must_match()
    key, put_at = new_key(), now()
    store().put(key, data)
    failpoint(Failpoint.WHOLE_PUT)
    received = Received(key, size_bytes, hashlib.sha256(data).hexdigest(), sniff(data[:HEAD_BYTES], name))
    upload = Upload(
        pk=upload_id or uuid.uuid4(),
        user=owner,
        actor=by.user or by.on_behalf_of,
        folder=folder,
        to_root=folder is None,
        name=name,
        declared_type=declared_type[:255].replace("\x00", ""),
        declared_bytes=size_bytes,
        object_key=key,
        expires_at=now() + timedelta(hours=settings.UPLOAD_EXPIRY_HOURS),
    )
    try:
        with told_when_refused(name, owner, by), transaction.atomic():
            if upload_id is not None:
                lock_upload(upload_id)
            _file(upload, received, by)
            if now() - put_at > PATIENCE:
                raise StoreUnavailable("the object may have been swept away")
    except IntegrityError as error:
        note_for_deletion([key])
        if "uploads_pkey" not in str(error):
            raise
        return Upload.objects.get(pk=upload.pk)  # another request with the same id was quicker
    except (UploadRefused, quota.QuotaExceeded, access.NotVisible, access.NotAllowed):
        note_for_deletion([key])
        raise
    failpoint(Failpoint.WHOLE_FILED)
    return upload


def _file(upload: Upload, received: Received, by: Actor) -> None:
    lock_vault(upload.user_id, is_shared=True)
    access.require_still_active(by)
    if upload.folder_id is not None:
        must_be_in(access.fetch_folder_to_add(by, upload.folder_id), upload.user_id)
    document_id, shown = _insert(upload, received)
    tell_added(document_id, shown, upload.user_id, received, by=by)
    # Last, so that the row that all uploads of a vault need is held for the shortest time.
    quota.take(upload.user_id, received.size_bytes)
    failpoint(Failpoint.WHOLE_FILING)
    upload.document_id = document_id
    upload.state, upload.received_bytes = UploadState.DONE, received.size_bytes


def _insert(upload: Upload, received: Received) -> tuple[UUID, str]:
    """Document, version and upload, under the wanted name or the next free one."""
    document_id, shown = uuid.uuid4(), upload.name
    values = {
        "document": document_id,
        "version": uuid.uuid4(),
        "upload": upload.pk,
        "owner": upload.user_id,
        "actor": upload.actor_id,
        "folder": upload.folder_id,
        "wanted": upload.name,
        "declared_type": upload.declared_type,
        "key": received.object_key,
        "size": received.size_bytes,
        "sha256": received.sha256,
        "type": received.content_type,
        "moment": now(),
        "expiry": upload.expires_at,
    }
    for _try in range(NAME_TRIES):
        with connection.cursor() as cursor:
            cursor.execute(FILE, {**values, "name": shown, "name_key": name_key(shown)})
            if cursor.rowcount:
                return document_id, shown
        # Those who need a number in this folder wait for one another; each then sees what is taken.
        lock_names(upload.user_id, upload.folder_id)
        shown = next_free_name(upload.name, upload.user_id, upload.folder)
    raise UploadRefused(_("Too many files of this name arrive at once. Please send it again."), 409)
