"""The filter form: the same query as the line, field by field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from documents.search.grammar import IS, LINE_LIMIT, NO, Filter, Query, parse

ONE = ("type", "in", "after", "before", "year", "written", "size", "lang", "state", "name", "topic", "owner")
MANY = (("is", IS), ("no", NO))


@dataclass(frozen=True)
class Fields:
    """What stands in the form: one value in each field, what is checked, and the rest as a line."""

    words: str
    one: dict[str, str]
    many: dict[str, list[str]]
    rest: str


def fields_of(query: Query) -> Fields:
    one: dict[str, str] = {}
    many: dict[str, list[str]] = {"is": [], "no": []}
    rest: list[Filter] = []
    for item in query.filters:
        if item.is_not:
            rest.append(item)
        elif item.key in many:
            many[item.key].append(item.value)
        elif item.key in one:
            rest.append(item)
        else:
            one[item.key] = item.value
    return Fields(query.words, one, many, " ".join(item.line for item in rest))


def query_of(one: Mapping[str, str], many: Mapping[str, Sequence[str]]) -> str:
    """The line that a form's fields make; what cannot be read in it is said when the line is read."""
    words = parse(one.get("words", "")[:LINE_LIMIT])
    filters = [Filter(key, " ".join(one[key].split())) for key in ONE if one.get(key, "").strip()]
    for key, allowed in MANY:
        filters += [Filter(key, value) for value in dict.fromkeys(many.get(key, ())) if value in allowed]
    rest = parse(one.get("rest", "")[:LINE_LIMIT])
    parts = [words.words, *(item.line for item in (*words.filters, *filters, *rest.filters))]
    return " ".join(part for part in parts if part)
