"""Every page of the room answers, with things in it and without, as a page and as a fragment."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import User
from documents.actions.folders import make_folder
from documents.actions.topics import make_topic, tag_documents
from documents.actions.trash import trash_document
from documents.models import Document, Folder, Topic
from documents.uploads import store_stream

ClientFor = Callable[[User], Client]


def put(name: str, folder: Folder | None, by: Actor, data: bytes = b"paper") -> Document:
    return store_stream(name, iter([data]), folder, size_bound=len(data), by=by)


@pytest.fixture
def car(alice_actor: Actor) -> Folder:
    return make_folder("Car", None, by=alice_actor)


@pytest.fixture
def policy(car: Folder, alice_actor: Actor) -> Document:
    return put("policy.pdf", car, alice_actor, b"%PDF-1.4 policy")


@pytest.fixture
def tax(policy: Document, alice_actor: Actor) -> Topic:
    topic = make_topic("Tax", "green", by=alice_actor)
    tag_documents([policy], topic, by=alice_actor)
    return topic


EMPTY_PAGES = [
    "files",
    "recent",
    "starred",
    "topics",
    "trash",
    "space",
    "find",
    "my_activity",
    "make_folder",
    "make_topic",
    "add_files",
    "empty_trash",
]


@pytest.mark.parametrize("name", EMPTY_PAGES)
def test_a_new_person_sees_a_page_that_says_what_to_do(name: str, alice: User, client_for: ClientFor) -> None:
    answer = client_for(alice).get(reverse(name))
    assert answer.status_code == 200
    assert b"DocuVault" in answer.content


def test_a_full_vault_shows_its_things_everywhere(
    car: Folder, policy: Document, tax: Topic, alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    client = client_for(alice)
    entry = trash_document(put("old.txt", None, alice_actor), by=alice_actor)
    pages = {
        reverse("files"): b"Car",
        reverse("folder", args=[car.pk]): b"policy.pdf",
        reverse("folder", args=[car.pk]) + "?view=tiles": b"policy.pdf",
        reverse("folder", args=[car.pk]) + f"?topic={tax.pk}": b"policy.pdf",
        reverse("document", args=[policy.pk]): policy.sha256.encode(),
        reverse("rename_document", args=[policy.pk]): b"policy.pdf",
        reverse("move_document", args=[policy.pk]): b"Car",
        reverse("document_topics", args=[policy.pk]): b"Tax",
        reverse("trash_document", args=[policy.pk]): b"policy.pdf",
        reverse("rename_folder", args=[car.pk]): b"Car",
        reverse("move_folder", args=[car.pk]): b"Car",
        reverse("trash_folder", args=[car.pk]): b"Car",
        reverse("recent"): b"policy.pdf",
        reverse("topics"): b"Tax",
        reverse("topic", args=[tax.pk]): b"policy.pdf",
        reverse("change_topic", args=[tax.pk]): b"Tax",
        reverse("delete_topic", args=[tax.pk]): b"Tax",
        reverse("find") + "?q=POL": b"</mark>icy.pdf",
        reverse("trash"): b"old.txt",
        reverse("purge", args=[entry.pk]): b"old.txt",
        reverse("space"): b"policy.pdf",
        reverse("my_activity"): b"policy.pdf",
        reverse("folder_tree"): b"Car",
        reverse("pick_folder") + "?pick=ca": b"Car",
        reverse("quota"): b"meter",
    }
    for address, expected in pages.items():
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert expected in answer.content, address
    for address in (reverse("document", args=[policy.pk]), reverse("folder", args=[car.pk])):
        pane = client.get(f"{address}?pane=1", headers={"HX-Request": "true"})
        assert pane.status_code == 200
        assert b"<html" not in pane.content
    box = client.get(reverse("find") + "?q=car&box=1", headers={"HX-Request": "true"})
    assert b'role="option"' in box.content


@pytest.mark.parametrize(("count", "shown"), [(2, ""), (3, ""), (5, "+3")])
def test_a_row_shows_some_topics_and_the_number_of_the_rest(
    count: int, shown: str, alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    paper = put("paper.txt", None, alice_actor)
    for n in range(count):
        tag_documents([paper], make_topic(f"Topic {n}", "green", by=alice_actor), by=alice_actor)
    page = client_for(alice).get(f"{reverse('files')}?view=list").content.decode()
    row = page[page.index('<li class="row"') :]
    assert [f"<bdi>Topic {n}</bdi>" in row for n in range(count)] == [n < 2 or not shown for n in range(count)]
    assert (f'title="Topic 2, Topic 3, Topic 4">{shown}<' in row) == bool(shown)
