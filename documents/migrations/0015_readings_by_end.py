"""How many documents were read in the last hours and days is asked of an index."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("documents", "0014_filing")]

    operations = [
        migrations.AddIndex(
            model_name="reading",
            index=models.Index(
                condition=models.Q(("finished_at__isnull", False)), fields=["finished_at"], name="ix_readings_finished"
            ),
        ),
    ]
