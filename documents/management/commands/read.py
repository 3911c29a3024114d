"""`manage.py read`: reads what waits to be read, as it comes, until it is stopped; a part of the stack."""

import logging
import os
import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, close_old_connections

from documents import previews
from documents.actions import arrivals, giving_way, reading
from documents.extraction.lane import CannotRead
from documents.extraction.tessdata import unpack
from documents.storage import StoreError

logger = logging.getLogger(__name__)
# Touched while it lives; docker/healthcheck.py looks at it.
BEAT = "reader.beat"
LOOK_SECONDS = 0.4
OUTAGE_SECONDS = 5.0
IDLE_SECONDS = 60.0
# Whoever waits for a page or sends a file comes before what is read meanwhile.
NICENESS = 10
# So many looks in vain between two looks for what dead processes left.
LOOKS_BETWEEN = 25
# So many documents are read in a row before those that were read are filed.
FILE_EVERY = 20


class Command(BaseCommand):
    """As many lanes as the setting says, each a thread here with a child process for the parsers."""

    help = "Reads documents as they are added: text, OCR, pictures. Ends when it is told to."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--until-idle", action="store_true", help="end when nothing waits any more")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["until_idle"]:
            os.nice(NICENESS)
        prepare_languages()
        stopping = threading.Event()

        def stop(_number: int, _frame: FrameType | None) -> None:
            stopping.set()

        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, stop)
        lanes = [
            threading.Thread(target=_lane, args=[number, stopping, options["until_idle"]], name=f"reader-{number}")
            for number in range(max(0, settings.READERS))
        ]
        for lane in lanes:
            lane.start()
        if not lanes:
            logger.info("DOCUVAULT_READERS is 0: nothing is read here")
            stopping.wait()
        for lane in lanes:
            lane.join()


def prepare_languages() -> None:
    """Unpack the language data of OCR where that has not been done."""
    packages = settings.NODE_MODULES / "@tesseract.js-data"
    if packages.is_dir():
        unpack(packages, settings.TESSDATA_DIR)


def _lane(number: int, stopping: threading.Event, is_until_idle: bool) -> None:
    lane, way = previews.new_lane(), giving_way.GivingWay()
    turn = number
    looks = 0
    try:
        while not stopping.is_set():
            try:
                close_old_connections()
                if looks % LOOKS_BETWEEN <= 1:
                    (settings.DATA_DIR / BEAT).touch()
                if looks % LOOKS_BETWEEN == 0:
                    reading.take_up_left_behind()
                if not is_until_idle and way.must_wait():
                    stopping.wait(giving_way.LOOK_SECONDS)
                    continue
                version_id = reading.claim(turn)
                if version_id is not None:
                    turn, looks = turn + 1, 1
                    reading.read_version(version_id, lane, stopping.is_set)
                    if turn % FILE_EVERY == 0:
                        arrivals.file_waiting()
                    continue
                # What has been read passes its owner's rules when there is time, in a backlog some at once.
                if arrivals.file_waiting():
                    continue
                looks += 1
            except (StoreError, CannotRead, DatabaseError, InterfaceError) as error:
                logger.warning("reading waits: %s: %s", type(error).__name__, str(error).partition("\n")[0])
                stopping.wait(OUTAGE_SECONDS)
                continue
            except Exception:
                logger.exception("a reading broke off")
                stopping.wait(OUTAGE_SECONDS)
                continue
            if is_until_idle:
                return
            lane.stop_if_idle(IDLE_SECONDS)
            stopping.wait(LOOK_SECONDS)
    finally:
        lane.stop()
        close_old_connections()
