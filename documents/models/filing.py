"""Filing help: a person's rules, their runs with what each changed, what was learned, and what is suggested."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from documents.models.documents import Document
from documents.models.folders import Folder
from documents.models.topics import Topic


class RuleMode(models.TextChoices):
    """What a rule does by itself with documents that have just been read."""

    HAND = "hand", _("Nothing: I run it myself")
    SUGGEST = "suggest", _("Suggest it")
    AUTO = "auto", _("File them by itself")


class FilingRule(models.Model):
    """What is found by `query` gets these topics and lies in this folder. Touches what is its person's own, no more.

    `moves` without a folder: the folder is gone for good, and the rule rests until it has another.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="filing_rules", db_index=False
    )
    name = models.CharField(_("name"), max_length=255)
    name_key = models.CharField(max_length=1020, editable=False)
    query = models.CharField(max_length=2000)
    topics = models.ManyToManyField(Topic, related_name="+", db_table="filing_rule_topics")
    folder = models.ForeignKey(Folder, on_delete=models.SET_NULL, null=True, related_name="+")
    moves = models.BooleanField(default=False, db_default=False)
    mode = models.CharField(max_length=8, choices=RuleMode, default=RuleMode.HAND, db_default=RuleMode.HAND)
    is_on = models.BooleanField(default=True, db_default=True)
    position = models.IntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "filing_rules"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "name_key"], name="uq_filing_rules_user_name"),
            models.CheckConstraint(condition=Q(mode__in=RuleMode.values), name="ck_filing_rules_mode"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_resting(self) -> bool:
        """Its folder is gone, lies in the trash, or is another person's by now."""
        folder = self.folder
        return self.moves and (folder is None or folder.trash_id is not None or folder.user_id != self.user_id)


class RunState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    STOPPED = "stopped", _("Stopped")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", _("Undone")


class FilingRun(models.Model):
    """One run of a rule, by hand or, on one day, by itself. `last_id` is how far a run by hand has come."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    rule = models.ForeignKey(FilingRule, on_delete=models.SET_NULL, null=True, related_name="runs")
    rule_name = models.CharField(max_length=255)
    state = models.CharField(max_length=16, choices=RunState, default=RunState.WAITING, db_default=RunState.WAITING)
    day = models.DateField(null=True)
    total = models.PositiveIntegerField(default=0, db_default=0)
    seen = models.PositiveIntegerField(default=0, db_default=0)
    changed = models.PositiveIntegerField(default=0, db_default=0)
    left = models.PositiveIntegerField(default=0, db_default=0)
    undone = models.PositiveIntegerField(default=0, db_default=0)
    last_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "filing_runs"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=RunState.values), name="ck_filing_runs_state"),
            models.UniqueConstraint(
                fields=["rule"], condition=Q(state__in=["waiting", "running"]), name="uq_filing_runs_one_at_a_time"
            ),
            models.UniqueConstraint(
                fields=["rule", "day"], condition=Q(day__isnull=False, state="done"), name="uq_filing_runs_one_a_day"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["user", "-created_at"], name="ix_filing_runs_user_created")]

    def __str__(self) -> str:
        return f"{self.rule_name} {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def is_under_way(self) -> bool:
        return self.state in {RunState.WAITING, RunState.RUNNING, RunState.UNDOING}

    @property
    def percent(self) -> int:
        return 100 if not self.total else min(100, 100 * self.seen // self.total)


class FilingChange(models.Model):
    """One thing that a run changed on a document: a topic it got, or the place it was moved from and to.

    `is_past`: somebody has moved the document since, or the run was undone; there is nothing to take back.
    """

    run = models.ForeignKey(FilingRun, on_delete=models.CASCADE, related_name="changes")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="+")
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE, null=True, related_name="+")
    moved_from = models.ForeignKey(Folder, on_delete=models.SET_NULL, null=True, related_name="+")
    moved_to = models.ForeignKey(Folder, on_delete=models.SET_NULL, null=True, related_name="+")
    was_at_top = models.BooleanField(default=False, db_default=False)
    is_past = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "filing_changes"

    def __str__(self) -> str:
        return f"{self.run_id} {self.document_id}"


class SuggestionState(models.TextChoices):
    OPEN = "open", _("Open")
    ACCEPTED = "accepted", _("Accepted")
    DISMISSED = "dismissed", _("Dismissed")


class FilingSuggestion(models.Model):
    """A topic or a folder that is suggested to one person for one document: by a rule, or by what he filed before.

    One that was dismissed stays as such, so that it does not come back. `because`: the words that spoke for it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="filing_suggestions")
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE, null=True, related_name="+")
    folder = models.ForeignKey(Folder, on_delete=models.CASCADE, null=True, related_name="+")
    rule = models.ForeignKey(FilingRule, on_delete=models.SET_NULL, null=True, related_name="+")
    run = models.ForeignKey(FilingRun, on_delete=models.SET_NULL, null=True, related_name="+")
    score = models.FloatField(default=1.0, db_default=1.0)
    because = models.CharField(max_length=255, blank=True, default="", db_default="")
    state = models.CharField(
        max_length=16, choices=SuggestionState, default=SuggestionState.OPEN, db_default=SuggestionState.OPEN
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "filing_suggestions"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "document", "topic", "folder"],
                name="uq_filing_suggestions_what",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(topic=None, folder__isnull=False) | Q(topic__isnull=False, folder=None),
                name="ck_filing_suggestions_one_thing",
            ),
            models.CheckConstraint(condition=Q(state__in=SuggestionState.values), name="ck_filing_suggestions_state"),
        ]

    def __str__(self) -> str:
        return f"{self.document_id} {self.topic_id or self.folder_id}"


class FilingHabit(models.Model):
    """What a person files under a topic or into a folder, as far as words tell: a document that reaches the threshold
    is like those that are there already; `typical` is what half of those reach."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE, null=True, related_name="+")
    folder = models.ForeignKey(Folder, on_delete=models.CASCADE, null=True, related_name="+")
    examples = models.PositiveIntegerField()
    threshold = models.FloatField()
    typical = models.FloatField()
    learned_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "filing_habits"

    def __str__(self) -> str:
        return str(self.topic_id or self.folder_id)


class FilingWord(models.Model):
    """A word that speaks for a habit, or with a weight below zero against it."""

    pk = models.CompositePrimaryKey("habit_id", "word")
    habit = models.ForeignKey(FilingHabit, on_delete=models.CASCADE, related_name="words", db_index=False)
    word = models.CharField(max_length=64)
    weight = models.FloatField()

    class Meta:
        db_table = "filing_words"

    def __str__(self) -> str:
        return self.word


class FilingLook(models.Model):
    """A document passes its owner's rules once, when it has been read: this says that it waits for it, or has been."""

    document = models.OneToOneField(
        Document, on_delete=models.CASCADE, primary_key=True, related_name="+", editable=False
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    claimed_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "filing_looks"
        indexes: ClassVar = [
            models.Index(fields=["user"], condition=Q(looked_at=None), name="ix_filing_looks_waiting"),
        ]

    def __str__(self) -> str:
        return str(self.document_id)
