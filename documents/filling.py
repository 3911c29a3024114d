"""What fills a vault: the parts of what is used, the largest things, the same bytes twice, and older versions.

Sums come from one aggregate over an index each; lists are short and read in the order of an index, or, for
what is kept twice, from one pass over an index that holds all it needs. Thumbnails and text are not here:
they are never charged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection
from django.db.models import Count, Sum, Window
from django.db.models.functions import RowNumber

from accounts import quota
from accounts.actors import Actor
from accounts.models import Quota
from documents.models import LIVE_UPLOAD_STATES, Document, TrashEntry, Upload, UploadState
from sharing import access
from sharing.access import Level
from sharing.models_requests import ReceivedState

SHOWN = 8
COPIES_SHOWN = 6


@dataclass(frozen=True)
class Filling:
    """The parts of one vault in bytes; together they are what is used and reserved."""

    quota: Quota
    live_bytes: int
    live_count: int
    older_bytes: int
    trash_bytes: int
    trash_count: int
    waiting_bytes: int
    waiting_count: int
    file_count: int | None

    @property
    def way_bytes(self) -> int:
        return self.quota.reserved_bytes

    @property
    def whole_bytes(self) -> int:
        """What the picture shows in full: what may be kept, or what is kept where that is more."""
        return max(self.quota.allowed_bytes, self.quota.taken_bytes)

    @property
    def files_left(self) -> int | None:
        if self.quota.file_limit is None or self.file_count is None:
            return None
        return max(0, self.quota.file_limit - self.file_count)


def filling_of(actor: Actor) -> Filling:
    """The actor's own vault in figures. Files are counted only where their number is limited."""
    row = Quota.objects.get(user=actor.user)
    live = Document.objects.live().owned_by(row.pk).aggregate(size=Sum("size_bytes"), count=Count("pk"))
    trash = access.own_trash(actor).aggregate(size=Sum("size_bytes"), count=Count("pk"))
    waiting = access.own_received(actor).filter(state=ReceivedState.WAITING)
    waits = waiting.aggregate(size=Sum("size_bytes"), count=Count("pk"))
    live_bytes, trash_bytes, waiting_bytes = live["size"] or 0, trash["size"] or 0, waits["size"] or 0
    return Filling(
        quota=row,
        live_bytes=live_bytes,
        live_count=live["count"],
        # What is used is counted exactly as it changes, so the rest is what older versions keep.
        older_bytes=max(0, row.used_bytes - live_bytes - trash_bytes - waiting_bytes),
        trash_bytes=trash_bytes,
        trash_count=trash["count"],
        waiting_bytes=waiting_bytes,
        waiting_count=waits["count"],
        file_count=quota.files_of(row.pk) if row.file_limit is not None else None,
    )


def largest_documents(actor: Actor) -> list[Document]:
    rows = access.visible_documents(actor, Level.OWN).filter(size_bytes__gt=0).select_related("folder")
    return list(rows.order_by("-size_bytes", "-id")[:SHOWN])


def largest_in_trash(actor: Actor) -> list[TrashEntry]:
    return list(access.own_trash(actor).filter(size_bytes__gt=0).order_by("-size_bytes", "-id")[:SHOWN])


def uploads_under_way(actor: Actor) -> list[Upload]:
    """What is being sent into the actor's vault, by whomever, and holds space for it."""
    rows = access.charged_uploads(actor).filter(state__in=LIVE_UPLOAD_STATES).select_related("actor", "folder")
    found = list(rows.order_by("-reserved_bytes", "pk")[:SHOWN])
    for row in found:
        row.is_finishing = row.state == UploadState.FINISHING  # type: ignore[attr-defined]
        row.is_own = row.actor_id == row.user_id  # type: ignore[attr-defined]
    return found


# --- The same bytes twice ---------------------------------------------------------------------------


@dataclass
class Copies:
    """Live documents that hold the same bytes, the oldest first; `documents` are some of the `count`."""

    sha256: str
    count: int
    size_bytes: int
    documents: list[Document] = field(default_factory=list)

    @property
    def spare_bytes(self) -> int:
        return (self.count - 1) * self.size_bytes

    @property
    def others(self) -> int:
        return self.count - 1

    @property
    def hidden_count(self) -> int:
        return self.count - len(self.documents)


@dataclass(frozen=True)
class Doubled:
    """What a vault keeps more than once: the groups that cost most, how many there are, and what they cost."""

    groups: Sequence[Copies]
    group_count: int = 0
    spare_bytes: int = 0


TWINS = """
    SELECT sha256, copies, size, count(*) OVER (), sum((copies - 1) * size) OVER ()
    FROM (
        SELECT sha256, count(*) AS copies, max(size_bytes) AS size FROM documents
        WHERE user_id = %(user)s AND trash_id IS NULL
        GROUP BY sha256 HAVING count(*) > 1 AND max(size_bytes) > 0
    ) found
    ORDER BY (copies - 1) * size DESC, sha256 LIMIT %(limit)s
"""


def doubled_in(actor: Actor, limit: int = SHOWN) -> Doubled:
    """What the actor's own vault keeps more than once, by the digest of current versions."""
    user = actor.active_user
    if user is None:
        return Doubled([])
    with connection.cursor() as cursor:
        cursor.execute(TWINS, {"user": user.pk, "limit": limit})
        found = cursor.fetchall()
    if not found:
        return Doubled([])
    groups = {sha256: Copies(sha256, count, size) for sha256, count, size, _groups, _spare in found}
    rows = access.visible_documents(actor, Level.OWN).filter(sha256__in=groups).select_related("folder")
    place = Window(RowNumber(), partition_by="sha256", order_by=["created_at", "pk"])
    for row in rows.annotate(place=place).filter(place__lte=COPIES_SHOWN).order_by("created_at", "pk"):
        groups[row.sha256].documents.append(row)
    return Doubled(list(groups.values()), found[0][3], int(found[0][4]))


# --- Older versions -----------------------------------------------------------------------------------

# Only what has a second version is looked at: of those there is an index of their own.
OLDER = """
    SELECT v.document_id, count(*), sum(v.size_bytes), count(*) FILTER (WHERE v.note <> '')
    FROM versions v JOIN documents d ON d.id = v.document_id
    WHERE d.user_id = %(user)s AND d.trash_id IS NULL AND v.id IS DISTINCT FROM d.current_version_id
        AND d.id IN (SELECT document_id FROM versions WHERE number > 1)
    GROUP BY v.document_id ORDER BY sum(v.size_bytes) DESC, v.document_id LIMIT %(limit)s
"""


def most_older_versions(actor: Actor) -> list[Document]:
    """The documents whose older versions keep most: `older_count`, `older_bytes`, `noted_count` on each."""
    user = actor.active_user
    if user is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(OLDER, {"user": user.pk, "limit": SHOWN})
        found: dict[UUID, tuple[int, int, int]] = {key: (n, int(size), noted) for key, n, size, noted in cursor}
    rows = {
        row.pk: row for row in access.visible_documents(actor, Level.OWN).filter(pk__in=found).select_related("folder")
    }
    for key, row in rows.items():
        row.older_count, row.older_bytes, row.noted_count = found[key]  # type: ignore[attr-defined]
        row.spare_count = row.older_count - row.noted_count  # type: ignore[attr-defined]
    return [rows[key] for key in found if key in rows]
