"""Topics: coloured labels, a person's own or everybody's, and why a document carries one."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from documents.models.documents import Document


class TopicColour(models.TextChoices):
    SLATE = "slate", _("Slate")
    RED = "red", _("Red")
    ORANGE = "orange", _("Orange")
    AMBER = "amber", _("Amber")
    LIME = "lime", _("Lime")
    GREEN = "green", _("Green")
    TEAL = "teal", _("Teal")
    SKY = "sky", _("Sky")
    BLUE = "blue", _("Blue")
    INDIGO = "indigo", _("Indigo")
    VIOLET = "violet", _("Violet")
    PINK = "pink", _("Pink")


class Topic(models.Model):
    """A label. Without a person it belongs to everybody and only admins change it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="topics",
        db_index=False,
        verbose_name=_("person"),
    )
    name = models.CharField(_("name"), max_length=255)
    name_key = models.CharField(max_length=1020, editable=False)
    colour = models.CharField(
        _("colour"),
        max_length=16,
        choices=TopicColour,
        default=TopicColour.SLATE,
        db_default=TopicColour.SLATE,
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "topics"
        verbose_name = _("topic")
        verbose_name_plural = _("topics")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "name_key"], name="uq_topics_user_name", nulls_distinct=False),
            models.CheckConstraint(condition=models.Q(colour__in=TopicColour.values), name="ck_topics_colour"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_system(self) -> bool:
        return self.user_id is None


class TopicReason(models.TextChoices):
    """Why a document carries a topic."""

    HAND = "hand", _("added by hand")
    RULE = "rule", _("added by a rule")
    SUGGESTION = "suggestion", _("accepted suggestion")


class DocumentTopic(models.Model):
    """One topic on one document."""

    pk = models.CompositePrimaryKey("document_id", "topic_id")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="document_topics", db_index=False)
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE, related_name="document_topics")
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    reason = models.CharField(max_length=16, choices=TopicReason, default=TopicReason.HAND, db_default=TopicReason.HAND)
    # The rule that put or suggested it, and the run that did: what a run put, and nobody since, can be taken back.
    rule = models.ForeignKey("documents.FilingRule", on_delete=models.SET_NULL, null=True, related_name="+")
    run = models.ForeignKey("documents.FilingRun", on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "document_topics"

    def __str__(self) -> str:
        return f"{self.document_id} {self.topic_id}"
