"""`manage.py reread`: have documents read once more: one, a kind, all, or those that could not be read."""

import time
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from documents.actions.reading import READER, wait_again
from documents.models import FINAL_READING_STATES, Reading, ReadingState

LOOK_SECONDS = 0.5
BATCH = 1000
WIDTH = 30


class Command(BaseCommand):
    """They wait after all that people add; the reader of the stack reads them."""

    help = "Has documents read once more, after all that people add, and shows how far it is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("document", nargs="?", help="the id of one document")
        which.add_argument("--kind", help="all of a kind: pdf, image, docx, mail, text, …")
        which.add_argument("--failed", action="store_true", help="all that could not be read")
        which.add_argument("--outdated", action="store_true", help="all that an older reader has read")
        which.add_argument("--all", action="store_true", help="everything")
        parser.add_argument("--no-wait", action="store_true", help="ask, and do not wait until they are read")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = Reading.objects.filter(version__current_of__isnull=False)
        if options["document"]:
            try:
                rows = rows.filter(version__document=UUID(options["document"]))
            except ValueError:
                raise CommandError("This is no document's id.") from None
        elif options["kind"]:
            rows = rows.filter(kind=options["kind"])
        elif options["failed"]:
            rows = rows.filter(state=ReadingState.FAILED)
        elif options["outdated"]:
            rows = rows.filter(reader__lt=READER, state__in=FINAL_READING_STATES)
        wanted = list(rows.values_list("pk", flat=True))
        count = sum(wait_again(wanted[start : start + BATCH]) for start in range(0, len(wanted), BATCH))
        self.stdout.write(f"{count} to be read once more.")
        if count and not options["no_wait"]:
            self._watch(wanted, count)

    def _watch(self, wanted: list[UUID], count: int) -> None:
        left = count
        while left:
            left = sum(
                Reading.objects.filter(pk__in=wanted[start : start + BATCH])
                .exclude(state__in=FINAL_READING_STATES)
                .count()
                for start in range(0, len(wanted), BATCH)
            )
            done = count - min(left, count)
            bar = "#" * (WIDTH * done // count)
            self.stdout.write(f"\r[{bar:<{WIDTH}}] {done} of {count}", ending="\n" if not left else "")
            self.stdout.flush()
            if left:
                time.sleep(LOOK_SECONDS)
