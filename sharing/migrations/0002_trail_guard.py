"""The trail can be added to and read, never changed: by grants, and by triggers for the owner's slips."""

from django.db import migrations

from docuvault.lib.grants import ForApplicationRole

GUARD = """
CREATE FUNCTION refuse_trail_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Retention and test clean-up say so in their own transaction, as the table's owner.
    IF current_setting('docuvault.trail_maintenance', true) = 'on' THEN
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    RAISE EXCEPTION 'the trail is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER trail_rows_stay BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION refuse_trail_change();
CREATE TRIGGER trail_stays BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_trail_change();
"""

UNGUARD = """
DROP TRIGGER trail_rows_stay ON audit_log;
DROP TRIGGER trail_stays ON audit_log;
DROP FUNCTION refuse_trail_change();
"""


class Migration(migrations.Migration):
    dependencies = [("sharing", "0001_initial"), ("accounts", "0002_application_role")]

    operations = [
        migrations.RunSQL(GUARD, UNGUARD),
        ForApplicationRole(
            "REVOKE ALL ON audit_log FROM {role}",
            "GRANT SELECT ON audit_log TO {role}",
            # All but id, at, xact and metadata: those are the database's own.
            "GRANT INSERT (actor_id, actor_kind, actor_name, on_behalf_of, action, target_kind, target_id,"
            " target_name, owner_id, request_id, ip_address, session_hash, result, details)"
            " ON audit_log TO {role}",
            "GRANT USAGE, SELECT ON SEQUENCE audit_log_id_seq TO {role}",
        ),
    ]
