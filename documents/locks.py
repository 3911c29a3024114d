"""One lock per vault: what changes the shape of somebody's folders waits in line, what adds to them shares.

An advisory lock of the transaction. Rejected: locking the quota row, which every upload needs.
"""

import hashlib
from uuid import UUID

from django.db import connection


def lock_vault(owner_id: UUID, *, is_shared: bool = False) -> None:
    """Hold the vault's lock until the transaction ends. Call inside one, before reading what will change."""
    if not connection.in_atomic_block:
        raise RuntimeError("a vault is locked inside a transaction")
    function = "pg_advisory_xact_lock_shared" if is_shared else "pg_advisory_xact_lock"
    key = int.from_bytes(owner_id.bytes[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [key])


def lock_habits(user_id: UUID) -> None:
    """Wait in line to learn what somebody files where, until the transaction ends."""
    _wait_in_line(f"habits {user_id}")


def lock_upload(upload_id: UUID) -> None:
    """Wait in line with whoever brings the same upload, until the transaction ends. Before any other lock.

    One way in takes the quota before the upload's row is there, the other one after it: they would wait for each other.
    """
    _wait_in_line(f"upload {upload_id}")


def lock_names(owner_id: UUID, folder_id: UUID | None) -> None:
    """Wait in line for the numbered names of one folder, until the transaction ends."""
    _wait_in_line(f"names {owner_id} {folder_id}")


def _wait_in_line(what: str) -> None:
    digest = hashlib.sha256(what.encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], "big", signed=True)])
