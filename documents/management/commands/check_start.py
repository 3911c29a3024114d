"""`manage.py check_start`: whether the keys and the bucket fit this database; marks a new bucket as this vault's."""

import logging
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.actions.keys import KeysMissing, check_keys
from documents.hold import is_held
from documents.identity import WrongBucket, mark_bucket
from documents.storage import StoreUnavailable

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Checks that master keys and bucket belong to this database, and stops with one line where they do not."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--accept-bucket", action="store_true", help="take a new bucket, though documents are kept")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            check_keys()
            mark_bucket(is_accepted=options["accept_bucket"])
        except (KeysMissing, WrongBucket) as error:
            raise CommandError(str(error))
        except StoreUnavailable as error:
            # An outage is /health's to tell; it keeps nobody from starting.
            logger.warning("the bucket could not be looked at: %s", error)
        if is_held():
            self.stdout.write("This vault is a restored copy and held. `manage.py release_hold` ends that.")
