"""File requests: an address where people without an account may leave files, and what they have left there.

A received file waits as a document of its own that no list shows: it lies in an entry of the trash's table of the
kind "received", so its bytes are charged, checked, backed up and purged as every document's are.
"""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from documents.models import Document, Folder, Upload
from sharing.models_items import Ending


class FileKind(models.TextChoices):
    """Kinds of file that a request may be limited to, by what the bytes are."""

    PDF = "pdf", _("PDF")
    PICTURE = "picture", _("Pictures")
    OFFICE = "office", _("Office documents and tables")
    TEXT = "text", _("Plain text")
    MAIL = "mail", _("E-mails")
    ARCHIVE = "archive", _("Archives such as ZIP")


class FileRequest(Ending, models.Model):
    """One address for files from outside, into one folder; the table keeps the hash of its token,
    and the token sealed for its owner, who may copy the address again.

    `folder` is empty once it is gone; `is_notice_due`: a mail about what has come is on its way.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="file_requests")
    folder = models.ForeignKey(Folder, on_delete=models.SET_NULL, null=True, blank=True, related_name="file_requests")
    title = models.CharField(max_length=120)
    message = models.CharField(max_length=1000, blank=True, default="", db_default="")
    token_hash = models.CharField(max_length=64, unique=True)
    token_sealed = models.TextField()
    password_hash = models.CharField(max_length=256, blank=True, default="", db_default="")
    expires_at = models.DateTimeField(null=True, blank=True)
    max_files = models.PositiveIntegerField(null=True, blank=True)
    max_file_bytes = models.BigIntegerField(null=True, blank=True)
    max_total_bytes = models.BigIntegerField(null=True, blank=True)
    kinds: "ArrayField[list[str], list[str]]" = ArrayField(
        models.CharField(max_length=16, choices=FileKind), default=list, blank=True
    )
    is_notified = models.BooleanField(default=True, db_default=True)
    is_notice_due = models.BooleanField(default=False, db_default=False)
    told_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "file_requests"
        verbose_name = _("file request")
        verbose_name_plural = _("file requests")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=(Q(max_files=None) | Q(max_files__gte=1))
                & (Q(max_file_bytes=None) | Q(max_file_bytes__gte=1))
                & (Q(max_total_bytes=None) | Q(max_total_bytes__gte=1)),
                name="ck_file_requests_limits",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        """Whether it takes files: not ended, its folder there, and its owner still here."""
        return (
            not self.is_closed
            and not self.is_over
            and self.folder is not None
            and self.folder.trash_id is None
            and self.folder.user_id == self.user_id
            and self.user.is_active
        )

    @property
    def is_closed(self) -> bool:
        return self.closed_at is not None


class ReceivedState(models.TextChoices):
    ARRIVING = "arriving", _("Arriving")
    WAITING = "waiting", _("Waiting")
    ACCEPTED = "accepted", _("Filed")
    REFUSED = "refused", _("Refused")
    EXPIRED = "expired", _("Gone by itself")
    FAILED = "failed", _("Not taken")


# What takes a place among the files of a request.
PLACED = (ReceivedState.ARRIVING, ReceivedState.WAITING, ReceivedState.ACCEPTED)


class ReceivedFile(models.Model):
    """One file that somebody has sent to a request: on its way, waiting for its owner, or decided.

    The row outlives what became of the file: it is what the sender's receipt is made of. `visit_hash` says in whose
    visit it came.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    request = models.ForeignKey(FileRequest, on_delete=models.CASCADE, related_name="received", db_index=False)
    upload = models.OneToOneField(Upload, on_delete=models.SET_NULL, null=True, related_name="received")
    document = models.OneToOneField(Document, on_delete=models.SET_NULL, null=True, related_name="received")
    name = models.CharField(max_length=255)
    size_bytes = models.BigIntegerField(default=0, db_default=0)
    sha256 = models.CharField(max_length=64, blank=True, default="", db_default="")
    content_type = models.CharField(max_length=127, blank=True, default="", db_default="")
    sender_name = models.CharField(max_length=120, blank=True, default="", db_default="")
    sender_email = models.CharField(max_length=254, blank=True, default="", db_default="")
    visit_hash = models.CharField(max_length=64)
    state = models.CharField(
        max_length=16, choices=ReceivedState, default=ReceivedState.ARRIVING, db_default=ReceivedState.ARRIVING
    )
    created_at = models.DateTimeField(db_default=Now())
    received_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "received_files"
        verbose_name = _("received file")
        verbose_name_plural = _("received files")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=ReceivedState.values), name="ck_received_files_state"),
            models.CheckConstraint(
                condition=~Q(state="waiting") | Q(document__isnull=False), name="ck_received_files_waiting"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["request", "state"], name="ix_received_files_request"),
            models.Index(fields=["visit_hash"], name="ix_received_files_visit"),
            models.Index(fields=["received_at"], condition=Q(state="waiting"), name="ix_received_files_waiting"),
        ]

    def __str__(self) -> str:
        return self.name
