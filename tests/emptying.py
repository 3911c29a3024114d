"""Between tests that commit, only the tables that hold rows are emptied.

Django's flush truncates every table there is, each with its indexes, and makes permissions and content
types anew: a quarter of a second for a handful of rows. Those two kinds of rows belong to the schema, so they stay.
"""

from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from psycopg.sql import SQL, Identifier, Literal

STAYING = {"django_migrations", "django_content_type", "auth_permission"}
TABLES = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""

# By table, as COPY writes them.
Rows = dict[str, bytes]


def drop_database(session: psycopg.Connection[Any], name: str) -> None:
    """With whoever is still in it; a vacuum under way is PostgreSQL's own, and ends for a plain drop alone."""
    try:
        session.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
    except psycopg.errors.InsufficientPrivilege:
        session.execute(SQL("DROP DATABASE {}").format(Identifier(name)))


class Emptier:
    """Empties one database over a connection of the migration role's, kept between tests."""

    def __init__(self) -> None:
        target = settings.MIGRATION_DATABASE or settings.DATABASES["default"]
        self.connection = psycopg.connect(
            host=target["HOST"],
            port=target["PORT"] or None,
            user=target["USER"],
            password=target["PASSWORD"],
            dbname=connection.settings_dict["NAME"],
            autocommit=True,
        )

    def _filled(self) -> list[str]:
        rows = self.connection.execute(TABLES).fetchall()
        names = sorted(str(name) for (name,) in rows if name not in STAYING)
        asked = SQL(" UNION ALL ").join(
            SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(Literal(name), Identifier(name)) for name in names
        )
        return [str(row[0]) for row in self.connection.execute(asked).fetchall()]

    def empty(self) -> None:
        """Foreign keys are checked at the end of the transaction, so the order does not matter."""
        with self.connection.transaction():
            filled = self._filled()
            if not filled:
                return
            self.connection.execute("SET LOCAL docuvault.trail_maintenance = 'on'")
            self.connection.execute("SET CONSTRAINTS ALL DEFERRED")
            for name in filled:
                self.connection.execute(SQL("DELETE FROM {}").format(Identifier(name)))

    def copied(self) -> Rows:
        """Every row there is, for a world that takes long to make and is wanted by many tests."""
        rows: Rows = {}
        for name in self._filled():
            with self.connection.cursor().copy(SQL("COPY {} TO STDOUT").format(Identifier(name))) as copy:
                rows[name] = b"".join(copy)
        return rows

    def put_back(self, rows: Rows) -> None:
        """Into tables that are empty."""
        with self.connection.transaction():
            self.connection.execute("SET CONSTRAINTS ALL DEFERRED")
            for name, data in rows.items():
                with self.connection.cursor().copy(SQL("COPY {} FROM STDIN").format(Identifier(name))) as copy:
                    copy.write(data)

    def close(self) -> None:
        self.connection.close()
