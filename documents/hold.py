"""What keeps the vault from deleting and sending: a backup under way, or being a restored copy that nobody released.

A backup holds one advisory lock of its own session, and whatever deletes objects shares it for a
transaction. So a backup that dies lets go at once, and one that hangs is put out by the database after
`DEADLINE`. Rejected: a row with a date, which a dead backup leaves standing and a slow one outlives.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection

from documents.models import VaultIdentity

BACKUP_LOCK, DELETION_LOCK = 0x646F6376_6B757001, 0x646F6376_6B757002
# A backup tells the database this often that it lives; unheard for the deadline, it has lost its hold.
RENEWAL = timedelta(seconds=20)
DEADLINE = timedelta(minutes=15)
# A round of deletions that is under way is waited for as long.
PATIENCE = timedelta(minutes=2)


class AlreadyHeld(Exception):
    """Another backup or restore of this vault is under way."""


class HoldLost(Exception):
    """The database has let go of the hold: objects may have been deleted since."""


def is_held() -> bool:
    """Whether this is a restored copy that may not send, sweep or delete yet."""
    return VaultIdentity.objects.filter(is_held=True).exists()


def may_delete_objects() -> bool:
    """Whether objects may be deleted until the caller's transaction ends. Call before reading which."""
    if not connection.in_atomic_block:
        raise RuntimeError("objects are deleted inside a transaction")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock_shared(%s)", [DELETION_LOCK])
        is_free = cursor.fetchone()[0]
    return bool(is_free) and not is_held()


def address_of_owner() -> dict[str, Any]:
    """How the owner of the schema reaches this database, as psycopg's arguments.

    Where no migration role is named, the application's own address.
    """
    running = connection.settings_dict
    owner = settings.MIGRATION_DATABASE or running
    found = {
        "host": owner["HOST"],
        "port": owner["PORT"],
        "user": owner["USER"],
        "password": owner["PASSWORD"],
        "dbname": running["NAME"],
    }
    return {name: value for name, value in found.items() if value}


class Hold:
    """Deletions wait while this lives. `renew` now and then, from the thread that works."""

    def __init__(self, session: "psycopg.Connection[Any]") -> None:
        self._session = session
        self._renewed = time.monotonic()

    def renew(self) -> None:
        """Tell the database that we live, if it is time. Raises HoldLost."""
        if time.monotonic() - self._renewed < RENEWAL.total_seconds():
            return
        try:
            self._session.execute("SELECT 1")
        except psycopg.Error as error:
            raise HoldLost("the database was away, and deletions may have gone on meanwhile") from error
        self._renewed = time.monotonic()


@contextmanager
def deletions_held() -> Iterator[Hold]:
    """Keep objects from being deleted while the block runs. Raises AlreadyHeld, HoldLost, psycopg.Error."""
    with psycopg.connect(**address_of_owner(), autocommit=True, connect_timeout=5) as session:
        session.execute(f"SET idle_session_timeout = '{int(DEADLINE.total_seconds())}s'")
        answer = session.execute("SELECT pg_try_advisory_lock(%s)", [BACKUP_LOCK]).fetchone()
        if answer is None or not answer[0]:
            raise AlreadyHeld
        session.execute(f"SET lock_timeout = '{int(PATIENCE.total_seconds())}s'")
        session.execute("SELECT pg_advisory_lock(%s)", [DELETION_LOCK])
        hold = Hold(session)
        yield hold
        hold._renewed = 0
        hold.renew()
