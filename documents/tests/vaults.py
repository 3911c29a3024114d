"""A second vault beside the tests' own: another database of the same server, another bucket of the same store."""

import os
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.conf import settings
from psycopg import sql

from documents.storage import ObjectStore

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass
class OtherVault:
    """Empty at first, not even migrated. `manage` runs a command on it in a process of its own."""

    bucket: str = ""
    name: str = field(default_factory=lambda: f"vault_{secrets.token_hex(5)}")

    def __post_init__(self) -> None:
        self.bucket = self.bucket or self.name.replace("_", "-")
        with self._server() as server:
            server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(self.name)))
        self.store.make_bucket()

    def _server(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(os.environ["DATABASE_MIGRATE_URL"], autocommit=True)

    @property
    def store(self) -> ObjectStore:
        return ObjectStore(
            endpoint_url=settings.S3_ENDPOINT_URL,
            access_key=settings.S3_ACCESS_KEY_ID,
            secret_key=settings.S3_SECRET_ACCESS_KEY,
            bucket=self.bucket,
            kind="rclone",
            local_root=settings.STORE_ROOT,
        )

    def _address(self, variable: str) -> str:
        return urlunsplit(urlsplit(os.environ[variable])._replace(path=f"/{self.name}"))

    def environment(self, **changed: str) -> dict[str, str]:
        return {
            **os.environ,
            "DATABASE_URL": self._address("DATABASE_URL"),
            "DATABASE_MIGRATE_URL": self._address("DATABASE_MIGRATE_URL"),
            "S3_BUCKET": self.bucket,
            **changed,
        }

    def manage(self, *words: str | Path, **changed: str) -> "subprocess.CompletedProcess[str]":
        """The command's end; `changed` are settings that are to be different."""
        return subprocess.run(
            [sys.executable, "manage.py", *map(str, words)],
            cwd=CHECKOUT,
            env=self.environment(**changed),
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """What the database answers to the application's own role."""
        with psycopg.connect(self._address("DATABASE_URL")) as connection:
            return connection.execute(query.encode()).fetchall()

    def remove(self) -> None:
        with self._server() as server:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.name)))
