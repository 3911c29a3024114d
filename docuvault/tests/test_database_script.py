"""The production database's set-up script does what the embedded one does."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from docuvault.stack.postgres import SUPERUSER, Postgres

SCRIPT = Path(__file__).resolve().parents[2] / "docker" / "database.sh"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    """A server as an official image leaves it: nothing but the superuser."""
    postgres = Postgres(tmp_path / "postgres", durable=False)
    postgres.make_roles = lambda: None  # type: ignore[method-assign]
    try:
        postgres.start()
        if not (postgres.bin / "psql").exists():
            pytest.skip("this PostgreSQL comes without psql")
        yield postgres
    finally:
        postgres.remove()


def test_the_script_makes_two_roles_of_which_one_owns_the_database(server: Postgres) -> None:
    subprocess.run(
        ["/bin/sh", SCRIPT],
        env={
            "PATH": f"{server.bin}:{os.environ['PATH']}",
            "PGHOST": str(server.sockets),
            "PGPASSWORD": server.passwords[SUPERUSER],
            "POSTGRES_USER": SUPERUSER,
            "DOCUVAULT_MIGRATE_PASSWORD": "it's one",
            "DOCUVAULT_APP_PASSWORD": "two",
        },
        check=True,
    )
    host = quote(str(server.sockets), safe="")
    with psycopg.connect(f"postgres://docuvault_migrate:it's%20one@{host}/docuvault") as owner:
        owner.execute("CREATE TABLE t (n int)")
        owner.execute("CREATE EXTENSION pg_trgm")
    with psycopg.connect(f"postgres://docuvault_app:two@{host}/docuvault") as app:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("CREATE TABLE u (n int)")


def test_the_script_names_a_missing_password(server: Postgres) -> None:
    done = subprocess.run(
        ["/bin/sh", SCRIPT], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "DOCUVAULT_MIGRATE_PASSWORD" in done.stderr
