"""Versions: replacing keeps what was there; notes, promotion, deletion, thinning, and the same bytes twice."""

import io
from datetime import timedelta

import pytest
from django.utils.timezone import now
from pytest_django import Settings

from accounts.actors import Actor
from accounts.models import Quota, User
from accounts.quota import QuotaExceeded
from documents import uploads
from documents.actions.documents import rename_document
from documents.actions.folders import make_folder
from documents.actions.trash import purge, restore, trash_document
from documents.actions.versions import (
    IsCurrent,
    delete_version,
    drop_twin,
    fetch_version,
    give_to,
    note_version,
    promote_version,
    thin_versions,
    twins_of,
)
from documents.models import Document, PendingDeletion, Upload, UploadState, Version
from documents.storage import store
from sharing import access
from sharing.access import Level
from sharing.actions import share
from sharing.models import AuditEvent


def put(name: str, data: bytes, by: Actor, folder: object = None) -> Document:
    upload = uploads.file_whole(name, io.BytesIO(data), len(data), folder, by=by)  # type: ignore[arg-type]
    assert upload.document is not None
    return upload.document


def replace(document: Document, data: bytes, by: Actor, name: str = "other name.txt") -> Document:
    """As a client does it: begin, send, finish."""
    upload = uploads.begin_upload(name, len(data), None, by=by, replaces=document)
    if data:
        uploads.receive(upload.pk, 0, io.BytesIO(data), len(data), by=by)
    else:
        uploads.finish_upload(upload.pk, by=by)
    upload.refresh_from_db()
    assert upload.state == UploadState.DONE
    assert upload.document is not None
    return upload.document


def bytes_of(version: Version) -> bytes:
    return b"".join(store().open(version.object_key))


def counters(user: User) -> tuple[int, int]:
    row = Quota.objects.get(user=user)
    return row.used_bytes, row.reserved_bytes


def test_replacing_keeps_the_older_bytes_and_the_name(alice: User, alice_actor: Actor) -> None:
    document = put("letter.txt", b"first", alice_actor)
    again = replace(document, b"second!", alice_actor)
    assert (again.pk, again.name, again.size_bytes) == (document.pk, "letter.txt", 7)
    first, second = again.versions.order_by("number")
    assert (first.number, second.number, again.current_version_id) == (1, 2, second.pk)
    assert (bytes_of(first), bytes_of(second)) == (b"first", b"second!")
    assert again.object_key == second.object_key
    assert counters(alice) == (12, 0)
    assert not PendingDeletion.objects.exists()
    assert AuditEvent.objects.filter(action="version_added", target_id=str(document.pk)).count() == 1


def test_the_same_bytes_again_make_no_version(alice: User, alice_actor: Actor) -> None:
    document = put("letter.txt", b"first", alice_actor)
    assert replace(document, b"first", alice_actor).pk == document.pk
    assert document.versions.count() == 1
    assert counters(alice) == (5, 0)
    assert PendingDeletion.objects.count() == 1
    assert Document.objects.get().object_key not in PendingDeletion.objects.values_list("pk", flat=True)


def test_a_large_file_in_pieces_and_the_one_pass_way_make_versions_too(alice: User, alice_actor: Actor) -> None:
    document = put("film.bin", b"0", alice_actor)
    data = bytes(uploads.PIECE_BYTES + 10)
    upload = uploads.begin_upload("film.bin", len(data), None, by=alice_actor, replaces=document)
    uploads.receive(upload.pk, 0, io.BytesIO(data[:100]), 100, by=alice_actor)
    uploads.receive(upload.pk, 100, io.BytesIO(data[100:]), len(data) - 100, by=alice_actor)
    uploads.finish_upload(upload.pk, by=alice_actor)
    document.refresh_from_db()
    assert document.size_bytes == len(data)
    uploads.store_stream("film.bin", iter([b"third"]), None, size_bound=5, by=alice_actor, replaces=document)
    document.refresh_from_db()
    assert [v.size_bytes for v in document.versions.order_by("number")] == [1, len(data), 5]
    assert document.sha256 == document.versions.get(number=3).sha256


def test_what_was_to_be_replaced_is_gone_by_then_so_nothing_is_lost(alice: User, alice_actor: Actor) -> None:
    document = put("letter.txt", b"first", alice_actor)
    upload = uploads.begin_upload("letter.txt", 6, None, by=alice_actor, replaces=document)
    entry = trash_document(document, by=alice_actor)
    uploads.receive(upload.pk, 0, io.BytesIO(b"second"), 6, by=alice_actor)
    upload.refresh_from_db()
    assert upload.document is not None
    assert upload.document.pk != document.pk
    restore(entry, by=alice_actor)
    assert sorted(Document.objects.live().values_list("name", flat=True)) == ["letter (2).txt", "letter.txt"]


def test_a131_a_version_is_charged_to_the_owner_or_refused(alice: User, alice_actor: Actor) -> None:
    document = put("letter.txt", b"12345", alice_actor)
    Quota.objects.filter(user=alice).update(limit_bytes=8)
    with pytest.raises(QuotaExceeded, match="left"):
        uploads.begin_upload("letter.txt", 4, None, by=alice_actor, replaces=document)
    assert Upload.objects.filter(replaces=document).count() == 0


def test_viewers_neither_replace_nor_see_older_versions(
    alice_actor: Actor, bob: User, bob_actor: Actor, dora_actor: Actor
) -> None:
    document = put("letter.txt", b"first", alice_actor)
    replace(document, b"second", alice_actor)
    old = document.versions.get(number=1)
    share(document, bob, Level.VIEW, by=alice_actor)
    with pytest.raises(access.NotAllowed):
        uploads.begin_upload("letter.txt", 4, None, by=bob_actor, replaces=document)
    with pytest.raises(access.NotAllowed):
        fetch_version(bob_actor, document.pk, old.pk)
    with pytest.raises(access.NotVisible):
        fetch_version(dora_actor, document.pk, old.pk)


def test_who_manages_a_document_still_deletes_no_version_of_its_owners_for_good(
    alice_actor: Actor, dora: User, dora_actor: Actor
) -> None:
    document = replace(put("letter.txt", b"first", alice_actor), b"second", alice_actor)
    share(document, dora, Level.MANAGE, by=alice_actor)
    old = fetch_version(dora_actor, document.pk, document.versions.get(number=1).pk)
    with pytest.raises(access.NotAllowed):
        delete_version(old, by=dora_actor)
    assert document.versions.count() == 2


def test_a_version_of_another_document_is_not_to_be_had(alice_actor: Actor) -> None:
    one, two = put("a", b"1", alice_actor), put("b", b"2", alice_actor)
    with pytest.raises(access.NotVisible):
        fetch_version(alice_actor, one.pk, two.current_version_id)  # type: ignore[arg-type]


def test_an_older_version_is_made_current_without_a_copy(alice: User, alice_actor: Actor) -> None:
    document = replace(put("letter.txt", b"first", alice_actor), b"second", alice_actor)
    old = document.versions.get(number=1)
    promoted = promote_version(fetch_version(alice_actor, document.pk, old.pk), by=alice_actor)
    assert (promoted.current_version_id, promoted.object_key, promoted.sha256) == (old.pk, old.object_key, old.sha256)
    assert counters(alice) == (11, 0)
    assert replace(promoted, b"third", alice_actor).current_version.number == 3  # type: ignore[union-attr]


def test_a_note_is_kept_in_one_line_and_taken_off(alice_actor: Actor) -> None:
    document = put("letter.txt", b"first", alice_actor)
    version = fetch_version(alice_actor, document.pk, document.versions.get().pk)
    assert note_version(version, " as\x00 sent \n to them ", by=alice_actor).note == "as sent to them"
    assert note_version(version, "", by=alice_actor).note == ""


def test_deleting_an_older_version_gives_its_bytes_back(alice: User, alice_actor: Actor) -> None:
    document = replace(put("letter.txt", b"first", alice_actor), b"second", alice_actor)
    old = fetch_version(alice_actor, document.pk, document.versions.get(number=1).pk)
    delete_version(old, by=alice_actor)
    assert counters(alice) == (6, 0)
    assert PendingDeletion.objects.get().object_key == old.object_key
    current = fetch_version(alice_actor, document.pk, document.versions.get().pk)
    with pytest.raises(IsCurrent):
        delete_version(current, by=alice_actor)
    with pytest.raises(access.NotVisible):
        delete_version(old, by=alice_actor)


def test_purging_takes_every_version(alice: User, alice_actor: Actor) -> None:
    document = replace(put("letter.txt", b"first", alice_actor), b"second", alice_actor)
    keys = set(document.versions.values_list("object_key", flat=True))
    purge(trash_document(document, by=alice_actor), by=alice_actor)
    assert counters(alice) == (0, 0)
    assert set(PendingDeletion.objects.values_list("pk", flat=True)) == keys


def test_thinning_keeps_the_newest_the_noted_the_young_and_the_current(
    alice: User, alice_actor: Actor, settings: Settings
) -> None:
    document = put("letter.txt", b"v1", alice_actor)
    for number in range(2, 8):
        replace(document, f"v{number}".encode(), alice_actor)
    assert thin_versions() == 0  # no policy
    settings.VERSIONS_KEPT, settings.VERSIONS_KEPT_DAYS = 2, 30
    assert thin_versions() == 0  # all of them young
    Version.objects.exclude(number=4).update(created_at=now() - timedelta(days=31))
    note_version(fetch_version(alice_actor, document.pk, document.versions.get(number=2).pk), "keep", by=alice_actor)
    promote_version(fetch_version(alice_actor, document.pk, document.versions.get(number=3).pk), by=alice_actor)
    assert thin_versions() == 1
    assert list(document.versions.order_by("number").values_list("number", flat=True)) == [2, 3, 4, 6, 7]
    assert thin_versions() == 0
    assert counters(alice) == (10, 0)
    assert PendingDeletion.objects.count() == 2
    assert AuditEvent.objects.filter(action="version_deleted", actor_kind="job").count() == 2


# --- The same bytes twice ---------------------------------------------------------------------------


def test_twins_are_found_among_ones_own_in_the_trash_and_in_older_versions(
    alice: User, alice_actor: Actor, bob_actor: Actor
) -> None:
    put("his.txt", b"same", bob_actor)
    folder = make_folder("Tax", None, by=alice_actor)
    live = put("live.txt", b"same", alice_actor, folder)
    older = replace(put("older.txt", b"same", alice_actor), b"new", alice_actor)
    thrown = put("thrown.txt", b"same", alice_actor)
    trash_document(thrown, by=alice_actor)
    new = put("new.txt", b"same", alice_actor)
    assert {twin.pk for twin in twins_of(new, by=alice_actor)} == {live.pk, older.pk, thrown.pk}
    assert twins_of(put("empty", b"", alice_actor), by=alice_actor) == []


def test_who_adds_to_another_vault_learns_nothing_of_it(alice_actor: Actor, bob: User, bob_actor: Actor) -> None:
    folder = make_folder("Ours", None, by=alice_actor)
    put("secret.txt", b"same", alice_actor)
    share(folder, bob, Level.EDIT, by=alice_actor)
    added = put("added.txt", b"same", bob_actor, folder)
    assert twins_of(added, by=bob_actor) == []
    assert len(twins_of(added, by=alice_actor)) == 1


def test_one_document_is_given_to_another_as_its_next_version(alice: User, alice_actor: Actor) -> None:
    other = replace(put("letter.txt", b"first", alice_actor), b"second", alice_actor)
    new = put("scan.txt", b"third", alice_actor)
    given = give_to(new, other, by=alice_actor)
    assert given.pk == other.pk
    assert [bytes_of(v) for v in other.versions.order_by("number")] == [b"first", b"second", b"third"]
    given.refresh_from_db()
    assert given.current_version.number == 3  # type: ignore[union-attr]
    assert not Document.objects.filter(pk=new.pk).exists()
    assert counters(alice) == (16, 0)
    assert not PendingDeletion.objects.exists()
    with pytest.raises(access.NotVisible):
        give_to(other, other, by=alice_actor)


def test_a_twin_is_dropped_only_while_the_other_holds_the_bytes(alice: User, alice_actor: Actor) -> None:
    one, two = put("one", b"same", alice_actor), put("two", b"same", alice_actor)
    different = put("three", b"else", alice_actor)
    with pytest.raises(access.NotVisible):
        drop_twin(two, different, by=alice_actor)
    with pytest.raises(access.NotVisible):
        drop_twin(two, two, by=alice_actor)
    Version.objects.filter(document=one).update(flaw="missing")
    with pytest.raises(access.NotVisible):
        drop_twin(two, one, by=alice_actor)
    Version.objects.filter(document=one).update(flaw="")
    drop_twin(two, one, by=alice_actor)
    assert not Document.objects.filter(pk=two.pk).exists()
    assert counters(alice) == (8, 0)
    assert bytes_of(one.versions.get()) == b"same"
    with pytest.raises(access.NotVisible):
        drop_twin(two, one, by=alice_actor)


def test_renaming_leaves_versions_alone(alice_actor: Actor) -> None:
    document = replace(put("letter.txt", b"first", alice_actor), b"second", alice_actor)
    assert rename_document(document, "b.txt", by=alice_actor).versions.count() == 2
