"""Attacks on what is somebody else's, by number: bytes by every side road, hints, crowds of ids, states of people."""

import ast
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from accounts.models import Quota
from tests.rights.asking import BODY_TYPE, TUS, ask, described, fresh, routes
from tests.rights.cast import World
from tests.test_rights_table import kept

CHECKOUT = Path(__file__).resolve().parents[1]
DOCUMENT = "/documents/<uuid:document_id>/"
BYTES = tuple(
    DOCUMENT + way
    for way in (
        "content/", "download/", "thumbnail/", "pages/<int:page>/picture/", "pages/<int:page>/words/",
        "attachments/<int:number>/", "searchable/",
        "versions/<uuid:version_id>/download/", "versions/<uuid:version_id>/content/",
    )
)  # fmt: skip
OUTSIDERS = ("stranger", "former", "sibling", "admin")


@pytest.mark.parametrize("route", BYTES)
def test_a52_a53_parts_heads_and_guessed_marks_of_anothers_bytes_are_not_there(matrix: World, route: str) -> None:
    owners = ask(matrix, "owner", "GET", route)
    # Nothing was recognised in a mail: its owner is led back.
    assert owners.status == ("302" if route.endswith("searchable/") else "200")
    asked: list[dict[str, Any]] = [{"HTTP_RANGE": "bytes=0-1"}, {"HTTP_IF_NONE_MATCH": "*"}, {"HTTP_IF_MATCH": "*"}]
    if mark := owners.headers.get("ETag"):
        asked += [{"HTTP_IF_NONE_MATCH": mark}, {"HTTP_RANGE": "bytes=0-1", "HTTP_IF_RANGE": mark}]
    if moment := owners.headers.get("Last-Modified"):
        asked.append({"HTTP_IF_MODIFIED_SINCE": moment})
    for place, person in enumerate(OUTSIDERS):
        plain = ask(matrix, person, "GET", route)
        # The stranger asks in every way, the others in one each.
        for headers in asked if person == "stranger" else [asked[(place + BYTES.index(route)) % len(asked)]]:
            for method in ("GET", "HEAD"):
                answer = ask(matrix, person, method, route, **headers)
                assert answer.status == "404", (person, method, headers)
                assert not answer.words
                assert "ETag" not in answer.headers
                assert "Content-Range" not in answer.headers
                assert method == "HEAD" or answer.size == plain.size


def test_a52_every_address_that_gives_bytes_is_among_these() -> None:
    words = ("content", "download", "thumbnail", "picture", "words", "attachments/<", "searchable")
    there = {route for route in routes() if route.startswith(DOCUMENT) and any(word in route for word in words)}
    assert there == set(BYTES)


def test_a55_bytes_that_somebody_else_keeps_are_taken_like_any_others(matrix: World) -> None:
    """One door for scripts, one for forms later: the answers differ in nothing but their ids, and the quota counts."""
    answers = []
    for data in (b"paper of the owner's", b"paper of nobody's yet"[:20]):
        with transaction.atomic():
            owner = fresh(matrix.people["owner"])
            headers: dict[str, Any] = {
                **TUS,
                "HTTP_UPLOAD_METADATA": described(filename="a.txt"),
                "HTTP_UPLOAD_LENGTH": str(len(data)),
            }
            first = owner.post("/uploads/", b"paper of the owner's", content_type=BODY_TYPE, **headers)
            assert first.status_code == 201
            stranger, user = fresh(matrix.people["stranger"]), matrix.users["stranger"]
            before = Quota.objects.get(user=user).used_bytes
            answer = stranger.post("/uploads/", data, content_type=BODY_TYPE, **headers)
            document = answer.headers["Upload-Document"]
            page = stranger.get(f"/documents/{document}/").content
            twins = stranger.get("/uploads/twins/", {"document": document, "count": "1"})
            answers.append((answer.status_code, sorted(answer.headers), len(page), twins.status_code, twins.content))
            assert Quota.objects.get(user=user).used_bytes == before + len(data)
            transaction.set_rollback(True)
    assert answers[0] == answers[1]
    assert answers[0][0] == 201


def test_a58_nothing_is_made_in_a_folder_that_is_shared_to_be_read(matrix: World) -> None:
    for route, fields in (
        ("/folders/new/", {"name": "New", "parent": matrix.values["folder_id"]}),
        ("/uploads/", None),
        ("/uploads/foresee/", {"folder": matrix.values["folder_id"], "files": '[["a.txt", 1]]'}),
    ):
        for person, status in (("viewer", "403"), ("commenter", "403"), ("member", "403"), ("stranger", "404")):
            answer = ask(matrix, person, "POST", route, fields=fields)
            assert (answer.status, answer.touched) == (status, frozenset()), (route, person)


def test_a59_of_ten_things_one_foreign_stops_all(matrix: World) -> None:
    """Also where it is the last of them, and among those that may be seen but not changed."""
    for person, foreign, status in (
        ("stranger", matrix.values["document_id"], "404"),
        ("viewer", matrix.papers["lone"]["document_id"], "404"),
    ):
        own = [matrix.own["document_id"]] if person == "stranger" else [matrix.values["document_id"]]
        for action in ("trash", "move", "tag", "untag", "download"):
            fields = {"action": action, "document": [*own * 9, foreign], "is_decided": "1", "to": ""}
            answer = ask(matrix, person, "POST", "/selection/", fields=fields)
            allowed = {"404"} if action in {"tag", "untag", "download"} or person == "stranger" else {"403", "404"}
            assert answer.status in allowed, (person, action, status)
            assert not answer.touched
            assert not answer.words


# What a person may post about a thing that he may only see: for himself alone.
FOR_ONESELF = {
    DOCUMENT + "star/",
    DOCUMENT + "topics/",
    DOCUMENT + "suggestions/",
    DOCUMENT + "attachments/keep/",  # into his own vault
    "/folders/<uuid:folder_id>/received/",
}
# And what an editor may do besides.
TO_EDIT = {
    "/folders/new/", "/folders/<uuid:folder_id>/rename/", "/folders/<uuid:folder_id>/move/",
    "/uploads/", "/uploads/foresee/",
    *(DOCUMENT + way for way in ("rename/", "move/", "reading/again/", "comments/write/")),
    *(DOCUMENT + f"versions/<uuid:version_id>/{way}/" for way in ("note", "promote")),
}  # fmt: skip


def _posted_by(person: str) -> set[str]:
    """The addresses that name the world's things and answer this person's form."""
    named = ("<uuid:document_id>", "<uuid:folder_id>", "<uuid:share_id>", "<uuid:entry_id>", "<uuid:comment_id>")
    return {
        route
        for (route, method), row in kept().items()
        if method == "POST" and row[person][0] in "2345" and row[person] not in {"401", "403", "404", "405", "412"}
        if any(name in route for name in named) or route in TO_EDIT
    }


def test_a61_who_may_see_changes_nothing_but_for_himself() -> None:
    assert _posted_by("viewer") == FOR_ONESELF
    assert _posted_by("member") == FOR_ONESELF
    assert _posted_by("above") == FOR_ONESELF - {"/folders/<uuid:folder_id>/received/"}
    assert _posted_by("commenter") == FOR_ONESELF | {DOCUMENT + "comments/write/"}


def test_a62_who_may_edit_neither_shares_nor_gives_away_nor_purges() -> None:
    more = _posted_by("editor") - FOR_ONESELF
    assert more <= TO_EDIT
    assert not [route for route in more if "share" in route or "purge" in route or "restore" in route]


# To the object store, and to children of the vault itself.
CALLS_OUT = {
    "documents/store_answers.py", "docuvault/lib/slow_senders.py",
    "documents/storage.py", "documents/wire.py", "documents/extraction/lane.py", "documents/extraction/zygote.py",
}  # fmt: skip
OUTGOING = {
    "aiohttp",
    "botocore",
    "boto3",
    "ftplib",
    "http.client",
    "httpx",
    "requests",
    "socket",
    "urllib.request",
    "urllib3",
}


def test_a99_a100_a101_nothing_of_the_vault_calls_an_address_that_somebody_typed() -> None:
    """There is no connection to other people's servers: what can open one is this list, and none takes an address."""
    there = set()
    for room in ("accounts", "documents", "sharing", "docuvault"):
        for path in (CHECKOUT / room).rglob("*.py"):
            where = path.relative_to(CHECKOUT).as_posix()
            if "/tests/" in where or where.startswith("docuvault/stack/"):
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                if any(name in OUTGOING or name.split(".")[0] in OUTGOING for name in names):
                    there.add(where)
    assert there == CALLS_OUT
