"""The same upload asked for twice is one: its id follows from a key that the sender chose."""

import uuid
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.actors import Actor
from documents.models import LIVE_UPLOAD_STATES, Upload, UploadState
from documents.uploads.refusals import UploadRefused
from sharing import access

SPACE = UUID("5c0f2b4e-94b5-4a0c-8f57-6c1f4f6e2a01")
KEY_LIMIT = 200
TRIES = 20


def upload_of_key(key: str, size_bytes: int, *, by: Actor) -> tuple[UUID | None, Upload | None]:
    """The id that an upload with this key has, and the upload if it has been begun before and not in vain.

    Without a key neither. Keys are a person's own, and known as long as the rows of uploads are kept.
    Raises UploadRefused where the key stands for a file of another size, or was tried too often.
    """
    if not key:
        return None, None
    if by.user is None or len(key) > KEY_LIMIT:
        raise UploadRefused(_("The key of this upload cannot be used."))
    for attempt in range(TRIES):
        upload_id = uuid.uuid5(SPACE, f"{by.user.pk} {attempt} {key}")
        upload = access.own_uploads(by).filter(pk=upload_id).first()
        if upload is None:
            return upload_id, None
        if upload.state in {*LIVE_UPLOAD_STATES, UploadState.DONE}:
            if upload.declared_bytes != size_bytes:
                raise UploadRefused(_("The key of this upload belongs to another file."), 422)
            return upload_id, upload
    raise UploadRefused(_("The key of this upload cannot be used."))
