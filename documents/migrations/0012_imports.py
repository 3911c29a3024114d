"""Exports that persons send back: uploads that become no document, and how far each is taken in."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("documents", "0011_search_languages"),
    ]

    operations = [
        migrations.AddField(
            model_name="upload", name="is_import", field=models.BooleanField(db_default=False, default=False)
        ),
        migrations.AddConstraint(
            model_name="upload",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_import", True), ("state__in", ["receiving", "finishing"])),
                fields=("user",),
                name="uq_uploads_one_import",
            ),
        ),
        migrations.CreateModel(
            name="Import",
            fields=[
                (
                    "upload",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="taking_in",
                        serialize=False,
                        to="documents.upload",
                    ),
                ),
                ("into", models.CharField(blank=True, db_default="", default="", max_length=2000)),
                ("done_bytes", models.BigIntegerField(db_default=0, default=0)),
                ("total_bytes", models.BigIntegerField(db_default=0, default=0)),
                ("report", models.JSONField(db_default={}, default=dict)),
            ],
            options={"verbose_name": "import", "verbose_name_plural": "imports", "db_table": "imports"},
        ),
    ]
