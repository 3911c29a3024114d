"""Throwing away, restoring, purging: in every order nothing is lost before it is purged, and bytes count exactly."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from accounts import quota
from accounts.actors import Actor
from accounts.models import Quota, User
from documents import tasks
from documents.actions import trash as trash_acts
from documents.actions.documents import rename_document
from documents.actions.folders import rename_folder
from documents.actions.selection import trash_items
from documents.actions.trash import (
    empty_trash,
    purge,
    purge_expired,
    restore,
    restore_entries,
    trash_document,
    trash_folder,
)
from documents.models import Document, Folder, PendingDeletion, TrashEntry, Version
from documents.storage import ObjectMissing, store
from documents.tests.making import at_once, folders, put
from documents.views import trash as trash_views
from sharing.access import NotVisible
from sharing.models import AuditEvent


def used(user: User) -> tuple[int, int]:
    row = Quota.objects.get(user=user)
    return row.used_bytes, row.reserved_bytes


def test_a_document_goes_and_comes_back_and_counts_all_the_time(alice: User, alice_actor: Actor) -> None:
    document = put("a.txt", folders("Car", alice_actor), alice_actor, b"12345")
    entry = trash_document(document, by=alice_actor)
    assert (entry.place, entry.size_bytes, entry.trashed_by) == (["Car"], 5, alice)
    assert used(alice) == (5, 0)
    assert not Document.objects.live().exists()
    with pytest.raises(NotVisible):
        trash_document(document, by=alice_actor)
    restored = restore(entry, by=alice_actor)
    assert isinstance(restored, Document)
    assert restored.folder is not None
    assert restored.folder.name == "Car"
    assert not TrashEntry.objects.exists()
    assert used(alice) == (5, 0)


def test_of_several_of_one_name_the_oldest_comes_back_with_it(alice_actor: Actor) -> None:
    rows = []
    for _ in range(5):
        rows.append(put("a.txt", None, alice_actor))
        trash_document(rows[-1], by=alice_actor)
    for row in reversed(rows):  # the database tells them in this order then
        moved = Document.objects.filter(pk=row.pk)
        moved.update(name_key="b.txt")
        moved.update(name_key=row.name_key)
    restore_entries(list(TrashEntry.objects.all()), by=alice_actor)
    names = dict(Document.objects.values_list("pk", "name"))
    assert [names[row.pk] for row in rows] == ["a.txt", *(f"a ({n}).txt" for n in range(2, 6))]


def test_a_folder_goes_with_what_is_live_in_it_and_what_went_before_stays_apart(alice_actor: Actor) -> None:
    inside = folders("Car/Insurance", alice_actor)
    early = put("early.txt", inside, alice_actor)
    late = put("late.txt", inside, alice_actor)
    first = trash_document(early, by=alice_actor)
    car = Folder.objects.get(name="Car")
    second = trash_folder(car, by=alice_actor)
    assert (second.folder_count, second.document_count) == (2, 1)
    restore(second, by=alice_actor)
    assert list(Document.objects.live()) == [late]
    restore(first, by=alice_actor)
    early.refresh_from_db()
    assert early.folder == inside


def test_a_place_that_is_gone_is_made_again(alice_actor: Actor) -> None:
    inside = folders("Car/Insurance", alice_actor)
    document = put("a.txt", inside, alice_actor)
    entry = trash_document(document, by=alice_actor)
    gone = trash_folder(Folder.objects.get(name="Car"), by=alice_actor)
    restored = restore(entry, by=alice_actor)
    assert isinstance(restored, Document)
    assert restored.folder is not None
    assert [restored.folder.name, restored.folder.parent.name] == ["Insurance", "Car"]  # type: ignore[union-attr]
    assert restored.folder != inside
    assert restore(gone, by=alice_actor).name == "Car (2)"


def test_a_folder_purged_before_what_was_thrown_away_in_it_takes_nothing_along(alice: User, alice_actor: Actor) -> None:
    sub = folders("Car/Insurance", alice_actor)
    document = put("a.txt", sub, alice_actor, b"123")
    entry = trash_document(document, by=alice_actor)
    sub_entry = trash_folder(sub, by=alice_actor)
    purge(trash_folder(Folder.objects.get(name="Car"), by=alice_actor), by=alice_actor)
    assert used(alice) == (3, 0)
    assert isinstance(restore(sub_entry, by=alice_actor), Folder)
    restored = restore(entry, by=alice_actor)
    assert isinstance(restored, Document)
    assert restored.folder is not None
    assert restored.folder.name == "Insurance"


def test_a_document_thrown_away_before_its_folder_outlives_it(alice: User, alice_actor: Actor) -> None:
    car = folders("Car/Insurance", alice_actor)
    entry = trash_document(put("a.txt", car, alice_actor, b"123"), by=alice_actor)
    put("b.txt", car, alice_actor, b"4567")
    purge(trash_folder(car, by=alice_actor), by=alice_actor)
    assert used(alice) == (3, 0)
    restored = restore(entry, by=alice_actor)
    assert isinstance(restored, Document)
    assert restored.folder is not None
    assert (restored.folder.name, restored.folder.depth) == ("Insurance", 2)
    assert restored.folder != car


def test_what_comes_back_together_comes_back_in_its_folder(alice_actor: Actor) -> None:
    car = folders("Car", alice_actor)
    entries = [trash_document(put(f"{n}.txt", car, alice_actor), by=alice_actor) for n in range(2)]
    inner = trash_folder(folders("Car/Old", alice_actor), by=alice_actor)
    put("0.txt", car, alice_actor)
    outer = trash_folder(car, by=alice_actor)
    restored = restore_entries([*entries, inner, outer], by=alice_actor)
    assert sorted(row.name for row in restored) == ["0 (2).txt", "1.txt", "Car", "Old"]
    assert set(Document.objects.live().values_list("folder", flat=True)) == {car.pk}
    assert Folder.objects.get(name="Old").parent == car
    with pytest.raises(NotVisible):
        restore_entries([*entries], by=alice_actor)


@override_settings(MAX_FOLDER_DEPTH=2)
def test_a_place_that_may_not_be_made_any_more_is_the_top(alice_actor: Actor) -> None:
    with override_settings(MAX_FOLDER_DEPTH=3):
        deep = folders("A/B/C", alice_actor)
        entry = trash_document(put("a.txt", deep, alice_actor), by=alice_actor)
        purge(trash_folder(Folder.objects.get(name="A"), by=alice_actor), by=alice_actor)
    restored = restore(entry, by=alice_actor)
    assert isinstance(restored, Document)
    assert restored.folder is None


def test_one_vault_that_cannot_be_purged_does_not_keep_the_others_waiting(
    alice: User, alice_actor: Actor, bob: User, bob_actor: Actor
) -> None:
    for actor in (alice_actor, bob_actor):
        trash_document(put("a.txt", None, actor), by=actor)
    TrashEntry.objects.update(trashed_at=now() - timedelta(days=31))
    Quota.objects.filter(user=alice).update(used_bytes=0)  # a drift that the table's own check refuses
    assert purge_expired() == 1
    assert TrashEntry.objects.get().user == alice
    quota.recount(alice.pk)
    assert purge_expired() == 1


def test_many_cost_as_many_statements_as_two(alice: User, alice_actor: Actor) -> None:
    counts = []
    for many in (2, 20):
        rows = [put(f"{n}.txt", None, alice_actor) for n in range(many)]
        with CaptureQueriesContext(connection) as asked:
            restore_entries(trash_items(rows, [], by=alice_actor), by=alice_actor)
            trash_items(rows, [], by=alice_actor)
            assert empty_trash(by=alice_actor) == many
        counts.append(len(asked))
    assert counts[0] == counts[1]
    assert used(alice) == (0, 0)


def test_a_taken_name_is_numbered_on_coming_back(alice_actor: Actor) -> None:
    entry = trash_document(put("a.txt", None, alice_actor), by=alice_actor)
    put("A.txt", None, alice_actor)
    assert restore(entry, by=alice_actor).name == "a (2).txt"


def test_a_renamed_folder_is_found_by_what_it_is_not_by_its_name(alice_actor: Actor) -> None:
    car = folders("Car", alice_actor)
    entry = trash_document(put("a.txt", car, alice_actor), by=alice_actor)
    rename_folder(car, "Auto", by=alice_actor)
    restored = restore(entry, by=alice_actor)
    assert isinstance(restored, Document)
    assert restored.folder == car


def test_a133_purging_frees_the_bytes_once_and_the_objects_follow(alice: User, alice_actor: Actor) -> None:
    document = put("a.txt", None, alice_actor, b"12345")
    key = document.object_key
    entry = trash_document(document, by=alice_actor)
    purge(entry, by=alice_actor)
    assert used(alice) == (0, 0)
    assert not Document.objects.exists()
    assert not Version.objects.exists()
    with pytest.raises(NotVisible):
        purge(entry, by=alice_actor)
    assert used(alice) == (0, 0)
    assert PendingDeletion.objects.filter(pk=key).exists()
    tasks.purge_objects()
    with pytest.raises(ObjectMissing):
        store().head(key)
    told = AuditEvent.objects.filter(action="document_purged").values_list("target_name", flat=True)
    assert list(told) == ["a.txt"]


def test_a_large_entry_goes_some_documents_at_a_time_and_what_dies_in_between_goes_on(
    alice: User, alice_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trash_acts, "PURGE_BATCH", 2)
    folder = folders("Large", alice_actor)
    for number in range(5):
        put(f"{number}.txt", folder, alice_actor, b"12345")
    entry = trash_folder(folder, by=alice_actor)
    steps: list[int] = []
    lock, is_broken = trash_acts.lock_vault, True

    def watched(owner_id: UUID) -> None:
        steps.append(Document.objects.count())
        if is_broken and len(steps) == 3:
            raise ZeroDivisionError
        lock(owner_id)

    monkeypatch.setattr(trash_acts, "lock_vault", watched)
    with pytest.raises(ZeroDivisionError):
        purge(entry, by=alice_actor)
    assert steps == [5, 3, 1]
    entry.refresh_from_db()
    assert (entry.document_count, entry.size_bytes) == (1, 5)
    assert used(alice) == (5, 0)
    is_broken = False
    purge(entry, by=alice_actor)
    assert used(alice) == (0, 0)
    assert not Folder.objects.filter(pk=folder.pk).exists()
    assert PendingDeletion.objects.count() == 5
    assert AuditEvent.objects.filter(action="document_purged").count() == 5


def test_emptying_takes_all_of_ones_own_and_nothing_else(
    alice: User, alice_actor: Actor, bob: User, bob_actor: Actor
) -> None:
    trash_items([put(f"{n}.txt", None, alice_actor) for n in range(3)], [folders("Car", alice_actor)], by=alice_actor)
    kept = trash_document(put("b.txt", None, bob_actor), by=bob_actor)
    assert empty_trash(by=alice_actor) == 4
    assert list(TrashEntry.objects.all()) == [kept]
    assert used(alice) == (0, 0)


def test_only_the_owner_reaches_the_trash(alice_actor: Actor, bob_actor: Actor, admin_actor: Actor) -> None:
    entry = trash_document(put("a.txt", None, alice_actor), by=alice_actor)
    for other in (bob_actor, admin_actor):
        for act in (restore, purge):
            with pytest.raises(NotVisible):
                act(entry, by=other)


def test_what_lies_for_too_long_is_purged_by_the_schedule(alice: User, alice_actor: Actor) -> None:
    old = trash_document(put("old.txt", None, alice_actor), by=alice_actor)
    new = trash_document(put("new.txt", None, alice_actor), by=alice_actor)
    TrashEntry.objects.filter(pk=old.pk).update(trashed_at=now() - timedelta(days=31))
    assert purge_expired() == 1
    assert purge_expired() == 0
    assert list(TrashEntry.objects.all()) == [new]


@pytest.mark.django_db(transaction=True)
def test_f21_restoring_and_purging_at_once_is_one_or_the_other(alice: User, alice_actor: Actor) -> None:
    for n in range(4):
        entry = trash_document(put(f"{n}.txt", None, alice_actor, b"123"), by=alice_actor)
        results = at_once(
            [
                partial(restore, entry, by=alice_actor),
                partial(purge, entry, by=alice_actor),
                partial(purge, entry, by=alice_actor),
            ]
        )
        assert sum(not isinstance(result, Exception) for result in results) == 1, results
    assert used(alice) == (3 * Document.objects.count(), 0)


@pytest.mark.django_db(transaction=True)
def test_f21_throwing_a_folder_away_while_files_arrive_leaves_none_behind(alice_actor: Actor) -> None:
    car = folders("Car", alice_actor)
    at_once(
        [partial(put, f"{n}.txt", car, alice_actor) for n in range(6)] + [lambda: trash_folder(car, by=alice_actor)]
    )
    assert not Document.objects.live().filter(folder__trash__isnull=False).exists()
    stray = Document.objects.live().filter(folder=car)
    assert not stray.exists()


def test_a_rename_does_not_bring_back_what_was_thrown_away(alice_actor: Actor) -> None:
    document = put("a.txt", None, alice_actor)
    trash_document(document, by=alice_actor)
    with pytest.raises(NotVisible):
        rename_document(document, "b.txt", by=alice_actor)


# --- The pages --------------------------------------------------------------------------------------


def test_the_page_says_what_counts_who_threw_it_away_and_when_it_goes(
    alice: User, alice_actor: Actor, bob: User, client_for: Callable[[User], Client]
) -> None:
    mine = trash_document(put("mine.txt", folders("Car", alice_actor), alice_actor, b"x" * 2048), by=alice_actor)
    theirs = trash_document(put("theirs.txt", None, alice_actor), by=alice_actor)
    TrashEntry.objects.filter(pk=theirs.pk).update(trashed_by=bob, trashed_at=now() - timedelta(days=29, hours=13))
    html = client_for(alice).get(reverse("trash")).content.decode()
    for words in ("2.0", "of your space lie here", "by you", "by Bob", "goes today", "goes in 29 days", "Car"):
        assert words in html, words
    back = client_for(alice).post(reverse("restore", args=[mine.pk]), follow=True).content.decode()
    assert "“mine.txt” is back in Car." in back


def test_a_name_that_was_taken_meanwhile_is_told(
    alice: User, alice_actor: Actor, client_for: Callable[[User], Client]
) -> None:
    entry = trash_document(put("a.txt", None, alice_actor), by=alice_actor)
    put("a.txt", None, alice_actor)
    html = client_for(alice).post(reverse("restore", args=[entry.pk]), follow=True).content.decode()
    assert "“a.txt” is back in Files, as “a (2).txt”: its name was taken." in html


def test_much_is_emptied_a_part_for_each_request_and_what_came_later_stays(
    alice: User, alice_actor: Actor, client_for: Callable[[User], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trash_acts, "PURGE_BATCH", 4)
    monkeypatch.setattr(trash_views, "PATIENCE", timedelta())
    trash_items([put(f"{n}.txt", None, alice_actor) for n in range(5)], [], by=alice_actor)
    client, page = client_for(alice), reverse("empty_trash")
    words = {"before": client.get(page).context["before"], "so_far": "0"}
    late = trash_document(put("late.txt", None, alice_actor), by=alice_actor)
    TrashEntry.objects.filter(pk=late.pk).update(trashed_at=now() + timedelta(minutes=1))
    seen = []
    for _request in range(3):
        answer = client.post(page, words)
        if answer.status_code == 302:
            break
        seen.append((answer.context["so_far"], answer.context["all"]))
        assert b"data-goes-on" in answer.content
        words["so_far"] = str(answer.context["so_far"])
    assert seen == [(2, 5), (4, 5)]
    assert list(TrashEntry.objects.all()) == [late]
    assert b"5 things are deleted for good" in client.get(reverse("trash")).content


@pytest.mark.parametrize("words", [{"before": "soon"}, {"before": "\x00"}, {"before": "9999-99-99"}])
def test_a_moment_that_is_none_empties_nothing(
    alice: User, alice_actor: Actor, client_for: Callable[[User], Client], words: dict[str, str]
) -> None:
    trash_document(put("a.txt", None, alice_actor), by=alice_actor)
    assert client_for(alice).post(reverse("empty_trash"), words).status_code == 400
    assert client_for(alice).post(reverse("empty_trash"), {"so_far": "٣" * 400, "before": ""}).status_code == 302
    assert not TrashEntry.objects.exists()
