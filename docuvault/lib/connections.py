"""Giving the database connection back while bytes flow, so that slow readers and senders hold none."""

from django.db import connection


def let_go_of_database() -> None:
    """Back to the pool (or closed); the next query takes one again. Inside a transaction nothing happens."""
    if not connection.in_atomic_block:
        connection.close()
