"""`manage.py migrate` over the migration role's own address."""

from typing import Any

from django.conf import settings
from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import connections

from docuvault.lib.roles import migration_role


class Command(DjangoMigrate):
    """Django's migrate, connected by `DATABASE_MIGRATE_URL` where that is set.

    A change of a table waits so long for its lock and no longer: whoever asks for the table after it waits behind
    it. It can be run again.
    """

    def handle(self, *args: Any, **options: Any) -> None:
        with migration_role(options["database"]):
            with connections[options["database"]].cursor() as cursor:
                cursor.execute(
                    "SELECT set_config('lock_timeout', %s, false)", [f"{settings.MIGRATION_PATIENCE_SECONDS}s"]
                )
            super().handle(*args, **options)
