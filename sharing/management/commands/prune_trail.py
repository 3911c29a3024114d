"""`manage.py prune_trail --before DATE`: rows of whole seals whose time is over; the seals stay."""

from argparse import ArgumentParser
from datetime import UTC, date, datetime, time
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts.actors import Actor
from sharing.trail.retention import prunable, prune_trail


class Command(BaseCommand):
    help = "Remove the rows of whole seals that ended before a day. Shows what would go; --yes does it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--before", type=date.fromisoformat, required=True, metavar="YYYY-MM-DD")
        parser.add_argument("--yes", action="store_true", help="do it")

    def handle(self, *args: Any, **options: Any) -> None:
        before = datetime.combine(options["before"], time(), UTC)
        if before > now():
            raise CommandError(_("The day lies ahead."))
        seals = prunable(before)
        count = sum(seal.row_count for seal in seals)
        if not options["yes"]:
            self.stdout.write(
                _("%(rows)d rows in %(seals)d seals would go. Export them first; --yes removes them.")
                % {"rows": count, "seals": len(seals)}
            )
            return
        removed = prune_trail(before, by=Actor.command())
        self.stdout.write(
            _("%(rows)d rows in %(seals)d seals are removed.") % {"rows": removed[1], "seals": removed[0]}
        )
