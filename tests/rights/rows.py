"""Everything that people own, as text to be compared: without what each run makes anew."""

import re

from django.db import connection

OWNED = (
    "comments", "document_topics", "documents", "folders", "groups", "invitations", "memberships", "quota_requests",
    "quotas", "receipts", "saved_views", "share_links", "share_receptions", "shares", "stars", "topics",
    "trash_entries", "uploads", "users", "versions",
)  # fmt: skip
# Ids, moments, hashes, keys of objects, numbers of rows, sealed tokens.
NEW_EACH_TIME = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f-]{21}|\d{4}-\d\d-\d\d[ T][\d:.]+(?:\+\d\d)?"
    r"|[0-9a-f]{64}|[0-9a-f]{2}/[0-9a-f]{32}|^\(\d+(?=,)|\d:t1:[\w-]+=*"
)


def kept_rows() -> dict[str, str]:
    """Each table's rows in order; ids of rows that were there before and moments are left as placeholders."""
    found = {}
    with connection.cursor() as cursor:
        for table in OWNED:
            cursor.execute(f"SELECT t::text FROM {table} t")
            found[table] = "\n".join(sorted(NEW_EACH_TIME.sub("#", str(row)) for (row,) in cursor.fetchall()))
    return found
