"""What is shared with and by somebody, and what he makes of it: accept, hide, leave, come back."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import Group, Membership, User
from documents.actions.topics import make_topic, tag_documents
from documents.actions.trash import trash_document
from documents.models import Document
from documents.tests.making import folders, put
from sharing import access
from sharing.access import Level, NotVisible
from sharing.actions import accept_shared, leave_shared, rejoin_shared, share
from sharing.models import AuditEvent, Share

ClientFor = Callable[[User], Client]


@pytest.fixture
def paper(alice_actor: Actor) -> Document:
    return put("paper.txt", None, alice_actor)


def received(item: Document) -> str:
    return reverse("received_document", args=[item.pk])


def listed(client: Client, page: str = "shared_with_me") -> str:
    return client.get(reverse(page)).content.decode()


def test_bob_finds_it_accepts_hides_and_shows_it_again(
    paper: Document, alice_actor: Actor, bob: User, client_for: ClientFor
) -> None:
    share(paper, bob, Level.VIEW, by=alice_actor, message="have a look")
    client = client_for(bob)
    page = listed(client)
    assert "paper.txt" in page
    assert "have a look" in page
    assert ">New<" in page
    client.post(received(paper), {"act": "accept"})
    assert ">New<" not in listed(client)
    client.post(received(paper), {"act": "hide"})
    assert "paper.txt" not in listed(client)
    assert "paper.txt" in client.get(reverse("shared_with_me") + "?hidden=1").content.decode()
    assert client.get(reverse("document", args=[paper.pk])).status_code == 200
    client.post(received(paper), {"act": "show"})
    assert "paper.txt" in listed(client)
    acts = ["share_accepted", "share_hidden", "share_shown"]
    told = AuditEvent.objects.filter(actor_id=bob.pk, action__in=acts).order_by("id")
    assert [event.action for event in told] == acts


def test_leaving_removes_the_view_and_never_the_file(
    paper: Document, alice: User, alice_actor: Actor, bob: User, bob_actor: Actor, client_for: ClientFor
) -> None:
    share(paper, bob, Level.MANAGE, by=alice_actor)
    client = client_for(bob)
    assert client.post(reverse("trash_document", args=[paper.pk])).status_code == 403
    assert client.get(received(paper)).status_code == 200
    assert client.post(received(paper), {"act": "leave"}).status_code == 302
    assert not Share.objects.exists()
    assert client.get(reverse("document", args=[paper.pk])).status_code == 404
    assert client.post(received(paper), {"act": "leave"}).status_code == 404
    assert access.fetch_document(alice_actor, paper.pk).name == "paper.txt"


def test_one_member_leaves_what_the_group_keeps_and_may_come_back(
    paper: Document, alice_actor: Actor, gina: User, gina_actor: Actor, bob: User, bob_actor: Actor,
    client_for: ClientFor,
) -> None:  # fmt: skip
    family = Group.objects.get(name="Family")
    Membership.objects.create(group=family, user=bob)
    share(paper, family, Level.EDIT, by=alice_actor)
    leave_shared(paper, by=bob_actor)
    assert access.level_on_document(bob_actor, paper) is None
    assert not access.visible_documents(bob_actor).exists()
    assert access.level_on_document(gina_actor, paper) == Level.EDIT
    client = client_for(bob)
    assert "paper.txt" in client.get(reverse("shared_with_me") + "?hidden=1").content.decode()
    client.post(received(paper), {"act": "rejoin"})
    assert access.level_on_document(bob_actor, paper) == Level.EDIT
    with pytest.raises(NotVisible):
        rejoin_shared(paper, by=bob_actor)


def test_who_was_put_out_of_the_group_does_not_come_back(
    paper: Document, alice_actor: Actor, gina: User, gina_actor: Actor, client_for: ClientFor
) -> None:
    share(paper, Group.objects.get(name="Family"), Level.EDIT, by=alice_actor)
    leave_shared(paper, by=gina_actor)
    Membership.objects.filter(user=gina).delete()
    assert client_for(gina).post(received(paper), {"act": "rejoin"}).status_code == 404


def test_nobody_answers_to_what_was_not_shared_with_him(
    paper: Document, alice: User, charlie: User, client_for: ClientFor
) -> None:
    for person in (alice, charlie):
        for act in ("accept", "hide", "show", "leave", "rejoin", "x"):
            assert client_for(person).post(received(paper), {"act": act}).status_code == 404


def test_an_act_that_does_not_exist_is_refused(
    paper: Document, alice_actor: Actor, bob: User, client_for: ClientFor
) -> None:
    share(paper, bob, Level.VIEW, by=alice_actor)
    assert client_for(bob).post(received(paper), {"act": "own"}).status_code == 400
    assert client_for(bob).get(reverse("shared_with_me") + "?after=x").status_code == 400


def test_a_thing_that_comes_by_two_ways_is_one_line_with_the_furthest_level(
    paper: Document, alice_actor: Actor, gina: User, client_for: ClientFor
) -> None:
    share(paper, gina, Level.VIEW, by=alice_actor)
    share(paper, Group.objects.get(name="Family"), Level.EDIT, by=alice_actor)
    page = listed(client_for(gina))
    assert page.count("<bdi>paper.txt</bdi>") == 1
    assert '<span class="badge">edit</span>' in page


def test_what_lies_in_the_trash_is_on_no_list(
    paper: Document, alice: User, alice_actor: Actor, bob: User, client_for: ClientFor
) -> None:
    share(paper, bob, Level.VIEW, by=alice_actor)
    trash_document(paper, by=alice_actor)
    assert "paper.txt" not in listed(client_for(bob))
    assert "paper.txt" not in listed(client_for(alice), "shared_by_me")


def test_alice_sees_what_she_shares_and_whether_it_was_read(
    paper: Document, alice: User, alice_actor: Actor, bob: User, client_for: ClientFor
) -> None:
    share(paper, bob, Level.VIEW, by=alice_actor)
    assert "not opened yet" in listed(client_for(alice), "shared_by_me")
    client_for(bob).get(reverse("document", args=[paper.pk]))
    page = listed(client_for(alice), "shared_by_me")
    assert "opened once" in page
    assert "Bob" in page


def test_topics_of_the_owner_stay_his_and_the_recipient_files_under_his_own(
    paper: Document, alice: User, alice_actor: Actor, bob: User, bob_actor: Actor, client_for: ClientFor
) -> None:
    tag_documents([paper], make_topic("Alice only", "red", by=alice_actor), by=alice_actor)
    share(paper, bob, Level.EDIT, by=alice_actor)
    mine = make_topic("Bobs own", "blue", by=bob_actor)
    tag_documents([paper], mine, by=bob_actor)
    page = reverse("document", args=[paper.pk])
    assert "Alice only" not in client_for(bob).get(page).content.decode()
    assert "Bobs own" not in client_for(alice).get(page).content.decode()
    assert "paper.txt" in client_for(bob).get(reverse("topic", args=[mine.pk])).content.decode()


def test_what_an_editor_adds_counts_for_the_owner(alice: User, alice_actor: Actor, bob: User, bob_actor: Actor) -> None:
    car = folders("Car", alice_actor)
    share(car, bob, Level.EDIT, by=alice_actor)
    added = put("from-bob.txt", car, bob_actor, b"12345")
    assert added.user_id == alice.pk
    alice.quota.refresh_from_db()
    bob.quota.refresh_from_db()
    assert (alice.quota.used_bytes, bob.quota.used_bytes) == (5, 0)


def test_the_lists_ask_no_more_for_many_than_for_few(
    alice: User, alice_actor: Actor, bob: User, bob_actor: Actor, client_for: ClientFor
) -> None:
    def count(person: User, page: str) -> int:
        client = client_for(person)
        with CaptureQueriesContext(connection) as asked:
            client.get(reverse(page))
        return len(asked)

    def add(number: int) -> None:
        document = put(f"{number}.txt", None, alice_actor)
        share(document, bob, Level.VIEW, by=alice_actor)
        share(folders(f"F{number}", alice_actor), bob, Level.VIEW, by=alice_actor)
        accept_shared(document, by=bob_actor)

    add(0)
    few = count(bob, "shared_with_me"), count(alice, "shared_by_me")
    for number in range(1, 6):
        add(number)
    assert (count(bob, "shared_with_me"), count(alice, "shared_by_me")) == few


def test_a_deep_folder_with_many_ways_to_it_asks_no_more_than_its_owner_by_a_few(
    alice: User, alice_actor: Actor, bob: User, client_for: ClientFor
) -> None:
    """Levels, groups and shares beside it: the number of questions stays the same."""

    def count(who: User, address: str) -> int:
        client = client_for(who)
        client.get(address)
        with CaptureQueriesContext(connection) as asked:
            assert client.get(address).status_code == 200
        return len(asked)

    def deep(path: str, shares: int) -> str:
        place = folders(path, alice_actor)
        for number in range(shares):
            put(f"{number}.txt", place, alice_actor)
            group = Group.objects.create(name=f"{path[0]} {number}", name_key=f"{path[0]} {number}".lower())
            Membership.objects.create(group=group, user=bob)
            share(place, group, Level.VIEW, by=alice_actor)
            share(folders(f"{path[0]} beside {number}", alice_actor), bob, Level.VIEW, by=alice_actor)
        top = folders(path.partition("/")[0], alice_actor)
        share(top, bob, Level.EDIT, by=alice_actor)
        return reverse("folder", args=[place.pk])

    few = deep("A/B", 2)
    small = count(bob, few), count(bob, reverse("shared_with_me"))
    many = deep("C/" + "/".join(f"level {n}" for n in range(11)), 15)
    assert (count(bob, many), count(bob, reverse("shared_with_me"))) == small
    assert count(bob, many) <= count(alice, many) + 6


def test_who_manages_a_folder_sees_what_he_shared_of_the_papers_in_it(
    alice_actor: Actor, dora: User, dora_actor: Actor, bob: User
) -> None:
    car = folders("Car", alice_actor)
    paper = put("paper.txt", car, alice_actor)
    managed = share(car, dora, Level.MANAGE, by=alice_actor)
    passed_on = share(paper, bob, Level.VIEW, by=dora_actor)
    assert list(access.shares_made(dora_actor)) == [passed_on]
    managed.delete()
    assert not access.shares_made(dora_actor).exists()
