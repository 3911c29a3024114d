"""What was in the vault before it could read waits to be read, after what people add from now on."""

from django.db import migrations

FILL = """
    INSERT INTO readings (version_id, owner_id, rank, queued_at)
    SELECT v.id, d.user_id, 1, v.created_at FROM versions v JOIN documents d ON d.id = v.document_id
    ON CONFLICT (version_id) DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("documents", "0008_reading_turns")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
