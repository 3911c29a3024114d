"""Saved searches that their owner shows to people and groups."""

import uuid

import django.contrib.postgres.fields
import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_room_to_ask"),
        ("documents", "0016_search_entries_by_time"),
        ("sharing", "0008_links_are_reviewed"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ViewShare",
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
                ("typed", models.CharField(blank=True, db_default="", default="", max_length=254)),
                ("typed_key", models.CharField(blank=True, db_default="", default="", editable=False, max_length=254)),
                (
                    "left",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), db_default=[], default=list, size=None
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "group",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="view_shares",
                        to="accounts.group",
                    ),
                ),
                (
                    "recipient",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "view",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shares",
                        to="documents.savedview",
                    ),
                ),
            ],
            options={
                "db_table": "view_shares",
                "indexes": [
                    models.Index(
                        condition=models.Q(("group", None), ("recipient", None)),
                        fields=["typed_key"],
                        name="ix_view_shares_waiting",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("group__isnull", False), ("recipient", None), ("typed_key", "")),
                            models.Q(("group", None), models.Q(("typed_key", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="ck_view_shares_one_receiver",
                    ),
                    models.UniqueConstraint(
                        fields=("view", "group", "typed_key"), name="uq_view_shares_receiver", nulls_distinct=False
                    ),
                ],
            },
        ),
    ]
