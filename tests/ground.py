"""What the vaults of one run of tests share: one database is migrated, static files are gathered once."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

CHECKOUT = Path(__file__).resolve().parents[1]
TEMPLATE = "migrated"
LOCK = 20_261_126  # of the workers, the first makes it
QUICK_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def at(name: str, variable: str = "DATABASE_MIGRATE_URL") -> str:
    """The address of another database of the tests' server."""
    return urlunsplit(urlsplit(os.environ[variable])._replace(path=f"/{name}"))


def migrated_template() -> str:
    """The name of a database that `manage.py migrate` has filled and nobody is in."""
    with psycopg.connect(os.environ["DATABASE_MIGRATE_URL"], autocommit=True) as session:
        session.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        if not session.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone():
            draft = f"{TEMPLATE}_draft"
            session.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(draft)))
            session.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(draft)))
            subprocess.run(
                [sys.executable, "manage.py", "migrate", "--no-input", "-v0"],
                cwd=CHECKOUT,
                env={
                    **os.environ,
                    "DATABASE_URL": at(draft, "DATABASE_URL"),
                    "DATABASE_MIGRATE_URL": at(draft),
                },
                check=True,
            )
            session.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(draft), sql.Identifier(TEMPLATE))
            )
    return TEMPLATE


def make_copy(name: str) -> None:
    """A database of this name, migrated."""
    template = migrated_template()
    with psycopg.connect(os.environ["DATABASE_MIGRATE_URL"], autocommit=True) as session:
        session.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(sql.Identifier, (name, template))))
    copy_rights(name)


def copy_rights(name: str) -> None:
    """What a migration says of the database itself is not copied with what is in it."""
    revoke = import_module("accounts.migrations.0004_no_temporary_tables").REVOKE
    role = unquote(urlsplit(os.environ["DATABASE_URL"]).username or "")
    with psycopg.connect(at(name), autocommit=True) as session:
        session.execute(revoke.format(role=sql.Identifier(role).as_string(session)))


def static_root() -> Path:
    """Where they all serve static files from."""
    return Path(os.environ["DOCUVAULT_DATA"], "gathered", "static")


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """For `prepare`: two that gather static files in one folder at once would empty it under each other."""
    folder = static_root().parent
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
