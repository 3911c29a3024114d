"""Asking every address as every person, with what it did undone, and noting what it told and changed."""

import base64
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import connection, transaction
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.rights.cast import CANARY, LINKS, WORD, World, words_in
from tests.rights.changes import HOUSEKEEPING, watched

# Beside GET and POST: what a few addresses take besides.
MORE_METHODS = {"/uploads/": ("OPTIONS",), "/uploads/<uuid:upload_id>/": ("HEAD", "PATCH", "DELETE")}
TUS = {"HTTP_TUS_RESUMABLE": "1.0.0"}
BODY_TYPE = "application/offset+octet-stream"


def routes() -> Iterator[str]:
    """The pattern of every address, in the order in which Django tries them."""

    def below(patterns: list[Any], prefix: str) -> Iterator[str]:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from below(pattern.url_patterns, route)
            else:
                assert isinstance(pattern, URLPattern)
                yield route

    yield from below(get_resolver().url_patterns, "/")


class UnknownParameter(LookupError):
    """Nobody has said yet what stands for it."""


def address(route: str, values: dict[str, str]) -> str:
    """A route with its parameters filled in."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise UnknownParameter(
                f"{route} has a new parameter: say in build() of tests/rights/cast.py what {found[1]!r} stands for"
            )
        return values[found[1]]

    values = {**values, "object_id": values.get(_kind_at_admin(route), values["object_id"])}
    route = re.sub(r"\(\?P<(\w+)>[^)]*\)", value, route)
    route = re.sub(r"<(?:\w+:)?(\w+)>", value, route)
    return route.replace("^", "").replace("$", "")


def _kind_at_admin(route: str) -> str:
    """What an address of the admin's is about: "accounts.group"."""
    return ".".join(route.split("/")[2:4]) if route.startswith("/admin/") else ""


def known_routes(world: World) -> Iterator[str]:
    """Those whose parameters stand for something; a test says which do not."""
    for route in routes():
        with suppress(UnknownParameter):
            address(route, world.values)
            yield route


NO_MEMBERS = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
POLICY = {
    "default_days": "30", "max_days": "90", "review_days": "365", "link_password_length": "12",
    "link_password_kinds": "1", "link_default_days": "7", "link_min_days": "1", "link_max_days": "30",
}  # fmt: skip


def body(route: str, values: dict[str, str]) -> dict[str, str]:
    """What a form would send to make the owner's request succeed. ADD HERE what a new form needs."""
    document, folder = values["document_id"], values["folder_id"]
    known = {
        "/folders/new/": {"name": "New", "parent": folder},
        "/find/views/new/": {"name": "New", "q": "paper"},
        "/selection/": {"action": "trash", "document": document},
        "/uploads/foresee/": {"folder": folder, "files": '[["a.txt", 1]]'},
        "/topics/new/": {"name": "New", "colour": "red"},
        "/filing/rules/new/": {"name": "New", "query": "paper", "topic": values["topic_id"], "mode": "hand"},
        "/filing/rules/<uuid:rule_id>/change/": {
            "name": "New",
            "query": "paper",
            "topic": values["topic_id"],
            "mode": "hand",
        },
        "/filing/rules/<uuid:rule_id>/arrange/": {"act": "off"},
        "/profile/": {"display_name": "New", "time_zone": ""},
        "/join/<str:token>/": {"handle": "newcomer", "password": "a long enough phrase", "display_name": "New"},
        "/room/ask/": {"amount": "5", "unit": "mb"},
        "/people/requests/<uuid:request_id>/": {"decision": "grant", "amount": "5", "unit": "mb"},
        "/admin/storage/begin/": {"what": "sweep"},
        "/admin/reading/retry/": {"what": "all"},
        "/admin/accounts/user/<path:object_id>/change/": {"role": "member", "is_active": "on", "limit": "7"},
        "/admin/accounts/group/add/": {"name": "Choir", **NO_MEMBERS},
        "/admin/accounts/group/<path:object_id>/change/": {"name": "Choir", **NO_MEMBERS},
        "/admin/documents/topic/add/": {"name": "New", "colour": "red"},
        "/admin/documents/topic/<path:object_id>/change/": {"name": "New", "colour": "red"},
        "/admin/sharing/sharingpolicy/<path:object_id>/change/": POLICY,
    }
    if route in known:
        return known[route]
    if route.startswith("/admin/") and route.endswith("/delete/"):
        return {"post": "yes"}
    if route.endswith("/attachments/keep/"):
        return {"number": "0"}
    if route.endswith(("/rename/", "topic_id>/change/")):
        return {"name": "Renamed", "colour": "red"}
    if route.endswith("/share/"):
        return {"who": "nobody-yet", "level": "10"}
    if route.endswith("/request/") or route.startswith("/requests/"):
        return {"title": "Papers", "act": "close"}
    if route.endswith("/hand-over/"):
        return {"who": "extra-person"}
    if route.startswith("/handovers/"):
        return {"act": "withdraw"}
    if route.endswith("/ask/"):
        return {"act": "ask"}
    if route.startswith("/emergency/"):
        return {"who": "extra-person", "days": "7", "folder": folder, "act": "refuse"}
    if route == "/shared/review/":
        return {"share": values["share_id"], "act": "keep"}
    if route.startswith("/shares/"):
        return {"level": "20"}
    if "/links/" in route:
        return {"name": "Landlord", "level": "10"}
    if "/groups/" in route:
        return {"name": "Choir", "who": "nobody", "act": "remove"}
    if "/comments/" in route:
        return {"text": "well"}
    if route.endswith("/received/"):
        return {"act": "leave"}
    if route.endswith("/note/"):
        return {"note": "the draft"}
    if route.endswith("/move/"):
        return {"to": ""}
    return {}


def described(**pairs: str) -> str:
    """The header in which an upload tells of its file."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


def headers_for(route: str, values: dict[str, str]) -> dict[str, str]:
    """What the resumable uploads say beside the address."""
    if route == "/uploads/":
        told = described(filename="a.txt", folder=values["folder_id"])
        return {**TUS, "HTTP_UPLOAD_LENGTH": "5", "HTTP_UPLOAD_METADATA": told}
    return {**TUS, "HTTP_UPLOAD_OFFSET": "0"} if route == "/uploads/<uuid:upload_id>/" else {}


# What list pages are asked, so that they have something to find.
QUERIES = {"/find/": {"q": WORD}, "/find/facets/": {"q": WORD}, "/folders/pick/": {"pick": WORD}}


# The wall before the admin's pages asks for nothing but the role: one member stands for all of them there.
AT_ADMIN = {"anonymous", "pending", "disabled", "stranger", "owner", "admin"}
# Where an address names nothing of the world, what is shared is no difference, but in lists (test_rights_states.py).
AT_NOTHING = {*AT_ADMIN, "member", "editor", "link_edit"}
# Where a token in the address is the key, whoever holds none is nobody.
AT_TOKENS = {"anonymous", "stranger", "owner", "admin", *LINKS}


class _Named(dict[str, str]):
    """Values that can be recognised."""

    def __missing__(self, name: str) -> str:
        return f"<{name}>"


@cache
def names_something(route: str) -> bool:
    """Whether an address, the body of its form or a header says which thing of the world it is about."""
    said = {**body(route, _Named()), **headers_for(route, _Named())}.values()
    return bool(re.search(r"<\w+:|\(\?P<", route)) or route == "/uploads/" or any("<" in value for value in said)


def plays(person: str, route: str) -> bool:
    """Whether this person is asked at this address. Holders of links elsewhere than at links: one stands for all."""
    if route.startswith("/admin/"):
        return person in AT_ADMIN
    if "_token>" in route:
        return person in AT_TOKENS and (person not in LINKS or "<str:link_token>" in route or person == "link_edit")
    if not names_something(route):
        return person in AT_NOTHING
    return person not in LINKS or person == "link_edit"


def methods(route: str) -> tuple[str, ...]:
    return ("GET", "POST", *MORE_METHODS.get(route, ()))


@dataclass(frozen=True)
class Answer:
    """What came back, which words of the world stand in it, which tables it touched, what the trail says of it."""

    status: str
    words: frozenset[str]
    size: int
    headers: dict[str, str]
    touched: frozenset[str]
    told: tuple[tuple[str, str, str], ...]
    body: bytes
    # What was changed without a line of the trail in the very transaction of the change.
    silent: tuple[frozenset[str], ...] = ()
    queries: int = 0

    @property
    def owners(self) -> set[str]:
        """Whose things the trail says were touched."""
        return {owner for _action, _actor, owner in self.told}

    @property
    def is_let_in(self) -> bool:
        return self.status[0] in "23"


def fresh(client: Client) -> Client:
    """The same session in another browser: signing out in one cell must not empty the next."""
    copy = Client()
    copy.handler = client.handler  # its middleware is loaded once
    copy.cookies.load(client.cookies.output(header="", sep=";"))
    return copy


def read(response: Any) -> bytes:
    """The whole of an answer, streamed or not."""
    return b"".join(response.streaming_content) if response.streaming else bytes(response.content)


def send(client: Client, method: str, route: str, values: dict[str, str], fields: dict[str, Any], **extra: Any) -> Any:
    path = address(route, values)
    headers: dict[str, Any] = {"HTTP_ACCEPT": "text/html", **headers_for(route, values), **extra}
    if method == "GET":
        return client.get(path, {**QUERIES.get(route, {}), **fields}, **headers)
    if method == "PATCH":
        return client.patch(path, b"paper", content_type=BODY_TYPE, **headers)
    if method == "POST":
        return client.post(path, fields, **headers)
    return client.generic(method, path, **headers)


def _status(response: HttpResponseBase) -> str:
    to = response.headers.get("Location", "")
    is_sent_to_sign_in = to.startswith(("/account/login/", "/admin/login/"))
    return "in" if response.status_code == 302 and is_sent_to_sign_in else str(response.status_code)


def _trail(after: int) -> tuple[tuple[str, str, str], ...]:
    """Action, who did it and whose it is of every line since."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT action, actor_id, owner_id FROM audit_log WHERE id > %s ORDER BY id", [after])
        return tuple((str(action), str(actor or ""), str(owner or "")) for action, actor, owner in cursor.fetchall())


def ask(
    world: World,
    person: str,
    method: str,
    route: str,
    *,
    values: dict[str, str] | None = None,
    fields: dict[str, Any] | None = None,
    **extra: Any,
) -> Answer:
    """One cell: a person asks an address by a method, and what that did is undone."""
    values = values if values is not None else world.values_of(person)
    if fields is None:
        fields = body(route, values) if method == "POST" else {}
    client = fresh(world.people[person])
    with transaction.atomic():
        with watched() as changes:
            response = send(client, method, route, values, fields, **extra)
            text = read(response)
        touched = changes.touched()
        told = _trail(world.last_line) if "audit_log" in touched else ()
        transaction.set_rollback(True)
    headers = dict(response.headers.items())
    said = text.decode("utf-8", "replace") + repr(headers) if CANARY.encode() in text else repr(headers)
    return Answer(
        _status(response),
        frozenset(words_in(said)),
        len(text),
        headers,
        touched - HOUSEKEEPING,
        told,
        text,
        tuple(changes.silent(HOUSEKEEPING)),
        changes.queries,
    )
