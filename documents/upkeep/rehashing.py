"""Reading stored bytes again, a share each night, those longest unread first: rot is found before it is needed."""

import math
import time

from django.conf import settings

from accounts.actors import Actor
from documents.identity import check_bucket
from documents.models import UpkeepKind, UpkeepRun, Version
from documents.upkeep.matching import VersionRow, is_still_there, rows_of
from documents.upkeep.rounds import only_one, round_of
from documents.upkeep.soundness import note_flaw, note_whole, read_again

# Whoever has a flaw is looked at by the nightly comparison.
LONGEST_UNREAD = """
    SELECT object_key, id, size_bytes, sha256, flaw FROM versions WHERE flaw = ''
    ORDER BY checked_at NULLS FIRST, id LIMIT %(limit)s
"""


def rehash(
    *, by: Actor, seconds: float = math.inf, versions: int | None = None, size_bytes: int | None = None
) -> UpkeepRun:
    """Read a night's share of all versions, up to the night's bytes. Raises AlreadyUnderWay, StoreError.

    `seconds`: after so long it ends, with `left` and `left_bytes` in its details; a call with those as
    `versions` and `size_bytes` goes on where this one stopped.
    """
    check_bucket()
    with only_one(UpkeepKind.REHASH), round_of(UpkeepKind.REHASH) as run:
        wanted = math.ceil(Version.objects.count() * settings.REHASH_SHARE) if versions is None else versions
        most = settings.REHASH_MAX_BYTES if size_bytes is None else size_bytes
        end = time.monotonic() + seconds
        counts = {"read": 0, "flaws_found": 0, "left": 0, "left_bytes": 0}
        for number, values in enumerate(rows_of(LONGEST_UNREAD, {"limit": wanted})):
            row = VersionRow(*values)
            if run.bytes_read and run.bytes_read + row.size_bytes > most:
                break
            if time.monotonic() > end:
                counts["left"], counts["left_bytes"] = wanted - number, most - run.bytes_read
                break
            counts["read"] += 1
            run.bytes_read += _read(row, counts, by)
        run.objects_seen, run.breaches, run.details = counts["read"], counts["flaws_found"], counts
    return run


def _read(row: VersionRow, counts: dict[str, int], by: Actor) -> int:
    reading = read_again(row.key, row.size_bytes, row.sha256)
    if not reading.flaw:
        note_whole(row.id, by=by)
    elif is_still_there(row):
        counts["flaws_found"] += note_flaw(row.id, reading.flaw, by=by)
    return reading.bytes_read
