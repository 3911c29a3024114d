"""What was learned of filing is learned anew: its words are weighed otherwise now. The next night does it for all."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("documents", "0016_search_entries_by_time")]

    operations: ClassVar = [
        migrations.RunSQL("DELETE FROM filing_words", migrations.RunSQL.noop),
        migrations.RunSQL("DELETE FROM filing_habits", migrations.RunSQL.noop),
    ]
