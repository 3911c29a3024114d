"""Runs a piece of work over the migration role's own connection instead of the application's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connections


@contextmanager
def migration_role(alias: str = "default") -> Iterator[None]:
    """Swap the connection's address for `DATABASE_MIGRATE_URL`'s while the block runs.

    Without that setting the application's address is kept: one role then does both.
    The database's name is taken from the running connection, so test databases work too.
    """
    target: dict[str, Any] | None = settings.MIGRATION_DATABASE
    if target is None:
        yield
        return
    connection = connections[alias]
    connection.close()
    before = connection.settings_dict
    name = before["NAME"]
    connection.settings_dict = {**before, **target, "NAME": name, "TEST": before["TEST"]}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = {**before, "NAME": connection.settings_dict["NAME"]}
