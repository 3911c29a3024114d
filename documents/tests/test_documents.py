"""Documents: names, places, stars, and acts on many at once."""

import re
from collections.abc import Callable
from functools import partial
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.actors import Actor
from accounts.models import User
from documents.actions.documents import (
    move_document,
    move_documents,
    rename_document,
    star_document,
    unstar_document,
)
from documents.actions.errors import NameTaken, OtherVault
from documents.actions.selection import move_items, trash_items
from documents.jobs import learn_soon
from documents.models import Document, Folder, Star
from documents.tests.making import at_once, folders, put
from sharing.access import Level, NotAllowed, NotVisible
from sharing.actions import share
from sharing.models import AuditEvent, Share, ShareLevel


def test_renaming_may_change_everything_but_to_a_taken_name(alice_actor: Actor) -> None:
    document = put("scan.pdf", None, alice_actor)
    put("Taken.PDF", None, alice_actor)
    assert rename_document(document, "Rent 2024.pdf", by=alice_actor).name == "Rent 2024.pdf"
    with pytest.raises(NameTaken):
        rename_document(document, "taken.pdf", by=alice_actor)
    document.refresh_from_db()
    assert document.name == "Rent 2024.pdf"


def test_moving_refuses_a_clash_or_numbers_it(alice_actor: Actor) -> None:
    car = folders("Car", alice_actor)
    put("a.txt", car, alice_actor)
    document = put("a.txt", None, alice_actor)
    with pytest.raises(NameTaken):
        move_document(document, car, by=alice_actor)
    assert move_document(document, car, by=alice_actor, keep_both=True).name == "a (2).txt"


def test_nothing_moves_into_another_vault(alice: User, alice_actor: Actor, bob: User, bob_actor: Actor) -> None:
    shared = folders("Car", alice_actor)
    Share.objects.create(folder=shared, recipient=bob, shared_by=alice, level=ShareLevel.EDIT)
    with pytest.raises(OtherVault):
        move_document(put("b.txt", None, bob_actor), shared, by=bob_actor)
    with pytest.raises(OtherVault):
        move_document(put("a.txt", shared, alice_actor), None, by=bob_actor)


def test_starring_is_each_persons_own(alice: User, alice_actor: Actor, bob: User, bob_actor: Actor) -> None:
    document = put("a.txt", None, alice_actor)
    star_document(document, by=alice_actor)
    star_document(document, by=alice_actor)
    with pytest.raises(NotVisible):
        star_document(document, by=bob_actor)
    assert Star.objects.count() == 1
    unstar_document(document, by=alice_actor)
    assert not Star.objects.exists()
    assert AuditEvent.objects.filter(action="document_starred").count() == 1


def test_many_move_together_or_not_at_all(alice_actor: Actor) -> None:
    car = folders("Car", alice_actor)
    put("b.txt", car, alice_actor)
    chosen = [put("a.txt", None, alice_actor), put("b.txt", None, alice_actor)]
    with pytest.raises(NameTaken):
        move_items(chosen, [], car, by=alice_actor)
    assert Document.objects.filter(folder=None).count() == 2
    move_items(chosen, [], car, by=alice_actor, keep_both=True)
    assert Document.objects.filter(folder=car).count() == 3


def test_a_clash_of_many_is_told_by_name(alice_actor: Actor) -> None:
    car = folders("Car", alice_actor)
    rows = [put(f"{n}.txt", None, alice_actor) for n in range(5)]
    for n in range(5):
        put(f"{n}.TXT", car, alice_actor)
    for count, words in ((1, "“0.txt” there"), (2, "“0.txt” “1.txt”."), (5, "“2.txt” and 2 more")):
        with pytest.raises(NameTaken) as refused:
            move_documents(rows[:count], car, by=alice_actor)
        assert words in refused.value.message


def test_documents_of_one_name_from_several_folders_clash_with_each_other(alice_actor: Actor) -> None:
    target = folders("All", alice_actor)
    rows = [put("a.txt", folders(f"F{n}", alice_actor), alice_actor) for n in range(3)]
    other = put("a (2).txt", folders("F3", alice_actor), alice_actor)
    with pytest.raises(NameTaken):
        move_documents(rows, target, by=alice_actor)
    move_documents([*rows, other], target, by=alice_actor, keep_both=True)
    names = sorted(Document.objects.filter(folder=target).values_list("name", flat=True))
    assert names == ["a (2).txt", "a (3).txt", "a (4).txt", "a.txt"]


@pytest.mark.parametrize("turn", [1, -1])
def test_the_first_that_was_chosen_keeps_its_name(alice_actor: Actor, turn: int) -> None:
    rows = [put("a.txt", folders(f"F{n}", alice_actor), alice_actor) for n in range(5)][::turn]
    move_items(rows, [], None, by=alice_actor, keep_both=True)
    names = dict(Document.objects.filter(folder=None).values_list("pk", "name"))
    assert [names[row.pk] for row in rows] == ["a.txt", *(f"a ({n}).txt" for n in range(2, 6))]


def test_moving_many_costs_as_many_statements_as_moving_two(alice_actor: Actor) -> None:
    counts = []
    learn_soon(alice_actor)  # asked for once for all that is filed meanwhile
    for many in (2, 30):
        target = folders(f"Car {many}", alice_actor)
        rows = [put(f"{n}.txt", None, alice_actor) for n in range(many)]
        with CaptureQueriesContext(connection) as asked:
            move_items(rows, [], target, by=alice_actor)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_what_lies_in_a_chosen_folder_goes_along_with_it(alice_actor: Actor) -> None:
    inner, archive = folders("Car/Old", alice_actor), folders("Archive", alice_actor)
    car = Folder.objects.get(name="Car")
    row = put("a.txt", inner, alice_actor)
    move_items([row], [inner, car], archive, by=alice_actor)
    row.refresh_from_db()
    inner.refresh_from_db()
    assert (row.folder, inner.parent) == (inner, car)
    assert inner.path == [archive.pk, car.pk, inner.pk]


def test_an_editor_moves_and_renames_within_what_is_shared_and_no_further(
    alice: User, alice_actor: Actor, dora: User, dora_actor: Actor
) -> None:
    shared, inner = folders("Car", alice_actor), folders("Car/Old", alice_actor)
    private, row = folders("Private", alice_actor), put("a.txt", shared, alice_actor)
    Share.objects.create(folder=shared, recipient=dora, shared_by=alice, level=ShareLevel.EDIT)
    move_document(row, inner, by=dora_actor)
    assert rename_document(row, "b.txt", by=dora_actor).user_id == alice.pk
    with pytest.raises(NotVisible):
        move_document(row, private, by=dora_actor)
    Share.objects.update(level=ShareLevel.COMMENT)
    for act in (
        lambda: move_document(row, shared, by=dora_actor),
        lambda: rename_document(row, "c.txt", by=dora_actor),
        lambda: move_items([row], [], shared, by=dora_actor),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_throwing_away_a_folder_and_what_is_in_it_makes_one_entry(alice_actor: Actor) -> None:
    car = folders("Car", alice_actor)
    inside = put("a.txt", car, alice_actor)
    loose = put("b.txt", None, alice_actor)
    entries = trash_items([inside, loose], [car], by=alice_actor)
    assert sorted(entry.name for entry in entries) == ["Car", "b.txt"]


def test_a_reader_throws_nothing_away(alice: User, alice_actor: Actor, bob: User, bob_actor: Actor) -> None:
    document = put("a.txt", None, alice_actor)
    for level in ShareLevel.values:
        Share.objects.update_or_create(document=document, recipient=bob, defaults={"shared_by": alice, "level": level})
        with pytest.raises(NotAllowed):
            trash_items([document], [], by=bob_actor)


@pytest.mark.django_db(transaction=True)
def test_f20_two_renames_to_one_name_at_once_let_one_win(alice_actor: Actor) -> None:
    rows = [put(f"{n}.txt", None, alice_actor) for n in range(6)]
    results = at_once([partial(rename_document, row, "same.txt", by=alice_actor) for row in rows])
    assert sum(isinstance(result, Document) for result in results) == 1
    assert all(isinstance(result, Document | NameTaken) for result in results), results


@pytest.mark.django_db(transaction=True)
def test_f20_files_of_one_name_at_once_are_numbered(alice_actor: Actor) -> None:
    results = at_once([lambda: put("a.txt", None, alice_actor)] * 12)
    names = sorted(result.name for result in results if isinstance(result, Document))
    assert len(names) == len(set(names)) == 12, results


def test_f23_of_two_who_rename_at_once_the_second_is_asked_again(
    alice_actor: Actor, alice: User, dora: User, client_for: Callable[[User], Client]
) -> None:
    folder = folders("Car", alice_actor)
    document = put("scan.pdf", folder, alice_actor)
    share(folder, dora, Level.EDIT, by=alice_actor)
    for item, kind in ((document, "documents"), (folder, "folders")):
        address, first, second = f"/{kind}/{item.pk}/rename/", client_for(dora), client_for(alice)
        shown = known_in(first.get(address).text)
        assert shown == known_in(second.get(address).text) == item.name
        assert first.post(address, {"name": "Dora's", "known": shown}).status_code == 302
        answer = second.post(address, {"name": "Alice's", "known": shown})
        item.refresh_from_db()
        assert (answer.status_code, item.name) == (409, "Dora's")
        page = unescape(answer.text)
        assert "renamed to “Dora's”" in page
        assert 'value="Alice\'s"' in page  # both values are told; asked again, it is done
        assert second.post(address, {"name": "Alice's", "known": known_in(answer.text)}).status_code == 302
        item.refresh_from_db()
        assert item.name == "Alice's"
    told = AuditEvent.objects.filter(action__in=["document_renamed", "folder_renamed"])
    assert [row.target_name for row in told.order_by("pk")] == ["Dora's", "Alice's"] * 2


def known_in(page: str) -> str:
    found = re.search(r'name="known" value="([^"]*)"', page)
    assert found is not None
    return unescape(found.group(1))
