"""Plain statements for what every request needs, where the ORM costs more than the database does."""

import uuid
from collections.abc import Callable
from datetime import datetime
from functools import cache, cached_property
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Model, QuerySet
from django.utils.timezone import now

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
    with connection.cursor() as cursor:
        cursor.execute(statement, [value])
        row = cursor.fetchone()
    return None if row is None else model.from_db(connection.alias, names, row)


class AskedOften:
    """What a queryset asks about one key, put into words once; after that only the key and the moment are new.

    `build` gets the key and answers a queryset of values; it may depend on nothing else, but for the present moment.
    """

    def __init__(self, build: Callable[[uuid.UUID], QuerySet[Any, tuple[Any, ...]]]) -> None:
        self.build = build

    @cached_property
    def _said(self) -> tuple[str, tuple[Any, ...], uuid.UUID]:
        stand_in = uuid.uuid4()
        statement, parameters = self.build(stand_in).query.sql_with_params()
        return statement, parameters, stand_in

    def __call__(self, key: uuid.UUID) -> list[tuple[Any, ...]]:
        statement, parameters, stand_in = self._said
        moment = now()
        with connection.cursor() as cursor:
            cursor.execute(
                statement,
                [key if each == stand_in else moment if isinstance(each, datetime) else each for each in parameters],
            )
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return found
