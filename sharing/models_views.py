"""Saved searches that their owner shows to others: the words of a search, never what it finds."""

import uuid
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Group
from documents.models import SavedView


class ViewShare(models.Model):
    """A saved search shown to a person, as he was typed, or to a group. What it finds is each one's own.

    `left`: who of the group has taken it off his list. A person's own row is deleted then.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    view = models.ForeignKey(SavedView, on_delete=models.CASCADE, related_name="shares", db_index=False)
    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, null=True, related_name="view_shares")
    typed = models.CharField(max_length=254, blank=True, default="", db_default="")
    typed_key = models.CharField(max_length=254, blank=True, default="", db_default="", editable=False)
    left: "ArrayField[list[UUID], list[UUID]]" = ArrayField(models.UUIDField(), default=list, db_default=[])
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "view_shares"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(group__isnull=False, recipient=None, typed_key="") | Q(group=None) & ~Q(typed_key=""),
                name="ck_view_shares_one_receiver",
            ),
            models.UniqueConstraint(
                fields=["view", "group", "typed_key"], name="uq_view_shares_receiver", nulls_distinct=False
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["typed_key"], condition=Q(recipient=None, group=None), name="ix_view_shares_waiting"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def receiver(self) -> str:
        """With whom, as its owner said it: he learns no more than he knew."""
        return self.group.name if self.group is not None else self.typed
