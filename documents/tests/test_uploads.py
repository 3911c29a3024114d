"""Bytes on their way in: exact, counted, resumable, and nothing left behind when they do not arrive."""

import hashlib
import io
import os
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import Quota, User
from accounts.quota import QuotaExceeded
from documents import jobs, tasks, uploads
from documents.actions.trash import trash_folder
from documents.models import Document, JobRun, JobState, PendingDeletion, Upload, UploadPiece, UploadState, Version
from documents.names import InvalidName
from documents.storage import StoreUnavailable, new_key, store
from documents.tests.making import at_once, folders, put
from documents.uploads import PIECE_BYTES, TooLarge, UploadEnded, UploadRefused, WrongOffset, staged
from sharing.access import NotAllowed, NotVisible
from sharing.models import AuditEvent, Share, ShareLevel


def counters(user: User) -> tuple[int, int]:
    row = Quota.objects.get(user=user)
    return row.used_bytes, row.reserved_bytes


def objects() -> set[str]:
    return {item.key for item in store().objects()}


def content(document: Document) -> bytes:
    return b"".join(store().open(document.object_key))


class Cut(io.RawIOBase):
    """A body that breaks off after some bytes, as a vanished client's does."""

    def __init__(self, data: bytes) -> None:
        self.data = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        if chunk := self.data.read(size):
            return chunk
        raise OSError("gone")


# --- One pass ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 100_000, 9 * 1024 * 1024])
def test_what_comes_in_is_kept_exactly_and_counted(size: int, alice: User, alice_actor: Actor) -> None:
    data = os.urandom(size)
    document = put("a.bin", None, alice_actor, data)
    assert content(document) == data
    assert document.sha256 == hashlib.sha256(data).hexdigest()
    version = Version.objects.get(document=document)
    assert (version.object_key, version.size_bytes, version.number) == (document.object_key, size, 1)
    assert document.current_version == version
    assert counters(alice) == (size, 0)
    event = AuditEvent.objects.get(action="document_added")
    assert event.metadata["sha256"] == document.sha256


def test_less_than_announced_is_settled_to_what_came(alice: User, alice_actor: Actor) -> None:
    document = uploads.store_stream("a", iter([b"123"]), None, size_bound=1000, by=alice_actor)
    assert document.size_bytes == 3
    assert counters(alice) == (3, 0)


def test_a27_a130_more_than_announced_is_cut_and_leaves_nothing(alice: User, alice_actor: Actor) -> None:
    before = objects()
    with pytest.raises(TooLarge):
        uploads.store_stream("a", iter([b"12345", b"6"]), None, size_bound=5, by=alice_actor)
    assert counters(alice) == (0, 0)
    assert not Document.objects.exists()
    tasks.purge_objects()
    assert objects() == before


def test_a26_a_stream_that_breaks_leaves_nothing(alice: User, alice_actor: Actor) -> None:
    before = objects()

    def breaking() -> Iterator[bytes]:
        yield b"x" * (9 * 1024 * 1024)
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        uploads.store_stream("a", breaking(), None, size_bound=10**8, by=alice_actor)
    assert counters(alice) == (0, 0)
    tasks.purge_objects()
    assert objects() == before
    assert Upload.objects.get().state == UploadState.FAILED
    assert AuditEvent.objects.filter(action="upload_failed").exists()


def test_what_does_not_fit_is_refused_before_a_byte_is_read(alice: User, alice_actor: Actor) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=10)

    def untouched() -> Iterator[bytes]:
        yield from ()
        pytest.fail("the stream was read")

    with pytest.raises(QuotaExceeded):
        uploads.store_stream("a", untouched(), None, size_bound=11, by=alice_actor)
    assert not Upload.objects.exists()
    assert AuditEvent.objects.filter(action="quota_refused").exists()


@override_settings(MAX_FILE_BYTES=10)
def test_one_file_has_a_largest_size(alice_actor: Actor) -> None:
    with pytest.raises(TooLarge):
        put("a", None, alice_actor, b"x" * 11)


def test_a_name_that_cannot_be_kept_is_refused(alice_actor: Actor) -> None:
    with pytest.raises(InvalidName):
        put("a/b", None, alice_actor)


def test_a131_bytes_in_a_shared_folder_count_for_its_owner(
    alice: User, alice_actor: Actor, bob: User, bob_actor: Actor
) -> None:
    car = folders("Car", alice_actor)
    with pytest.raises(NotVisible):
        put("b.txt", car, bob_actor)
    share = Share.objects.create(folder=car, recipient=bob, shared_by=alice, level=ShareLevel.VIEW)
    with pytest.raises(NotAllowed):
        put("b.txt", car, bob_actor)
    Share.objects.filter(pk=share.pk).update(level=ShareLevel.EDIT)
    document = put("b.txt", car, bob_actor, b"12345")
    assert document.user_id == alice.pk
    assert counters(alice) == (5, 0)
    assert counters(bob) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_f18_a129_two_at_once_at_the_edge_of_the_quota_let_one_in(alice: User, alice_actor: Actor) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=1000)
    results = at_once([partial(put, f"{n}", None, alice_actor, b"x" * 600) for n in range(8)])
    assert sum(isinstance(result, Document) for result in results) == 1
    assert all(isinstance(result, Document | QuotaExceeded) for result in results), results
    assert counters(alice) == (600, 0)


def test_a_store_that_is_away_is_told_and_leaves_no_half_thing(
    alice: User, alice_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr("documents.storage.ObjectStore.put", away)
    with pytest.raises(StoreUnavailable):
        put("a", None, alice_actor)
    assert counters(alice) == (0, 0)
    assert not Document.objects.exists()


# --- Staged -----------------------------------------------------------------------------------------------


def begin(size: int, by: Actor, name: str = "a.bin") -> Upload:
    return uploads.begin_upload(name, size, None, by=by)


def test_a_small_file_that_comes_whole_is_filed_at_once(alice: User, alice_actor: Actor) -> None:
    data = os.urandom(5000)
    upload = begin(5000, alice_actor)
    assert counters(alice) == (0, 5000)
    row = uploads.receive(upload.pk, 0, io.BytesIO(data), 5000, by=alice_actor)
    assert (row.state, row.received_bytes) == (UploadState.DONE, 5000)
    document = Document.objects.get()
    assert row.document == document
    assert content(document) == data
    assert document.sha256 == hashlib.sha256(data).hexdigest()
    assert counters(alice) == (5000, 0)
    assert not UploadPiece.objects.exists()
    assert not PendingDeletion.objects.exists()


def test_an_object_key_that_was_noted_and_not_used_is_forgotten(alice: User, alice_actor: Actor) -> None:
    key = new_key()
    upload = uploads.begin_upload("a", 3, None, by=alice_actor, object_key=key)
    store().put(key, b"x")  # the process that wrote it died before it could name it
    uploads.receive(upload.pk, 0, io.BytesIO(b"abc"), 3, by=alice_actor)
    tasks.purge_objects()
    assert key not in objects()
    assert content(Document.objects.get()) == b"abc"


def test_one_piece_becomes_the_document_without_a_copy(alice: User, alice_actor: Actor) -> None:
    data = os.urandom(5000)
    upload = begin(5000, alice_actor)
    with_nothing_more(upload, data, alice_actor)
    key = UploadPiece.objects.get().object_key
    document = uploads.finish_upload(upload.pk, by=alice_actor)
    assert document is not None
    assert document.object_key == key
    assert content(document) == data
    assert counters(alice) == (5000, 0)
    assert not UploadPiece.objects.exists()
    assert not PendingDeletion.objects.exists()


def with_nothing_more(upload: Upload, data: bytes, by: Actor) -> None:
    """All bytes as one staged piece, not filed yet: as if the process died between the two steps."""
    staging = staged.Staging(upload, 0)
    staging.add(data)
    staging.settle()


def test_a_file_in_many_pieces_is_put_together_and_the_pieces_go(alice_actor: Actor) -> None:
    data = os.urandom(PIECE_BYTES * 2 + 777)
    upload = begin(len(data), alice_actor)
    for start, end in ((0, 100), (100, PIECE_BYTES + 5), (PIECE_BYTES + 5, len(data))):
        uploads.receive(upload.pk, start, io.BytesIO(data[start:end]), end - start, by=alice_actor)
    pieces = {piece.object_key for piece in UploadPiece.objects.all()}
    assert len(pieces) >= 3
    document = uploads.finish_upload(upload.pk, by=alice_actor)
    assert document is not None
    assert content(document) == data
    tasks.purge_objects()
    assert not pieces & objects()
    assert document.object_key in objects()


def test_a_cut_keeps_what_arrived_and_it_goes_on_from_there(alice_actor: Actor) -> None:
    data = os.urandom(3000)
    upload = begin(3000, alice_actor)
    row = uploads.receive(upload.pk, 0, Cut(data[:1234]), 3000, by=alice_actor)  # type: ignore[arg-type]
    assert row.received_bytes == 1234
    with pytest.raises(WrongOffset) as told:
        uploads.receive(upload.pk, 0, io.BytesIO(data), 3000, by=alice_actor)
    assert told.value.offset == 1234
    with pytest.raises(WrongOffset):
        uploads.finish_upload(upload.pk, by=alice_actor)
    uploads.receive(upload.pk, 1234, io.BytesIO(data[1234:]), None, by=alice_actor)
    document = uploads.finish_upload(upload.pk, by=alice_actor)
    assert document is not None
    assert content(document) == data


def test_a27_a130_more_than_announced_is_refused_and_changes_nothing(alice: User, alice_actor: Actor) -> None:
    upload = begin(10, alice_actor)
    with pytest.raises(TooLarge):
        uploads.receive(upload.pk, 0, io.BytesIO(b"x" * 11), 11, by=alice_actor)
    upload.refresh_from_db()
    assert upload.received_bytes == 0
    assert counters(alice) == (0, 10)


def test_a29_one_upload_is_one_document_however_often_it_is_finished(alice: User, alice_actor: Actor) -> None:
    upload = begin(3, alice_actor)
    with_nothing_more(upload, b"abc", alice_actor)
    first = uploads.finish_upload(upload.pk, by=alice_actor)
    assert first is not None
    assert uploads.finish_upload(upload.pk, by=alice_actor) == first
    assert uploads.assemble(upload.pk, by=alice_actor) == first
    with pytest.raises(WrongOffset) as told:
        uploads.receive(upload.pk, 0, io.BytesIO(b"xyz"), 3, by=alice_actor)
    assert told.value.offset == 3
    assert Document.objects.count() == 1
    assert counters(alice) == (3, 0)


@pytest.mark.django_db(transaction=True)
def test_f26_a29_finished_by_eight_at_once_it_is_still_one(alice: User, alice_actor: Actor) -> None:
    data = os.urandom(PIECE_BYTES + 10)
    upload = begin(len(data), alice_actor)
    uploads.receive(upload.pk, 0, io.BytesIO(data), len(data), by=alice_actor)
    results = at_once([partial(uploads.finish_upload, upload.pk, by=alice_actor)] * 8)
    assert all(result is None or isinstance(result, Document) for result in results), results
    assert content(Document.objects.get()) == data
    assert counters(alice) == (len(data), 0)


@pytest.mark.django_db(transaction=True)
def test_f26_put_together_by_a_request_and_its_job_at_once_it_is_still_one(alice: User, alice_actor: Actor) -> None:
    data = os.urandom(PIECE_BYTES + 10)
    upload = begin(len(data), alice_actor)
    uploads.receive(upload.pk, 0, io.BytesIO(data), len(data), by=alice_actor)
    Upload.objects.filter(pk=upload.pk).update(state=UploadState.FINISHING)
    results = at_once([partial(uploads.assemble, upload.pk, by=alice_actor)] * 4)
    assert len({result.pk for result in results if isinstance(result, Document)}) == 1
    assert content(Document.objects.get()) == data
    assert counters(alice) == (len(data), 0)
    PendingDeletion.objects.update(due_at=now())
    tasks.purge_objects()
    assert {Document.objects.get().object_key} == objects() & {v.object_key for v in Version.objects.all()}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", [1000, PIECE_BYTES + 1])
def test_a29_bytes_sent_by_four_requests_at_once_are_taken_once(size: int, alice: User, alice_actor: Actor) -> None:
    before = objects()
    upload = begin(size, alice_actor)
    results = at_once(
        [partial(uploads.receive, upload.pk, 0, io.BytesIO(bytes([n]) * size), size, by=alice_actor) for n in range(4)]
    )
    assert sum(isinstance(result, WrongOffset) for result in results) == 3, results
    document = Document.objects.first() or uploads.finish_upload(upload.pk, by=alice_actor)
    assert document is not None
    assert content(document) in {bytes([n]) * size for n in range(4)}
    tasks.purge_objects()
    assert objects() - before == {document.object_key}
    assert counters(alice) == (size, 0)


def test_an_empty_file_needs_no_bytes(alice_actor: Actor) -> None:
    document = uploads.finish_upload(begin(0, alice_actor).pk, by=alice_actor)
    assert document is not None
    assert (document.size_bytes, content(document)) == (0, b"")
    uploads.receive(begin(0, alice_actor, "b").pk, 0, io.BytesIO(b""), 0, by=alice_actor)
    assert Document.objects.get(name="b").sha256 == hashlib.sha256(b"").hexdigest()


def test_stopping_gives_the_bytes_back_and_ends_it(alice: User, alice_actor: Actor) -> None:
    before = objects()
    upload = begin(3000, alice_actor)
    uploads.receive(upload.pk, 0, Cut(b"x" * 1000), 3000, by=alice_actor)  # type: ignore[arg-type]
    uploads.cancel_upload(upload.pk, by=alice_actor)
    uploads.cancel_upload(upload.pk, by=alice_actor)
    assert counters(alice) == (0, 0)
    with pytest.raises(UploadEnded):
        uploads.receive(upload.pk, 1000, io.BytesIO(b"x"), 1, by=alice_actor)
    tasks.purge_objects()
    assert objects() == before


def test_what_is_left_lying_expires(alice: User, alice_actor: Actor) -> None:
    upload, other = begin(100, alice_actor), begin(50, alice_actor)
    Upload.objects.filter(pk=upload.pk).update(expires_at=now() - timedelta(seconds=1))
    tasks.expire_uploads()
    upload.refresh_from_db()
    assert upload.state == UploadState.EXPIRED
    assert counters(alice) == (0, 50)
    assert Upload.objects.get(pk=other.pk).state == UploadState.RECEIVING


def last_step(upload: Upload, is_staged: bool, by: Actor) -> None:
    if is_staged:
        uploads.finish_upload(upload.pk, by=by)
    else:
        uploads.receive(upload.pk, 0, io.BytesIO(b"abc"), 3, by=by)


@pytest.mark.parametrize("is_staged", [True, False])
def test_a33_a_folder_thrown_away_meanwhile_refuses_the_end_and_gives_the_bytes_back(
    is_staged: bool, alice: User, alice_actor: Actor
) -> None:
    before = objects()
    car = folders("Car", alice_actor)
    upload = uploads.begin_upload("a", 3, car, by=alice_actor)
    if is_staged:
        with_nothing_more(upload, b"abc", alice_actor)
    trash_folder(car, by=alice_actor)
    with pytest.raises(UploadRefused):
        last_step(upload, is_staged, alice_actor)
    assert counters(alice) == (0, 0)
    assert not Document.objects.exists()
    upload.refresh_from_db()
    assert (upload.state, upload.failure) == (
        UploadState.FAILED,
        "The folder is gone. Choose another place and send the file again.",
    )
    PendingDeletion.objects.update(due_at=now())
    tasks.purge_objects()
    assert objects() == before


@pytest.mark.parametrize("is_staged", [True, False])
def test_a33_a_right_withdrawn_meanwhile_is_noticed_at_the_end(
    is_staged: bool, alice: User, alice_actor: Actor, bob: User, bob_actor: Actor
) -> None:
    car = folders("Car", alice_actor)
    share = Share.objects.create(folder=car, recipient=bob, shared_by=alice, level=ShareLevel.EDIT)
    upload = uploads.begin_upload("a", 3, car, by=bob_actor)
    if is_staged:
        with_nothing_more(upload, b"abc", bob_actor)
    share.delete()
    with pytest.raises(NotVisible):
        last_step(upload, is_staged, bob_actor)
    assert counters(alice) == (0, 0)


def test_f24_an_account_disabled_meanwhile_files_nothing(alice: User, alice_actor: Actor) -> None:
    upload = begin(3, alice_actor)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(NotVisible):
        uploads.receive(upload.pk, 0, io.BytesIO(b"abc"), 3, by=alice_actor)
    assert counters(alice) == (0, 0)


def test_an_upload_that_gets_on_may_take_longer_than_its_deadline(alice_actor: Actor) -> None:
    upload = begin(4, alice_actor)
    soon = now() + timedelta(minutes=5)
    Upload.objects.filter(pk=upload.pk).update(expires_at=soon)
    uploads.receive(upload.pk, 0, io.BytesIO(b"ab"), 2, by=alice_actor)
    upload.refresh_from_db()
    assert upload.expires_at > soon + timedelta(hours=100)


def test_f24_an_account_disabled_before_the_job_that_ends_its_upload_files_nothing(
    alice: User, alice_actor: Actor
) -> None:
    upload = begin(4, alice_actor)
    for at, part in ((0, b"ab"), (2, b"cd")):
        uploads.receive(upload.pk, at, io.BytesIO(part), 2, by=alice_actor)
    Upload.objects.filter(pk=upload.pk).update(state=UploadState.FINISHING)
    run = jobs.enqueue("documents.tasks.finish_upload", upload.pk)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    for _try in range(2):
        jobs.run(str(run.pk))
    upload.refresh_from_db()
    assert (upload.state, Document.objects.count(), counters(alice)) == (UploadState.FAILED, 0, (0, 0))
    run.refresh_from_db()
    assert run.state == JobState.DONE


def test_a_folder_that_has_gone_before_the_first_byte_refuses_the_beginning(alice: User, alice_actor: Actor) -> None:
    car = folders("Car", alice_actor)
    trash_folder(car, by=alice_actor)
    with pytest.raises(NotVisible):
        uploads.begin_upload("a", 3, car, by=alice_actor)
    assert counters(alice) == (0, 0)


def test_a30_another_persons_upload_is_not_there(alice_actor: Actor, bob_actor: Actor, admin_actor: Actor) -> None:
    upload = begin(3, alice_actor)
    for other in (bob_actor, admin_actor):
        with pytest.raises(NotVisible):
            uploads.receive(upload.pk, 0, io.BytesIO(b"abc"), 3, by=other)
        with pytest.raises(NotVisible):
            uploads.cancel_upload(upload.pk, by=other)


def test_a_large_file_is_finished_by_a_job_and_a_repeated_job_changes_nothing(
    alice: User, alice_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staged, "FINISH_AT_ONCE_BYTES", 1000)
    data = os.urandom(5000)
    upload = begin(5000, alice_actor)
    for start in (0, 2500):
        uploads.receive(upload.pk, start, io.BytesIO(data[start : start + 2500]), 2500, by=alice_actor)
    assert uploads.finish_upload(upload.pk, by=alice_actor) is None
    upload.refresh_from_db()
    assert upload.state == UploadState.FINISHING
    with pytest.raises(UploadRefused):
        uploads.receive(upload.pk, 5000, io.BytesIO(b"x"), 1, by=alice_actor)
    row = JobRun.objects.get(task="documents.tasks.finish_upload")
    jobs.run(str(row.pk))
    row.refresh_from_db()
    assert row.state == "done"
    tasks.finish_upload(str(upload.pk))
    document = Document.objects.get()
    assert content(document) == data
    assert counters(alice) == (5000, 0)


# --- Objects without rows, and what bytes are ------------------------------------------------------------------


def test_an_object_without_a_row_is_seen_twice_noted_and_then_deleted(alice_actor: Actor, settings: Any) -> None:
    kept = put("kept", None, alice_actor)
    orphan = new_key()
    store().put(orphan, b"x")
    tasks.sweep_objects()
    assert not PendingDeletion.objects.filter(pk=orphan).exists()
    settings.SWEEP_GRACE_HOURS = -1 / 60
    settings.SWEEP_MAX_SHARE = 1.0  # what other tests have left here is not kept either
    tasks.sweep_objects()
    assert not PendingDeletion.objects.filter(pk=orphan).exists()
    tasks.sweep_objects()
    assert not PendingDeletion.objects.filter(pk=kept.object_key).exists()
    PendingDeletion.objects.filter(pk=orphan).update(due_at=now())
    tasks.purge_objects()
    assert orphan not in objects()
    assert kept.object_key in objects()


def test_a_note_for_an_object_that_a_row_names_deletes_nothing(alice_actor: Actor) -> None:
    document = put("a", None, alice_actor)
    PendingDeletion.objects.create(object_key=document.object_key)
    tasks.purge_objects()
    assert not PendingDeletion.objects.exists()
    assert content(document) == b"paper"


@pytest.mark.django_db(transaction=True)
def test_f26_two_purges_at_once_delete_each_object_once(alice_actor: Actor) -> None:
    for _ in range(30):
        key = new_key()
        store().put(key, b"x")
        PendingDeletion.objects.create(object_key=key)
    results = at_once([tasks.purge_objects] * 2)
    assert results == [None, None]
    assert not PendingDeletion.objects.exists()
    told = AuditEvent.objects.filter(action="objects_deleted")
    assert sum(event.metadata["count"] for event in told) == 30


def test_every_file_of_the_corpus_comes_out_as_it_went_in(corpus: Path, alice: User, alice_actor: Actor) -> None:
    files = sorted(path for path in corpus.rglob("*") if path.is_file() and path.name != "MANIFEST.tsv")
    assert len(files) >= 199
    Quota.objects.filter(user=alice).update(limit_bytes=10**9)
    for path in files:
        data = path.read_bytes()
        document = put(path.name, None, alice_actor, data)
        assert content(document) == data, path
        assert document.sha256 == hashlib.sha256(data).hexdigest()
    assert counters(alice) == (sum(path.stat().st_size for path in files), 0)
