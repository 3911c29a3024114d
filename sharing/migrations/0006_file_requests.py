"""File requests, and what has come by them."""

import uuid

import django.contrib.postgres.fields
import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("documents", "0013_received_entries"),
        ("sharing", "0005_links"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="FileRequest",
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
                ("title", models.CharField(max_length=120)),
                ("message", models.CharField(blank=True, db_default="", default="", max_length=1000)),
                ("token_hash", models.CharField(max_length=64, unique=True)),
                ("token_sealed", models.TextField()),
                ("password_hash", models.CharField(blank=True, db_default="", default="", max_length=256)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("max_files", models.PositiveIntegerField(blank=True, null=True)),
                ("max_file_bytes", models.BigIntegerField(blank=True, null=True)),
                ("max_total_bytes", models.BigIntegerField(blank=True, null=True)),
                (
                    "kinds",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("pdf", "PDF"),
                                ("picture", "Pictures"),
                                ("office", "Office documents and tables"),
                                ("text", "Plain text"),
                                ("mail", "E-mails"),
                                ("archive", "Archives such as ZIP"),
                            ],
                            max_length=16,
                        ),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                ("is_notified", models.BooleanField(db_default=True, default=True)),
                ("is_notice_due", models.BooleanField(db_default=False, default=False)),
                ("told_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "folder",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="file_requests",
                        to="documents.folder",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="file_requests",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "file request",
                "verbose_name_plural": "file requests",
                "db_table": "file_requests",
            },
        ),
        migrations.CreateModel(
            name="ReceivedFile",
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
                ("name", models.CharField(max_length=255)),
                ("size_bytes", models.BigIntegerField(db_default=0, default=0)),
                ("sha256", models.CharField(blank=True, db_default="", default="", max_length=64)),
                ("content_type", models.CharField(blank=True, db_default="", default="", max_length=127)),
                ("sender_name", models.CharField(blank=True, db_default="", default="", max_length=120)),
                ("sender_email", models.CharField(blank=True, db_default="", default="", max_length=254)),
                ("visit_hash", models.CharField(max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("arriving", "Arriving"),
                            ("waiting", "Waiting"),
                            ("accepted", "Filed"),
                            ("refused", "Refused"),
                            ("expired", "Gone by itself"),
                            ("failed", "Not taken"),
                        ],
                        db_default="arriving",
                        default="arriving",
                        max_length=16,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("received_at", models.DateTimeField(blank=True, null=True)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                (
                    "document",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="received",
                        to="documents.document",
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="received",
                        to="sharing.filerequest",
                    ),
                ),
                (
                    "upload",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="received",
                        to="documents.upload",
                    ),
                ),
            ],
            options={
                "verbose_name": "received file",
                "verbose_name_plural": "received files",
                "db_table": "received_files",
            },
        ),
        migrations.AddConstraint(
            model_name="filerequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("max_files", None), ("max_files__gte", 1), _connector="OR"),
                    models.Q(("max_file_bytes", None), ("max_file_bytes__gte", 1), _connector="OR"),
                    models.Q(("max_total_bytes", None), ("max_total_bytes__gte", 1), _connector="OR"),
                ),
                name="ck_file_requests_limits",
            ),
        ),
        migrations.AddIndex(
            model_name="receivedfile",
            index=models.Index(fields=["request", "state"], name="ix_received_files_request"),
        ),
        migrations.AddIndex(
            model_name="receivedfile",
            index=models.Index(fields=["visit_hash"], name="ix_received_files_visit"),
        ),
        migrations.AddIndex(
            model_name="receivedfile",
            index=models.Index(
                condition=models.Q(("state", "waiting")), fields=["received_at"], name="ix_received_files_waiting"
            ),
        ),
        migrations.AddConstraint(
            model_name="receivedfile",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["arriving", "waiting", "accepted", "refused", "expired", "failed"])),
                name="ck_received_files_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="receivedfile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "waiting"), _negated=True), ("document__isnull", False), _connector="OR"
                ),
                name="ck_received_files_waiting",
            ),
        ),
    ]
