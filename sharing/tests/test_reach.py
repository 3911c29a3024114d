"""Why somebody sees a thing, with the way closed there; and who more would see it somewhere else."""

from collections.abc import Callable
from datetime import timedelta

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import Group, Membership, User
from documents.models import Document, Folder
from documents.tests.making import folders
from sharing import access
from sharing.access import Level
from sharing.actions import leave_shared, share
from sharing.models import Share
from sharing.reach import mark_audiences, who_reaches

ClientFor = Callable[[User], Client]


def test_a80_every_way_in_stands_on_the_owners_page_and_is_closed_there(
    paper: Document, car: Folder, alice: User, alice_actor: Actor, bob: User, bob_actor: Actor, gina: User,
    gina_actor: Actor, dora: User, client_for: ClientFor,
) -> None:  # fmt: skip
    family = Group.objects.get(name="Family")
    Membership.objects.create(group=family, user=bob)
    ways = [
        share(paper, bob, Level.VIEW, by=alice_actor),
        share(car, family, Level.EDIT, by=alice_actor),
        share(car, "nobody@else.test", Level.VIEW, by=alice_actor),
    ]
    ended = share(car, dora, Level.VIEW, by=alice_actor)
    Share.objects.filter(pk=ended.pk).update(expires_at=now() - timedelta(seconds=1))
    people = {person.name: person for person in who_reaches(alice_actor, paper)}
    assert set(people) == {"Bob", "Gina", "nobody@else.test"}
    assert {way.row.share for way in people["Bob"].ways} == {ways[0], ways[1]}
    assert people["Bob"].level_word == "edit"
    client, page = client_for(alice), reverse("reach_document", args=[paper.pk])
    text = client.get(page).content.decode()
    for way in ways:
        assert reverse("withdraw_share", args=[way.pk]) in text
        client.post(reverse("withdraw_share", args=[way.pk]), {"next": page})
    assert who_reaches(alice_actor, paper) == []
    assert access.level_on_document(bob_actor, paper) is None
    assert access.level_on_document(gina_actor, paper) is None


def test_the_page_and_the_rule_agree_on_who_sees_it(
    paper: Document, car: Folder, alice: User, alice_actor: Actor, bob: User, dora: User, gina: User, charlie: User
) -> None:
    share(car, bob, Level.VIEW, by=alice_actor)
    share(paper, Group.objects.get(name="Family"), Level.VIEW, by=alice_actor)
    leave_shared(paper, by=Actor.for_user(gina))
    named = {person.detail for person in who_reaches(alice_actor, paper)}
    sees = {p.handle for p in (bob, dora, gina, charlie) if access.level_on_document(Actor.for_user(p), paper)}
    assert named == sees == {"bob"}


def test_only_who_manages_it_reads_who_sees_it(
    paper: Document, car: Folder, alice_actor: Actor, bob: User, dora: User, charlie: User, client_for: ClientFor
) -> None:
    share(paper, bob, Level.MANAGE, by=alice_actor)
    share(car, dora, Level.EDIT, by=alice_actor)
    page = reverse("reach_document", args=[paper.pk])
    text = client_for(bob).get(page).content.decode()
    assert "Dora" in text
    assert "Car" not in text
    assert client_for(dora).get(page).status_code == 403
    assert client_for(charlie).get(page).status_code == 404
    assert client_for(charlie).get(reverse("reach_folder", args=[car.pk])).status_code == 404


def test_before_a_move_it_says_who_will_see_it(
    paper: Document, car: Folder, alice: User, alice_actor: Actor, bob: User, gina: User, client_for: ClientFor
) -> None:
    family, home = Group.objects.get(name="Family"), folders("Home", alice_actor)
    share(home, bob, Level.VIEW, by=alice_actor)
    share(home, family, Level.VIEW, by=alice_actor)
    client = client_for(alice)
    page = client.get(reverse("move_document", args=[paper.pk])).content.decode()
    assert "Bob and 1 person of Family will see it." in page
    share(car, bob, Level.VIEW, by=alice_actor)
    mark_audiences(alice_actor, [home], [paper])
    assert home.audience == "1 person of Family will see it."  # type: ignore[attr-defined]


def test_what_is_dropped_into_a_shared_folder_is_asked_about_first(
    paper: Document, alice: User, alice_actor: Actor, bob: User, client_for: ClientFor
) -> None:
    home, quiet = folders("Home", alice_actor), folders("Quiet", alice_actor)
    share(home, bob, Level.VIEW, by=alice_actor)
    client = client_for(alice)

    def drop(to: Folder, **more: str) -> tuple[str, Document]:
        fields = {"action": "move", "is_decided": "1", "document": str(paper.pk), "to": str(to.pk), **more}
        answer = client.post(reverse("selection"), fields, headers={"HX-Request": "true"})
        paper.refresh_from_db()
        return answer.content.decode(), paper

    text, moved = drop(home, is_dragged="1")
    assert "Bob will see it." in text
    assert moved.folder != home
    assert drop(home)[1].folder == home
    assert drop(quiet, is_dragged="1")[1].folder == quiet


def test_the_page_and_the_sheet_ask_no_more_for_many_than_for_few(
    paper: Document, alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    client = client_for(alice)

    def counts() -> list[int]:
        found = []
        for name in ("reach_document", "share_document"):
            with CaptureQueriesContext(connection) as asked:
                client.get(reverse(name, args=[paper.pk]))
            found.append(len(asked))
        return found

    def add(number: int) -> None:
        person = User.objects.create(handle=f"p{number}", email=f"p{number}@vault.test")
        group = Group.objects.create(name=f"G{number}", name_key=f"g{number}")
        Membership.objects.create(group=group, user=person)
        share(paper, person, Level.VIEW, by=alice_actor)
        share(paper, group, Level.VIEW, by=alice_actor)

    add(0)
    few = counts()
    for number in range(1, 8):
        add(number)
    assert counts() == few
