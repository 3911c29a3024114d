"""The rows of the trail as they are sealed: read in the order of seals, and hashed without their names in clear."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from accounts.secrets import TRAIL_LABELS, Signer
from sharing.trail.verifier import canonical, label_hash

AT_A_TIME = 5_000
# Above every id and every transaction number that can be.
ALL = 2**63 - 1
MOMENT = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
# All as text, as the verifier writes them: what a driver makes of a type may change, the bytes may not.
SELECT = f"""
    SELECT a.id, to_char(a.at AT TIME ZONE 'UTC', '{MOMENT}'), a.xact, coalesce(a.actor_id::text, ''), a.actor_kind,
        coalesce(a.on_behalf_of::text, ''), a.action, a.target_kind, a.target_id, coalesce(a.owner_id::text, ''),
        a.request_id, coalesce(host(a.ip_address), ''), a.session_hash, a.result, a.details,
        a.actor_name, a.target_name, e.label_hash
    FROM audit_log a LEFT JOIN audit_erasures e ON e.event_id = a.id
    WHERE a.id > %s AND a.id <= %s AND a.xact > %s AND a.xact <= %s AND (a.xact, a.id) > (%s, %s)
    ORDER BY a.xact, a.id LIMIT %s
"""  # noqa: S608 (fixed words)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: what is hashed of it, and its names beside that. `salt` is empty where they were erased."""

    values: list[Any]
    actor_name: str
    target_name: str
    salt: str


class Labels:
    """Salts for the names, one per row: a hash alone tells nothing, and an erased name cannot be tried out."""

    def __init__(self, key: str) -> None:
        self._signer = Signer(key, TRAIL_LABELS)

    def salt(self, event_id: int) -> str:
        return self._signer.sign(str(event_id).encode())[:32]


@dataclass
class Range:
    """The rows of one seal: of a stretch (above `after_id`, to `last_id`), above one transaction and up to another."""

    after_id: int
    last_id: int
    after_xact: int
    last_xact: int

    def rows(self, labels: Labels) -> Iterator[Row]:
        """In the order of seals, some at a time: no transaction and no connection is held between."""
        xact, key = self.after_xact, 0
        while True:
            with connection.cursor() as cursor:
                cursor.execute(
                    SELECT, [self.after_id, self.last_id, self.after_xact, self.last_xact, xact, key, AT_A_TIME]
                )
                found = cursor.fetchall()
            for row in found:
                *values, actor_name, target_name, erased = row
                salt = "" if erased else labels.salt(values[0])
                values.append(erased or label_hash(salt, actor_name, target_name))
                yield Row(values, actor_name, target_name, salt)
            if len(found) < AT_A_TIME:
                return
            key, xact = found[-1][0], found[-1][2]


@dataclass
class Summary:
    """What a seal says of its rows."""

    count: int = 0
    first_id: int = 0
    last_id: int = 0
    first_at: str = ""
    last_at: str = ""
    last_xact: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def add(self, row: Row) -> None:
        key, at, xact = row.values[:3]
        self.count += 1
        self.first_id = min(self.first_id or key, key)
        self.last_id = max(self.last_id, key)
        self.first_at = min(self.first_at or at, at)
        self.last_at = max(self.last_at, at)
        self.last_xact = xact
        self.digest.update(canonical(row.values))

    @property
    def rows_hash(self) -> str:
        return str(self.digest.hexdigest())


def summed_up(rows: Iterator[Row]) -> Summary:
    summary = Summary()
    for row in rows:
        summary.add(row)
    return summary
