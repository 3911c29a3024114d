"""`manage.py import DIR|ZIP --owner HANDLE`: an export of this or another DocuVault into a person's vault."""

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import User
from documents.actions.errors import Refused
from documents.exports.marks import NotAnExport
from documents.exports.report import ImportReport
from documents.exports.sources import source_at
from documents.exports.taking_in import take_in
from documents.management.telling import bar_of_bytes, printable
from documents.names import InvalidName
from documents.storage import StoreError

INTERRUPTED = 130


class Command(BaseCommand):
    help = (
        "Take an export (`manage.py export`, or the ZIP of *Export everything*) into a person's vault. Run again, it"
        " goes on; nothing comes in twice."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("export", metavar="DIR|ZIP", help="the export")
        parser.add_argument("--owner", required=True, metavar="HANDLE", help="whose vault it goes to")
        parser.add_argument("--person", default="", metavar="HANDLE", help="whose part, where the export has several")
        parser.add_argument("--into", default="", metavar="A/B", help="below this folder (made if missing)")
        parser.add_argument("--dry-run", action="store_true", help="read and compare all, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = User.objects.filter(handle__iexact=options["owner"], is_active=True).first()
        if owner is None:
            raise CommandError(
                _("There is no active person with the handle %(handle)s.") % {"handle": printable(options["owner"])}
            )
        report = ImportReport()
        try:
            self.take(options, owner, report)
        except NotAnExport as error:
            raise CommandError(printable(error.message))
        except (InvalidName, Refused) as error:
            raise CommandError(f"--into: {error.message}")
        except (StoreError, DatabaseError) as error:
            self.tell(report, is_dry_run=False)
            what = _("storage") if isinstance(error, StoreError) else _("database")
            raise CommandError(
                _("The vault cannot reach its %(what)s. What came in stays; run the same command again later.")
                % {"what": what}
            )
        except KeyboardInterrupt:
            self.tell(report, is_dry_run=False)
            raise CommandError(
                _("Stopped. What came in stays; run the same command again for the rest."), returncode=INTERRUPTED
            )
        self.tell(report, is_dry_run=options["dry_run"])
        if report.refused_count:
            sys.exit(1)

    def take(self, options: dict[str, Any], owner: User, report: ImportReport) -> None:
        source = source_at(Path(options["export"]))
        try:
            with bar_of_bytes() as step:
                take_in(
                    source,
                    by=Actor.command(owner),
                    person=options["person"],
                    into=options["into"],
                    is_dry_run=options["dry_run"],
                    report=report,
                    step=step,
                )
        finally:
            source.close()

    def tell(self, report: ImportReport, *, is_dry_run: bool) -> None:
        summary = (
            _("Would come in: %(added)d (%(bytes)s). There already: %(known)d. Refused: %(refused)d.")
            if is_dry_run
            else _("Came in: %(added)d (%(bytes)s). There already: %(known)d. Refused: %(refused)d.")
        )
        try:
            self.stdout.write(
                summary
                % {
                    "added": report.added,
                    "bytes": filesizeformat(report.added_bytes),
                    "known": report.known,
                    "refused": report.refused_count,
                }
            )
            if report.rules or report.views:
                told = _("Rules of filing that came in: %(rules)d, switched off. Saved views: %(views)d.")
                self.stdout.write(told % {"rules": report.rules, "views": report.views})
            self.list(_("would come in") if is_dry_run else _("came in"), report.shown_added, report.added)
            self.list(_("there already"), report.shown_known, report.known)
            self.list(_("refused"), report.refused, report.refused_count)
        except BrokenPipeError:
            # Whoever read along has gone; nothing is left to say to him.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def list(self, heading: str, rows: list[tuple[str, str]], count: int) -> None:
        for path, note in rows:
            self.stdout.write(f"  {heading}: {printable(path)}" + (f": {printable(note)}" if note else ""))
        if count > len(rows):
            self.stdout.write("  " + _("… and %(count)d more") % {"count": count - len(rows)})
