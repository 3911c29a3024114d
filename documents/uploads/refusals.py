"""Why an upload cannot go on, in words for the person who sends it."""

from django.utils.timezone import now
from django.utils.translation import gettext as _

from documents.models import Upload, UploadState


class UploadRefused(Exception):
    """It cannot go on. `status` is the answer over HTTP."""

    status = 400

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        if status is not None:
            self.status = status


class TooLarge(UploadRefused):
    """More bytes than one file may have, or than were announced."""

    status = 413


class WrongOffset(UploadRefused):
    """The sender and the vault do not agree on how much has arrived."""

    status = 409

    def __init__(self, offset: int) -> None:
        super().__init__(_("The upload stands at another place than this request begins."))
        self.offset = offset


class WrongChecksum(UploadRefused):
    """The bytes of a request are not those that its sender took the checksum of."""

    status = 460  # of the tus protocol


class UploadEnded(UploadRefused):
    """Cancelled, failed or expired: nothing more can be sent."""

    status = 410


def must_be_receiving(upload: Upload) -> None:
    """Raises UploadRefused for an upload that takes no more bytes: complete, being put together, or ended."""
    if upload.state == UploadState.DONE:
        raise WrongOffset(upload.received_bytes)
    if upload.state == UploadState.FINISHING:
        raise UploadRefused(_("All bytes are here; the file is being put together."), 409)
    if upload.state != UploadState.RECEIVING:
        raise UploadEnded(upload.failure or _("This upload has ended."))
    if upload.expires_at <= now():
        raise UploadEnded(_("The upload was not finished in time."))
