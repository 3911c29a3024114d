"""Named places where a test may kill, break or hold this process; a look at one name when none is armed.

`DOCUVAULT_FAILPOINTS` arms one: `upload.begun=kill`. After the effect may stand which time it is reached
(`:2`) and a file (`@/tmp/mark`) that is made then; a held process goes on when that file is gone.
"""

import os
import signal
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

VARIABLE = "DOCUVAULT_FAILPOINTS"
LOOK_AGAIN_SECONDS = 0.02


class Failpoint(StrEnum):
    """Every step at which a process may die. "-ing" lies inside the transaction, before its commit."""

    UPLOAD_BEGINNING = "upload.beginning"
    UPLOAD_BEGUN = "upload.begun"
    PIECE_NOTED = "piece.noted"
    PIECE_PUT = "piece.put"
    PIECE_NAMING = "piece.naming"
    PIECE_NAMED = "piece.named"
    UPLOAD_FINISHING = "upload.finishing"  # all bytes are here, and that is committed
    PIECE_COPIED = "piece.copied"  # into the object of the whole
    UPLOAD_ASSEMBLED = "upload.assembled"
    UPLOAD_FILING = "upload.filing"
    UPLOAD_FILED = "upload.filed"
    UPLOAD_CLOSING = "upload.closing"
    WHOLE_PUT = "whole.put"
    WHOLE_FILING = "whole.filing"
    WHOLE_FILED = "whole.filed"
    CHUNK_WRITTEN = "chunk.written"
    STREAM_WRITTEN = "stream.written"
    TRASHING = "trash.throwing"
    RESTORING = "trash.restoring"
    PURGING = "trash.purging"
    OBJECT_DELETING = "object.deleting"  # the object is still there
    OBJECT_DELETED = "object.deleted"  # its note is still there
    ORPHANS_NOTED = "orphans.noted"
    QUOTA_RECOUNTING = "quota.recounting"
    JOB_HANDING_OVER = "job.handing_over"
    JOB_CLAIMED = "job.claimed"
    JOB_WORKED = "job.worked"  # done, and not yet written down
    JOB_ENDED = "job.ended"
    READING_CLAIMED = "reading.claimed"  # counted as a try, nothing read
    READING_WORKED = "reading.worked"  # all is read, and not yet written down
    READING_ENDING = "reading.ending"
    BACKUP_DUMPED = "backup.dumped"
    BACKUP_OBJECT_COPIED = "backup.object_copied"
    BACKUP_ENDING = "backup.ending"  # all is copied, the manifest is not written
    BACKUP_PRUNING = "backup.pruning"  # an older manifest is gone, its objects are not
    RESTORE_COMMITTING = "restore.committing"
    RESTORE_COMMITTED = "restore.committed"  # the database is there, no object is
    RESTORE_OBJECT_PUT = "restore.object_put"
    EXPORT_FILE_WRITTEN = "export.file_written"
    EXPORT_ENDING = "export.ending"  # all is there, the mark and the checksums are not
    IMPORT_BEGUN = "import.begun"
    IMPORT_OBJECT_PUT = "import.object_put"
    IMPORT_FILING = "import.filing"
    IMPORT_FILED = "import.filed"


class Effect(StrEnum):
    KILL = "kill"
    RAISE = "raise"
    HANG = "hang"


class FailpointReached(Exception):
    """What an armed point raises."""


@dataclass
class Armed:
    point: Failpoint
    effect: Effect
    passes_left: int
    mark: Path | None

    def reach(self, point: Failpoint) -> None:
        if point is not self.point:
            return
        self.passes_left -= 1
        if self.passes_left:
            return
        if self.mark is not None:
            self.mark.touch()
        if self.effect is Effect.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.effect is Effect.RAISE:
            raise FailpointReached(point)
        while self.mark is None or self.mark.exists():
            time.sleep(LOOK_AGAIN_SECONDS)


_armed: Armed | None = None


def failpoint(point: Failpoint) -> None:
    """Where a test may strike."""
    if _armed is not None:
        _armed.reach(point)


def arm(wanted: str, *, is_allowed: bool) -> None:
    """Arm the point that the variable names. Raises ImproperlyConfigured where that is not allowed or not said well."""
    global _armed
    if not wanted:
        _armed = None
        return
    if not is_allowed:
        raise ImproperlyConfigured(f"{VARIABLE} is for tests alone. Remove it from the environment.")
    order, _at, mark = wanted.partition("@")
    name, _equals, effect = order.partition("=")
    effect, _colon, passes = effect.partition(":")
    try:
        _armed = Armed(Failpoint(name), Effect(effect), int(passes or 1), Path(mark) if mark else None)
    except ValueError as error:
        raise ImproperlyConfigured(f"{VARIABLE} cannot be read: {error}.") from error
