"""Pictures of documents: kept as objects of their own, made when they are read or when somebody looks.

They count against nobody's quota and tell nothing the document does not: whoever gives one away asks
access for the document first. A picture is encoded anew, so nothing of the file's own metadata is in it.
"""

import base64
import json
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO
from uuid import UUID

from django.conf import settings
from django.db import transaction

from documents.extraction.frames import CopyPart, Ended, FileFound, PictureMade
from documents.extraction.lane import Lane
from documents.extraction.limits import Limits
from documents.extraction.tessdata import usable
from documents.models import Page, PageSource, PendingDeletion, Picture, PictureKind, Version
from documents.storage import ObjectReader, StoreError, new_key, store
from docuvault.lib.connections import let_go_of_database

# Pictures of pages are made so many at a time, around the one that is looked at.
PAGES_AT_ONCE = 4
# Smaller documents are held in memory while they are read, larger ones in a file without a name.
HELD_BYTES = 8 * 1024 * 1024
PATIENCE_SECONDS = 15.0
IDLE_SECONDS = 30.0
SHOWN_SECONDS = 30.0
WITH_PAGES = ("pdf", "image")


class PictureBusy(Exception):
    """Others' pictures are being made; ask again shortly."""


def picture_of(version: Version, kind: str, page: int = 1) -> Picture | None:
    """The picture, if it has been made."""
    return Picture.objects.filter(version=version, kind=kind, page=page).first()


def pictured(version_ids: Sequence[UUID | None], kind: str) -> set[UUID]:
    """Which of these versions have such a picture."""
    return set(Picture.objects.filter(version__in=version_ids, kind=kind).values_list("version", flat=True))


def open_picture(picture: Picture) -> ObjectReader:
    """Its bytes. Raises ObjectMissing, StoreUnavailable."""
    return store().open(picture.object_key)


def limits() -> Limits:
    """What the operator lets a document use."""
    return Limits(
        file_bytes=settings.READING_MAX_BYTES,
        pages=settings.READING_MAX_PAGES,
        ocr_pages=settings.READING_MAX_OCR_PAGES,
        pixels=settings.READING_MAX_PIXELS,
        seconds=settings.READING_SECONDS,
        memory_bytes=settings.READING_MEMORY_BYTES,
    )


def new_lane() -> Lane:
    folder = settings.TESSDATA_DIR
    return Lane(folder, usable(folder, settings.OCR_LANGUAGES))


@contextmanager
def bytes_of(version: Version) -> Iterator[BinaryIO]:
    """A version's bytes as an open file that has no name, so nothing is left of it. Raises StoreError."""
    with _nameless(version.size_bytes) as file:
        for chunk in store().open(version.object_key):
            file.write(chunk)
        if file.tell() != version.size_bytes:
            raise StoreError("the stored bytes are fewer or more than they were")
        file.seek(0)
        yield file


def _nameless(size_bytes: int) -> BinaryIO:
    if size_bytes <= HELD_BYTES:
        return os.fdopen(os.memfd_create("document"), "w+b")
    return tempfile.TemporaryFile(dir=settings.DATA_DIR)


def keep_picture(version_id: UUID, made: PictureMade) -> Picture | None:
    """Store a picture in place of the one before; None where the version is gone meanwhile."""
    return keep_object(version_id, made.kind, made.page, made.data, made.content_type, made.width, made.height)


def keep_object(
    version_id: UUID,
    kind: str,
    page: int,
    data: bytes,
    content_type: str,
    width: int | None = None,
    height: int | None = None,
) -> Picture | None:
    """The object first: a row never names one that is not there. One that no row comes to name is swept."""
    key = new_key()
    store().put(key, data)
    with transaction.atomic():
        if not Version.objects.select_for_update(of=("self",), no_key=True).filter(pk=version_id).exists():
            PendingDeletion.objects.create(object_key=key)
            return None
        before = Picture.objects.filter(version_id=version_id, kind=kind, page=page)
        forget_objects(list(before.values_list("object_key", flat=True)))
        before.delete()
        return Picture.objects.create(
            version_id=version_id,
            kind=kind,
            page=page,
            object_key=key,
            size_bytes=len(data),
            content_type=content_type,
            width=width,
            height=height,
        )


def forget_objects(keys: Sequence[str]) -> None:
    """Note objects of pictures for deletion; their rows go in the same transaction."""
    PendingDeletion.objects.bulk_create([PendingDeletion(object_key=key) for key in keys], ignore_conflicts=True)


def forget_pictures_of(version_ids: Sequence[UUID]) -> None:
    """Note the objects of all pictures of these versions, which are about to be deleted, for deletion."""
    forget_objects(list(Picture.objects.filter(version__in=version_ids).values_list("object_key", flat=True)))


def forget_outdated(version_id: UUID) -> None:
    """Pictures of pages that somebody looked at before it was read again: a page may stand another way now."""
    rows = Picture.objects.filter(version=version_id, kind=PictureKind.PAGE, page__gt=1)
    forget_objects(list(rows.values_list("object_key", flat=True)))
    rows.delete()


# --- Made when somebody looks -------------------------------------------------------------------------

_lane: Lane | None = None
_lane_lock = threading.Lock()


def _own_lane() -> Lane:
    """This process's own lane for pictures that are asked for; it ends when nobody has looked for a while."""
    global _lane
    with _lane_lock:
        if _lane is None:
            _lane = new_lane()
        return _lane


def _stop_later(lane: Lane) -> None:
    def look() -> None:
        if not lane.stop_if_idle(IDLE_SECONDS):
            _stop_later(lane)

    timer = threading.Timer(IDLE_SECONDS + 1, look)
    timer.daemon = True
    timer.start()


@contextmanager
def _lane_in_hand() -> Iterator[Lane]:
    """This process's lane, for one piece of work. Raises PictureBusy."""
    lane = _own_lane()
    let_go_of_database()
    if not lane.hold(PATIENCE_SECONDS):
        raise PictureBusy
    was_running = lane.pid is not None
    try:
        yield lane
    finally:
        if not was_running:
            _stop_later(lane)
        lane.release()


def make_page_picture(version: Version, page: int) -> Picture | None:
    """The picture of a page, made now with its neighbours; None where it has none.

    Raises PictureBusy, StoreError, CannotRead.
    """
    with _lane_in_hand() as lane:
        there = picture_of(version, PictureKind.PAGE, page)
        if there is not None:
            return there
        for made in _shown(lane, version, page):
            keep_picture(version.pk, made)
    return picture_of(version, PictureKind.PAGE, page)


def _shown(lane: Lane, version: Version, page: int) -> list[PictureMade]:
    turns = dict(
        Page.objects.filter(reading__version=version, number__gte=page, number__lt=page + PAGES_AT_ONCE).values_list(
            "number", "turn"
        )
    )
    taken = set(
        Picture.objects.filter(version=version, kind=PictureKind.PAGE, page__in=turns).values_list("page", flat=True)
    )
    wanted = [(number, turn) for number, turn in sorted(turns.items()) if number not in taken]
    if not wanted:
        return []
    let_go_of_database()
    allowed = limits()
    shown = Limits(**{**allowed.as_plain(), "seconds": min(allowed.seconds, SHOWN_SECONDS)})
    made: list[PictureMade] = []
    with bytes_of(version) as file:
        for frame in lane.work("show", file, shown, content_type=version.content_type, pages=wanted):
            if isinstance(frame, PictureMade):
                made.append(frame)
            elif isinstance(frame, Ended) and frame.state != "ready":
                break
    return made


# --- Made when somebody wants to have it --------------------------------------------------------------


class NotMade(Exception):
    """What was asked for cannot be made of this document. `reason` is a word of ReadingReason, or nothing."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


def searchable_copy(version: Version) -> BinaryIO:
    """A PDF of a scan in which its words can be found and copied, as an open file without a name.

    It is kept nowhere: it would double what a scan takes, and is made in less than a second.
    Raises NotMade, PictureBusy, StoreError, CannotRead.
    """
    told = _recognised(version)
    if not told:
        raise NotMade
    made = tempfile.TemporaryFile(dir=settings.DATA_DIR)  # noqa: SIM115 (it is handed on)
    try:
        with _lane_in_hand() as lane, bytes_of(version) as file, _nameless(0) as beside:
            beside.write(json.dumps(told).encode())
            beside.seek(0)
            end = Ended("failed", "died")
            work = lane.work("copy", file, limits(), content_type=version.content_type, beside=beside)
            for frame in work:
                if isinstance(frame, CopyPart):
                    made.write(frame.data)
                elif isinstance(frame, Ended):
                    end = frame
        made.seek(0)
        if end.state != "ready" or made.read(5) != b"%PDF-":
            raise NotMade(end.reason)
        made.seek(0)
    except BaseException:
        made.close()
        raise
    return made


def _recognised(version: Version) -> list[dict[str, object]]:
    """The pages of a version whose words were recognised, as the child is told of them."""
    rows = Page.objects.filter(reading__version=version, source=PageSource.OCR, words__isnull=False)
    return [
        {
            "number": page.number,
            "turn": page.turn,
            "width": page.width,
            "height": page.height,
            "words": base64.b64encode(bytes(page.words)).decode(),
        }
        for page in rows.order_by("number").iterator(200)
        if page.words and page.width and page.height
    ]


def enclosed_files(version: Version, numbers: Sequence[int] = ()) -> list[FileFound]:
    """What hangs on a mail, in its order, with the bytes of those of these numbers.

    Raises NotMade, PictureBusy, StoreError, CannotRead.
    """
    found: list[FileFound] = []
    with _lane_in_hand() as lane, bytes_of(version) as file:
        work = lane.work("attachments", file, limits(), content_type=version.content_type, numbers=list(numbers))
        for frame in work:
            if isinstance(frame, FileFound):
                found.append(frame)
            elif isinstance(frame, Ended) and frame.state != "ready":
                raise NotMade(frame.reason)
    return found
