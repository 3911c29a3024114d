"""What is shared does not tell where its owner keeps it."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import User
from documents.actions.documents import star_document
from documents.actions.topics import make_topic, tag_documents
from documents.tests.making import folders, put
from sharing.access import Level
from sharing.actions import share

CANARY = "CANARYDIVORCE"


@pytest.mark.parametrize("is_fragment", [False, True])
def test_no_page_names_or_links_a_folder_that_the_reader_cannot_see(
    is_fragment: bool, alice_actor: Actor, bob: User, bob_actor: Actor, client_for: Callable[[User], Client]
) -> None:
    above, shared = folders(CANARY, alice_actor), folders(f"{CANARY}/Papers/Inner", alice_actor)
    alone, inside = put("alone paper.txt", above, alice_actor), put("inside paper.txt", shared, alice_actor)
    share(alone, bob, Level.EDIT, by=alice_actor)
    share(shared, bob, Level.EDIT, by=alice_actor)
    topic = make_topic("Mine", "red", by=bob_actor)
    tag_documents([alone, inside], topic, by=bob_actor)
    star_document(alone, by=bob_actor)
    star_document(inside, by=bob_actor)
    client = client_for(bob)
    headers = {"HX-Request": "true"} if is_fragment else {}
    pages = [
        reverse("find") + "?q=paper",
        reverse("find") + "?q=inner",
        reverse("find") + "?q=paper&box=1",
        reverse("find") + "?q=inner&box=1",
        reverse("find") + "?q=" + CANARY.lower(),
        reverse("starred"),
        reverse("topic", args=[topic.pk]),
        reverse("document", args=[alone.pk]),
        reverse("document", args=[inside.pk]),
        reverse("document", args=[alone.pk]) + "?pane=1",
        reverse("move_document", args=[alone.pk]),
        reverse("move_folder", args=[shared.pk]),
        reverse("rename_folder", args=[shared.pk]),
        reverse("pick_folder"),
        reverse("folder", args=[shared.pk]),
        reverse("folder", args=[shared.pk]) + "?pane=1",
        reverse("folder_tree") + f"?parent={shared.pk}",
        reverse("recent"),
        reverse("files"),
        reverse("my_activity"),
    ]
    for address in pages:
        answer = client.get(address, headers=headers)
        assert answer.status_code == 200, address
        text = answer.content.decode()
        assert CANARY not in text.replace(CANARY.lower(), ""), address
        assert str(above.pk) not in text, address
    assert b"Inner" in client.get(pages[1], headers=headers).content
