"""Shares as people use them: who waits, who accepted, who has read; comments; and the policy."""

import uuid

import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

# What the trail tells already; from now on counted in the same transaction.
COUNT_WHAT_WAS_TOLD = """
    INSERT INTO receipts (document_id, reader, views, downloads, first_at, last_at)
    SELECT d.id, a.actor_id::text, count(*) FILTER (WHERE a.action = 'document_viewed'),
           count(*) FILTER (WHERE a.action = 'document_downloaded'), min(a.at), max(a.at)
    FROM audit_log a JOIN documents d ON d.id::text = a.target_id
    WHERE a.action IN ('document_viewed', 'document_downloaded') AND a.actor_id IS NOT NULL
    GROUP BY 1, 2
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_room_to_ask"),
        ("documents", "0004_versions_by_digest"),
        ("sharing", "0003_seals"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Comment",
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
                ("text", models.TextField(max_length=4000)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("edited_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "db_table": "comments",
            },
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reader", models.CharField(max_length=64)),
                ("views", models.PositiveIntegerField(db_default=0, default=0)),
                ("downloads", models.PositiveIntegerField(db_default=0, default=0)),
                ("first_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("last_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "receipts",
            },
        ),
        migrations.CreateModel(
            name="ShareReception",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("told_at", models.DateTimeField(blank=True, null=True)),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
                ("hidden_at", models.DateTimeField(blank=True, null=True)),
                ("left_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "db_table": "share_receptions",
            },
        ),
        migrations.CreateModel(
            name="SharingPolicy",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                (
                    "default_days",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Empty: without an end.",
                        null=True,
                        verbose_name="days a share lasts, if nothing else is said",
                    ),
                ),
                (
                    "max_days",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Empty: as long as people like.",
                        null=True,
                        verbose_name="days a share lasts at most",
                    ),
                ),
                (
                    "lists_people",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="Everybody's name is offered when sharing. "
                        "Otherwise nobody learns from it who is here.",
                        verbose_name="people find one another",
                    ),
                ),
                (
                    "members_make_groups",
                    models.BooleanField(db_default=False, default=False, verbose_name="members may make groups"),
                ),
                (
                    "members_invite",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        verbose_name="members may invite people by mail when they share",
                    ),
                ),
                (
                    "review_days",
                    models.PositiveIntegerField(
                        db_default=365, default=365, verbose_name="days after which an unused share is asked about"
                    ),
                ),
            ],
            options={
                "verbose_name": "policy for sharing",
                "verbose_name_plural": "policy for sharing",
                "db_table": "sharing_policy",
            },
        ),
        migrations.RemoveConstraint(
            model_name="share",
            name="ck_shares_one_receiver",
        ),
        migrations.AddField(
            model_name="share",
            name="invited_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="share",
            name="is_inviting",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="share",
            name="review_asked_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="share",
            name="reviewed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="share",
            name="typed",
            field=models.CharField(blank=True, db_default="", default="", max_length=254),
        ),
        migrations.AddField(
            model_name="share",
            name="typed_key",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=254),
        ),
        migrations.AddIndex(
            model_name="share",
            index=models.Index(
                condition=models.Q(("group", None), ("recipient", None)), fields=["typed_key"], name="ix_shares_waiting"
            ),
        ),
        migrations.AddConstraint(
            model_name="share",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("group__isnull", False), ("recipient__isnull", True)),
                    models.Q(("group__isnull", True), ("recipient__isnull", False)),
                    models.Q(
                        ("group__isnull", True), ("recipient__isnull", True), models.Q(("typed_key", ""), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="ck_shares_one_receiver",
            ),
        ),
        migrations.AddConstraint(
            model_name="share",
            constraint=models.UniqueConstraint(
                condition=models.Q(("document__isnull", False), ("group", None), ("recipient", None)),
                fields=("document", "typed_key"),
                name="uq_shares_document_waiting",
            ),
        ),
        migrations.AddConstraint(
            model_name="share",
            constraint=models.UniqueConstraint(
                condition=models.Q(("folder__isnull", False), ("group", None), ("recipient", None)),
                fields=("folder", "typed_key"),
                name="uq_shares_folder_waiting",
            ),
        ),
        migrations.AddField(
            model_name="comment",
            name="author",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="comment",
            name="document",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="comments",
                to="documents.document",
            ),
        ),
        migrations.AddField(
            model_name="receipt",
            name="document",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="receipts",
                to="documents.document",
            ),
        ),
        migrations.AddField(
            model_name="sharereception",
            name="share",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="receptions",
                to="sharing.share",
            ),
        ),
        migrations.AddField(
            model_name="sharereception",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddConstraint(
            model_name="sharingpolicy",
            constraint=models.CheckConstraint(condition=models.Q(("id", 1)), name="ck_sharing_policy_one_row"),
        ),
        migrations.AddConstraint(
            model_name="sharingpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("max_days", None), models.Q(("max_days__gte", 1), ("max_days__lte", 36500)), _connector="OR"
                    ),
                    models.Q(
                        ("default_days", None),
                        models.Q(("default_days__gte", 1), ("default_days__lte", 36500)),
                        _connector="OR",
                    ),
                    ("review_days__gte", 1),
                    ("review_days__lte", 36500),
                ),
                name="ck_sharing_policy_days",
            ),
        ),
        migrations.AddIndex(
            model_name="comment",
            index=models.Index(fields=["document", "created_at", "id"], name="ix_comments_document"),
        ),
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(fields=["reader", "-last_at"], name="ix_receipts_reader"),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.UniqueConstraint(fields=("document", "reader"), name="uq_receipts"),
        ),
        migrations.AddConstraint(
            model_name="sharereception",
            constraint=models.UniqueConstraint(fields=("share", "user"), name="uq_share_receptions"),
        ),
        migrations.RunSQL(COUNT_WHAT_WAS_TOLD, migrations.RunSQL.noop),
    ]
