"""`manage.py flush` over the migration role: emptying tables needs TRUNCATE, which the application lacks."""

from typing import Any

from django.core.management.commands.flush import Command as DjangoFlush
from django.db import connections

from docuvault.lib.roles import migration_role


class Command(DjangoFlush):
    """Django's flush, allowed to empty the append-only trail as well."""

    def handle(self, **options: Any) -> None:
        with migration_role(options["database"]):
            with connections[options["database"]].cursor() as cursor:
                cursor.execute("SET docuvault.trail_maintenance = 'on'")
            super().handle(**options)
