"""`manage.py schedules`: bring the queue's recurring jobs up to the list in docuvault/schedules.py."""

from typing import Any

from django.core.management.base import BaseCommand

from docuvault.schedules import sync


class Command(BaseCommand):
    help = "Make the recurring jobs equal to the list in docuvault/schedules.py."

    def handle(self, *args: Any, **options: Any) -> None:
        changed = sync()
        if options["verbosity"]:
            self.stdout.write(f"{changed} schedules changed.")
