"""Filing help: rules, their runs and changes, what was learned, what is suggested, and why a topic is there."""

import uuid

import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("documents", "0013_received_entries"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="FilingHabit",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=django.contrib.postgres.functions.RandomUUID(),
                        default=uuid.uuid4,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("examples", models.PositiveIntegerField()),
                ("threshold", models.FloatField()),
                ("typical", models.FloatField()),
                ("learned_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "folder",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="documents.folder"
                    ),
                ),
                (
                    "topic",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="documents.topic"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "db_table": "filing_habits",
            },
        ),
        migrations.CreateModel(
            name="FilingRule",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=django.contrib.postgres.functions.RandomUUID(),
                        default=uuid.uuid4,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("name", models.CharField(max_length=255, verbose_name="name")),
                ("name_key", models.CharField(editable=False, max_length=1020)),
                ("query", models.CharField(max_length=2000)),
                ("moves", models.BooleanField(db_default=False, default=False)),
                (
                    "mode",
                    models.CharField(
                        choices=[
                            ("hand", "Nothing: I run it myself"),
                            ("suggest", "Suggest it"),
                            ("auto", "File them by itself"),
                        ],
                        db_default="hand",
                        default="hand",
                        max_length=8,
                    ),
                ),
                ("is_on", models.BooleanField(db_default=True, default=True)),
                ("position", models.IntegerField(db_default=0, default=0)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "folder",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="documents.folder"
                    ),
                ),
                (
                    "topics",
                    models.ManyToManyField(db_table="filing_rule_topics", related_name="+", to="documents.topic"),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="filing_rules",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "filing_rules",
            },
        ),
        migrations.AddField(
            model_name="documenttopic",
            name="rule",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="documents.filingrule"
            ),
        ),
        migrations.CreateModel(
            name="FilingRun",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=django.contrib.postgres.functions.RandomUUID(),
                        default=uuid.uuid4,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("rule_name", models.CharField(max_length=255)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("stopped", "Stopped"),
                            ("undoing", "Being undone"),
                            ("undone", "Undone"),
                        ],
                        db_default="waiting",
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("day", models.DateField(null=True)),
                ("total", models.PositiveIntegerField(db_default=0, default=0)),
                ("seen", models.PositiveIntegerField(db_default=0, default=0)),
                ("changed", models.PositiveIntegerField(db_default=0, default=0)),
                ("left", models.PositiveIntegerField(db_default=0, default=0)),
                ("undone", models.PositiveIntegerField(db_default=0, default=0)),
                ("last_id", models.UUIDField(null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "rule",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="runs",
                        to="documents.filingrule",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "filing_runs",
            },
        ),
        migrations.CreateModel(
            name="FilingChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("was_at_top", models.BooleanField(db_default=False, default=False)),
                ("is_past", models.BooleanField(db_default=False, default=False)),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="documents.document"
                    ),
                ),
                (
                    "moved_from",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="documents.folder"
                    ),
                ),
                (
                    "moved_to",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="documents.folder"
                    ),
                ),
                (
                    "topic",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="documents.topic"
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="changes", to="documents.filingrun"
                    ),
                ),
            ],
            options={
                "db_table": "filing_changes",
            },
        ),
        migrations.AddField(
            model_name="documenttopic",
            name="run",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="documents.filingrun"
            ),
        ),
        migrations.CreateModel(
            name="FilingSuggestion",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=django.contrib.postgres.functions.RandomUUID(),
                        default=uuid.uuid4,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("score", models.FloatField(db_default=1.0, default=1.0)),
                ("because", models.CharField(blank=True, db_default="", default="", max_length=255)),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("accepted", "Accepted"), ("dismissed", "Dismissed")],
                        db_default="open",
                        default="open",
                        max_length=16,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="filing_suggestions",
                        to="documents.document",
                    ),
                ),
                (
                    "folder",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="documents.folder"
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="documents.filingrule",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="documents.filingrun",
                    ),
                ),
                (
                    "topic",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="documents.topic"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "filing_suggestions",
            },
        ),
        migrations.CreateModel(
            name="FilingWord",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "habit_id", "word", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("word", models.CharField(max_length=64)),
                ("weight", models.FloatField()),
                (
                    "habit",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="words",
                        to="documents.filinghabit",
                    ),
                ),
            ],
            options={
                "db_table": "filing_words",
            },
        ),
        migrations.CreateModel(
            name="FilingLook",
            fields=[
                (
                    "document",
                    models.OneToOneField(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="documents.document",
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(db_default=0, default=0)),
                ("claimed_at", models.DateTimeField(null=True)),
                ("looked_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "filing_looks",
                "indexes": [
                    models.Index(
                        condition=models.Q(("looked_at", None)), fields=["user"], name="ix_filing_looks_waiting"
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="filingrule",
            constraint=models.UniqueConstraint(fields=("user", "name_key"), name="uq_filing_rules_user_name"),
        ),
        migrations.AddConstraint(
            model_name="filingrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("mode__in", ["hand", "suggest", "auto"])), name="ck_filing_rules_mode"
            ),
        ),
        migrations.AddIndex(
            model_name="filingrun",
            index=models.Index(fields=["user", "-created_at"], name="ix_filing_runs_user_created"),
        ),
        migrations.AddConstraint(
            model_name="filingrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["waiting", "running", "done", "stopped", "undoing", "undone"])),
                name="ck_filing_runs_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="filingrun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["waiting", "running"])),
                fields=("rule",),
                name="uq_filing_runs_one_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="filingrun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("day__isnull", False), ("state", "done")),
                fields=("rule", "day"),
                name="uq_filing_runs_one_a_day",
            ),
        ),
        migrations.AddConstraint(
            model_name="filingsuggestion",
            constraint=models.UniqueConstraint(
                fields=("user", "document", "topic", "folder"), name="uq_filing_suggestions_what", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="filingsuggestion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("folder__isnull", False), ("topic", None)),
                    models.Q(("folder", None), ("topic__isnull", False)),
                    _connector="OR",
                ),
                name="ck_filing_suggestions_one_thing",
            ),
        ),
        migrations.AddConstraint(
            model_name="filingsuggestion",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["open", "accepted", "dismissed"])), name="ck_filing_suggestions_state"
            ),
        ),
    ]
