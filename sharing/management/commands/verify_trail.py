"""`manage.py verify_trail`: whether the trail is as it was sealed; exit code 1 where it is not."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from accounts.actors import Actor
from documents.storage import StoreError
from sharing.trail.checking import check_trail
from sharing.trail.sealing import seal_trail


class Command(BaseCommand):
    help = "Verify the trail's seals against its rows, one another and the anchors. Exit code 1: not sound."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="the verdict for machines")
        parser.add_argument("--seal", action="store_true", help="seal first what has come to rest")
        parser.add_argument("--no-anchors", action="store_true", help="do not ask the bucket")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["seal"]:
            seal_trail()
        try:
            verdict = check_trail(by=Actor.command(), with_anchors=not options["no_anchors"])
        except StoreError as error:
            raise CommandError(
                _("The anchors cannot be read: %(why)s. Try again, or leave them out with --no-anchors.")
                % {"why": str(error)}
            )
        if options["json"]:
            self.stdout.write(json.dumps({**asdict(verdict), "is_sound": verdict.is_sound}, indent=2))
        else:
            for line in verdict.breaches:
                self.stdout.write(f"- {line}")
            for line in verdict.remarks:
                self.stdout.write(f"  {line}")
            self.stdout.write(
                _("%(rows)d rows in %(seals)d seals, %(unsealed)d not sealed yet, %(anchors)d anchors. Head %(head)s")
                % {**asdict(verdict), "head": verdict.head or "-"}
            )
            self.stdout.write(_("The trail is sound.") if verdict.is_sound else _("The trail is NOT sound."))
        if not verdict.is_sound:
            sys.exit(1)
