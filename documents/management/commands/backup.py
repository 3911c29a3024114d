"""`manage.py backup DIR|s3://bucket/prefix`: the whole vault, while people go on writing."""

import sys
from argparse import ArgumentParser
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from accounts.actors import Actor
from documents.hold import AlreadyHeld, HoldLost
from documents.identity import WrongBucket
from documents.management.telling import bar_of_bytes
from documents.storage import StoreError
from documents.upkeep.backing_up import BackupRefused, BackupReport, back_up
from documents.upkeep.manifests import BackupUnusable
from documents.upkeep.places import PlaceUnusable, place_at
from docuvault.lib.postgres_tools import ToolMissing

# What an operator is told in one line.
PLAIN = (BackupRefused, BackupUnusable, PlaceUnusable, ToolMissing, HoldLost, WrongBucket)
INTERRUPTED = 130
LISTED = 20


class Command(BaseCommand):
    help = "Back up database and objects to a folder or a bucket. Keep DOCUVAULT_MASTER_KEYS (.env) somewhere else."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("place", metavar="DIR|s3://BUCKET/PREFIX", help="where backups lie")
        parser.add_argument("--keep", type=int, default=0, metavar="N", help="afterwards remove all but the newest N")
        parser.add_argument("--verify", action="store_true", help="read again what the place has already")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["keep"] < 0:
            raise CommandError(_("--keep needs a number of backups, at least 1."))
        try:
            with bar_of_bytes() as step:
                report = back_up(
                    place_at(options["place"]),
                    by=Actor.command(),
                    keep=options["keep"],
                    is_verifying=options["verify"],
                    step=step,
                )
        except PLAIN as error:
            raise CommandError(str(error))
        except AlreadyHeld:
            raise CommandError(_("Another backup or restore of this vault is under way."))
        except (StoreError, DatabaseError, psycopg.Error) as error:
            raise CommandError(
                _("The vault cannot reach its storage or database: %(why)s. Earlier backups are whole.")
                % {"why": str(error).strip().splitlines()[0] if str(error) else type(error).__name__}
            )
        except KeyboardInterrupt:
            raise CommandError(_("Stopped. Earlier backups are whole; this one counts for nothing."), returncode=130)
        self.tell(report, options["place"])
        if report.manifest.flaws:
            sys.exit(1)

    def tell(self, report: BackupReport, place: str) -> None:
        figures = report.manifest.figures
        self.stdout.write(
            _("Backed up %(documents)d documents (%(objects)d objects, %(bytes)s) as %(name)s.")
            % {
                "documents": figures["documents"],
                "objects": figures["objects"],
                "bytes": filesizeformat(figures["bytes"]),
                "name": report.manifest.generation,
            }
        )
        self.stdout.write(
            _("New in %(place)s: %(copied)d objects (%(bytes)s). Removed: %(pruned)d backups, %(objects)d objects.")
            % {
                "place": place,
                "copied": report.copied,
                "bytes": filesizeformat(report.copied_bytes),
                "pruned": len(report.pruned),
                "objects": report.pruned_objects,
            }
        )
        self.stdout.write(_("Keep DOCUVAULT_MASTER_KEYS (.env) somewhere else: they are not in the backup."))
        for flaw in report.manifest.flaws[:LISTED]:
            self.stderr.write(
                _("Not backed up, %(what)s in the vault: version %(version)s of document %(document)s") % flaw
            )
        if len(report.manifest.flaws) > LISTED:
            self.stderr.write(_("… and %(count)d more") % {"count": len(report.manifest.flaws) - LISTED})
