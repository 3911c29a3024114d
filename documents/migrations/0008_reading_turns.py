"""Whose turn it is to be read, and pages that were turned upright. No reading has been written before this."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("documents", "0007_upkeep_of_the_trail"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex("reading", "ix_readings_waiting"),
        migrations.AddField("page", "turn", models.FloatField(db_default=0, default=0)),
        migrations.AddField("reading", "beat_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "reading",
            "owner",
            models.ForeignKey(
                db_index=False,
                default=None,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
            preserve_default=False,
        ),
        migrations.AddField("reading", "rank", models.PositiveSmallIntegerField(db_default=0, default=0)),
        migrations.AddIndex(
            "reading",
            models.Index(
                fields=["rank", "owner", "queued_at"], condition=models.Q(state="waiting"), name="ix_readings_queue"
            ),
        ),
        migrations.AddIndex(
            "reading",
            models.Index(fields=["beat_at"], condition=models.Q(state="reading"), name="ix_readings_under_way"),
        ),
        migrations.AddIndex("reading", models.Index(fields=["owner", "-started_at"], name="ix_readings_turns")),
    ]
