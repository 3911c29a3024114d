"""`manage.py restore DIR|s3://bucket/prefix`: a backup into an empty vault, which is held until it is released."""

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
from documents.management.telling import bar_of_bytes, printable
from documents.storage import StoreError
from documents.upkeep.manifests import BackupUnusable, generations, read_manifest
from documents.upkeep.places import Place, PlaceUnusable, place_at
from documents.upkeep.restoring import RestoreRefused, RestoreReport, restore_vault
from docuvault.lib.postgres_tools import ToolMissing

PLAIN = (RestoreRefused, BackupUnusable, PlaceUnusable, ToolMissing, HoldLost, WrongBucket)
LISTED = 50


class Command(BaseCommand):
    help = "Restore a backup into an empty vault. It is held (no mails, no deletions) until `release_hold`."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("place", metavar="DIR|s3://BUCKET/PREFIX", help="where the backups lie")
        parser.add_argument("--generation", default="", metavar="NAME", help="which of them (the newest)")
        parser.add_argument("--list", action="store_true", help="name the backups there, and do nothing")
        parser.add_argument(
            "--keys-are-lost", action="store_true", help="restore without the master keys; turns second steps off"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            place = place_at(options["place"])
            if options["list"]:
                return self.list(place)
            with bar_of_bytes() as step:
                report = restore_vault(
                    place,
                    options["generation"],
                    by=Actor.command(),
                    step=step,
                    say=lambda line: self.stdout.write(f"… {line}"),
                    keys_are_lost=options["keys_are_lost"],
                )
            self.tell(report)
        except PLAIN as error:
            raise CommandError(str(error))
        except AlreadyHeld:
            raise CommandError(_("Another backup or restore of this vault is under way."))
        except (StoreError, DatabaseError, psycopg.Error) as error:
            raise CommandError(
                _("The vault cannot reach its storage or database: %(why)s. Run the same command again.")
                % {"why": str(error).strip().splitlines()[0] if str(error) else type(error).__name__}
            )
        if report.lost or report.problems:
            sys.exit(1)
        return None

    def list(self, place: Place) -> None:
        whole, begun = generations(place)
        for name in whole:
            manifest = read_manifest(place, name)
            self.stdout.write(
                _("%(name)s  %(documents)d documents, %(bytes)s, of vault %(instance)s")
                % {
                    "name": name,
                    "documents": manifest.figures.get("documents", 0),
                    "bytes": filesizeformat(manifest.figures.get("bytes", 0)),
                    "instance": manifest.instance,
                }
            )
        for name in begun:
            self.stdout.write(_("%(name)s  was never finished and cannot be restored") % {"name": name})

    def tell(self, report: RestoreReport) -> None:
        figures = report.figures
        self.stdout.write(
            _(
                "Restored %(name)s: %(people)d people, %(documents)d documents, %(events)d lines of the trail,"
                " %(copied)d objects (%(there)d were there already)."
            )
            % {**figures, "name": report.manifest.generation}
        )
        for item, flaw in report.lost[:LISTED]:
            self.stderr.write(
                _("The backup has no whole copy (%(what)s): version %(number)d of document %(document)s")
                % {"what": flaw.value, "number": item.number, "document": item.document_id}
            )
        if len(report.lost) > LISTED:
            self.stderr.write(_("… and %(count)d more") % {"count": len(report.lost) - LISTED})
        for name in report.dropped_uploads[:LISTED]:
            self.stdout.write(_("Was under way, and has to be sent again: %(name)s") % {"name": printable(name)})
        if report.second_steps_off:
            self.stdout.write(_("Second step turned off for %(count)d people.") % {"count": report.second_steps_off})
        for line in report.problems:
            self.stderr.write(line)
        self.stdout.write(
            _("This copy is held: it sends no mail, sweeps and deletes nothing. `manage.py release_hold` ends that.")
        )
