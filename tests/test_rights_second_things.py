"""A second thing in a request: the address names one's own, a field or a parameter somebody else's.

Every name that views read from a request is known here, as one that names a row or as one that does not. Each of the
first kind is asked with a thing of the owner's by the stranger, at an address of his own: it is refused, tells nothing
and changes nothing, while the same request with his own thing is answered.
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from django.db import transaction

from tests.rights.asking import Answer, ask, body, described, fresh, known_routes, send
from tests.rights.cast import World
from tests.rights.rows import kept_rows
from tests.test_rights_table import OF_READING, kept

CHECKOUT = Path(__file__).resolve().parents[1]
ROOMS = ("accounts", "documents", "sharing")

# Names that name rows: what of the world each stands for.
REFERENCES = {
    "document": "document_id",
    "entry": "entry_id",
    "folder": "folder_id",
    "id": "document_id",
    "group": "group_id",
    "parent": "folder_id",
    "link": "link_id",
    "share": "share_id",
    "suggestion": "suggestion_id",
    "to": "folder_id",
    "topic": "topic_id",
    "version": "version_id",
}
# Names that name none.
PLAIN = {
    "again", "all", "dismiss", "mode", "query",
    "days", "is_notified", "keeps_view", "kinds", "max_file", "max_files", "max_total", "no_password", "part", "title",
    "max_downloads", "max_opens", "number", "protect", "resume", "ticket",
    "act", "action", "after", "amount", "answer", "as", "before", "box", "colour", "count", "damaged", "decision",
    "display_name", "email", "files", "handle", "hidden", "invite", "is_decided", "is_dragged", "is_system",
    "keep_both", "kind", "known", "level", "made", "message", "name", "near", "next", "note", "off", "page", "pane",
    "passed_on", "password", "path", "pick", "q", "reason", "role", "since", "size", "so_far", "sort", "text",
    "time_zone", "trash", "unit", "until", "versions", "view", "what", "who", "words",
}  # fmt: skip


def _reads(tree: ast.AST) -> Iterator[str]:
    """Names read from request.GET and request.POST, and the fields of forms."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"get", "getlist"}:
            asked = ast.unparse(node.func.value)
            if ("GET" in asked or "POST" in asked) and node.args and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value)
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith((".GET", ".POST")):
            if isinstance(node.slice, ast.Constant):
                yield str(node.slice.value)
        elif isinstance(node, ast.Compare) and isinstance(node.left, ast.Constant):
            if any(ast.unparse(right).endswith((".GET", ".POST")) for right in node.comparators):
                yield str(node.left.value)
        elif isinstance(node, ast.ClassDef) and any("Form" in ast.unparse(base) for base in node.bases):
            for line in node.body:
                if isinstance(line, ast.Assign) and isinstance(line.value, ast.Call):
                    yield from (target.id for target in line.targets if isinstance(target, ast.Name))


@cache
def read_names() -> dict[str, str]:
    """Each name, and one file that reads it."""
    found: dict[str, str] = {}
    for room in ROOMS:
        for path in sorted((CHECKOUT / room).rglob("*.py")):
            if "tests" not in path.parts and path.name != "admin.py":
                for name in _reads(ast.parse(path.read_text())):
                    found[name] = str(path.relative_to(CHECKOUT))
    return found


def test_every_name_that_is_read_is_known_to_name_a_row_or_not() -> None:
    unknown = {name: file for name, file in read_names().items() if name not in PLAIN and name not in REFERENCES}
    assert unknown == {}, "does it name a row? Then a line in REFERENCES and in SECOND here; else one in PLAIN"
    assert set(read_names()) >= {"to", "document", "parent", "topic", "group", "q", "level", "until"}


# Address, method, name: what else is sent. Each is asked with the stranger's own, and with the owner's.
SECOND: list[tuple[str, str, str, dict[str, str]]] = [
    ("/folders/new/", "POST", "parent", {"name": "New"}),
    ("/folders/new/", "GET", "parent", {}),
    ("/folders/tree/", "GET", "parent", {}),
    ("/folders/<uuid:folder_id>/move/", "POST", "to", {}),
    ("/documents/<uuid:document_id>/move/", "POST", "to", {}),
    ("/documents/<uuid:document_id>/topics/", "POST", "topic", {}),
    ("/documents/<uuid:document_id>/", "GET", "version", {}),
    ("/documents/<uuid:document_id>/share/", "POST", "group", {"level": "10"}),
    ("/folders/<uuid:folder_id>/share/", "POST", "group", {"level": "10"}),
    ("/shared/review/", "POST", "share", {"act": "keep"}),
    ("/shared/review/", "POST", "link", {"act": "keep"}),
    ("/emergency/new/", "POST", "folder", {"who": "extra-person", "days": "7"}),
    ("/filing/rules/new/", "POST", "topic", {"name": "New", "query": "paper", "mode": "hand"}),
    ("/files/", "GET", "topic", {}),
    ("/add/", "GET", "folder", {}),
    ("/add/", "GET", "document", {}),
    ("/uploads/foresee/", "POST", "folder", {"files": '[["a.txt", 1]]'}),
    ("/selection/", "POST", "document", {"action": "trash"}),
    ("/selection/", "POST", "document", {"action": "move"}),
    ("/selection/", "POST", "document", {"action": "tag"}),
    ("/selection/", "POST", "document", {"action": "untag"}),
    ("/selection/", "POST", "document", {"action": "download"}),
    ("/selection/", "POST", "folder", {"action": "trash"}),
    ("/selection/", "POST", "folder", {"action": "move"}),
    ("/selection/", "POST", "folder", {"action": "download"}),
    ("/selection/", "POST", "to", {"action": "move", "is_decided": "1", "document": "own"}),
    ("/selection/", "POST", "topic", {"action": "tag", "is_decided": "1", "document": "own"}),
    ("/selection/", "POST", "topic", {"action": "untag", "is_decided": "1", "document": "own"}),
]
# Looked for among one's own and quietly passed over: nothing told, nothing done.
PASSED_OVER = {
    ("/trash/undo/", "GET", "entry"),
    ("/uploads/twins/", "GET", "document"),
    ("/documents/readings/", "GET", "id"),
    ("/documents/<uuid:document_id>/content/", "GET", "version"),
    ("/documents/<uuid:document_id>/thumbnail/", "GET", "version"),
    ("/documents/<uuid:document_id>/pages/<int:page>/picture/", "GET", "version"),
    ("/documents/<uuid:document_id>/pages/<int:page>/words/", "GET", "version"),
    ("/documents/<uuid:document_id>/suggestions/", "POST", "suggestion"),
}


def _asked(world: World, method: str, route: str, name: str, value: Any, more: dict[str, str]) -> Answer:
    filled = {key: world.own["document_id"] if text == "own" else text for key, text in more.items()}
    return ask(world, "stranger", method, route, values=world.own, fields={**filled, name: value})


@pytest.mark.parametrize(("route", "method", "name", "more"), SECOND, ids=lambda value: str(value)[:60])
def test_a58_a59_somebody_elses_thing_in_ones_own_request(
    matrix: World, route: str, method: str, name: str, more: dict[str, str]
) -> None:
    key = REFERENCES[name]
    own = _asked(matrix, method, route, name, matrix.own[key], more)
    assert own.is_let_in or own.status == "422", own.status  # 422: moving a thing to where it is
    for value in (matrix.values[key], [matrix.own[key], matrix.values[key]]):
        if isinstance(value, list) and method == "GET":
            continue  # of several the last counts
        answer = _asked(matrix, method, route, name, value, more)
        assert answer.status in {"400", "404"}, (value, answer.status)
        assert not answer.words
        assert not answer.touched


@pytest.mark.parametrize(("route", "method", "name"), sorted(PASSED_OVER))
def test_what_is_passed_over_tells_nothing(matrix: World, route: str, method: str, name: str) -> None:
    answer = _asked(matrix, method, route, name, matrix.values[REFERENCES[name]], {})
    assert not answer.words
    assert answer.touched <= OF_READING  # of one's own thing


def test_every_name_that_names_a_row_is_asked() -> None:
    assert {name for _route, _method, name, _more in SECOND} | {name for *_r, name in PASSED_OVER} == set(REFERENCES)


def with_foreign_ids(matrix: World, *, is_whole: bool) -> list[tuple[object, ...]]:
    """What foreign ids under every name tell or change. `make test` sends each form, and asks for every third page."""
    wrong: list[tuple[object, ...]] = []
    foreign = {name: matrix.values[key] for name, key in REFERENCES.items()}
    foreign |= {f"{name}_id": value for name, value in foreign.items()} | {"owner": str(matrix.users["owner"].pk)}
    foreign |= {"user": foreign["owner"], "user_id": foreign["owner"], "pk": foreign["document"]}
    table = kept()
    for route in known_routes(matrix):
        if route.startswith(("/admin/", "/account", "/^account", "/uploads/<")):
            continue
        for method in ("GET", "POST"):
            is_left_out = method == "GET" and not is_whole and crc32(route.encode()) % 3
            if table[route, method]["stranger"] == "405" or is_left_out:
                continue
            fields = {**foreign, **(body(route, matrix.own) if method == "POST" else {})}
            answer = ask(matrix, "stranger", method, route, values=matrix.own, fields=fields)
            if answer.words or str(matrix.users["owner"].pk) in answer.owners:
                wrong.append((method, route, answer.words, answer.owners))
    return wrong


def test_foreign_ids_under_every_name_at_every_address_tell_and_change_nothing(matrix: World) -> None:
    """Also where no view is known to read them, in the address as well as in the form."""
    assert with_foreign_ids(matrix, is_whole=False) == []


@pytest.mark.soak
def test_foreign_ids_in_every_form_and_parameter(matrix: World) -> None:
    assert with_foreign_ids(matrix, is_whole=True) == []


def test_ids_of_others_in_the_headers_of_an_upload_are_refused(matrix: World) -> None:
    for name, key in (("folder", "folder_id"), ("replaces", "document_id")):
        for whose, expected in (("own", "201"), ("values", "404")):
            told = described(filename="a.txt", **{name: getattr(matrix, whose)[key]})
            answer = ask(matrix, "stranger", "POST", "/uploads/", HTTP_UPLOAD_METADATA=told)
            assert answer.status == expected, (name, whose)
            assert expected == "201" or not answer.touched


FIELDS_OF_ROWS = (
    "user", "user_id", "owner", "is_staff", "is_superuser", "is_active", "role", "password", "session_epoch",
    "limit_bytes", "used_bytes", "reserved_bytes", "file_limit", "sha256", "byte_size", "object_key", "created_at",
    "path", "trash", "trash_id", "current_version", "shared_by", "recipient", "recipient_id", "folder_id",
    "document_id", "group_id", "name_key", "typed_key", "token_hash", "is_system",
)  # fmt: skip


@pytest.mark.parametrize("part", [0, pytest.param(1, marks=pytest.mark.soak)])
def test_a63_fields_that_no_form_has_change_nothing(matrix: World, part: int) -> None:
    """Each successful request of the owner does the same with the names of all columns beside it."""
    table = kept()
    for route in known_routes(matrix):
        if crc32(route.encode()) % 2 != part:
            continue
        if route.startswith(("/admin/", "/account", "/^account", "/uploads/<", "/add/", "/join/", "/l/", "/send/")):
            continue
        if table[route, "POST"]["owner"][0] not in "23":
            continue
        plain = body(route, matrix.values)
        more = {name: str(matrix.users["stranger"].pk) for name in FIELDS_OF_ROWS if name not in plain}
        more |= {"is_staff": "true", "is_superuser": "1", "role": "admin", "used_bytes": "0", "limit_bytes": "9" * 12}
        more.pop("path", None) if route == "/folders/new/" else None  # has one of that name
        found = []
        for fields in (plain, {**more, **plain}):
            with transaction.atomic():
                send(fresh(matrix.people["owner"]), "POST", route, matrix.values, fields)
                found.append(kept_rows())
                transaction.set_rollback(True)
        assert found[0] == found[1], route


NONSENSE: list[Any] = [
    "true", "1", "[1]", '{"a": 1}', "null", str(2**63), "١٢", "-1", "\x00", "a" * 5000, "9999-12-31", "%00",
    "00000000-0000-0000-0000-000000000000", "[" * 1000 + "]" * 1000, ["1", "2"],
]  # fmt: skip
NOT_ASKED = ("/account", "/^account", "/health")
PASSWORDS = {"password", "password1", "password2"}


def mixed(names: Iterable[str], shift: int) -> dict[str, Any]:
    """Every field wrong at once, each in another way."""
    return {name: NONSENSE[(place + shift) % len(NONSENSE)] for place, name in enumerate(names)}


def nonsense(world: World, *, is_whole: bool) -> list[tuple[Any, ...]]:
    """Errors of ours. `make test` asks half of the addresses once, another mixture each; `make soak` all of them."""
    table, errors = kept(), []
    parameters = sorted(read_names().keys() - PASSWORDS)
    for route in known_routes(world):
        if route.startswith(NOT_ASKED):
            continue
        person, plain = "admin" if route.startswith(("/admin/", "/people/")) else "owner", body(route, world.values)
        first, names = crc32(route.encode()), list(plain)
        for turn in range(len(NONSENSE)) if is_whole else range(first % 2):
            shift = first + turn
            # One wrong among right ones comes further.
            asked: list[tuple[str, dict[str, Any]]] = [
                ("POST", {**plain, name: NONSENSE[shift % len(NONSENSE)]}) for name in names
            ]
            asked += [("POST", mixed([*names, *REFERENCES], shift)), ("GET", mixed(parameters, shift))]
            for method, fields in asked if is_whole else [asked[first % len(asked)]]:
                if table[route, method][person] not in {"405", "in"}:
                    status = ask(world, person, method, route, fields=fields).status
                    errors += [(method, route, fields, status)] if status[0] == "5" else []
        if is_whole:  # twice what may be given once
            doubled = {name: [value, value] for name, value in plain.items()}
            status = ask(world, person, "POST", route, fields=doubled).status
            errors += [("POST", route, doubled, status)] if status[0] == "5" else []
    return errors


def test_a64_a113_nonsense_in_fields_and_parameters_is_an_answer_and_no_error(matrix: World) -> None:
    assert nonsense(matrix, is_whole=False) == []


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a64_a113_every_nonsense_in_every_field_is_an_answer(matrix: World) -> None:
    assert nonsense(matrix, is_whole=True) == []
