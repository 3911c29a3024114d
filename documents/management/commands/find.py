"""`manage.py find "words" --as HANDLE`: what a person finds, through the same search and the same rule as the page."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.html import strip_tags
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import User
from documents.listing import mark_for
from documents.management.telling import printable
from documents.search import find_documents, hits_of, parse
from documents.search.finding import SORTS
from documents.search.hits import Hit
from sharing import access

MOST = 100


class Command(BaseCommand):
    help = "Print what a person finds: document, page and the line that matched."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("line", metavar="WORDS", help="words and filters, as in the search box")
        parser.add_argument("--as", dest="handle", required=True, metavar="HANDLE", help="whose eyes to look with")
        parser.add_argument("--sort", choices=SORTS, default="best")
        parser.add_argument("--limit", type=int, default=25, help=f"how many hits, up to {MOST} (25)")
        parser.add_argument("--json", action="store_true", help="for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(handle__iexact=options["handle"], is_active=True).first()
        if user is None:
            raise CommandError(_("There is no active person of this handle."))
        by, query = Actor.command(user), parse(options["line"].replace("\x00", ""))
        if query.is_empty:
            raise CommandError(_("There is nothing to look for in this."))
        size = max(1, min(options["limit"], MOST))
        found = find_documents(query, by, sort=options["sort"], size=size)
        rows = list(access.visible_documents(by).filter(pk__in=found.ids))
        mark_for(rows, by)
        hits = hits_of(found, query, rows)
        if options["json"]:
            answer = {
                "query": query.line,
                "problems": [[problem.part, str(problem.message)] for problem in found.problems],
                "is_near": found.is_near,
                "is_more": bool(found.after),
                "hits": [_plain(hit) for hit in hits],
            }
            self.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False))
            return
        for problem in found.problems:
            self.stderr.write(printable(f"{problem.part}: {problem.message}"))
        for hit in hits:
            page = _("page %(number)d") % {"number": hit.page} if hit.page else _("name, note or topic")
            self.stdout.write(printable(f"{hit.document.name}  [{page}]  {hit.document.pk}"))
            if hit.is_text:
                self.stdout.write(printable(f"    {hit.text}"))
        if found.after:
            self.stdout.write(_("There are more."))
        if not hits:
            self.stdout.write(_("Nothing found."))


def _plain(hit: Hit) -> dict[str, object]:
    return {
        "document": str(hit.document.pk),
        "name": hit.document.name,
        "page": hit.page,
        "line": hit.text if hit.is_text else "",
        "note": strip_tags(hit.note),
    }
