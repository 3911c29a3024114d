"""Bytes on their way in, and objects on their way out."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from documents.models.documents import Document
from documents.models.folders import Folder


class UploadState(models.TextChoices):
    RECEIVING = "receiving", _("Receiving")
    FINISHING = "finishing", _("Finishing")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")
    EXPIRED = "expired", _("Expired")


LIVE_UPLOAD_STATES = (UploadState.RECEIVING, UploadState.FINISHING)


class Upload(models.Model):
    """One file being received. Made, with its reservation, before the first byte.

    `user` is charged; `actor` sends. An `is_import` is an export on its way back in: its ZIP is no document and is not
    charged, and what is in it is taken in by a job (`Import`). With `replaces` the bytes become that document's next
    version, or, where it is gone by then, a document of their own. `object_key` is the final object of the one-pass
    way, noted before it is written, so that a sweep finds what a dead process left.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="uploads")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    folder = models.ForeignKey(Folder, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    to_root = models.BooleanField(default=True, db_default=True)
    name = models.CharField(max_length=255)
    declared_type = models.CharField(max_length=255, blank=True, default="", db_default="")
    declared_bytes = models.BigIntegerField()
    received_bytes = models.BigIntegerField(default=0, db_default=0)
    reserved_bytes = models.BigIntegerField(default=0, db_default=0)
    object_key = models.CharField(max_length=64, blank=True, default="", db_default="")
    multipart_id = models.CharField(max_length=1024, blank=True, default="", db_default="")
    state = models.CharField(
        max_length=16, choices=UploadState, default=UploadState.RECEIVING, db_default=UploadState.RECEIVING
    )
    failure = models.CharField(max_length=500, blank=True, default="", db_default="")
    document = models.ForeignKey(Document, on_delete=models.SET_NULL, null=True, blank=True, related_name="uploads")
    replaces = models.ForeignKey(Document, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    is_import = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "uploads"
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(state__in=UploadState.values), name="ck_uploads_state"),
            models.CheckConstraint(
                condition=models.Q(received_bytes__gte=0) & models.Q(reserved_bytes__gte=0),
                name="ck_uploads_bytes",
            ),
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(is_import=True, state__in=["receiving", "finishing"]),
                name="uq_uploads_one_import",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["expires_at"],
                condition=models.Q(state__in=["receiving", "finishing"]),
                name="ix_uploads_live_expires",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Import(models.Model):
    """An export that a person sends back: where it goes, how far it is, what came of it. Its state is its upload's."""

    upload = models.OneToOneField(Upload, on_delete=models.CASCADE, primary_key=True, related_name="taking_in")
    into = models.CharField(max_length=2000, blank=True, default="", db_default="")
    done_bytes = models.BigIntegerField(default=0, db_default=0)
    total_bytes = models.BigIntegerField(default=0, db_default=0)
    report = models.JSONField(default=dict, db_default={})

    class Meta:
        db_table = "imports"
        verbose_name = _("import")
        verbose_name_plural = _("imports")

    def __str__(self) -> str:
        return str(self.upload_id)


class UploadPiece(models.Model):
    """A run of received bytes, staged as an object of its own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="pieces", db_index=False)
    offset_bytes = models.BigIntegerField()
    size_bytes = models.BigIntegerField()
    object_key = models.CharField(max_length=64, unique=True)
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "upload_pieces"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["upload", "offset_bytes"], name="uq_upload_pieces_offset"),
            models.CheckConstraint(condition=models.Q(size_bytes__gt=0), name="ck_upload_pieces_size"),
        ]

    def __str__(self) -> str:
        return f"{self.upload_id} @{self.offset_bytes}"


class PendingDeletion(models.Model):
    """An object whose rows are gone, or that may never get any; a job deletes it after `due_at`."""

    object_key = models.CharField(max_length=64, primary_key=True)
    noted_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    last_error = models.CharField(max_length=500, blank=True, default="", db_default="")

    class Meta:
        db_table = "pending_deletions"
        indexes: ClassVar = [models.Index(fields=["due_at"], name="ix_pending_deletions_due")]

    def __str__(self) -> str:
        return self.object_key
