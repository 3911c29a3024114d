"""`manage.py reindex`: write down anew what documents are found by; with --stale only where it is missing or old.

Without --stale the words among which near words are looked for are forgotten first, those of documents that are
gone with them. It can be broken off and run again at any time.
"""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils.translation import gettext as _
from tqdm import tqdm

from accounts.models import User
from documents.models import Document, SearchWord
from documents.search import index_documents
from documents.search.index import BATCH, stale_documents

# Writing words down is the database's work: so many connections keep as many of its cores busy.
MOST_AT_ONCE = 4


def _written(batches: Sequence[list[UUID]]) -> Iterator[list[UUID]]:
    """Each batch once its words are written down. Many are worth connections of their own, few are not."""
    at_once = min(os.cpu_count() or 1, MOST_AT_ONCE)
    if len(batches) <= at_once:
        for batch in batches:
            index_documents(batch)
            yield batch
        return
    with ThreadPoolExecutor(at_once) as pool:
        yield from pool.map(_write, batches)  # which calls off the rest where one fails


def _write(batch: list[UUID]) -> list[UUID]:
    try:
        index_documents(batch)
        return batch
    finally:
        connection.close()


class Command(BaseCommand):
    help = "Write down anew what documents are found by."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--stale", action="store_true", help="only documents whose words are missing or old")
        parser.add_argument("--owner", metavar="HANDLE", help="only one person's vault")

    def handle(self, *args: Any, **options: Any) -> None:
        rows, words = Document.objects.all(), SearchWord.objects.all()
        if options["owner"]:
            owner = User.objects.filter(handle__iexact=options["owner"]).first()
            if owner is None:
                raise CommandError(_("There is no person of this handle."))
            rows, words = rows.filter(user=owner), words.filter(user=owner)
        if options["stale"]:
            rows = rows.filter(pk__in=stale_documents())
        else:
            words._raw_delete(words.db)
        wanted = list(rows.order_by("user", "pk").values_list("pk", flat=True))
        batches = [wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH)]
        with tqdm(total=len(wanted), unit=" documents", disable=not sys.stderr.isatty()) as bar:
            for batch in _written(batches):
                bar.update(len(batch))
        self.stdout.write(_("Words written down of %(count)d documents.") % {"count": len(wanted)})
