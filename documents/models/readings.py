"""What was read of a version: its state, its pages with their text, and the pictures made of it."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from documents.models.documents import Version


class ReadingState(models.TextChoices):
    WAITING = "waiting", _("Waiting to be read")
    READING = "reading", _("Being read")
    READY = "ready", _("Read")
    FAILED = "failed", _("Could not be read")
    ENCRYPTED = "encrypted", _("Protected by a password")
    NOTHING = "nothing", _("Nothing to read")


# States that no further attempt is made from by itself.
FINAL_READING_STATES = (ReadingState.READY, ReadingState.FAILED, ReadingState.ENCRYPTED, ReadingState.NOTHING)


class ReadingReason(models.TextChoices):
    """Why it was not read, or only in part; what a state alone does not say."""

    TOO_LARGE = "too_large", _("It is larger than what is read here.")
    UNREADABLE = "unreadable", _("It is damaged, or not what it says it is.")
    PIXELS = "pixels", _("It holds a picture with more pixels than are looked at here.")
    MEMORY = "memory", _("It took more memory than one document may.")
    TIME = "time", _("It took more time than one document may.")
    OUTPUT = "output", _("It unpacks to more than one document may.")
    DIED = "died", _("The program that read it broke off in the middle.")
    GAVE_UP = "gave_up", _("The server stopped in the middle each time it was tried.")
    MISSING = "missing", _("Its bytes are no longer in the storage.")
    PAGES = "pages", _("It has more pages than are read here; the first ones were.")
    CHARACTERS = "characters", _("It has more text than is kept here; the beginning is.")
    PICTURE = "picture", _("All of its text is here, but no picture could be made of it.")


class Reading(models.Model):
    """The reading of one version. These rows are the queue: who is to be read next is asked of them.

    `attempts` is counted and committed before the work. `reason` is a word of a closed list for the
    states that need one; `reader` is the number of the reader that read it last, so that what an
    older one has read can be found. `beat_at` is renewed while it is being read, so one that a dead
    process left is seen. `written_at` and `title` are what the file says of itself.
    """

    version = models.OneToOneField(Version, on_delete=models.CASCADE, primary_key=True, related_name="reading")
    # Whose vault it is in, said again here: owners take turns.
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    # 0: newly added, or asked for by a person; 1: read again by the operator, after all of those.
    rank = models.PositiveSmallIntegerField(default=0, db_default=0)
    state = models.CharField(
        max_length=16, choices=ReadingState, default=ReadingState.WAITING, db_default=ReadingState.WAITING
    )
    reason = models.CharField(max_length=32, blank=True, default="", db_default="")
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    reader = models.PositiveSmallIntegerField(default=0, db_default=0)
    kind = models.CharField(max_length=16, blank=True, default="", db_default="")
    page_count = models.PositiveIntegerField(null=True, blank=True)
    pages_read = models.PositiveIntegerField(default=0, db_default=0)
    is_scanned = models.BooleanField(default=False, db_default=False)
    # ISO 639-1; empty where it is not known.
    language = models.CharField(max_length=8, blank=True, default="", db_default="")
    title = models.CharField(max_length=500, blank=True, default="", db_default="")
    written_at = models.DateTimeField(null=True, blank=True)
    queued_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    beat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "readings"
        verbose_name = _("reading")
        verbose_name_plural = _("readings")
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(state__in=ReadingState.values), name="ck_readings_state")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["rank", "owner", "queued_at"], condition=models.Q(state="waiting"), name="ix_readings_queue"
            ),
            models.Index(fields=["beat_at"], condition=models.Q(state="reading"), name="ix_readings_under_way"),
            # When an owner last had a turn.
            models.Index(fields=["owner", "-started_at"], name="ix_readings_turns"),
            models.Index(fields=["state", "reason"], name="ix_readings_state"),
            # How many were read in the last hours and days.
            models.Index(
                fields=["finished_at"], condition=models.Q(finished_at__isnull=False), name="ix_readings_finished"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version_id} {self.state}"

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_READING_STATES

    @property
    def reason_word(self) -> str:
        return str(ReadingReason(self.reason).label) if self.reason in ReadingReason.values else ""


class PageSource(models.TextChoices):
    TEXT = "text", _("text of the file")
    OCR = "ocr", _("recognised on the picture")


class Page(models.Model):
    """The text of one page, from 1. Kinds without pages have one.

    `width` and `height` are those of the upright page, in the unit of `words`: a compressed list of
    [left, top, right, bottom, text] in reading order, empty where the words have no places. `turn`:
    by how many degrees, clockwise, the page of the file is turned to stand upright.
    """

    reading = models.ForeignKey(Reading, on_delete=models.CASCADE, related_name="pages", db_index=False)
    number = models.PositiveIntegerField()
    text = models.TextField(blank=True, default="", db_default="")
    source = models.CharField(max_length=8, choices=PageSource, default=PageSource.TEXT, db_default=PageSource.TEXT)
    width = models.FloatField(null=True, blank=True)
    height = models.FloatField(null=True, blank=True)
    turn = models.FloatField(default=0, db_default=0)
    words = models.BinaryField(null=True, blank=True)

    class Meta:
        db_table = "pages"
        verbose_name = _("page")
        verbose_name_plural = _("pages")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["reading", "number"], name="uq_pages_reading_number"),
            models.CheckConstraint(condition=models.Q(number__gte=1), name="ck_pages_number"),
        ]

    def __str__(self) -> str:
        return f"{self.reading_id} p{self.number}"


class PictureKind(models.TextChoices):
    THUMBNAIL = "thumbnail", _("thumbnail")
    PAGE = "page", _("page picture")
    COPY = "copy", _("converted copy")


class Picture(models.Model):
    """An object made from a version: never charged, made again when it is lost, deleted with its version."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="pictures", db_index=False)
    kind = models.CharField(max_length=16, choices=PictureKind)
    page = models.PositiveIntegerField(default=1, db_default=1)
    object_key = models.CharField(max_length=64, unique=True)
    size_bytes = models.BigIntegerField()
    content_type = models.CharField(max_length=127)
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "pictures"
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "kind", "page"], name="uq_pictures_version_kind_page")
        ]

    def __str__(self) -> str:
        return f"{self.version_id} {self.kind} {self.page}"
