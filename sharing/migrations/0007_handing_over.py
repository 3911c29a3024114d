"""Offers of ownership, emergency contacts, and the shares that come of them."""

import uuid

import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("documents", "0013_received_entries"),
        ("sharing", "0006_file_requests"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="EmergencyContact",
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
                ("typed", models.CharField(max_length=254)),
                ("typed_key", models.CharField(editable=False, max_length=254)),
                ("wait_days", models.PositiveSmallIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("named", "Named"),
                            ("asked", "Has asked"),
                            ("refused", "Refused"),
                            ("granted", "Has access"),
                        ],
                        db_default="named",
                        default="named",
                        max_length=16,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("asked_at", models.DateTimeField(blank=True, null=True)),
                ("refused_at", models.DateTimeField(blank=True, null=True)),
                ("granted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "folders",
                    models.ManyToManyField(
                        db_table="emergency_folders", related_name="emergency_contacts", to="documents.folder"
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="emergency_for",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="emergency_contacts",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "emergency contact",
                "verbose_name_plural": "emergency contacts",
                "db_table": "emergency_contacts",
            },
        ),
        migrations.AddField(
            model_name="share",
            name="emergency",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="shares",
                to="sharing.emergencycontact",
            ),
        ),
        migrations.CreateModel(
            name="Handover",
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
                ("typed", models.CharField(max_length=254)),
                ("message", models.CharField(blank=True, db_default="", default="", max_length=1000)),
                ("keeps_view", models.BooleanField(db_default=False, default=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("offered", "Offered"),
                            ("accepted", "Taken over"),
                            ("refused", "Refused"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        db_default="offered",
                        default="offered",
                        max_length=16,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("expires_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("told_at", models.DateTimeField(blank=True, null=True)),
                (
                    "document",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="handovers",
                        to="documents.document",
                    ),
                ),
                (
                    "folder",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="handovers",
                        to="documents.folder",
                    ),
                ),
                (
                    "giver",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="handovers_given",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "receiver",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="handovers_received",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "transfer of ownership",
                "verbose_name_plural": "transfers of ownership",
                "db_table": "handovers",
            },
        ),
        migrations.AddIndex(
            model_name="emergencycontact",
            index=models.Index(
                condition=models.Q(("state", "asked")), fields=["asked_at"], name="ix_emergency_contacts_asked"
            ),
        ),
        migrations.AddConstraint(
            model_name="emergencycontact",
            constraint=models.UniqueConstraint(fields=("user", "typed_key"), name="uq_emergency_contacts_typed"),
        ),
        migrations.AddConstraint(
            model_name="emergencycontact",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["named", "asked", "refused", "granted"])),
                name="ck_emergency_contacts_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="emergencycontact",
            constraint=models.CheckConstraint(
                condition=models.Q(("wait_days__gte", 1), ("wait_days__lte", 365)), name="ck_emergency_contacts_days"
            ),
        ),
        migrations.AddConstraint(
            model_name="emergencycontact",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "asked"), _negated=True), ("asked_at__isnull", False), _connector="OR"
                ),
                name="ck_emergency_contacts_asked",
            ),
        ),
        migrations.AddConstraint(
            model_name="handover",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("document__isnull", True), ("folder__isnull", False)),
                    models.Q(("document__isnull", False), ("folder__isnull", True)),
                    _connector="OR",
                ),
                name="ck_handovers_one_item",
            ),
        ),
        migrations.AddConstraint(
            model_name="handover",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["offered", "accepted", "refused", "withdrawn"])),
                name="ck_handovers_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="handover",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "offered")), fields=("document",), name="uq_handovers_document_offered"
            ),
        ),
        migrations.AddConstraint(
            model_name="handover",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "offered")), fields=("folder",), name="uq_handovers_folder_offered"
            ),
        ),
    ]
