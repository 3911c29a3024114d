"""The application's role reads and writes rows, of the tables there are and of those to come."""

from django.db import migrations

from docuvault.lib.grants import ForApplicationRole


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        ForApplicationRole(
            "GRANT USAGE ON SCHEMA public TO {role}",
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
            "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {role}",
            # What has been migrated is the migration role's word alone.
            "REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {role}",
        ),
        # The shared cache (rate limits, queue heartbeat); the shape is Django's own.
        migrations.RunSQL(
            """
            CREATE UNLOGGED TABLE cache_entries (
                cache_key varchar(255) NOT NULL PRIMARY KEY,
                value text NOT NULL,
                expires timestamp with time zone NOT NULL
            );
            CREATE INDEX ix_cache_entries_expires ON cache_entries (expires);
            """,
            "DROP TABLE cache_entries",
        ),
    ]
