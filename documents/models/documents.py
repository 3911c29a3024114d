"""Documents, the versions that hold their bytes, and the stars people give them."""

import uuid
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from documents.models.folders import Folder
from documents.models.trash import TrashEntry


class DocumentQuerySet(models.QuerySet["Document"]):
    def live(self) -> "DocumentQuerySet":
        return self.filter(trash=None)

    def owned_by(self, user_id: UUID) -> "DocumentQuerySet":
        return self.filter(user_id=user_id)

    def in_folder(self, folder: Folder | None) -> "DocumentQuerySet":
        return self.filter(folder=folder)


class Document(models.Model):
    """One paper. Object key, size, digest and type repeat those of its current version."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="documents", db_index=False
    )
    folder = models.ForeignKey(Folder, on_delete=models.RESTRICT, null=True, blank=True, related_name="documents")
    name = models.CharField(_("name"), max_length=255)
    name_key = models.CharField(max_length=1020, editable=False)
    current_version = models.OneToOneField(
        "Version", on_delete=models.RESTRICT, null=True, editable=False, related_name="current_of"
    )
    object_key = models.CharField(max_length=64, editable=False)
    size_bytes = models.BigIntegerField(_("size"), default=0, db_default=0, editable=False)
    sha256 = models.CharField(_("SHA-256"), max_length=64, default="", db_default="", editable=False)
    content_type = models.CharField(_("type"), max_length=127, default="application/octet-stream", editable=False)
    trash = models.ForeignKey(TrashEntry, on_delete=models.RESTRICT, null=True, blank=True, related_name="documents")
    created_at = models.DateTimeField(_("added"), db_default=Now(), editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True, db_default=Now())

    objects: ClassVar = DocumentQuerySet.as_manager()

    class Meta:
        db_table = "documents"
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "folder", "name_key"],
                condition=models.Q(trash=None),
                name="uq_documents_live_folder_name",
                nulls_distinct=False,
            ),
            models.CheckConstraint(condition=models.Q(size_bytes__gte=0), name="ck_documents_size"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["user", "folder"], name="ix_documents_user_folder"),
            models.Index(fields=["user", "created_at"], name="ix_documents_user_created"),
            # One per sort order of a folder page, so that any page is a short index walk.
            models.Index(
                fields=["user", "folder", "name_key", "id"],
                condition=models.Q(trash=None),
                name="ix_documents_by_name",
            ),
            models.Index(
                fields=["user", "folder", "created_at", "id"],
                condition=models.Q(trash=None),
                name="ix_documents_by_created",
            ),
            models.Index(
                fields=["user", "folder", "size_bytes", "id"],
                condition=models.Q(trash=None),
                name="ix_documents_by_size",
            ),
            models.Index(
                fields=["user", "created_at", "id"],
                condition=models.Q(trash=None),
                name="ix_documents_recent",
            ),
            models.Index(
                fields=["user", "size_bytes", "id"], condition=models.Q(trash=None), name="ix_documents_largest"
            ),
            # What is kept twice is found in this alone.
            models.Index(
                fields=["user", "sha256"],
                include=["size_bytes"],
                condition=models.Q(trash=None),
                name="ix_documents_twins",
            ),
            GinIndex(OpClass("name_key", name="gin_trgm_ops"), name="ix_documents_name_trigrams"),
        ]

    def __str__(self) -> str:
        return self.name


class VersionFlaw(models.TextChoices):
    """What a look at the stored bytes found wrong. Never mended silently."""

    MISSING = "missing", _("content missing")
    DAMAGED = "damaged", _("content damaged")


class Version(models.Model):
    """The bytes of one upload: where they lie, how many they are, and their digest.

    `checked_at`: when they were last read and matched the digest.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()
    object_key = models.CharField(max_length=64, unique=True)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    content_type = models.CharField(max_length=127)
    declared_type = models.CharField(max_length=255, blank=True, default="", db_default="")
    note = models.CharField(max_length=500, blank=True, default="", db_default="")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    checked_at = models.DateTimeField(null=True, blank=True)
    flaw = models.CharField(max_length=16, choices=VersionFlaw, blank=True, default="", db_default="")

    class Meta:
        db_table = "versions"
        verbose_name = _("version")
        verbose_name_plural = _("versions")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["document", "number"], name="uq_versions_document_number"),
            models.CheckConstraint(condition=models.Q(size_bytes__gte=0), name="ck_versions_size"),
            models.CheckConstraint(condition=models.Q(flaw__in=["", *VersionFlaw.values]), name="ck_versions_flaw"),
        ]
        indexes: ClassVar = [
            # What was never read, or longest ago, is read next.
            models.Index(models.F("checked_at").asc(nulls_first=True), "id", name="ix_versions_checked"),
            models.Index(fields=["sha256"], name="ix_versions_sha256"),
            models.Index(fields=["document"], condition=models.Q(number__gt=1), name="ix_versions_later"),
            models.Index(fields=["flaw"], condition=~models.Q(flaw=""), name="ix_versions_flawed"),
        ]

    def __str__(self) -> str:
        return f"{self.document_id} #{self.number}"


class Star(models.Model):
    """A document somebody wants at hand; each person's own."""

    pk = models.CompositePrimaryKey("user_id", "document_id")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="stars", db_index=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="stars")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stars"

    def __str__(self) -> str:
        return f"{self.user_id} {self.document_id}"
