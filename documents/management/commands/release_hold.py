"""`manage.py release_hold`: a restored copy is the vault from now on: it may send, sweep and delete again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from accounts.actors import Actor
from documents.identity import WrongBucket, check_bucket
from documents.storage import StoreError
from documents.upkeep.restoring import release_hold


class Command(BaseCommand):
    help = "Let a restored vault send mails, sweep and delete. Not while the one it was copied from still runs."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            check_bucket()
        except (WrongBucket, StoreError) as error:
            raise CommandError(str(error))
        if release_hold(by=Actor.command()):
            self.stdout.write(_("Released: this is the vault now."))
        else:
            self.stdout.write(_("This vault is not held."))
