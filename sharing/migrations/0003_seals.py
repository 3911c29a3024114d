"""Seals over the trail: the application may add them and note that one was anchored, no more."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from docuvault.lib.grants import ForApplicationRole


class Migration(migrations.Migration):
    dependencies = [
        ("sharing", "0002_trail_guard"),
    ]

    operations = [
        migrations.CreateModel(
            name="TrailErasure",
            fields=[
                ("event_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("label_hash", models.CharField(max_length=64)),
                ("erased_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "audit_erasures",
            },
        ),
        migrations.CreateModel(
            name="TrailSeal",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("stretch", models.PositiveIntegerField(db_default=1, default=1)),
                ("last_xact", models.BigIntegerField()),
                ("first_id", models.BigIntegerField()),
                ("last_id", models.BigIntegerField()),
                ("row_count", models.PositiveIntegerField()),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("rows_hash", models.CharField(max_length=64)),
                ("previous_head", models.CharField(max_length=64)),
                ("head", models.CharField(max_length=64)),
                ("key_name", models.CharField(max_length=32)),
                ("mac", models.CharField(max_length=64)),
                ("sealed_at", models.DateTimeField()),
                ("anchored_at", models.DateTimeField(blank=True, null=True)),
                ("pruned_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "seal",
                "verbose_name_plural": "seals",
                "db_table": "audit_seals",
            },
        ),
        migrations.CreateModel(
            name="TrailStretch",
            fields=[
                ("number", models.PositiveIntegerField(primary_key=True, serialize=False)),
                ("after_id", models.BigIntegerField(db_default=0, default=0)),
                ("after_seal", models.BigIntegerField(db_default=0, default=0)),
                ("reason", models.CharField(max_length=64)),
                ("begun_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "audit_stretches",
            },
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["xact", "id"], name="ix_audit_xact"),
        ),
        ForApplicationRole(
            "REVOKE ALL ON audit_seals, audit_stretches, audit_erasures FROM {role}",
            "GRANT SELECT ON audit_seals, audit_stretches, audit_erasures TO {role}",
            "GRANT INSERT ON audit_seals TO {role}",
            "GRANT UPDATE (anchored_at) ON audit_seals TO {role}",
        ),
    ]
