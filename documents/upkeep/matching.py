"""Rows and objects side by side, in the order of their keys: neither is ever held as a whole.

The rows are one snapshot, taken before the listing begins, and people go on writing. So what does not
match is only suspected: it is asked for again, in the database and in the store, before it is told.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from documents.models import Version, VersionFlaw
from documents.storage import KEY_PATTERN, ObjectMissing, StoredObject, StoreError, store

FETCHED = 2_000
SUSPECTS = 500

VERSIONS = """
    SELECT object_key, id, size_bytes, sha256, flaw FROM versions ORDER BY object_key COLLATE "C"
"""
NAMED = """
    SELECT object_key FROM versions WHERE object_key = ANY(%(keys)s)
    UNION ALL SELECT object_key FROM pictures WHERE object_key = ANY(%(keys)s)
    UNION ALL SELECT object_key FROM upload_pieces WHERE object_key = ANY(%(keys)s)
    UNION ALL SELECT object_key FROM uploads
        WHERE object_key = ANY(%(keys)s) AND state IN ('receiving', 'finishing')
"""
NOTED = "SELECT object_key FROM pending_deletions WHERE object_key = ANY(%(keys)s)"


@dataclass(frozen=True, slots=True)
class VersionRow:
    """What a version says of its object."""

    key: str
    id: UUID
    size_bytes: int
    sha256: str
    flaw: str


@dataclass
class Seen:
    """What a listing has passed so far."""

    objects: int = 0
    size_bytes: int = 0
    foreign: int = 0


def rows_of(statement: str, parameters: dict[str, Any] | None = None) -> Iterator[tuple[Any, ...]]:
    """The answer to a statement, a few thousand rows at a time, from a cursor on the server."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, parameters)
        while batch := cursor.fetchmany(FETCHED):
            yield from batch


def versions_by_key() -> Iterator[VersionRow]:
    return (VersionRow(*row) for row in rows_of(VERSIONS))


def our_objects(seen: Seen) -> Iterator[StoredObject]:
    """The objects with keys of our making, in their order, counted on the way. Raises StoreError."""
    before = ""
    for item in store().objects():
        if not KEY_PATTERN.match(item.key):
            seen.foreign += 1
            continue
        if item.key <= before:
            raise StoreError(f"the store does not list in the order of keys ({before}, then {item.key})")
        before = item.key
        seen.objects += 1
        seen.size_bytes += item.size_bytes
        yield item


def side_by_side(
    rows: Iterator[VersionRow], objects: Iterator[StoredObject]
) -> Iterator[tuple[VersionRow | None, StoredObject | None]]:
    """Row and object of each key; None where one of them is lacking."""
    row, item = next(rows, None), next(objects, None)
    while row is not None or item is not None:
        if item is None or (row is not None and row.key < item.key):
            yield row, None
            row = next(rows, None)
        elif row is None or item.key < row.key:
            yield None, item
            item = next(objects, None)
        else:
            yield row, item
            row, item = next(rows, None), next(objects, None)


@dataclass(frozen=True, slots=True)
class Match:
    """A version whose object is there, of its size."""

    row: VersionRow


@dataclass(frozen=True, slots=True)
class Lack:
    """A version whose object is missing, or of another size."""

    row: VersionRow
    flaw: VersionFlaw


@dataclass(frozen=True, slots=True)
class Stray:
    """An old object that no row names, not even one that notes it for deletion."""

    item: StoredObject


def compared(
    rows: Iterator[VersionRow], seen: Seen, older_than: datetime, step: Callable[[int], None] = lambda objects: None
) -> Iterator[Match | Lack | Stray]:
    """Every version and every object, once each; what seems wrong has been asked for again.

    Without `rows` every object is asked for in the database, and no version is looked at. Raises StoreError.
    """
    lacking: list[VersionRow] = []
    unmatched: list[StoredObject] = []
    for row, item in side_by_side(rows, our_objects(seen)):
        if row is None:
            assert item is not None
            unmatched += [item] if item.modified_at < older_than else []
        elif item is not None and item.size_bytes == row.size_bytes:
            yield Match(row)
        else:
            lacking.append(row)
        if len(lacking) == SUSPECTS:
            yield from _without_object(lacking)
            lacking = []
        if len(unmatched) == SUSPECTS:
            yield from _without_row(unmatched)
            unmatched = []
            step(seen.objects)
    yield from _without_object(lacking)
    yield from _without_row(unmatched)


def _without_row(items: Sequence[StoredObject]) -> Iterator[Stray]:
    known = _keys(f"{NAMED} UNION ALL {NOTED}", [item.key for item in items]) if items else set()
    return (Stray(item) for item in items if item.key not in known)


def _without_object(rows: Sequence[VersionRow]) -> Iterator[Lack]:
    """Which of these versions are still there, and lack their object or have one of another size."""
    there = dict(Version.objects.filter(pk__in=[row.id for row in rows]).values_list("pk", "object_key"))
    for row in rows:
        if there.get(row.id) != row.key:
            continue
        try:
            found = store().head(row.key)
        except ObjectMissing:
            yield Lack(row, VersionFlaw.MISSING)
        else:
            if found.size_bytes != row.size_bytes:
                yield Lack(row, VersionFlaw.DAMAGED)


def is_still_there(row: VersionRow) -> bool:
    """Whether the version exists now, with this object."""
    return Version.objects.filter(pk=row.id, object_key=row.key).exists()


def named(keys: Sequence[str]) -> set[str]:
    """Which of these objects a row needs."""
    return _keys(NAMED, keys)


def _keys(statement: str, keys: Sequence[str]) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"keys": list(keys)})
        return {row[0] for row in cursor.fetchall()}
