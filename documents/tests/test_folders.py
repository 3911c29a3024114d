"""Folders: names unique in their place, no rings, a bounded depth, paths always true."""

from functools import partial

import pytest
from django.test import override_settings

from accounts.actors import Actor
from accounts.models import User
from documents.actions.errors import NameTaken, OtherVault, TooDeep, WouldLoop
from documents.actions.folders import ensure_folder_path, make_folder, move_folder, rename_folder
from documents.actions.trash import trash_folder
from documents.models import Folder
from documents.names import InvalidName
from documents.tests.making import at_once, folders, put
from sharing.access import NotAllowed, NotVisible
from sharing.models import Share, ShareLevel


def paths_are_true() -> bool:
    rows = {row.pk: row for row in Folder.objects.all()}
    for row in rows.values():
        expected: list[object] = []
        at: Folder | None = row
        while at is not None:
            expected.insert(0, at.pk)
            at = rows[at.parent_id] if at.parent_id else None
        if list(row.path) != expected:
            return False
    return True


def test_a_name_is_taken_without_regard_to_case_and_composition(alice_actor: Actor) -> None:
    make_folder("Café", None, by=alice_actor)
    for same in ("café", "CAFÉ", "cafe\u0301"):
        with pytest.raises(NameTaken):
            make_folder(same, None, by=alice_actor)
    with pytest.raises(InvalidName):
        make_folder("..", None, by=alice_actor)


def test_a_name_thrown_away_is_free_again(alice_actor: Actor) -> None:
    trash_folder(make_folder("Car", None, by=alice_actor), by=alice_actor)
    trash_folder(make_folder("Car", None, by=alice_actor), by=alice_actor)
    assert make_folder("Car", None, by=alice_actor).depth == 1


def test_a_path_makes_only_what_is_missing(alice_actor: Actor) -> None:
    first = folders("Car/Insurance/2024", alice_actor)
    again = ensure_folder_path(["car", "INSURANCE", "2024"], None, by=alice_actor)
    assert again == first
    assert first.depth == 3
    assert Folder.objects.count() == 3


def test_renaming_keeps_the_place_and_refuses_a_taken_name(alice_actor: Actor) -> None:
    car = folders("Car", alice_actor)
    folders("Home", alice_actor)
    assert rename_folder(car, "CAR", by=alice_actor).name == "CAR"
    with pytest.raises(NameTaken):
        rename_folder(car, "home", by=alice_actor)


def test_moving_takes_everything_below_along_the_trash_included(alice_actor: Actor) -> None:
    deep = folders("A/B/C", alice_actor)
    gone = folders("A/B/Old", alice_actor)
    trash_folder(gone, by=alice_actor)
    target = folders("X", alice_actor)
    b = Folder.objects.get(name="B")
    move_folder(b, target, by=alice_actor)
    deep.refresh_from_db()
    assert deep.path == [target.pk, b.pk, deep.pk]
    assert paths_are_true()
    move_folder(b, None, by=alice_actor)
    assert paths_are_true()


def test_f19_a_folder_never_lies_in_itself(alice_actor: Actor) -> None:
    deep = folders("A/B/C", alice_actor)
    top = Folder.objects.get(name="A")
    for target in (top, deep):
        with pytest.raises(WouldLoop):
            move_folder(top, target, by=alice_actor)


@override_settings(MAX_FOLDER_DEPTH=4)
def test_depth_is_bounded_by_making_and_by_moving(alice_actor: Actor) -> None:
    deepest = folders("1/2/3/4", alice_actor)
    with pytest.raises(TooDeep):
        make_folder("5", deepest, by=alice_actor)
    folders("A/B", alice_actor)
    with pytest.raises(TooDeep):
        move_folder(Folder.objects.get(name="A"), Folder.objects.get(name="3"), by=alice_actor)
    assert paths_are_true()


def test_a_clash_on_moving_is_refused_or_numbered(alice_actor: Actor) -> None:
    folders("Car", alice_actor)
    other = folders("Old/Car", alice_actor)
    with pytest.raises(NameTaken):
        move_folder(other, None, by=alice_actor)
    assert move_folder(other, None, by=alice_actor, keep_both=True).name == "Car (2)"


def test_strangers_see_nothing_readers_change_nothing_and_nothing_changes_its_owner(
    alice: User, alice_actor: Actor, bob: User, bob_actor: Actor
) -> None:
    car = folders("Car", alice_actor)
    with pytest.raises(NotVisible):
        rename_folder(car, "Mine", by=bob_actor)
    Share.objects.create(folder=car, recipient=bob, shared_by=alice, level=ShareLevel.VIEW)
    for act in (partial(rename_folder, car, "Mine", by=bob_actor), partial(make_folder, "In", car, by=bob_actor)):
        with pytest.raises(NotAllowed):
            act()
    Share.objects.update(level=ShareLevel.EDIT)
    inside = make_folder("In", car, by=bob_actor)
    assert inside.user_id == alice.pk
    assert put("a.txt", inside, bob_actor).user_id == alice.pk
    with pytest.raises(OtherVault):
        move_folder(inside, None, by=bob_actor)
    with pytest.raises(NotAllowed):
        trash_folder(inside, by=bob_actor)


@pytest.mark.django_db(transaction=True)
def test_f20_twenty_of_one_name_at_once_make_one_folder(alice_actor: Actor) -> None:
    results = at_once([lambda: make_folder("Car", None, by=alice_actor)] * 20)
    assert sum(isinstance(result, Folder) for result in results) == 1
    assert all(isinstance(result, Folder | NameTaken) for result in results)
    results = at_once([lambda: ensure_folder_path(["P", "Q"], None, by=alice_actor)] * 10)
    assert len({result.pk for result in results if isinstance(result, Folder)}) == 1


@pytest.mark.django_db(transaction=True)
def test_f19_moves_that_would_make_a_ring_together_make_none(alice_actor: Actor) -> None:
    for n in range(6):
        a, b = folders(f"A{n}", alice_actor), folders(f"B{n}", alice_actor)
        results = at_once(
            [
                partial(move_folder, a, b, by=alice_actor),
                partial(move_folder, b, a, by=alice_actor),
            ]
        )
        assert sum(isinstance(result, Folder) for result in results) == 1, results
    assert paths_are_true()
