"""The store in figures: what a round writes down of the whole, and what the administration shows of it."""

from django.db import connection

from documents.models import PendingDeletion, StrayObject
from documents.upkeep.matching import Seen

BYTES = """
    SELECT coalesce(sum(v.size_bytes) FILTER (WHERE d.trash_id IS NULL AND v.id = d.current_version_id), 0),
           coalesce(sum(v.size_bytes) FILTER (WHERE d.trash_id IS NULL AND v.id <> d.current_version_id), 0),
           coalesce(sum(v.size_bytes) FILTER (WHERE d.trash_id IS NOT NULL), 0),
           (SELECT coalesce(sum(received_bytes), 0) FROM uploads WHERE state IN ('receiving', 'finishing')),
           count(*), count(*) FILTER (WHERE v.flaw <> '')
    FROM versions v JOIN documents d ON d.id = v.document_id
"""
NAMES = ("live_bytes", "older_bytes", "trash_bytes", "under_way_bytes", "versions", "flawed")


def kept() -> dict[str, int]:
    """What the rows say is kept, in bytes: live, older versions, trash, under way; versions, and those with a flaw."""
    with connection.cursor() as cursor:
        cursor.execute(BYTES)
        return dict(zip(NAMES, map(int, cursor.fetchone()), strict=True))


def figures(seen: Seen) -> dict[str, int]:
    """All that a round writes down once it has seen the whole store."""
    return {
        **kept(),
        "objects": seen.objects,
        "object_bytes": seen.size_bytes,
        "foreign_objects": seen.foreign,
        "strays": StrayObject.objects.count(),
        "pending": PendingDeletion.objects.count(),
    }
