"""Retention and erasure: whole sealed ranges go when their time is over, and a person's names at their wish.

Both over the migration role, since the application's may change nothing here; both are told in the trail.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.utils.timezone import now

from accounts.actors import Actor
from docuvault.lib.roles import migration_role
from sharing import access, audit
from sharing.models import AuditEvent, TrailErasure, TrailSeal
from sharing.trail.rows import Labels
from sharing.trail.stretches import range_of, stretches_by_number
from sharing.trail.verifier import label_hash

MAINTENANCE = "SELECT set_config('docuvault.trail_maintenance', 'on', true)"
DELETE = "DELETE FROM audit_log WHERE id > %s AND id <= %s AND xact > %s AND xact <= %s"
BATCH = 2_000


@contextmanager
def maintenance() -> Iterator[None]:
    """As the owner of the table, in one transaction that says what it is."""
    with migration_role(), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(MAINTENANCE)
        yield


def prunable(before: datetime) -> list[TrailSeal]:
    """The seals whose rows are all older, from the first that still has rows on, without a gap."""
    found = []
    for seal in TrailSeal.objects.filter(pruned_at=None).order_by("number").iterator():
        if seal.last_at >= before:
            break
        found.append(seal)
    return found


def prune_trail(before: datetime, *, by: Actor) -> tuple[int, int]:
    """Remove the rows of whole seals that end before a moment; the seals stay. Answers seals and rows."""
    access.require_admin(by)
    seals, rows = 0, 0
    for seal in prunable(before):
        gone = range_of(seal, TrailSeal.objects.filter(number=seal.number - 1).first(), stretches_by_number())
        with maintenance(), connection.cursor() as cursor:
            cursor.execute(DELETE, [gone.after_id, gone.last_id, gone.after_xact, gone.last_xact])
            rows += cursor.rowcount
            TrailSeal.objects.filter(pk=seal.pk).update(pruned_at=now())
        seals += 1
    if seals:
        with transaction.atomic():
            audit.record(
                audit.Verb.TRAIL_PRUNED,
                by=by,
                target_kind="trail",
                details={"entries": seals, "count": rows, "to": before.date().isoformat()},
            )
    return seals, rows


def erase_labels(person_id: UUID, *, by: Actor) -> int:
    """Take a person's names out of all rows, sealed ones too: a salted hash stands for them. Answers how many.

    Ids stay, and so do words that a row's details hold. Rows that are not sealed yet wait for their seal.
    """
    access.require_admin(by)
    erased = 0
    labels: dict[str, Labels] = {}
    stretches = stretches_by_number()
    before: TrailSeal | None = None
    for seal in TrailSeal.objects.order_by("number"):
        wanted, before = range_of(seal, before, stretches), seal
        rows = AuditEvent.objects.filter(
            id__gt=wanted.after_id, id__lte=wanted.last_id, xact__gt=wanted.after_xact, xact__lte=wanted.last_xact
        )
        mine = rows.filter(actor_id=person_id).exclude(actor_name="") | rows.filter(
            target_kind="user", target_id=str(person_id)
        ).exclude(target_name="")
        chosen = list(mine.values_list("id", "actor_id", "actor_name", "target_kind", "target_id", "target_name"))
        key = labels.setdefault(seal.key_name, Labels(seal.key_name))
        for begin in range(0, len(chosen), BATCH):
            erased += _erase(chosen[begin : begin + BATCH], person_id, key)
    if erased:
        with transaction.atomic():
            audit.record(
                audit.Verb.TRAIL_LABELS_ERASED,
                by=by,
                target_kind="user",
                target_id=person_id,
                details={"count": erased},
            )
    return erased


def _erase(rows: list[tuple[int, UUID | None, str, str, str, str]], person_id: UUID, labels: Labels) -> int:
    with maintenance(), connection.cursor() as cursor:
        known = [
            TrailErasure(event_id=row[0], label_hash=label_hash(labels.salt(row[0]), row[2], row[5])) for row in rows
        ]
        # A row whose other name was erased before keeps the hash that its seal knows.
        TrailErasure.objects.bulk_create(known, ignore_conflicts=True)
        for key, actor_id, _actor, kind, target_id, _target in rows:
            cursor.execute(
                "UPDATE audit_log SET actor_name = CASE WHEN %s THEN '' ELSE actor_name END,"
                " target_name = CASE WHEN %s THEN '' ELSE target_name END WHERE id = %s",
                [actor_id == person_id, kind == "user" and target_id == str(person_id), key],
            )
    return len(rows)
