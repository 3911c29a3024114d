"""Bad input of every kind ends in an answer that says so: never a 5xx, never a change."""

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import User
from documents.actions.topics import make_topic
from documents.actions.trash import trash_document
from documents.models import Document, Folder, Topic, TrashEntry
from documents.tests.making import folders, put

TABLES = ("folders", "documents", "versions", "topics", "document_topics", "stars", "trash_entries", "shares")
JUNK = [
    "", "0", "-1", "null", "undefined", "true", "[]", "{}", "1e9", str(2**63), "١٢", "\x00", "a\x00b", "\ufffd",
    "../../etc/passwd", "%2e%2e%2f", "' OR 1=1 --", "{{7*7}}", "x" * 70_000, "\u202e", str(uuid.UUID(int=0)),
    "{" + str(uuid.UUID(int=5)) + "}", "urn:uuid:" + str(uuid.UUID(int=5)),
]  # fmt: skip


@dataclass
class World:
    """Alice's own things, and one of Bob's of each kind, whose ids she has guessed."""

    client: Client
    folder: Folder
    inner: Folder
    document: Document
    topic: Topic
    entry: TrashEntry
    foreign: dict[str, str]


@pytest.fixture
def world(alice: User, alice_actor: Actor, bob_actor: Actor, client_for: Callable[[User], Client]) -> World:
    inner = folders("Car/Old", alice_actor)
    theirs = folders("Bob's", bob_actor)
    foreign = {
        "folder": str(theirs.pk),
        "document": str(put("b.txt", theirs, bob_actor).pk),
        "topic": str(make_topic("Bob's", "red", by=bob_actor).pk),
        "entry": str(trash_document(put("gone.txt", None, bob_actor), by=bob_actor).pk),
    }
    return World(
        client_for(alice),
        Folder.objects.get(name="Car"),
        inner,
        put("a.txt", inner, alice_actor),
        make_topic("Tax", "green", by=alice_actor),
        trash_document(put("old.txt", None, alice_actor), by=alice_actor),
        foreign,
    )


def state() -> str:
    """A digest of everything the vault keeps."""
    digest = hashlib.sha256()
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT t::text FROM {table} t ORDER BY 1")
            digest.update(repr(cursor.fetchall()).encode())
    return digest.hexdigest()


def posts(world: World, bad: str, kind: str) -> list[tuple[str, dict[str, object]]]:
    """Every form with the bad value in each of its places, or in those that take an id of this kind."""
    own = {"document": str(world.document.pk), "folder": str(world.folder.pk), "topic": str(world.topic.pk)}
    found: list[tuple[str, dict[str, object], str]] = [
        (reverse("make_folder"), {"name": "New", "parent": bad}, "folder"),
        (reverse("move_folder", args=[world.inner.pk]), {"to": bad}, "folder"),
        (reverse("move_document", args=[world.document.pk]), {"to": bad}, "folder"),
        (reverse("document_topics", args=[world.document.pk]), {"topic": bad}, "topic"),
    ]
    for action in ("move", "tag", "untag", "trash", "download"):
        decided = {"action": action, "is_decided": "1", "to": own["folder"], "topic": own["topic"]}
        found += [
            (reverse("selection"), {**decided, "document": [own["document"], bad]}, "document"),
            (reverse("selection"), {**decided, "folder": [str(world.inner.pk), bad]}, "folder"),
        ]
    moved = {"action": "move", "is_decided": "1", "document": own["document"], "to": bad}
    tagged = {"action": "tag", "is_decided": "1", "document": own["document"], "topic": bad}
    found.append((reverse("selection"), {**moved}, "folder"))
    found.append((reverse("selection"), {**tagged}, "topic"))
    found += [(reverse("undo_trash") + f"?entry={world.entry.pk}&entry={bad}", {}, "entry")] if len(bad) < 99 else []
    return [(address, data) for address, data, of in found if kind in ("", of)]


@pytest.mark.parametrize("bad", JUNK, ids=range(len(JUNK)))
def test_what_is_no_id_names_nothing(bad: str, world: World) -> None:
    before = state()
    for address, data in posts(world, bad, ""):
        answer = world.client.post(address, data)
        assert answer.status_code < 500, (address, data)
        if state() != before:
            # Nothing given is the top of the vault, or nothing chosen: never another thing.
            assert not bad.strip(), (address, data, answer.status_code)
            before = state()


@pytest.mark.parametrize("kind", ["document", "folder", "topic", "entry"])
def test_another_persons_thing_in_a_form_is_not_there_and_nothing_changes(kind: str, world: World) -> None:
    before = state()
    tried = posts(world, world.foreign[kind], kind)
    assert tried
    for address, data in tried:
        answer = world.client.post(address, data)
        assert answer.status_code == 404, (address, data)
        assert "Bob" not in answer.content.decode()
        assert state() == before, (address, data)


@pytest.mark.parametrize(
    "name", ["", " ", ".", "..", "...", "a/b", "a\nb", "a\x00b", "n" * 256, "文" * 90, "\u200b", "x" * 5000]
)
def test_a_name_that_cannot_be_is_refused_by_every_form(name: str, world: World) -> None:
    before = state()
    for address in (
        reverse("make_folder"),
        reverse("make_topic"),
        reverse("rename_folder", args=[world.folder.pk]),
        reverse("rename_document", args=[world.document.pk]),
        reverse("change_topic", args=[world.topic.pk]),
    ):
        answer = world.client.post(address, {"name": name, "colour": "green"})
        assert answer.status_code in {400, 422}, address
    # The empty text between two slashes is no name at all; all else in a path is refused as elsewhere.
    for path in (f"ok/{name}/deep", name):
        if name.strip("/ ") and "/" not in name:
            assert world.client.post(reverse("make_folder"), {"path": path}).status_code in {400, 422}
    assert state() == before


def test_a_folder_is_not_moved_under_itself_by_any_form(world: World) -> None:
    before = state()
    for target in (world.folder, world.inner):
        one = world.client.post(reverse("move_folder", args=[world.folder.pk]), {"to": str(target.pk)})
        data = {"action": "move", "is_decided": "1", "folder": str(world.folder.pk), "to": str(target.pk)}
        many = world.client.post(reverse("selection"), data)
        assert (one.status_code, many.status_code) == (422, 422)
    assert state() == before


def test_fields_that_a_form_does_not_have_change_nothing(alice: User, world: World) -> None:
    more = {
        "user": world.foreign["document"], "owner": "bob", "user_id": "1", "sha256": "0" * 64, "size_bytes": "1",
        "object_key": "zz", "storage_key": "zz", "path": "", "trash": "", "trash_id": "", "created_at": "2000-01-01",
        "is_staff": "true", "is_system": "1", "role": "admin", "limit_bytes": "9",
    }  # fmt: skip
    world.client.post(reverse("rename_document", args=[world.document.pk]), {"name": "b.txt", **more})
    world.client.post(reverse("rename_folder", args=[world.folder.pk]), {"name": "Auto", **more})
    world.client.post(reverse("make_topic"), {"name": "Mine", "colour": "red", **more})
    known = Document.objects.get(pk=world.document.pk)
    assert known.name == "b.txt"
    for field in ("user_id", "sha256", "size_bytes", "object_key", "created_at", "folder_id"):
        assert getattr(known, field) == getattr(world.document, field)
    assert Topic.objects.get(name="Mine").user == alice
    alice.refresh_from_db()
    assert not alice.is_admin


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("trash_document", {}),
        ("trash_folder", {}),
        ("restore", {}),
        ("purge", {}),
        ("empty_trash", {}),
        ("make_folder", {"name": "Twice"}),
        ("make_topic", {"name": "Twice", "colour": "red"}),
        ("delete_topic", {}),
        ("star_document", {}),
        ("move_document", {"to": ""}),
        ("rename_document", {"name": "twice.txt"}),
    ],
)
def test_a_form_sent_twice_does_it_once(name: str, data: dict[str, str], world: World) -> None:
    keys = {
        "trash_document": world.document, "move_document": world.document, "rename_document": world.document,
        "star_document": world.document, "trash_folder": world.folder, "restore": world.entry, "purge": world.entry,
        "delete_topic": world.topic,
    }  # fmt: skip
    address = reverse(name, args=[keys[name].pk] if name in keys else [])
    first = world.client.post(address, data)
    assert first.status_code == 302
    after = state()
    second = world.client.post(address, data)
    assert second.status_code in {302, 404, 422}
    if name != "star_document":  # a switch: twice is off again
        assert state() == after


PAGES = ("files", "recent", "starred", "find", "topics", "trash", "space", "pick_folder")
PARAMETERS = ("q", "after", "sort", "view", "per", "topic", "parent", "pick", "pane", "box", "unknown", "page")


BAD = [*JUNK[:18], "9" * 400]


@pytest.mark.parametrize("share", [4, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_a_page_bears_any_parameter(bad: str, share: int, world: World) -> None:
    """Each parameter of each page with every fourth value; `make soak`: with all of them."""
    for turn, (name, word) in enumerate(product(PAGES, PARAMETERS)):
        if (turn + BAD.index(bad)) % share:
            continue
        # As a whole page or as a part of one, the other way round for the next value.
        is_part = (turn + len(bad)) % 2
        answer = world.client.get(reverse(name), {word: bad}, headers={"HX-Request": "true"} if is_part else {})
        assert answer.status_code in {200, 400, 404}, (name, word, answer.status_code)
