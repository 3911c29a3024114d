"""An export that a person sends back into his own vault: its ZIP comes in pieces like any upload, a job takes it in.

The ZIP is no document and is not charged, since what is in it will be; so there is one at a time for each
person, and it may be no larger than a vault of his size can have been.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any, BinaryIO, cast
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.template.defaultfilters import filesizeformat
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Quota
from documents import jobs
from documents.actions.errors import Refused
from documents.exports.marks import NotAnExport
from documents.exports.report import ImportReport, Interrupted
from documents.exports.sources import ZipSource
from documents.exports.staged_zip import LARGEST_READ, Piece, StagedFile
from documents.exports.taking_in import take_in
from documents.models import LIVE_UPLOAD_STATES, Import, Upload, UploadState
from documents.names import InvalidName, clean_name
from documents.uploads.ending import end_import, fail_upload
from documents.uploads.incoming import PIECE_BYTES
from documents.uploads.refusals import TooLarge, UploadRefused
from documents.uploads.staged import Staging, finish_upload
from sharing import access

TASK = "documents.tasks.take_in_import"
# Records, lists and the frame of a ZIP come on top of what a vault may hold.
SHARE_ON_TOP, BYTES_ON_TOP = 0.1, 64 * 1024 * 1024
LARGEST_SUMS = 2 * LARGEST_READ
LONGEST_PLACE = 2000
REFUSED_KEPT = 200
TOLD_EVERY = 1.0  # seconds
# A job goes on as another one before the queue takes it for dead.
PATIENCE = settings.JOB_TIMEOUT_SECONDS * 0.6


class UnderWay(Refused):
    """One import at a time."""


def largest_import(quota: Quota) -> int:
    return int(quota.allowed_bytes * (1 + SHARE_ON_TOP)) + BYTES_ON_TOP


def last_import(*, by: Actor) -> Import | None:
    """The one under way, or the last one that ended."""
    rows = Import.objects.filter(upload__in=access.own_uploads(by)).select_related("upload")
    return rows.order_by("-upload__created_at").first()


def begin_import(name: str, size_bytes: int, into: str = "", *, by: Actor, upload_id: UUID | None = None) -> Upload:
    """An upload for the ZIP of an export. Raises InvalidName, TooLarge, UploadRefused, UnderWay, NotVisible."""
    user = by.active_user
    if user is None:
        raise access.NotVisible
    name = clean_name(name)
    into = "/".join(clean_name(part) for part in into.split("/") if part.strip())
    if size_bytes <= 0 or len(into) > LONGEST_PLACE:
        raise UploadRefused(_("That is no export of a DocuVault."))
    limit = largest_import(Quota.objects.get(user=user))
    if size_bytes > limit:
        raise TooLarge(
            _("This file is %(size)s; your vault takes exports of %(limit)s at most. Ask for more room first.")
            % {"size": filesizeformat(size_bytes), "limit": filesizeformat(limit)}
        )
    told: dict[str, Any] = {"pk": upload_id} if upload_id else {}
    try:
        with transaction.atomic():
            upload = Upload.objects.create(
                user=user,
                actor=user,
                name=name,
                declared_bytes=size_bytes,
                is_import=True,
                expires_at=now() + timedelta(hours=settings.UPLOAD_EXPIRY_HOURS),
                **told,
            )
            Import.objects.create(upload=upload, into=into)
    except IntegrityError as error:
        if "uq_uploads_one_import" not in str(error):
            raise
        raise UnderWay(_("An import is under way. Wait for its end, or stop it first.")) from None
    return upload


class StagedPass:
    """Takes the ZIP from a form, whose exact size is known only at its end. Use `finish` or `abandon`."""

    def __init__(self, name: str, bound_bytes: int, into: str, *, by: Actor) -> None:
        self.by = by
        self.upload = begin_import(name, bound_bytes, into, by=by)
        self._staging = Staging(self.upload, 0)
        self._parts: list[bytes] = []
        self._waiting = self._size = 0

    def write(self, chunk: bytes) -> None:
        """Take some bytes. Raises TooLarge, StoreUnavailable."""
        self._size += len(chunk)
        if self._size > self.upload.declared_bytes:
            raise TooLarge(_("More bytes arrived than were announced."))
        self._parts.append(chunk)
        self._waiting += len(chunk)
        if self._waiting >= PIECE_BYTES:
            self._send()

    def finish(self) -> None:
        """All is here: it is taken in from now on. Raises StoreUnavailable, UploadRefused."""
        try:
            if self._waiting:
                self._send()
            self._staging.settle()
            Upload.objects.filter(pk=self.upload.pk, state=UploadState.RECEIVING).update(declared_bytes=self._size)
            finish_upload(self.upload.pk, by=self.by)
        except BaseException as error:
            fail_upload(self.upload, error, by=self.by)
            raise

    def abandon(self, reason: BaseException) -> None:
        """Leave nothing behind."""
        self._staging.drop()
        fail_upload(self.upload, reason, by=self.by)

    def _send(self) -> None:
        data, self._parts, self._waiting = b"".join(self._parts), [], 0
        self._staging.add(data)


# --- Taking in ------------------------------------------------------------------------------------------


class _Later(Interrupted):
    """It has worked for as long as one job may."""


def take_in_sent(upload_id: UUID, *, clock: Callable[[], float] = time.monotonic) -> None:
    """What the job does: all of it, or as much as one job may, and then another one goes on. It bears repetition.

    An outage of the store or the database is raised: the job is tried again, and nothing comes in twice.
    """
    upload = Upload.objects.select_related("actor", "taking_in").filter(pk=upload_id, is_import=True).first()
    if upload is None or upload.state != UploadState.FINISHING or upload.actor is None:
        return
    run = _Taking(upload, clock)
    try:
        run.work()
    except _Later:
        with transaction.atomic():
            jobs.enqueue(TASK, upload.pk)
    except Interrupted:
        pass  # stopped by its owner, who has its bytes back
    except (NotAnExport, InvalidName, Refused) as error:
        end_import(upload.pk, error.message)
    except (access.NotVisible, access.NotAllowed):
        end_import(upload.pk, _("The file could not be stored."))
    else:
        end_import(upload.pk)


class _Taking:
    """One job's share of the work, told of in the row as it goes."""

    def __init__(self, upload: Upload, clock: Callable[[], float]) -> None:
        self.upload, self.taking, self.clock = upload, upload.taking_in, clock
        self.begun_at = self.told_at = clock()
        self.report = ImportReport()
        # What jobs before this one brought is known to this one.
        self.before: dict[str, Any] = dict(self.taking.report)

    def work(self) -> None:
        pieces = self.upload.pieces.values_list("offset_bytes", "size_bytes", "object_key")
        hint = _(
            "%(name)s is no export of a DocuVault. Other files are added where they belong, and ZIPs kept as they are."
        )
        source = ZipSource(
            cast(BinaryIO, StagedFile([Piece(*row) for row in pieces])),
            self.upload.name,
            other=hint % {"name": self.upload.name},
            largest_sums=LARGEST_SUMS,
        )
        actor = self.upload.actor
        assert actor is not None
        try:
            take_in(
                source,
                by=Actor.job(actor),
                preferred=actor.handle,
                into=self.taking.into,
                report=self.report,
                step=self._step,
            )
        finally:
            source.close()
            self._tell(self.taking.done_bytes, self.taking.total_bytes)
        self._tell(self.taking.total_bytes, self.taking.total_bytes)

    def _step(self, done: int, total: int) -> None:
        moment = self.clock()
        if moment - self.told_at < TOLD_EVERY and self.taking.total_bytes:
            return
        self.told_at = moment
        self._tell(done, total)
        if not Upload.objects.filter(pk=self.upload.pk, state=UploadState.FINISHING).exists():
            raise Interrupted
        if moment - self.begun_at > PATIENCE:
            raise _Later

    def _tell(self, done: int, total: int) -> None:
        self.taking.done_bytes, self.taking.total_bytes = min(done, total), total
        self.taking.report = _added(self.before, self.report)
        self.taking.save(update_fields=["done_bytes", "total_bytes", "report"])


def _added(before: dict[str, Any], report: ImportReport) -> dict[str, Any]:
    """The report of all jobs so far."""
    told = asdict(report)
    earlier = int(before.get("added", 0))
    told["added"] += earlier
    told["known"] = max(0, report.known - earlier)
    for name in ("folders", "added_bytes", "rules", "views"):
        told[name] += int(before.get(name, 0))
    told["shown_added"] = before.get("shown_added") or report.shown_added
    told["refused"] = report.refused[:REFUSED_KEPT]
    if earlier:
        told["shown_known"] = []
    return told


def is_under_way(taking: Import) -> bool:
    return taking.upload.state in LIVE_UPLOAD_STATES
