"""Sweeping and comparing: objects that no row names go in the end, versions without their bytes are marked.

An object without a row is seen twice, with the grace between, before it is noted for deletion; the note
falls due an hour later. Where more than a share of all objects would go at once, none goes and the admins
are told: then a table or a bucket is not the one it should be. In a restored copy nothing is deleted.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from accounts.actors import Actor
from documents.hold import is_held
from documents.identity import check_bucket
from documents.models import StrayObject, UpkeepKind, UpkeepRun
from documents.storage import KEY_PATTERN, StoredObject, store
from documents.upkeep import leftovers, repairs
from documents.upkeep.alarm import ask_for_alarm
from documents.upkeep.figures import figures
from documents.upkeep.matching import SUSPECTS, Lack, Match, Seen, Stray, compared, versions_by_key
from documents.upkeep.rounds import only_one, round_of
from documents.upkeep.soundness import note_flaw, note_whole, read_again
from docuvault.lib.failpoints import Failpoint, failpoint
from sharing import audit

logger = logging.getLogger(__name__)
# So few may always go, however small the vault is.
FLOOR = 20


def grace() -> timedelta:
    """How old an object without a row has to be, and how long it is watched before it is noted for deletion."""
    return timedelta(hours=settings.SWEEP_GRACE_HOURS)


def sweep(*, by: Actor) -> UpkeepRun:
    """Objects that no row names, and multipart uploads left by the dead. Raises AlreadyUnderWay, StoreError."""
    return _round(UpkeepKind.SWEEP, by)


def reconcile(*, by: Actor) -> UpkeepRun:
    """Both ways: also versions whose object is missing, of another size, or back again."""
    return _round(UpkeepKind.RECONCILE, by)


def _round(kind: UpkeepKind, by: Actor) -> UpkeepRun:
    check_bucket()
    with only_one(), round_of(kind) as run:
        if is_held():
            logger.warning("%s: this is a restored copy that is held: nothing is swept", kind)
            run.details = {"held": 1}
            return run
        begun_at, seen, counts = now(), Seen(), {"flaws_found": 0, "flaws_gone": 0}
        strays: list[StoredObject] = []
        rows = versions_by_key() if kind == UpkeepKind.RECONCILE else iter(())
        for found in compared(rows, seen, begun_at - grace()):
            if isinstance(found, Stray):
                strays.append(found.item)
                if len(strays) == SUSPECTS:
                    note_strays(strays, begun_at)
                    strays = []
            elif isinstance(found, Lack):
                counts["flaws_found"] += note_flaw(found.row.id, found.flaw, by=by)
            elif found.row.flaw:
                counts["flaws_gone"] += _is_whole_again(found, run, by)
        note_strays(strays, begun_at)
        StrayObject.objects.filter(last_seen_at__lt=begun_at).delete()
        condemned, is_stopped = condemn_strays(seen.objects, begun_at, begun_at - grace(), by=by)
        parts = _end_parts(begun_at, by)
        if condemned or parts:
            with transaction.atomic():
                audit.record(audit.Verb.STORAGE_SWEPT, by=by, details={"count": condemned + parts})
        if kind == UpkeepKind.RECONCILE:
            counts["files"] = sum(leftovers.remove(path, age, by=by) for path, age in leftovers.old_files())
        run.objects_seen = seen.objects
        run.repaired = condemned + parts + counts["flaws_gone"]
        run.details = {**counts, **figures(seen), "condemned": condemned, "parts": parts, "stopped": int(is_stopped)}
        run.breaches = run.details["strays"] + run.details["flawed"]
    return run


def _is_whole_again(found: Match, run: UpkeepRun, by: Actor) -> bool:
    reading = read_again(found.row.key, found.row.size_bytes, found.row.sha256)
    run.bytes_read += reading.bytes_read
    return not reading.flaw and note_whole(found.row.id, by=by)


def note_strays(items: list[StoredObject], moment: datetime) -> None:
    """Remember that these objects were seen without a row."""
    StrayObject.objects.bulk_create(
        [
            StrayObject(
                object_key=item.key,
                size_bytes=item.size_bytes,
                modified_at=item.modified_at,
                first_seen_at=moment,
                last_seen_at=moment,
            )
            for item in items
        ],
        update_conflicts=True,
        unique_fields=["object_key"],
        update_fields=["size_bytes", "modified_at", "last_seen_at"],
    )
    if items:
        failpoint(Failpoint.ORPHANS_NOTED)


def most_that_may_go(objects: int) -> int:
    """How many of so many objects a round may note for deletion."""
    return max(FLOOR, int(objects * settings.SWEEP_MAX_SHARE))


def condemn_strays(objects: int, seen_at: datetime, first_seen_before: datetime, *, by: Actor) -> tuple[int, bool]:
    """Note for deletion what was seen in this round and, long enough before, in another one.

    Answers how many, and whether there were too many, so that none was noted.
    """
    due = StrayObject.objects.filter(last_seen_at=seen_at, first_seen_at__lt=seen_at)
    due = due.filter(first_seen_at__lte=first_seen_before).order_by("object_key")
    count = due.count()
    if count > most_that_may_go(objects):
        _stop(count, objects, by)
        return 0, True
    rows = list(due.values_list("object_key", "size_bytes"))
    return sum(repairs.condemn(key, size, by=by) for key, size in rows), False


def _stop(count: int, objects: int, by: Actor) -> None:
    logger.error("%d of %d objects have no row: too many to be true, none is deleted", count, objects)
    day = UpkeepRun.objects.filter(started_at__gt=now() - timedelta(days=1), details__stopped=1)
    is_news = not day.exists()
    with transaction.atomic():
        audit.record(
            audit.Verb.STORAGE_SWEPT,
            by=by,
            result="refused",
            details={"count": count, "reason": "too many", "in": objects},
        )
        if is_news:
            ask_for_alarm()


def _end_parts(begun_at: datetime, by: Actor) -> int:
    """End multipart uploads that nobody goes on with."""
    old = [
        (key, upload_id)
        for key, upload_id, at in store().list_multipart()
        if at < begun_at - grace() and KEY_PATTERN.match(key)
    ]
    return sum(repairs.end_multipart(key, upload_id, by=by) for key, upload_id in old)
