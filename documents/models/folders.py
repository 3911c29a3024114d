"""Folders: a forest per person, each folder carrying the path of its ancestors."""

import uuid
from collections.abc import Iterable
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from documents.models.trash import TrashEntry


class FolderQuerySet(models.QuerySet["Folder"]):
    def live(self) -> "FolderQuerySet":
        return self.filter(trash=None)

    def owned_by(self, user_id: UUID) -> "FolderQuerySet":
        return self.filter(user_id=user_id)

    def in_folder(self, folder: "Folder | None") -> "FolderQuerySet":
        return self.filter(parent=folder)

    def at_or_below(self, folders: Iterable[UUID]) -> "FolderQuerySet":
        """These folders and everything under them, by the indexed path."""
        return self.filter(path__shares_with=list(folders))


class Folder(models.Model):
    """A named place. `path` lists the ids from the top folder down to this one, itself included."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="folders", db_index=False)
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="children")
    name = models.CharField(_("name"), max_length=255)
    name_key = models.CharField(max_length=1020, editable=False)
    path: "ArrayField[list[UUID], list[UUID]]" = ArrayField(models.UUIDField(), editable=False)
    trash = models.ForeignKey(TrashEntry, on_delete=models.RESTRICT, null=True, blank=True, related_name="folders")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects: ClassVar = FolderQuerySet.as_manager()

    class Meta:
        db_table = "folders"
        verbose_name = _("folder")
        verbose_name_plural = _("folders")
        constraints: ClassVar = [
            # Live folders share an empty `trash`; what was thrown away together keeps its own.
            models.UniqueConstraint(
                fields=["user", "parent", "name_key", "trash"],
                name="uq_folders_user_parent_name",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(path__len__gte=1) & models.Q(path__len__lte=64), name="ck_folders_depth"
            ),
        ]
        indexes: ClassVar = [GinIndex(fields=["path"], name="ix_folders_path")]

    def __str__(self) -> str:
        return self.name

    @property
    def depth(self) -> int:
        return len(self.path)
