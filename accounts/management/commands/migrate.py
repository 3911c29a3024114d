"""`manage.py migrate` over the migration role's own address."""

from typing import Any

from django.core.management.commands.migrate import Command as DjangoMigrate

from docuvault.lib.roles import migration_role


class Command(DjangoMigrate):
    """Django's migrate, connected by `DATABASE_MIGRATE_URL` where that is set."""

    def handle(self, *args: Any, **options: Any) -> None:
        with migration_role(options["database"]):
            super().handle(*args, **options)
