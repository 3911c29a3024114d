"""The first step of an upload: rules, name and space, before any byte."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.template.defaultfilters import filesizeformat
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts import quota
from accounts.actors import Actor
from accounts.models import User
from documents.locks import lock_upload, lock_vault
from documents.models import Document, Folder, Upload
from documents.names import clean_name
from documents.uploads.refusals import TooLarge, UploadRefused
from docuvault.lib.failpoints import Failpoint, failpoint
from sharing import access, audit


def begin_upload(
    name: str,
    size_bytes: int,
    folder: Folder | None,
    declared_type: str = "",
    *,
    by: Actor,
    object_key: str = "",
    lifetime: timedelta | None = None,
    upload_id: UUID | None = None,
    replaces: Document | None = None,
) -> Upload:
    """A row with its reservation. `object_key` notes an object that is about to be written for it.

    With `replaces` the bytes are to become that document's next version; `folder` is then its own.

    Raises InvalidName, QuotaExceeded, TooLarge, NotVisible or NotAllowed, and IntegrityError where there is an upload
    of this `upload_id`; then nothing has changed.
    """
    if replaces is not None:
        folder = access.require_replacing(by, replaces).folder
    name, owner = admit(name, size_bytes, folder, by=by, replaces=replaces)
    with told_when_refused(name, owner, by), transaction.atomic():
        if upload_id is not None:
            lock_upload(upload_id)
        if object_key:
            _need_not_outlive_a_crash()
        # With the vault's lock the folder cannot be purged between the check and the commit.
        lock_vault(owner.pk, is_shared=True)
        if replaces is not None:
            replaces = access.fetch_document_to_replace(by, replaces.pk)
            _keep(replaces)
        elif folder is not None:
            folder = access.fetch_folder_to_add(by, folder.pk)
            must_be_in(folder, owner.pk)
        quota.reserve(owner.pk, size_bytes)
        failpoint(Failpoint.UPLOAD_BEGINNING)
        return Upload.objects.create(
            pk=upload_id or uuid.uuid4(),
            user=owner,
            # Of somebody with a link, it is sent on behalf of who made it: he may stop it.
            actor=by.user or by.on_behalf_of,
            folder=folder,
            to_root=folder is None,
            name=name,
            declared_type=declared_type[:255].replace("\x00", ""),
            declared_bytes=size_bytes,
            reserved_bytes=size_bytes,
            object_key=object_key,
            replaces=replaces,
            expires_at=now() + (lifetime or timedelta(hours=settings.UPLOAD_EXPIRY_HOURS)),
        )


def _keep(document: Document) -> None:
    """Let its row stay until this is committed. Before the quota: verbs hold a document first, and its quota then."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM documents WHERE id = %s FOR KEY SHARE", [document.pk])


def admit(
    name: str, size_bytes: int, folder: Folder | None, *, by: Actor, replaces: Document | None = None
) -> tuple[str, User]:
    """The name as it will be kept, and whose vault it goes to. Raises as begin_upload does, but for the space."""
    name = clean_name(name)
    owner = replaces.user if replaces else owner_of(folder, by)
    if size_bytes < 0:
        raise UploadRefused(_("The size of the file is not known."))
    if size_bytes > settings.MAX_FILE_BYTES:
        raise TooLarge(
            _("This file is %(size)s; one file may have %(limit)s at most.")
            % {"size": filesizeformat(size_bytes), "limit": filesizeformat(settings.MAX_FILE_BYTES)}
        )
    return name, owner


@contextmanager
def told_when_refused(name: str, owner: User, by: Actor) -> Iterator[None]:
    """A refusal for want of space gets its row in the trail, apart from the work that is rolled back.

    Who adds to somebody else's vault is told that there is no room, and none of the owner's figures: not here,
    and not in the trail, where he reads what he did.
    """
    try:
        yield
    except quota.QuotaExceeded as error:
        is_others = by.user is not None and by.user.pk != owner.pk
        details = {"wanted": error.wanted} if is_others else {"wanted": error.wanted, "available": error.available}
        audit.record_apart(
            audit.Verb.QUOTA_REFUSED,
            by=by,
            target_kind="document",
            target_name=name,
            owner=owner.pk,
            details=details,
        )
        if is_others:
            raise quota.NoRoomThere(wanted=error.wanted) from None
        raise


def _need_not_outlive_a_crash() -> None:
    """Commit this transaction without waiting for the disk.

    Only where the sender does not hear of the row before the document is committed, which syncs both.
    A crash in between takes row and reservation together, and the sweep finds the object. Everybody
    else who waits for this quota row waits that much less.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit TO OFF")


def redirect_upload(upload: Upload, folder: Folder | None, *, by: Actor) -> Upload:
    """Send an upload that has just begun to another folder of the same vault."""
    if owner_of(folder, by).pk != upload.user_id:
        raise UploadRefused(_("The folder belongs to another vault."))
    with transaction.atomic():
        lock_vault(upload.user_id, is_shared=True)
        if folder is not None:
            folder = access.fetch_folder_to_add(by, folder.pk)
            must_be_in(folder, upload.user_id)
        upload.folder, upload.to_root = folder, folder is None
        upload.save(update_fields=["folder", "to_root", "updated_at"])
    return upload


def must_be_in(folder: Folder, owner_id: UUID) -> None:
    """Asked with the vault's lock held. Raises UploadRefused where the folder has passed to another vault meanwhile."""
    if folder.user_id != owner_id:
        raise UploadRefused(_("The folder is gone. Choose another place and send the file again."), 409)


def owner_of(folder: Folder | None, by: Actor) -> User:
    """Whose vault the bytes go to. Raises NotVisible or NotAllowed."""
    if folder is not None:
        access.require_adding(by, folder)
        return folder.user
    user = by.active_user
    if user is None:
        raise access.NotVisible
    return user
