"""Office papers as they look: a PDF of each, made when somebody looks at one and an office program is there."""

import logging
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from documents import previews
from documents.extraction import converting
from documents.jobs import enqueue
from documents.models import JobRun, JobState, Picture, PictureKind, Reading, ReadingState, Version
from documents.storage import ObjectMissing

logger = logging.getLogger(__name__)
TASK = "documents.tasks.make_copy"
# One that did not come to be is tried again when somebody looks after so long.
AGAIN_AFTER = timedelta(days=7)


class CopyState(models.TextChoices):
    NONE = "none", _("There is none of this kind of file.")
    MAKING = "making", _("It is being made ready to be shown as it looks.")
    READY = "ready", _("It can be shown as it looks now.")
    FAILED = "failed", _("It cannot be shown as it looks, so this is its text.")


def copy_of(version: Version) -> Picture | None:
    """The PDF, where it has been made."""
    return previews.picture_of(version, PictureKind.COPY)


def state_of_made(version: Version) -> CopyState:
    """For whoever has none made: it is there, or there is none."""
    return CopyState.READY if copy_of(version) is not None else CopyState.NONE


def copy_state(version: Version) -> CopyState:
    if version.content_type not in converting.ENDINGS or not converting.program(settings.OFFICE_PROGRAM):
        return CopyState.NONE
    if copy_of(version) is not None:
        return CopyState.READY
    run = _runs_of(version).first()
    if run is None:
        return CopyState.NONE
    return CopyState.MAKING if run.state in {JobState.WAITING, JobState.RUNNING} else CopyState.FAILED


def ask_for_copy(version: Version) -> CopyState:
    """How far the copy is; the first who looks has it made. The caller has been let see the document."""
    if version.content_type not in converting.ENDINGS or not converting.program(settings.OFFICE_PROGRAM):
        return CopyState.NONE
    # What could not be read (protected, damaged, too large) is not given to a second program.
    if not Reading.objects.filter(pk=version.pk, state=ReadingState.READY).exists():
        return CopyState.NONE
    state = copy_state(version)
    if state != CopyState.NONE:
        return state
    with transaction.atomic():
        Version.objects.select_for_update(of=("self",), no_key=True).get(pk=version.pk)
        if not _runs_of(version).exists():
            enqueue(TASK, version.pk)
    return CopyState.MAKING


def _runs_of(version: Version) -> models.QuerySet[JobRun]:
    rows = JobRun.objects.filter(task=TASK, arguments=[str(version.pk)], created_at__gt=now() - AGAIN_AFTER)
    return rows.order_by("-created_at")


def make_copy(version_id: UUID) -> None:
    """Have the PDF made, unless there is one. What does not come to be is told in the log and in the viewer."""
    version = Version.objects.filter(pk=version_id).first()
    office = converting.program(settings.OFFICE_PROGRAM)
    if version is None or not office or version.size_bytes > settings.READING_MAX_BYTES or copy_of(version):
        return
    try:
        with previews.bytes_of(version) as file:
            data = converting.to_pdf(office, file, version.content_type)
    except ObjectMissing:
        return
    except converting.CannotConvert as error:
        logger.warning("version %s: no copy: %s", version.pk, error)
        return
    previews.keep_object(version.pk, PictureKind.COPY, 1, data, "application/pdf")
