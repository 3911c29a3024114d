"""What looks after the store: each round with what it found, objects nobody knows, and which vault this is."""

import uuid
from typing import ClassVar

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class UpkeepKind(models.TextChoices):
    SWEEP = "sweep", _("Sweep")
    RECONCILE = "reconcile", _("Rows and objects compared")
    REHASH = "rehash", _("Bytes read again")
    CHECK = "check", _("Whole check")
    BACKUP = "backup", _("Backup")
    RESTORE = "restore", _("Restore")
    TRAIL = "trail", _("Trail verified")


class UpkeepRun(models.Model):
    """One round: when, how much it looked at, what it found and mended. `details` are figures by name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    kind = models.CharField(_("kind"), max_length=16, choices=UpkeepKind)
    started_at = models.DateTimeField(_("started"), db_default=Now())
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    objects_seen = models.BigIntegerField(_("objects seen"), default=0, db_default=0)
    bytes_read = models.BigIntegerField(_("bytes read"), default=0, db_default=0)
    breaches = models.PositiveIntegerField(_("breaches"), default=0, db_default=0)
    repaired = models.PositiveIntegerField(_("repaired"), default=0, db_default=0)
    details = models.JSONField(_("details"), default=dict)
    failure = models.CharField(_("failure"), max_length=500, blank=True, default="", db_default="")

    class Meta:
        db_table = "upkeep_runs"
        verbose_name = _("round of upkeep")
        verbose_name_plural = _("rounds of upkeep")
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(kind__in=UpkeepKind.values), name="ck_upkeep_runs_kind")
        ]
        indexes: ClassVar = [models.Index(fields=["kind", "-started_at"], name="ix_upkeep_runs_kind_started")]

    def __str__(self) -> str:
        return f"{self.kind} {self.started_at:%Y-%m-%d %H:%M}"


class StrayObject(models.Model):
    """An object that no row names, and when it was seen; it is deleted only after a second look."""

    object_key = models.CharField(_("object"), max_length=64, primary_key=True)
    size_bytes = models.BigIntegerField(_("size"))
    modified_at = models.DateTimeField(_("written"))
    first_seen_at = models.DateTimeField(_("first seen"), db_default=Now())
    last_seen_at = models.DateTimeField(_("last seen"), db_default=Now())

    class Meta:
        db_table = "stray_objects"
        verbose_name = _("stray object")
        verbose_name_plural = _("stray objects")

    def __str__(self) -> str:
        return self.object_key


class VaultIdentity(models.Model):
    """The one row that says which vault this is. The bucket holds the same id.

    `is_held`: a restored copy, which sends no mail, sweeps nothing and deletes nothing until an
    operator says that it is the vault from now on.
    """

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    instance = models.UUIDField(default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    made_at = models.DateTimeField(db_default=Now())
    restored_at = models.DateTimeField(null=True, blank=True)
    is_held = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "vault_identity"
        constraints: ClassVar = [models.CheckConstraint(condition=models.Q(id=1), name="ck_vault_identity_one_row")]

    def __str__(self) -> str:
        return str(self.instance)
