"""A round of upkeep may be a verification of the trail."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("documents", "0006_what_fills_a_vault"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="upkeeprun",
            name="ck_upkeep_runs_kind",
        ),
        migrations.AlterField(
            model_name="upkeeprun",
            name="kind",
            field=models.CharField(
                choices=[
                    ("sweep", "Sweep"),
                    ("reconcile", "Rows and objects compared"),
                    ("rehash", "Bytes read again"),
                    ("check", "Whole check"),
                    ("backup", "Backup"),
                    ("restore", "Restore"),
                    ("trail", "Trail verified"),
                ],
                max_length=16,
                verbose_name="kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="upkeeprun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind__in", ["sweep", "reconcile", "rehash", "check", "backup", "restore", "trail"])
                ),
                name="ck_upkeep_runs_kind",
            ),
        ),
    ]
