"""What passes on when its owner says so or cannot any more: offers of ownership, and emergency access.

Both name a person as he was typed, and are kept alike whether he is here or not, so that naming tells nobody who is.
"""

import uuid
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from documents.models import Document, Folder
from sharing.models_items import Ending, OfItem, exactly_one


class HandoverState(models.TextChoices):
    OFFERED = "offered", _("Offered")
    ACCEPTED = "accepted", _("Taken over")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class Handover(OfItem, Ending, models.Model):
    """A document, or a folder with all below it, offered to another person as his own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, null=True, related_name="handovers")
    folder = models.ForeignKey(Folder, on_delete=models.CASCADE, null=True, related_name="handovers")
    giver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="handovers_given")
    receiver = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="handovers_received"
    )
    typed = models.CharField(max_length=254)
    message = models.CharField(max_length=1000, blank=True, default="", db_default="")
    # Whether the giver goes on seeing it, by a share of the receiver's that ends like any other.
    keeps_view = models.BooleanField(default=False, db_default=False)
    state = models.CharField(
        max_length=16, choices=HandoverState, default=HandoverState.OFFERED, db_default=HandoverState.OFFERED
    )
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "handovers"
        verbose_name = _("transfer of ownership")
        verbose_name_plural = _("transfers of ownership")
        constraints: ClassVar = [
            models.CheckConstraint(condition=exactly_one("document", "folder"), name="ck_handovers_one_item"),
            models.CheckConstraint(condition=Q(state__in=HandoverState.values), name="ck_handovers_state"),
            models.UniqueConstraint(
                fields=["document"], condition=Q(state="offered"), name="uq_handovers_document_offered"
            ),
            models.UniqueConstraint(
                fields=["folder"], condition=Q(state="offered"), name="uq_handovers_folder_offered"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.item} {self.state}"


class EmergencyState(models.TextChoices):
    NAMED = "named", _("Named")
    ASKED = "asked", _("Has asked")
    REFUSED = "refused", _("Refused")
    GRANTED = "granted", _("Has access")


class EmergencyContact(models.Model):
    """A person whom somebody has chosen: he may ask, and unless he is refused within so many days he may read."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="emergency_contacts", db_index=False
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="emergency_for"
    )
    typed = models.CharField(max_length=254)
    typed_key = models.CharField(max_length=254, editable=False)
    wait_days = models.PositiveSmallIntegerField()
    folders: "models.ManyToManyField[Folder, models.Model]" = models.ManyToManyField(
        Folder, db_table="emergency_folders", related_name="emergency_contacts"
    )
    state = models.CharField(
        max_length=16, choices=EmergencyState, default=EmergencyState.NAMED, db_default=EmergencyState.NAMED
    )
    created_at = models.DateTimeField(db_default=Now())
    asked_at = models.DateTimeField(null=True, blank=True)
    refused_at = models.DateTimeField(null=True, blank=True)
    granted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "emergency_contacts"
        verbose_name = _("emergency contact")
        verbose_name_plural = _("emergency contacts")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "typed_key"], name="uq_emergency_contacts_typed"),
            models.CheckConstraint(condition=Q(state__in=EmergencyState.values), name="ck_emergency_contacts_state"),
            models.CheckConstraint(
                condition=Q(wait_days__gte=1, wait_days__lte=365), name="ck_emergency_contacts_days"
            ),
            models.CheckConstraint(
                condition=~Q(state="asked") | Q(asked_at__isnull=False), name="ck_emergency_contacts_asked"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["asked_at"], condition=Q(state="asked"), name="ix_emergency_contacts_asked")
        ]

    def __str__(self) -> str:
        return f"{self.typed} {self.state}"

    @property
    def grants_at(self) -> datetime | None:
        """When it opens, unless it is refused before."""
        return self.asked_at + timedelta(days=self.wait_days) if self.asked_at is not None else None
