"""`manage.py check_vault`: whether all that must hold of the vault does; with --repair it puts right what is safe."""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from accounts.actors import Actor
from documents.identity import WrongBucket
from documents.storage import StoreError
from documents.upkeep.checking import check_vault
from documents.upkeep.findings import INVARIANTS, Report
from documents.upkeep.rounds import AlreadyUnderWay

SHOWN = 20


def share(text: str) -> float:
    """A share between nothing and all."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ArgumentTypeError("a number from 0 to 1")
    return value


class Command(BaseCommand):
    help = (
        "Check rows, objects, trail, jobs and files. Changes nothing without --repair. Exit code 1: something is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="put right what is safe; never a row of a document")
        parser.add_argument("--json", action="store_true", help="the report for machines")
        parser.add_argument("--share", type=share, default=0.1, help="of how many versions to read the bytes (0.1)")
        parser.add_argument("--grace-hours", type=float, default=24, help="how old a stray object has to be (24)")
        parser.add_argument("--canaries", type=Path, metavar="FILE", help="secrets to look for, one a line")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = check_vault(
                is_repair=options["repair"],
                share=options["share"],
                grace=timedelta(hours=options["grace_hours"]),
                by=Actor.command(),
                canaries=_lines(options["canaries"]),
                step=self.tell_progress if sys.stderr.isatty() else lambda objects: None,
            )
        except AlreadyUnderWay:
            raise CommandError(_("Another round that changes things is under way. Try again when it has ended."))
        except WrongBucket as error:
            raise CommandError(str(error))
        except (StoreError, DatabaseError) as error:
            raise CommandError(
                _("The vault cannot reach its storage or database: %(why)s") % {"why": str(error).partition("\n")[0]}
            )
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(), indent=2, default=str))
        else:
            self.tell(report)
        if not report.is_clean:
            sys.exit(1)

    def tell_progress(self, objects: int) -> None:
        self.stderr.write(_("%(count)d objects") % {"count": objects}, ending="\r")

    def tell(self, report: Report) -> None:
        """One line for each invariant; then, of each that does not hold, the first breaches."""
        for item in INVARIANTS:
            outcome = report.outcome(item)
            looked_at = report.looked_at.get(item.id, "")
            self.stdout.write(f"{item.id:<4}{item.statement}")
            self.stdout.write(f"      {looked_at}: {outcome}" if looked_at else f"      {outcome}")
            found = report.of(item.id)
            for breach in found[:SHOWN]:
                mark = _("repaired") if breach.is_repaired else _("stands")
                self.stdout.write(
                    f"      - {breach.what} [{breach.target}] {mark if report.is_repair else ''}".rstrip()
                )
            if (more := report.counts[item.id] - len(found[:SHOWN])) > 0:
                self.stdout.write(_("      … and %(count)d more") % {"count": more})
        for remark in report.remarks:
            self.stdout.write(f"  {remark}")
        figures = {**report.figures, "size": filesizeformat(report.figures["object_bytes"])}
        self.stdout.write(
            _("%(versions)d versions, %(objects)d objects (%(size)s), %(bytes_read)d bytes read.") % figures
        )
        if report.is_clean:
            self.stdout.write(_("All of it holds."))
        else:
            standing = report.counts.total() - report.mended.total()
            self.stdout.write(_("%(count)d breaches stand.") % {"count": standing})


def _lines(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        return [line for line in path.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(_("%(path)s cannot be read: %(why)s") % {"path": path, "why": type(error).__name__})
