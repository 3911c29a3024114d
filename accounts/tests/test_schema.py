"""The schema as PostgreSQL tells it: tables, constraints, indexes and rights, read from its catalogue."""

from collections.abc import Iterable

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from docuvault.lib.roles import migration_role

pytestmark = pytest.mark.django_db

TABLES = {
    "users", "quotas", "refresh_tokens", "folders", "documents", "topics", "document_topics", "shares",
    "audit_log", "cloud_connections", "groups",
}  # fmt: skip


def ask(statement: str, *arguments: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return list(cursor.fetchall())


def columns(table: str) -> dict[str, tuple[object, ...]]:
    rows = ask(
        "SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = %s",
        table,
    )
    return {str(name): rest for name, *rest in rows}  # type: ignore[misc]


def index(name: str) -> str:
    rows = ask("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname = %s", name)
    assert rows, f"no index {name}"
    return str(rows[0][0])


def constraint(name: str) -> str:
    rows = ask("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", name)
    assert rows, f"no constraint {name}"
    return str(rows[0][0])


def test_the_tables_of_the_design_are_there_under_their_names() -> None:
    there = {row[0] for row in ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert there >= TABLES


@pytest.mark.parametrize(
    ("table", "column", "kind", "is_nullable"),
    [
        ("users", "id", "uuid", "NO"),
        ("users", "handle", "character varying", "NO"),
        ("users", "email", "character varying", "NO"),
        ("users", "role", "character varying", "NO"),
        ("users", "is_active", "boolean", "NO"),
        ("quotas", "user_id", "uuid", "NO"),
        ("quotas", "limit_bytes", "bigint", "NO"),
        ("quotas", "used_bytes", "bigint", "NO"),
        ("quotas", "reserved_bytes", "bigint", "NO"),
        ("refresh_tokens", "token_hash", "character varying", "NO"),
        ("refresh_tokens", "revoked", "boolean", "NO"),
        ("folders", "parent_id", "uuid", "YES"),
        ("folders", "path", "ARRAY", "NO"),
        ("folders", "name_key", "character varying", "NO"),
        ("documents", "user_id", "uuid", "NO"),
        ("documents", "folder_id", "uuid", "YES"),
        ("documents", "object_key", "character varying", "NO"),
        ("documents", "name_key", "character varying", "NO"),
        ("topics", "user_id", "uuid", "YES"),
        ("shares", "recipient_id", "uuid", "YES"),
        ("shares", "group_id", "uuid", "YES"),
        ("cloud_connections", "credentials_enc", "bytea", "NO"),
        ("audit_log", "id", "bigint", "NO"),
        ("audit_log", "ip_address", "inet", "YES"),
        ("audit_log", "metadata", "jsonb", "YES"),
        ("audit_log", "xact", "bigint", "NO"),
        ("audit_log", "at", "timestamp with time zone", "NO"),
    ],
)
def test_a_column_is_of_its_kind(table: str, column: str, kind: str, is_nullable: str) -> None:
    there = columns(table)[column]
    assert there[0] == kind
    if column != "metadata":  # generated from a column that is not null
        assert there[1] == is_nullable


def test_a_quota_is_a_hundred_mebibytes_by_default() -> None:
    assert str(columns("quotas")["limit_bytes"][2]).startswith("104857600")
    assert str(columns("quotas")["used_bytes"][2]) == "0"


KEYS = {
    ("quotas", "user_id", "users", "id"),
    ("refresh_tokens", "user_id", "users", "id"),
    ("folders", "user_id", "users", "id"),
    ("folders", "parent_id", "folders", "id"),
    ("folders", "trash_id", "trash_entries", "id"),
    ("documents", "user_id", "users", "id"),
    ("documents", "folder_id", "folders", "id"),
    ("documents", "current_version_id", "versions", "id"),
    ("documents", "trash_id", "trash_entries", "id"),
    ("versions", "document_id", "documents", "id"),
    ("topics", "user_id", "users", "id"),
    ("document_topics", "document_id", "documents", "id"),
    ("document_topics", "topic_id", "topics", "id"),
    ("shares", "document_id", "documents", "id"),
    ("shares", "folder_id", "folders", "id"),
    ("shares", "recipient_id", "users", "id"),
    ("shares", "group_id", "groups", "id"),
    ("shares", "shared_by_id", "users", "id"),
    ("cloud_connections", "user_id", "users", "id"),
}


def test_each_reference_points_where_it_should_and_the_trail_points_nowhere() -> None:
    found = ask(
        "SELECT c.conrelid::regclass::text, a.attname, c.confrelid::regclass::text, b.attname FROM pg_constraint c"
        " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]"
        " JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = c.confkey[1]"
        " WHERE c.contype = 'f'"
    )
    assert set(found) >= KEYS
    assert not [row for row in found if "audit_log" in (row[0], row[2])]


@pytest.mark.parametrize("table", sorted(TABLES - {"audit_log", "quotas", "document_topics"}))
def test_a_thing_is_named_by_a_random_uuid(table: str) -> None:
    kind, is_nullable, default = columns(table)["id"]
    assert (kind, is_nullable) == ("uuid", "NO")
    assert "gen_random_uuid()" in str(default)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("uq_folders_user_parent_name", ["UNIQUE NULLS NOT DISTINCT", "user_id, parent_id, name_key"]),
        ("uq_topics_user_name", ["UNIQUE NULLS NOT DISTINCT (user_id, name_key)"]),
        ("uq_memberships_group_user", ["UNIQUE (group_id, user_id)"]),
        ("uq_versions_document_number", ["UNIQUE (document_id, number)"]),
        ("ck_shares_one_item", ["CHECK", "document_id", "folder_id"]),
        ("ck_shares_one_receiver", ["CHECK", "recipient_id", "group_id"]),
        ("ck_quotas_used", ["CHECK", "used_bytes >= 0"]),
        ("ck_quotas_reserved", ["CHECK", "reserved_bytes >= 0"]),
        ("document_topics_pkey", ["PRIMARY KEY (document_id, topic_id)"]),
        ("quotas_pkey", ["PRIMARY KEY (user_id)"]),
    ],
)
def test_a_constraint_says_what_the_design_says(name: str, words: Iterable[str]) -> None:
    definition = constraint(name)
    for word in words:
        assert word in definition


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("uq_users_handle", ["UNIQUE", "lower((handle)::text)"]),
        ("uq_users_email", ["UNIQUE", "lower((email)::text)"]),
        ("ix_refresh_tokens_user_revoked", ["(user_id, revoked)"]),
        ("ix_documents_user_folder", ["(user_id, folder_id)"]),
        ("ix_documents_user_created", ["(user_id, created_at)"]),
        (
            "uq_documents_live_folder_name",
            ["UNIQUE", "(user_id, folder_id, name_key)", "NULLS NOT DISTINCT", "trash_id IS NULL"],
        ),
        ("uq_shares_document_recipient", ["UNIQUE", "(document_id, recipient_id)"]),
        ("uq_shares_document_group", ["UNIQUE", "(document_id, group_id)"]),
        ("uq_shares_folder_recipient", ["UNIQUE", "(folder_id, recipient_id)"]),
        ("uq_shares_folder_group", ["UNIQUE", "(folder_id, group_id)"]),
        ("ix_shares_recipient", ["(recipient_id)"]),
        ("ix_folders_path", ["USING gin", "(path)"]),
        ("ix_documents_name_trigrams", ["USING gin", "gin_trgm_ops"]),
    ],
)
def test_an_index_says_what_the_design_says(name: str, words: Iterable[str]) -> None:
    definition = index(name)
    for word in words:
        assert word in definition


def test_refresh_tokens_and_versions_name_each_secret_and_object_once() -> None:
    unique = {row[0] for row in ask("SELECT indexdef FROM pg_indexes WHERE indexdef LIKE 'CREATE UNIQUE%%'")}
    for table, column in (
        ("refresh_tokens", "token_hash"),
        ("versions", "object_key"),
        ("invitations", "token_hash"),
    ):
        assert any(f"public.{table} USING btree ({column})" in str(row) for row in unique)


def test_the_owner_of_documents_became_required_in_a_step_of_its_own() -> None:
    from importlib import import_module

    first = import_module("documents.migrations.0001_initial").Migration
    second = import_module("documents.migrations.0002_document_owner_required").Migration
    made = next(op for op in first.operations if getattr(op, "name", "") == "Document")
    assert dict(made.fields)["user"].null
    assert not second.operations[0].field.null


def test_the_running_role_owns_nothing_and_is_no_superuser() -> None:
    assert ask("SELECT current_user::text, rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user") == [
        (settings.APP_ROLE, False, False)
    ]
    owners = {row[0] for row in ask("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")}
    assert owners.isdisjoint({settings.APP_ROLE})


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (x int)",
        "ALTER TABLE users ADD COLUMN x int",
        "DROP TABLE users",
        "TRUNCATE users",
        "CREATE INDEX x ON users (email)",
        "CREATE SCHEMA mine",
        "CREATE TEMPORARY TABLE documents (id uuid)",
        "CREATE VIEW mine AS SELECT 1",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SEQUENCE mine",
        "CREATE TYPE mine AS ENUM ('a')",
        "CREATE EXTENSION hstore",
        "ALTER TABLE documents DISABLE TRIGGER ALL",
        "ALTER TABLE folders DROP CONSTRAINT uq_folders_user_parent_name",
        "ALTER SEQUENCE audit_log_id_seq RESTART",
        "DROP INDEX ix_folders_path",
        "CREATE TRIGGER mine BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION refuse_trail_change()",
        "DROP FUNCTION refuse_trail_change() CASCADE",
        "COMMENT ON TABLE users IS 'mine'",
        "SET ROLE docuvault_migrate",
        "SET SESSION AUTHORIZATION docuvault_migrate",
        "SET session_replication_role = replica",
        "COPY users TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/passwd')",
    ],
)
def test_the_running_role_changes_no_schema(statement: str) -> None:
    with pytest.raises(DatabaseError, match=r"permission denied|must be owner"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(statement)


def test_no_right_over_any_table_goes_beyond_rows() -> None:
    beyond = ask(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind = 'r'"
        " AND has_table_privilege(current_user, c.oid, 'TRUNCATE, REFERENCES, TRIGGER')"
    )
    assert beyond == []
    assert ask(
        "SELECT has_schema_privilege(current_user, 'public', 'CREATE'),"
        " has_database_privilege(current_user, current_database(), 'CREATE'),"
        " has_database_privilege(current_user, current_database(), 'TEMPORARY')"
    ) == [(False, False, False)]


@pytest.mark.django_db(transaction=True)
def test_a_table_made_later_is_the_applications_without_a_further_grant() -> None:
    with migration_role(), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE made_later (id bigserial PRIMARY KEY, word text)")
    try:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO made_later (word) VALUES ('a') RETURNING id")
            assert cursor.fetchone() == (1,)
            cursor.execute("SELECT nextval('made_later_id_seq'), last_value FROM made_later_id_seq")
            cursor.execute("UPDATE made_later SET word = 'b'")
            cursor.execute("SELECT word FROM made_later")
            assert cursor.fetchone() == ("b",)
            cursor.execute("DELETE FROM made_later")
    finally:
        with migration_role(), connection.cursor() as cursor:
            cursor.execute("DROP TABLE made_later")


def test_the_application_writes_to_the_trail_and_not_to_the_list_of_migrations() -> None:
    rights = ask(
        "SELECT has_table_privilege(current_user, 'audit_log', 'SELECT'),"
        " has_column_privilege(current_user, 'audit_log', 'action', 'INSERT'),"
        " has_column_privilege(current_user, 'audit_log', 'at', 'INSERT'),"
        " has_table_privilege(current_user, 'audit_log', 'UPDATE'),"
        " has_table_privilege(current_user, 'audit_log', 'DELETE'),"
        " has_table_privilege(current_user, 'audit_log', 'TRUNCATE'),"
        " has_sequence_privilege(current_user, 'audit_log_id_seq', 'USAGE'),"
        " has_table_privilege(current_user, 'django_migrations', 'INSERT')"
    )
    assert rights == [(True, True, False, False, False, False, True, False)]


def test_text_is_compared_the_same_everywhere() -> None:
    assert ask("SELECT lower('GRÖSSE'), similarity('文書管理', '文書管理')") == [("grösse", 1.0)]
