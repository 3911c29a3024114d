"""Links are asked about when nobody uses them, as shares are."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sharing", "0007_handing_over"),
    ]

    operations = [
        migrations.AddField(
            model_name="sharelink",
            name="review_asked_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="sharelink",
            name="reviewed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
