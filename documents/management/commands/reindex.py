"""`manage.py reindex`: write down anew what documents are found by; with --stale only where it is missing or old.

Without --stale the words among which near words are looked for are forgotten first, those of documents that are
gone with them. It can be broken off and run again at any time.
"""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from tqdm import tqdm

from accounts.models import User
from documents.models import Document, SearchWord
from documents.search import index_documents
from documents.search.index import BATCH, stale_documents


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
        with tqdm(total=len(wanted), unit=" documents", disable=not sys.stderr.isatty()) as bar:
            for start in range(0, len(wanted), BATCH):
                batch = wanted[start : start + BATCH]
                index_documents(batch)
                bar.update(len(batch))
        self.stdout.write(_("Words written down of %(count)d documents.") % {"count": len(wanted)})
