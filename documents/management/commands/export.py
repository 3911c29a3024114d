"""`manage.py export DIR`: everything that is kept, as folders and files with real names, readable without DocuVault."""

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
from documents.exports.plan import Choice
from documents.exports.to_folder import EVERYBODY, ExportRefused, ExportReport, export_to_folder
from documents.management.telling import bar_of_bytes, printable
from documents.storage import StoreError

INTERRUPTED = 130
LISTED = 50


class Command(BaseCommand):
    help = (
        "Write everything that people keep into a folder: the tree with real names, a JSON record for each document,"
        " older versions, a CSV index and checksums. Run again, it goes on and verifies what is there."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DIR", help="an empty folder, or one with an earlier export")
        parser.add_argument("--owner", default="", metavar="HANDLE", help="one person's vault only (everybody's)")
        parser.add_argument("--no-versions", action="store_true", help="leave older versions out")
        parser.add_argument("--no-trash", action="store_true", help="leave the trash out")

    def handle(self, *args: Any, **options: Any) -> None:
        people = User.objects.order_by("handle")
        if options["owner"]:
            people = people.filter(handle__iexact=options["owner"])
            if not people:
                raise CommandError(
                    _("There is no person with the handle %(handle)s.") % {"handle": printable(options["owner"])}
                )
        choice = Choice(older_versions=not options["no_versions"], trash=not options["no_trash"])
        scope = people[0].handle if options["owner"] else EVERYBODY
        try:
            with bar_of_bytes() as step:
                report = export_to_folder(
                    Path(options["folder"]).absolute(), people, choice, by=Actor.command(), scope=scope, step=step
                )
        except ExportRefused as error:
            raise CommandError(str(error))
        except OSError as error:
            raise CommandError(
                _("%(path)s: %(why)s. What is written stays; run the same command again.")
                % {"path": error.filename or options["folder"], "why": error.strerror or type(error).__name__}
            )
        except (StoreError, DatabaseError) as error:
            what = _("storage") if isinstance(error, StoreError) else _("database")
            raise CommandError(
                _("The vault cannot reach its %(what)s. What is written stays; run the same command again.")
                % {"what": what}
            )
        except KeyboardInterrupt:
            raise CommandError(
                _("Stopped. What is written stays; run the same command again for the rest."), returncode=INTERRUPTED
            )
        self.tell(report)
        if not report.is_whole:
            sys.exit(1)

    def tell(self, report: ExportReport) -> None:
        self.stdout.write(
            _("Exported %(documents)d documents (%(bytes)s): %(written)d files written, %(kept)d were there already.")
            % {
                "documents": report.documents,
                "bytes": filesizeformat(report.size_bytes),
                "written": report.written,
                "kept": report.kept,
            }
        )
        if report.removed:
            self.stdout.write(
                _("Removed %(count)d files of an earlier run that the vault no longer has.") % {"count": report.removed}
            )
        for place, number, flaw in report.flawed[:LISTED]:
            self.stderr.write(
                _("Not exported, content %(what)s in the vault: %(place)s, version %(number)d")
                % {"what": flaw, "place": printable(place), "number": number}
            )
        for path, why in report.foreign[:LISTED]:
            self.stderr.write(_("Not written: %(path)s: %(why)s") % {"path": printable(path), "why": why})
        more = max(0, len(report.flawed) - LISTED) + max(0, len(report.foreign) - LISTED)
        if more:
            self.stderr.write(_("… and %(count)d more") % {"count": more})
        if report.flawed:
            self.stderr.write(_("All that is missing stands in not-exported.csv."))
