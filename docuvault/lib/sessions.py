"""Sessions in the database as Django keeps them, read with one plain statement: every request passes here."""

from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.db import connection

from docuvault.lib.connections import prepared_statements

READ = "SELECT session_data FROM django_session WHERE session_key = %s AND expire_date > now()"


class SessionStore(DatabaseSessions):
    """Building this query with the ORM costs more than running it."""

    def load(self) -> dict[str, Any]:
        with prepared_statements(), connection.cursor() as cursor:
            cursor.execute(READ, [self.session_key])
            row = cursor.fetchone()
        if row is None:
            self._session_key = None
            return {}
        kept: dict[str, Any] = self.decode(row[0])
        return kept
