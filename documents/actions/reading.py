"""Reading: every version becomes text by page, facts and pictures. Its row in `readings` is its place in the queue.

Owners take turns, so one person's thousand imports do not keep another's one waiting; within one vault
the newest comes first, and every fourth time the oldest, so that nothing waits for ever. What the
operator has read again comes after all that people add. Attempts are counted and committed before
the work; whatever a dead process left is taken up again, and given up after a few times.

Rejected: a job for each document. The upload would pay for its row, and the queue knows no turns.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils.timezone import now

from accounts.actors import Actor
from documents import previews
from documents.actions import arrivals
from documents.extraction.frames import Ended, Facts, PageRead, PictureMade, TextDone
from documents.extraction.lane import CannotRead, Lane
from documents.models import Document, Page, PageSource, Picture, PictureKind, Reading, ReadingState, Version
from documents.search import hold_documents, index_document
from documents.storage import ObjectMissing, StoreError, store
from docuvault.lib.failpoints import Failpoint, failpoint
from sharing import access, audit
from sharing.access import Level
from sharing.audit import Verb

logger = logging.getLogger(__name__)

# What a version was read by. Raise it when readers find more than before: `reread --outdated` then has work to do.
READER = 2
MOST_ATTEMPTS = 3
BEAT_SECONDS = 2.0
DEAD_AFTER_SECONDS = 60
OLDEST_EVERY = 4
OWNERS_LOOKED_AT = 20
NEW, AGAIN = 0, 1

ASK = """
    INSERT INTO readings (version_id, owner_id) SELECT %s, user_id FROM documents WHERE id = %s
    ON CONFLICT (version_id) DO NOTHING
"""
# The owners who wait, one index probe for each, those whose last turn is longest ago first.
OWNERS = """
    WITH RECURSIVE waiting AS (
        (SELECT owner_id FROM readings WHERE state = 'waiting' AND rank = %(rank)s ORDER BY owner_id LIMIT 1)
        UNION ALL
        SELECT (SELECT r.owner_id FROM readings r
                WHERE r.state = 'waiting' AND r.rank = %(rank)s AND r.owner_id > w.owner_id
                ORDER BY r.owner_id LIMIT 1)
        FROM waiting w WHERE w.owner_id IS NOT NULL
    )
    SELECT owner_id FROM waiting WHERE owner_id IS NOT NULL
    ORDER BY (SELECT r.started_at FROM readings r WHERE r.owner_id = waiting.owner_id AND r.started_at IS NOT NULL
              ORDER BY r.started_at DESC LIMIT 1) NULLS FIRST
    LIMIT %(limit)s
"""
CLAIM = """
    UPDATE readings
    SET state = 'reading', reason = '', attempts = attempts + 1, started_at = clock_timestamp(),
        beat_at = clock_timestamp(), finished_at = NULL, pages_read = 0
    WHERE version_id = (
        SELECT version_id FROM readings
        WHERE state = 'waiting' AND rank = %(rank)s AND owner_id = %(owner)s
        ORDER BY queued_at {direction} LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING version_id
"""
TAKE_UP = """
    UPDATE readings
    SET state = CASE WHEN attempts >= %(most)s THEN 'failed' ELSE 'waiting' END,
        reason = CASE WHEN attempts >= %(most)s THEN 'gave_up' ELSE '' END,
        finished_at = CASE WHEN attempts >= %(most)s THEN now() END
    WHERE version_id IN (
        SELECT version_id FROM readings
        WHERE state = 'reading' AND beat_at < now() - make_interval(secs => %(seconds)s)
        FOR UPDATE SKIP LOCKED
    )
"""
SAME = """
    SELECT r.version_id FROM readings r JOIN versions v ON v.id = r.version_id
    WHERE v.sha256 = %(sha256)s AND v.size_bytes = %(size)s AND v.content_type = %(type)s AND v.id <> %(version)s
      AND r.owner_id = %(owner)s AND r.reader = %(reader)s AND r.state IN ('ready', 'encrypted', 'nothing')
    LIMIT 1
"""
COPY_PAGES = """
    INSERT INTO pages (reading_id, number, text, source, width, height, turn, words)
    SELECT %(to)s, number, text, source, width, height, turn, words FROM pages WHERE reading_id = %(from)s
"""
COPIED = (
    "state",
    "reason",
    "reader",
    "kind",
    "page_count",
    "pages_read",
    "is_scanned",
    "language",
    "title",
    "written_at",
)


class Overtaken(Exception):
    """Somebody else has this reading now, or the version is gone."""


# --- Asking ---------------------------------------------------------------------------------------------


def ask_to_read(version: Version) -> None:
    """Let a version wait to be read; one that does, or was read, is left alone. In the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(ASK, [version.pk, version.document_id])


@transaction.atomic
def read_again(document: Document, *, by: Actor) -> None:
    """Have the current version read once more, however its last reading ended. Raises NotVisible, NotAllowed."""
    access.require_document(by, document, Level.EDIT)
    version = document.current_version
    if version is None:
        return
    ask_to_read(version)
    _wait_again(Reading.objects.filter(pk=version.pk).exclude(state=ReadingState.READING), NEW)
    audit.record(
        Verb.READING_ASKED,
        by=by,
        target_kind="document",
        target_id=document.pk,
        target_name=document.name,
        owner=document.user_id,
        details={"version": version.number},
    )


@transaction.atomic
def retry_failed(chosen: tuple[str, str] | None, *, by: Actor) -> int:
    """Let what could not be read wait once more: of one kind and reason, or (None) all of it. Raises NotAllowed.

    After all that people add. Answers how many.
    """
    access.require_admin(by)
    rows = Reading.objects.filter(state=ReadingState.FAILED)
    details: dict[str, object] = {}
    if chosen is not None:
        kind, reason = chosen
        rows = rows.filter(kind=kind, reason=reason)
        details = {"type": kind, "reason": reason}
    count = _wait_again(rows, AGAIN)
    audit.record(Verb.READINGS_RETRIED, by=by, details={**details, "count": count})
    return count


def wait_again(version_ids: list[UUID]) -> int:
    """Let these versions wait once more, after what people add; answers how many do."""
    return _wait_again(Reading.objects.filter(pk__in=version_ids).exclude(state=ReadingState.READING), AGAIN)


def _wait_again(rows: QuerySet[Reading], rank: int) -> int:
    return rows.update(
        state=ReadingState.WAITING, reason="", attempts=0, reader=0, rank=rank, queued_at=now(), finished_at=None
    )


# --- Whose turn it is -----------------------------------------------------------------------------------


def claim(turn: int = 1) -> UUID | None:
    """The version to be read next, now this caller's; None where nothing waits."""
    for rank in (NEW, AGAIN):
        with connection.cursor() as cursor:
            cursor.execute(OWNERS, {"rank": rank, "limit": OWNERS_LOOKED_AT})
            owners = [row[0] for row in cursor.fetchall()]
            direction = "ASC" if turn % OLDEST_EVERY == 0 else "DESC"
            for owner in owners:
                cursor.execute(CLAIM.format(direction=direction), {"rank": rank, "owner": owner})
                if row := cursor.fetchone():
                    failpoint(Failpoint.READING_CLAIMED)
                    return UUID(str(row[0]))
    return None


def take_up_left_behind() -> int:
    """What dead processes were reading waits again, or has failed too often; answers how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(TAKE_UP, {"most": MOST_ATTEMPTS, "seconds": DEAD_AFTER_SECONDS})
        return int(cursor.rowcount)


def read_waiting(lane: Lane, limit: int = 1_000_000) -> int:
    """Read what waits, one after the other; answers how many. Raises StoreError, CannotRead."""
    count = 0
    while count < limit and (version_id := claim(count + 1)):
        read_version(version_id, lane)
        count += 1
    return count


# --- The work -------------------------------------------------------------------------------------------


@dataclass
class _Work:
    """What has been told of one version so far."""

    reading: Reading
    facts: Facts = field(default_factory=Facts)
    pages: dict[int, PageRead] = field(default_factory=dict)
    is_text_done: bool = False
    beat_at: float = 0.0


def read_version(version_id: UUID, lane: Lane, should_stop: Callable[[], bool] = lambda: False) -> None:
    """Read a version that was claimed. However it goes, its row says so in the end.

    Raises StoreError and CannotRead, which are no fault of the document's: then it waits again.
    """
    reading = Reading.objects.select_related("version__document").filter(pk=version_id).first()
    if reading is None or reading.state != ReadingState.READING:
        return
    work = _Work(reading, beat_at=time.monotonic())
    try:
        if _copy_same(reading):
            return
        end = _read(work, lane, should_stop)
        failpoint(Failpoint.READING_WORKED)
        _finish(work, end)
    except Overtaken:
        _put_back(reading)
    except ObjectMissing:
        _finish(work, Ended("failed", "missing"))
    except (StoreError, CannotRead):
        _put_back(reading)
        raise


def _put_back(reading: Reading) -> None:
    """Among the waiting ones; this try does not count."""
    _mine(reading).update(state=ReadingState.WAITING, attempts=F("attempts") - 1)


def _mine(reading: Reading) -> QuerySet[Reading]:
    """The row, as long as it is this attempt's."""
    return Reading.objects.filter(pk=reading.pk, state=ReadingState.READING, started_at=reading.started_at)


def _read(work: _Work, lane: Lane, should_stop: Callable[[], bool]) -> Ended:
    version, allowed = work.reading.version, previews.limits()
    if version.size_bytes > allowed.file_bytes:
        return Ended("failed", "too_large")
    if not version.size_bytes:
        return Ended("nothing")

    def tick() -> None:
        if should_stop():
            raise Overtaken
        _beat(work)

    end = Ended("failed", "died")
    with previews.bytes_of(version) as file:
        for frame in lane.work("read", file, allowed, content_type=version.content_type, tick=tick):
            if isinstance(frame, PageRead):
                work.pages[frame.number] = frame
            elif isinstance(frame, Facts):
                work.facts = frame
            elif isinstance(frame, PictureMade):
                previews.keep_picture(version.pk, frame)
            elif isinstance(frame, TextDone):
                work.is_text_done = True
            elif isinstance(frame, Ended):
                end = frame
    if end.state == "failed" and work.is_text_done:
        return Ended("ready", "picture", end.language, end.detail)
    if end.state == "failed" and work.pages and end.reason != "output":
        return Ended("ready", end.reason, end.language, end.detail)
    return end


def _beat(work: _Work) -> None:
    """Still at it; people see how far. Raises Overtaken."""
    if time.monotonic() - work.beat_at < BEAT_SECONDS:
        return
    work.beat_at = time.monotonic()
    changed = _mine(work.reading).update(
        beat_at=now(), pages_read=len(work.pages), page_count=work.facts.page_count, kind=work.facts.kind
    )
    if not changed:
        raise Overtaken


@transaction.atomic
def _finish(work: _Work, end: Ended) -> None:
    """Text, facts and state in one transaction, unless somebody else has the reading by now."""
    reading, facts = work.reading, work.facts
    _hold(reading.version)
    pages = [work.pages[number] for number in sorted(work.pages)]
    if end.detail:
        logger.info("version %s: %s %s (%s)", reading.pk, end.state, end.reason, end.detail)
    changed = _mine(reading).update(
        state=end.state,
        reason=end.reason,
        reader=READER,
        kind=facts.kind,
        page_count=facts.page_count,
        pages_read=len(pages),
        is_scanned=any(page.is_ocr and page.text for page in pages),
        language=end.language,
        title=facts.title,
        written_at=facts.written_at,
        finished_at=now(),
    )
    if not changed:
        return
    previews.forget_outdated(reading.pk)
    Page.objects.filter(reading=reading).delete()
    Page.objects.bulk_create([_row(reading, page) for page in pages], batch_size=500)
    failpoint(Failpoint.READING_ENDING)
    _tell_search(reading.version)
    if end.state != ReadingState.FAILED:
        arrivals.let_wait(reading.version.document_id)


def _row(reading: Reading, page: PageRead) -> Page:
    return Page(
        reading=reading,
        number=page.number,
        text=page.text,
        source=PageSource.OCR if page.is_ocr else PageSource.TEXT,
        width=page.width,
        height=page.height,
        turn=page.turn,
        words=page.words,
    )


def _hold(version: Version) -> None:
    """The document before its reading, as whoever deletes it does: the two never wait for each other."""
    hold_documents([version.document_id])


def _tell_search(version: Version) -> None:
    """The document is found by what is in it from this transaction on."""
    index_document(version.document_id)


def _copy_same(reading: Reading) -> bool:
    """The same bytes of the same owner are not read twice. Answers whether they were read before."""
    version = reading.version
    with connection.cursor() as cursor:
        cursor.execute(
            SAME,
            {
                "sha256": version.sha256,
                "size": version.size_bytes,
                "type": version.content_type,
                "version": version.pk,
                "owner": reading.owner_id,
                "reader": READER,
            },
        )
        row = cursor.fetchone()
    twin = Reading.objects.filter(pk=row[0]).first() if row else None
    if twin is None:
        return False
    for picture in Picture.objects.filter(version=twin.pk, page=1).exclude(kind=PictureKind.COPY):
        data = b"".join(store().open(picture.object_key))
        previews.keep_object(version.pk, picture.kind, 1, data, picture.content_type, picture.width, picture.height)
    with transaction.atomic():
        _hold(version)
        values = {name: getattr(twin, name) for name in COPIED}
        if not _mine(reading).update(**values, finished_at=now()):
            return True
        Page.objects.filter(reading=reading).delete()
        with connection.cursor() as cursor:
            cursor.execute(COPY_PAGES, {"to": version.pk, "from": twin.pk})
        _tell_search(version)
        arrivals.let_wait(version.document_id)
    return True
