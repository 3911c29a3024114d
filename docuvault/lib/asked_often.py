"""Querysets put into words once: building and compiling one costs the ORM more than PostgreSQL needs to answer."""

import uuid
from collections.abc import Callable, Hashable, Sequence
from copy import copy
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import QuerySet
from django.utils.timezone import now

from docuvault.lib.connections import prepared_statements

Answered = TypeVar("Answered")
Value = uuid.UUID | str | list[uuid.UUID]
# Questions of more shapes than that are not kept: something changes that should be a value.
MOST_SHAPES = 64


class AskedOften(Generic[Answered]):
    """What a queryset asks, put into words once; after that only the values and the present moment are new.

    `build` gets the values (uuids, texts, lists of uuids) and, by name, what changes the question itself. It may
    depend on nothing else. A text may stand within a pattern, as that of `contains`; `any_of` and `shares_with` take
    a list as it is. Raises ValueError where a value is not found again in the statement.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Answered]]) -> None:
        self.build = build
        self._said: dict[Hashable, _Said] = {}

    def __call__(self, *values: Value, **shape: Hashable) -> list[Answered]:
        return self._in_words(values, shape).ask(values)

    def in_words(self, *values: Value, **shape: Hashable) -> tuple[str, list[Any]]:
        """The statement and its parameters, to stand within another one."""
        said = self._in_words(values, shape)
        return said.statement, said.parameters(values)

    def _in_words(self, values: Sequence[Value], shape: dict[str, Hashable]) -> "_Said":
        key = (len(values), *shape.items())
        said = self._said.get(key)
        if said is None:
            if len(self._said) >= MOST_SHAPES:
                self._said.clear()
            stand_ins = [_stand_in(value) for value in values]
            said = self._said[key] = _Said(self.build(*stand_ins, **shape), stand_ins)
        return said


def _stand_in(value: Value) -> Value:
    if isinstance(value, str):
        return uuid.uuid4().hex
    return [uuid.uuid4()] if isinstance(value, list) else uuid.uuid4()


class _Said:
    """A queryset's statement, and what is to be put in the place of each parameter."""

    def __init__(self, rows: QuerySet[Any, Any], stand_ins: Sequence[Value]) -> None:
        if rows._prefetch_related_lookups:  # type: ignore[attr-defined]
            raise ValueError("what is fetched besides the statement's own rows would be left out")
        self.rows = rows
        self.compiler = rows.query.get_compiler(DEFAULT_DB_ALIAS)
        self.statement, parameters = self.compiler.as_sql()
        self._slots = [_Slot(parameter, _place_of(parameter, stand_ins), stand_ins) for parameter in parameters]
        self._is_in_pattern = any(slot.is_in_pattern for slot in self._slots)
        if {slot.place for slot in self._slots if slot.place is not None} != set(range(len(stand_ins))):
            raise ValueError("a value that is asked about is not found again in the statement")

    def parameters(self, values: Sequence[Value]) -> list[Any]:
        return [slot.filled(values) for slot in self._slots]

    def ask(self, values: Sequence[Value]) -> list[Any]:
        """As the queryset itself would, but for the words, which are there already."""
        words = self.statement, self.parameters(values)
        compiler = copy(self.compiler)
        compiler.connection = connections[DEFAULT_DB_ALIAS]  # of this thread
        compiler.as_sql = lambda *_args, **_kwargs: words
        query = object.__new__(type(self.rows.query))
        query.__dict__ = {**vars(self.rows.query), "get_compiler": lambda *_args, **_kwargs: compiler}
        rows = type(self.rows)(self.rows.model, query)
        rows._iterable_class = self.rows._iterable_class
        rows._fields = self.rows._fields  # type: ignore[attr-defined]
        if self._is_in_pattern:  # what is found by it depends on the text, and so does the plan
            return list(rows)
        with prepared_statements():
            return list(rows)


class _Slot:
    """One parameter: a value, a text within a pattern, the present moment, or always the same."""

    def __init__(self, parameter: Any, place: int | None, stand_ins: Sequence[Value]) -> None:
        self.place, self._always = place, parameter
        self._is_moment = isinstance(parameter, datetime)
        self._around = parameter.split(stand_ins[place]) if place is not None and parameter != stand_ins[place] else []

    @property
    def is_in_pattern(self) -> bool:
        return bool(self._around)

    def filled(self, values: Sequence[Value]) -> Any:
        if self.place is None:
            return now() if self._is_moment else self._always
        value = values[self.place]
        if not self._around:
            return value
        return connections[DEFAULT_DB_ALIAS].ops.prep_for_like_query(str(value)).join(self._around)


def _place_of(parameter: Any, stand_ins: Sequence[Value]) -> int | None:
    for place, stand_in in enumerate(stand_ins):
        if parameter == stand_in or (
            isinstance(parameter, str) and isinstance(stand_in, str) and stand_in in parameter
        ):
            return place
    return None
