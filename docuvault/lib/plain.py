"""One row by one plain statement: for what every request needs, where the ORM costs more than the database does."""

from functools import cache
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Model

from docuvault.lib.connections import prepared_statements

Row = TypeVar("Row", bound=Model)


@cache
def _statement(model: type[Model], column: str) -> tuple[str, list[str]]:
    fields = model._meta.concrete_fields
    quoted = connection.ops.quote_name
    columns = ", ".join(quoted(str(field.column)) for field in fields)
    names = [field.attname for field in fields]
    table = quoted(model._meta.db_table)
    return f"SELECT {columns} FROM {table} WHERE {quoted(column)} = %s", names  # noqa: S608 (our own names)


def row_by(model: type[Row], column: str, value: Any) -> Row | None:
    """The row whose unique column has this value."""
    statement, names = _statement(model, column)
    with prepared_statements(), connection.cursor() as cursor:
        cursor.execute(statement, [value])
        row = cursor.fetchone()
    return None if row is None else model.from_db(connection.alias, names, row)
