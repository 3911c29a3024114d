"""SQL that lets the application's role reach rows, for use in migrations."""

from django.conf import settings
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def has_own_role(editor: BaseDatabaseSchemaEditor) -> bool:
    """Whether the application runs as another role than the one that migrates."""
    with editor.connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        row = cursor.fetchone()
    return bool(row) and row[0] != settings.APP_ROLE


class ForApplicationRole(migrations.RunPython):
    """Runs statements in which {role} stands for the application's role; nothing where one role does both."""

    def __init__(self, *statements: str) -> None:
        def grant(apps: object, editor: BaseDatabaseSchemaEditor) -> None:
            if not has_own_role(editor):
                return
            role = editor.quote_name(settings.APP_ROLE)
            for statement in statements:
                editor.execute(statement.format(role=role))

        super().__init__(grant, migrations.RunPython.noop)
        self.statements = statements

    def deconstruct(self) -> tuple[str, list[object], dict[str, object]]:
        return (type(self).__name__, list(self.statements), {})
