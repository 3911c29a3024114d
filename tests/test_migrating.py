"""Migrations on a database that lives: one that is killed goes on, and none keeps people waiting for long."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import OperationalError, connection, connections
from pytest_django import Settings

from tests.emptying import drop_database
from tests.ground import CHECKOUT, at

NAME = "struck_migrations"
KILLED_AFTER = (4, 40)
# Everything that a migration makes, in words that do not depend on when it was made.
SHAPE = """
    SELECT 'column', table_name, column_name,
           concat_ws(' ', data_type, is_nullable, column_default, character_maximum_length, generation_expression)
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
    FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'function', proname, '', prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT 'right', table_name, grantee, privilege_type FROM information_schema.role_table_grants
    WHERE table_schema = 'public'
    UNION ALL SELECT 'migration', app, name, '' FROM django_migrations
    ORDER BY 1, 2, 3, 4
"""


@pytest.fixture
def empty_database() -> Iterator[str]:
    with psycopg.connect(at("postgres"), autocommit=True) as session:
        session.execute(f"DROP DATABASE IF EXISTS {NAME}")
        session.execute(f"CREATE DATABASE {NAME}")
        yield at(NAME)
        drop_database(session, NAME)


def shape_of(address: str) -> list[tuple[str, ...]]:
    with psycopg.connect(address) as session:
        return [tuple(map(str, row)) for row in session.execute(SHAPE)]


def done_so_far(address: str) -> int:
    try:
        with psycopg.connect(address) as session:
            row = session.execute("SELECT count(*) FROM django_migrations").fetchone()
    except psycopg.errors.UndefinedTable:
        return 0
    return row[0] if row else 0


@pytest.mark.django_db
@pytest.mark.timeout(120)
def test_f36_a_migration_that_is_killed_goes_on_and_ends_as_one_that_was_not(empty_database: str) -> None:
    command = [sys.executable, "manage.py", "migrate", "--no-input", "-v0"]
    environment = {**os.environ, "DATABASE_MIGRATE_URL": empty_database, "DATABASE_URL": at(NAME, "DATABASE_URL")}
    for count in KILLED_AFTER:
        struck = subprocess.Popen(command, cwd=CHECKOUT, env=environment)
        while done_so_far(empty_database) < count:
            assert struck.poll() is None, "it came to its end"
            time.sleep(0.01)
        struck.kill()
        struck.wait()
    assert done_so_far(empty_database) < len([row for row in shape_of(at_work()) if row[0] == "migration"])
    subprocess.run(command, cwd=CHECKOUT, env=environment, check=True)
    assert shape_of(empty_database) == shape_of(at_work())


def at_work() -> str:
    """The database of these tests, whose migrations ran through at once."""
    return at(str(connection.settings_dict["NAME"]))


@pytest.mark.django_db(transaction=True)
def test_f35_a_migration_that_waits_for_a_lock_gives_up_and_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    def change(*_args: object, **_options: object) -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("ALTER TABLE stars ADD COLUMN f35 integer")

    monkeypatch.setattr(DjangoMigrate, "handle", change)
    settings.MIGRATION_PATIENCE_SECONDS = 0.2
    with psycopg.connect(at_work()) as reader:
        reader.execute("SELECT count(*) FROM stars")  # and its transaction stays open
        with pytest.raises(OperationalError, match="lock timeout"):
            call_command("migrate")
    # Nothing is left of it, and others do not wait.
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '1s'")
        cursor.execute("SELECT count(*) FROM information_schema.columns WHERE column_name = 'f35'")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) FROM stars")
