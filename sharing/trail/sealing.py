"""Sealing: closed ranges of the trail, chained and signed, by a job that no writer waits for.

A row belongs to the next seal once every transaction up to its own has ended (pg_snapshot_xmin): a slow one
cannot slip in a smaller number later. Rejected: a hash from row to row in the writer's transaction, which would
make all writers wait in one line.
"""

import logging
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.timezone import now

from accounts.secrets import TRAIL_SEALS, Signer, signing_key
from documents.storage import store
from docuvault.lib.roles import migration_role
from sharing.models import TrailSeal, TrailStretch
from sharing.trail.rows import ALL, Labels, Range, Summary, summed_up
from sharing.trail.stretches import latest
from sharing.trail.verifier import BEGINNING, SEAL_FIELDS, head_of

logger = logging.getLogger(__name__)

ROWS_PER_SEAL = 20_000
SEAL_LOCK = 0x646F6376_6B757005
# The last transaction of the next seal: of the row that fills it, among those that nothing can slip in before.
LAST_XACT = """
    SELECT max(xact) FROM (
        SELECT xact FROM audit_log
        WHERE id > %s AND xact > %s AND xact < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
        ORDER BY xact, id LIMIT %s
    ) AS next
"""


def shown(moment: datetime) -> str:
    """As the verifier writes moments."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment_of(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")


def text_of(seal: TrailSeal) -> dict[str, Any]:
    """A seal as its own hash and the export see it."""
    values: dict[str, Any] = {field: getattr(seal, field) for field in SEAL_FIELDS}
    for field in ("first_at", "last_at", "sealed_at"):
        values[field] = shown(values[field])
    return values


def seal_trail(rows_per_seal: int = ROWS_PER_SEAL) -> list[TrailSeal]:
    """Seal what has come to rest since the last seal; answers the new ones. Another sealer at work: none."""
    made = []
    while (seal := _seal_next(rows_per_seal)) is not None:
        made.append(seal)
    return made


@transaction.atomic
def _seal_next(rows_per_seal: int) -> TrailSeal | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SEAL_LOCK])
        if not cursor.fetchone()[0]:
            return None
        stretch = latest()
        last = TrailSeal.objects.order_by("-number").first()
        after = last.last_xact if last is not None and last.stretch == stretch.number else 0
        cursor.execute(LAST_XACT, [stretch.after_id, after, rows_per_seal])
        last_xact = cursor.fetchone()[0]
    if last_xact is None:
        return None
    return _seal(stretch, last, Range(stretch.after_id, ALL, after, last_xact))


def _seal(stretch: TrailStretch, last: TrailSeal | None, wanted: Range) -> TrailSeal:
    key = signing_key()
    summary: Summary = summed_up(wanted.rows(Labels(key)))
    seal = TrailSeal(
        number=last.number + 1 if last else 1,
        stretch=stretch.number,
        last_xact=wanted.last_xact,
        first_id=summary.first_id,
        last_id=summary.last_id,
        row_count=summary.count,
        first_at=moment_of(summary.first_at),
        last_at=moment_of(summary.last_at),
        rows_hash=summary.rows_hash,
        previous_head=last.head if last else BEGINNING,
        key_name=key,
        sealed_at=now(),
    )
    seal.head = head_of(text_of(seal))
    seal.mac = Signer(key, TRAIL_SEALS).sign(seal.head.encode())
    seal.save(force_insert=True)
    transaction.on_commit(lambda: logger.info("trail sealed: %s", anchor_text(seal).replace("\n", " ").strip()))
    return seal


def anchor_text(seal: TrailSeal) -> str:
    """What is kept of a seal outside the database."""
    return (
        f"seal {seal.number} of stretch {seal.stretch}\nhead {seal.head}\nrows to {seal.last_id}\n"
        f"sealed {shown(seal.sealed_at)}\nmac {seal.mac}\n"
    )


def anchor_name(seal: TrailSeal) -> str:
    return f"{seal.stretch:04d}-{seal.number:010d}"


def anchor_trail() -> TrailSeal | None:
    """Write the last seal's head into the bucket; answers it, or None where it is there already.

    Raises StoreUnavailable.
    """
    seal = TrailSeal.objects.order_by("-number").first()
    if seal is None or seal.anchored_at is not None:
        return None
    store().write_anchor(anchor_name(seal), anchor_text(seal))
    TrailSeal.objects.filter(pk=seal.pk).update(anchored_at=now())
    return seal


def begin_stretch(reason: str) -> TrailStretch:
    """After a restore: seal what came in with it, and count transactions anew. For the same reason only once.

    Nothing else may write into the trail meanwhile. Over the migration role: the application's cannot.
    """
    with migration_role(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0), coalesce(max(xact), 0) FROM audit_log")
        last_id, last_xact = cursor.fetchone()
        stretch = latest()
        if stretch.reason == reason:
            return stretch
        last = TrailSeal.objects.order_by("-number").first()
        kept = last.number if last else 0
        after = last.last_xact if last is not None and last.stretch == stretch.number else 0
        if last_xact > after:
            cursor.execute(
                "SELECT EXISTS (SELECT 1 FROM audit_log WHERE id > %s AND xact > %s)", [stretch.after_id, after]
            )
            if cursor.fetchone()[0]:
                _seal(stretch, last, Range(stretch.after_id, ALL, after, last_xact))
        return TrailStretch.objects.create(number=stretch.number + 1, after_id=last_id, after_seal=kept, reason=reason)
