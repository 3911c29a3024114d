"""Two acts at the same moment: one after the other in the end, no deadlock, no half, every byte counted."""

import io
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from django.db import IntegrityError
from django.db.models import Sum

from accounts import quota
from accounts.actors import Actor
from accounts.models import Quota, User
from documents.actions.documents import move_document, rename_document, star_document
from documents.actions.errors import Refused
from documents.actions.folders import ensure_folder_path, make_folder, move_folder, rename_folder
from documents.actions.selection import move_items, trash_items
from documents.actions.topics import delete_topic, make_topic, tag_documents, untag_documents
from documents.actions.trash import empty_trash, purge, restore, restore_entries, trash_document, trash_folder
from documents.models import Document, DocumentTopic, Folder, PendingDeletion, Star, TrashEntry, Upload, Version
from documents.tests.making import at_once, folders, put
from documents.tests.test_folders import paths_are_true
from documents.uploads import UploadRefused
from documents.uploads.beginning import begin_upload
from documents.uploads.whole import file_whole
from sharing.access import NotAllowed, NotVisible
from sharing.models import AuditEvent, Share, ShareLevel

pytestmark = pytest.mark.django_db(transaction=True)
HONEST = (Refused, NotVisible, NotAllowed, UploadRefused)


def refusals(results: Sequence[object]) -> list[Exception]:
    """The refusals among the answers. Anything else that was raised is a fault."""
    raised = [result for result in results if isinstance(result, Exception)]
    assert all(isinstance(error, HONEST) for error in raised), raised
    return raised


def vault_is_whole(*people: User) -> None:
    assert paths_are_true()
    assert not Folder.objects.live().filter(parent__trash__isnull=False).exists()
    assert not Document.objects.live().filter(folder__trash__isnull=False).exists()
    for person in people:
        kept = Version.objects.filter(document__user=person).aggregate(total=Sum("size_bytes"))["total"] or 0
        row = Quota.objects.get(user=person)
        assert (row.used_bytes, row.reserved_bytes) == (kept, 0)
    assert not PendingDeletion.objects.filter(pk__in=Version.objects.values("object_key")).exists()


def test_f21_a_folder_thrown_away_while_it_is_moved_is_whole_in_one_place(alice: User, alice_actor: Actor) -> None:
    for n in range(5):
        inner = folders(f"A{n}/B/C", alice_actor)
        put("a.txt", inner, alice_actor)
        top, target = Folder.objects.get(name=f"A{n}"), folders(f"X{n}", alice_actor)
        results = at_once(
            [
                partial(move_folder, top, target, by=alice_actor),
                partial(trash_folder, top, by=alice_actor),
                partial(trash_folder, target, by=alice_actor),
            ]
        )
        refusals(results)
        vault_is_whole(alice)
        assert not Folder.objects.live().filter(name=f"A{n}").exists()
    assert empty_trash(by=alice_actor)
    assert not Document.objects.exists()
    vault_is_whole(alice)


def test_a_rename_and_a_move_of_one_document_both_hold(alice_actor: Actor) -> None:
    target = folders("Car", alice_actor)
    for n in range(8):
        document = put(f"{n}.txt", None, alice_actor)
        results = at_once(
            [
                partial(rename_document, document, f"{n} renamed.txt", by=alice_actor),
                partial(move_document, document, target, by=alice_actor, keep_both=True),
            ]
        )
        assert not refusals(results)
        document.refresh_from_db()
        assert (document.name, document.folder) == (f"{n} renamed.txt", target)


def test_f20_documents_of_one_name_moved_to_one_place_at_once_are_numbered(alice: User, alice_actor: Actor) -> None:
    target = folders("All", alice_actor)
    rows = [put("a.txt", folders(f"F{n}", alice_actor), alice_actor) for n in range(8)]
    acts = [partial(move_document, row, target, by=alice_actor, keep_both=True) for row in rows]
    assert not refusals(at_once([*acts, lambda: put("a.txt", target, alice_actor)]))
    assert Document.objects.live().filter(folder=target).count() == 9
    vault_is_whole(alice)


def test_f20_a_folder_renamed_moved_and_made_under_one_name_is_one(alice: User, alice_actor: Actor) -> None:
    one, two = folders("One", alice_actor), folders("Else/Car", alice_actor)
    results = at_once(
        [
            partial(rename_folder, one, "car", by=alice_actor),
            partial(move_folder, two, None, by=alice_actor),
            partial(make_folder, "CAR", None, by=alice_actor),
            partial(ensure_folder_path, ["Car", "Inner"], None, by=alice_actor),
        ]
    )
    refusals(results)
    assert Folder.objects.live().filter(parent=None, name_key="car").count() == 1
    vault_is_whole(alice)


def test_f21_a_folder_purged_while_files_arrive_in_it_leaves_no_row_without_bytes(
    alice: User, alice_actor: Actor
) -> None:
    for n in range(3):
        car = folders(f"Car{n}", alice_actor)
        put("first.txt", car, alice_actor)

        def away(folder: Folder = car) -> None:
            purge(trash_folder(folder, by=alice_actor), by=alice_actor)

        arriving = [partial(put, f"{k}.txt", car, alice_actor) for k in range(6)]
        refusals(at_once([*arriving, away]))
        assert not Folder.objects.filter(pk=car.pk).exists()
        assert not Document.objects.exists()
        vault_is_whole(alice)


def test_two_who_empty_the_trash_while_a_third_restores_count_each_entry_once(alice: User, alice_actor: Actor) -> None:
    rows = [put(f"{n}.txt", None, alice_actor, b"12345") for n in range(12)]
    entries = trash_items(rows, [folders("Car", alice_actor)], by=alice_actor)
    results = at_once(
        [
            partial(empty_trash, by=alice_actor),
            partial(restore_entries, entries[:4], by=alice_actor),
            partial(empty_trash, by=alice_actor),
            partial(purge, entries[-1], by=alice_actor),
        ]
    )
    refusals(results)
    assert not TrashEntry.objects.exists()
    told = AuditEvent.objects.filter(action="document_purged").count()
    assert told + Document.objects.count() == 12
    vault_is_whole(alice)


def test_f21_a_selection_moved_and_thrown_away_at_once_goes_one_way(alice: User, alice_actor: Actor) -> None:
    target = folders("Archive", alice_actor)
    for n in range(4):
        rows = [put(f"{n}-{k}.txt", None, alice_actor) for k in range(4)]
        places = [folders(f"F{n}{k}", alice_actor) for k in range(3)]
        results = at_once(
            [
                partial(move_items, rows, places, target, by=alice_actor),
                partial(trash_items, rows[::-1], places[::-1], by=alice_actor),
            ]
        )
        refusals(results)
        assert not Document.objects.live().filter(pk__in=[row.pk for row in rows]).exists()
        vault_is_whole(alice)


def test_f21_nothing_is_put_on_a_document_that_is_being_purged(
    alice: User, alice_actor: Actor, bob: User, bob_actor: Actor
) -> None:
    mine, his = make_topic("Tax", "green", by=alice_actor), make_topic("Read", "red", by=bob_actor)
    for n in range(6):
        document = put(f"{n}.txt", None, alice_actor)
        Share.objects.create(document=document, recipient=bob, shared_by=alice, level=ShareLevel.VIEW)

        def away(row: Document = document) -> None:
            purge(trash_document(row, by=alice_actor), by=alice_actor)

        results = at_once(
            [
                away,
                partial(tag_documents, [document], mine, by=alice_actor),
                partial(tag_documents, [document], his, by=bob_actor),
                partial(star_document, document, by=bob_actor),
            ]
        )
        refusals(results)
    assert not DocumentTopic.objects.exists()
    assert not Star.objects.exists()
    vault_is_whole(alice, bob)


def test_a_topic_deleted_while_it_is_put_on_documents_is_gone_from_all(alice_actor: Actor) -> None:
    rows = [put(f"{n}.txt", None, alice_actor) for n in range(5)]
    for n in range(6):
        topic = make_topic(f"T{n}", "green", by=alice_actor)
        acts: list[Callable[[], object]] = [
            partial(tag_documents, rows, topic, by=alice_actor),
            partial(delete_topic, topic, by=alice_actor),
            partial(tag_documents, rows[::-1], topic, by=alice_actor),
        ]
        refusals(at_once(acts))
    assert not DocumentTopic.objects.exists()


def test_a_topic_put_on_and_taken_off_by_many_at_once_is_told_as_often_as_it_happened(alice_actor: Actor) -> None:
    rows = [put(f"{n}.txt", None, alice_actor) for n in range(5)]
    topic = make_topic("Tax", "green", by=alice_actor)
    acts = [partial(tag_documents, rows[:: 1 if n % 2 else -1], topic, by=alice_actor) for n in range(6)]
    acts += [partial(untag_documents, rows, topic, by=alice_actor) for _n in range(3)]
    assert not refusals(at_once(acts))
    put_on = AuditEvent.objects.filter(action="document_tagged").count()
    taken_off = AuditEvent.objects.filter(action="document_untagged").count()
    assert put_on - taken_off == DocumentTopic.objects.count()


def test_a_document_restored_twice_at_once_is_there_once(alice: User, alice_actor: Actor) -> None:
    for n in range(4):
        entry = trash_document(put(f"{n}.txt", folders(f"F{n}", alice_actor), alice_actor), by=alice_actor)
        trash_folder(Folder.objects.get(name=f"F{n}"), by=alice_actor)
        results = at_once([partial(restore, entry, by=alice_actor)] * 3)
        assert len(refusals(results)) == 2
        assert Folder.objects.live().filter(name=f"F{n}").count() == 1
    vault_is_whole(alice)


def test_one_upload_begun_and_brought_whole_at_once_do_not_wait_for_each_other(
    alice_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole one has its row and wants the quota, while the other has the quota and wants the row."""
    take, upload_id = quota.take, uuid.uuid4()

    def take_late(owner_id: uuid.UUID, size_bytes: int) -> None:
        time.sleep(0.5)
        take(owner_id, size_bytes)

    def begin_late() -> object:
        time.sleep(0.25)
        return begin_upload("a.txt", 5, None, by=alice_actor, upload_id=upload_id)

    monkeypatch.setattr(quota, "take", take_late)
    whole, begun = at_once(
        [lambda: file_whole("a.txt", io.BytesIO(b"12345"), 5, None, by=alice_actor, upload_id=upload_id), begin_late]
    )
    assert isinstance(whole, Upload), whole
    assert isinstance(begun, IntegrityError), begun
    assert Document.objects.get().name == "a.txt"
