"""The application's role makes no tables at all: not even temporary ones, which could hide the real ones."""

from django.db import migrations

from docuvault.lib.grants import ForApplicationRole

REVOKE = """
DO $$
BEGIN
    -- Where the database belongs to somebody else, that is his to decide.
    IF (SELECT pg_has_role(current_user, datdba, 'USAGE') FROM pg_database WHERE datname = current_database()) THEN
        EXECUTE 'REVOKE TEMPORARY ON DATABASE ' || quote_ident(current_database()) || ' FROM PUBLIC, {role}';
    END IF;
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_epochs")]

    operations = [ForApplicationRole(REVOKE)]
