"""`manage.py prepare`: schema, keys and bucket, static files, schedules and the first admin, in one process.

Importing Django is most of the time of a start, so these are not four commands in a row.
"""

import hashlib
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from docuvault.lib.roles import migration_role

DATABASE_PATIENCE_SECONDS = 20


class Command(BaseCommand):
    """Does nothing that is done already."""

    help = "Brings schema, static files, schedules and the first admin up to date."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        wait_for_database()
        if is_schema_behind():
            call_command("migrate", interactive=False, verbosity=0)
        call_command("check_start", stdout=self.stdout)
        collect_static_files()
        call_command("schedules", verbosity=0)
        call_command("first_admin", stdout=self.stdout)


def wait_for_database() -> None:
    """Raises CommandError when it stays away."""
    deadline = time.monotonic() + DATABASE_PATIENCE_SECONDS
    while True:
        try:
            with migration_role():
                connection.ensure_connection()
        except OperationalError as error:
            if time.monotonic() > deadline:
                raise CommandError(f"The database does not answer: {str(error).splitlines()[0]}") from None
            time.sleep(0.2)
        else:
            return


def is_schema_behind() -> bool:
    with migration_role():
        executor = MigrationExecutor(connection)
        return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def static_files_digest() -> str:
    """Changes when any static file does; reads names, sizes and times only."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in sorted(finder.list([]), key=lambda found: found[0]):
            status = Path(storage.path(path)).stat()
            digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def collect_static_files() -> None:
    """Gather them anew when one of them changed."""
    stamp = Path(settings.STATIC_ROOT).with_name("static.digest")
    digest = static_files_digest()
    if stamp.is_file() and stamp.read_text() == digest and (Path(settings.STATIC_ROOT) / "staticfiles.json").is_file():
        return
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(digest)
