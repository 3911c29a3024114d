"""The database connection of a request: given back while bytes flow, and asked in prepared statements."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor


def let_go_of_database() -> None:
    """Back to the pool (or closed); the next query takes one again. Inside a transaction nothing happens."""
    if not connection.in_atomic_block:
        connection.close()


@contextmanager
def prepared_statements() -> Iterator[None]:
    """Within it, statements are prepared once they were asked a few times on one connection.

    To parse and plan a lookup by keys costs PostgreSQL several times its answer. Only for statements whose plan
    does not depend on the values: after some more times the plan is kept too. Where preparing is switched off
    (DOCUVAULT_DB_PREPARE), nothing changes.
    """
    connection.ensure_connection()
    raw = connection.connection
    if raw.prepare_threshold is None:
        yield
        return
    usual, raw.cursor_factory = raw.cursor_factory, ServerBindingCursor
    try:
        yield
    finally:
        raw.cursor_factory = usual
