"""`manage.py erase_names PERSON`: takes a person's names out of the trail; the rows and their seals stay."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import User
from sharing.trail.retention import erase_labels
from sharing.trail.sealing import seal_trail


class Command(BaseCommand):
    help = "Replace a person's names in the trail by salted hashes. Takes a handle, or the id of one who is gone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("person")

    def handle(self, *args: Any, **options: Any) -> None:
        found = User.objects.filter(handle__iexact=options["person"]).first()
        try:
            person_id = found.pk if found else UUID(options["person"])
        except ValueError:
            raise CommandError(_("Nobody is called %(name)s.") % {"name": options["person"]})
        seal_trail()
        count = erase_labels(person_id, by=Actor.command())
        self.stdout.write(_("The names are out of %(count)d rows.") % {"count": count})
