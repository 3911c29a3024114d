"""Entries of the trash may hold what has come by a file request and waits."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("documents", "0012_imports"),
    ]

    operations = [
        migrations.AlterField(
            model_name="trashentry",
            name="kind",
            field=models.CharField(
                choices=[("folder", "Folder"), ("document", "Document"), ("received", "Received")], max_length=16
            ),
        ),
    ]
