"""Each background job as a row of our own: what, how often tried, how it ended."""

import uuid
from typing import ClassVar

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class JobState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class JobRun(models.Model):
    """One job. `attempts` is counted before the work, so a killed worker counts too."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    task = models.CharField(_("task"), max_length=120)
    arguments = models.JSONField(_("arguments"), default=list)
    state = models.CharField(
        _("state"), max_length=16, choices=JobState, default=JobState.WAITING, db_default=JobState.WAITING
    )
    attempts = models.PositiveIntegerField(_("tries"), default=0, db_default=0)
    max_attempts = models.PositiveIntegerField(_("tries at most"), default=5, db_default=5)
    due_at = models.DateTimeField(_("due"), db_default=Now())
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    last_error = models.TextField(_("last error"), blank=True, default="", db_default="")
    created_at = models.DateTimeField(_("asked for"), db_default=Now())

    class Meta:
        db_table = "job_runs"
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(state__in=JobState.values), name="ck_job_runs_state")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(state__in=["waiting", "running"]),
                name="ix_job_runs_due",
            ),
            models.Index(fields=["-created_at"], name="ix_job_runs_created"),
        ]

    def __str__(self) -> str:
        return self.task
