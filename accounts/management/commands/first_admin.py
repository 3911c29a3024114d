"""`manage.py first_admin`: the first admin from the settings, or a one-time link to become it."""

import os
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts.actions import NameTaken, first_admin_link, make_first_admin
from accounts.actors import Actor


class Command(BaseCommand):
    help = "Makes the first admin, or prints a one-time link for it. Says nothing when there is one."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        email = os.environ.get("DOCUVAULT_ADMIN_EMAIL", "").strip()
        password = os.environ.get("DOCUVAULT_ADMIN_PASSWORD", "")
        actor = Actor.command()
        if email and password:
            try:
                user = make_first_admin(email, password, by=actor)
            except (ValidationError, NameTaken) as error:
                reasons = error.messages if isinstance(error, ValidationError) else [str(error)]
                raise CommandError(f"The first admin was not made: {' '.join(reasons)}") from None
            if user is not None:
                self.stdout.write(f"First admin: {user.handle} ({user.email})")
            return
        if link := first_admin_link(by=actor):
            self.stdout.write(f"First admin: {link}")
