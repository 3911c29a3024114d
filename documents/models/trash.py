"""What was thrown away together, by whom and when; the rows it holds stay until they are purged."""

import uuid
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class EntryKind(models.TextChoices):
    FOLDER = "folder", _("Folder")
    DOCUMENT = "document", _("Document")
    # Not thrown away: it has come by a file request, and waits until its owner files or refuses it.
    RECEIVED = "received", _("Received")


class TrashEntryQuerySet(models.QuerySet["TrashEntry"]):
    def thrown(self) -> "TrashEntryQuerySet":
        """What somebody threw away, without what waits to be filed."""
        return self.exclude(kind=EntryKind.RECEIVED)

    def older_than(self, moment: datetime) -> "TrashEntryQuerySet":
        return self.filter(trashed_at__lt=moment)


class TrashEntry(models.Model):
    """One act of throwing away: a document, or a folder with all that was live below it.

    Restoring clears `trash` on exactly the rows that name this entry, so what was thrown away
    earlier stays where it is.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="trash", db_index=False)
    kind = models.CharField(max_length=16, choices=EntryKind)
    name = models.CharField(max_length=255)
    # The names of the folders it lay in, top first: they can be made again where they are gone.
    place: "ArrayField[list[str], list[str]]" = ArrayField(models.CharField(max_length=255), default=list)
    folder_count = models.IntegerField(default=0, db_default=0)
    document_count = models.IntegerField(default=0, db_default=0)
    size_bytes = models.BigIntegerField(default=0, db_default=0)
    trashed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    trashed_at = models.DateTimeField(db_default=Now())

    objects: ClassVar = TrashEntryQuerySet.as_manager()

    class Meta:
        db_table = "trash_entries"
        verbose_name = _("trash entry")
        verbose_name_plural = _("trash")
        indexes: ClassVar = [
            models.Index(fields=["user", "-trashed_at", "-id"], name="ix_trash_user_trashed"),
            models.Index(fields=["trashed_at"], name="ix_trash_trashed"),
            models.Index(fields=["user", "size_bytes", "id"], name="ix_trash_largest"),
        ]

    def __str__(self) -> str:
        return self.name
