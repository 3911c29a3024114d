"""Entries know when their document was added, and keep their words beside the row: hits are sorted from few pages."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("documents", "0015_readings_by_end")]

    operations: ClassVar = [
        migrations.RunSQL(
            "ALTER TABLE search_entries SET (toast_tuple_target = 128)",
            "ALTER TABLE search_entries RESET (toast_tuple_target)",
        ),
        migrations.AddField("searchentry", "added_at", models.DateTimeField(null=True)),
        migrations.RunSQL(
            """
            UPDATE search_entries SET added_at = d.created_at
            FROM documents d WHERE d.id = search_entries.document_id
            """,
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.AlterField("searchentry", "added_at", models.DateTimeField()),
    ]
