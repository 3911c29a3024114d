"""What runs in the background about bytes: repeated, doubled, and with the store away."""

import io
import os
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import Quota, User
from documents import jobs, tasks, uploads
from documents.actions.trash import trash_folder
from documents.models import Document, JobRun, JobState, PendingDeletion, Upload, UploadState
from documents.storage import ObjectStore, StoreUnavailable, new_key, store
from documents.tests.making import folders
from documents.uploads import PIECE_BYTES, staged
from sharing.models import AuditEvent


def objects() -> set[str]:
    return {item.key for item in store().objects()}


def noted(count: int) -> list[str]:
    keys = [new_key() for _ in range(count)]
    for key in keys:
        store().put(key, b"x")
        PendingDeletion.objects.create(object_key=key)
    return keys


def test_what_is_noted_is_deleted_and_told(db: None) -> None:
    keys = noted(5)
    tasks.purge_objects()
    tasks.purge_objects()
    assert not objects() & set(keys)
    assert not PendingDeletion.objects.exists()
    assert AuditEvent.objects.get(action="objects_deleted").metadata["count"] == 5


def test_a_note_is_left_until_it_is_due(db: None) -> None:
    (key,) = noted(1)
    PendingDeletion.objects.update(due_at=now() + timedelta(hours=1))
    tasks.purge_objects()
    assert key in objects()


def test_with_the_store_away_a_purge_stops_waits_longer_and_loses_no_note(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = noted(3)
    tries: list[str] = []

    def away(self: ObjectStore, key: str) -> None:
        tries.append(key)
        raise StoreUnavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(ObjectStore, "delete", away)
        with pytest.raises(StoreUnavailable):
            tasks.purge_objects()
    assert len(tries) == 1
    row = PendingDeletion.objects.get(pk=tries[0])
    assert (row.attempts, row.last_error) == (1, "away")
    assert row.due_at > now()
    PendingDeletion.objects.update(due_at=now())
    tasks.purge_objects()
    assert not objects() & set(keys)


def test_a_key_that_an_upload_under_way_names_is_not_deleted(alice_actor: Actor) -> None:
    (key,) = noted(1)
    upload = uploads.begin_upload("a", 3, None, by=alice_actor, object_key=key)
    tasks.purge_objects()
    assert key in objects()
    uploads.cancel_upload(upload.pk, by=alice_actor)
    tasks.purge_objects()
    assert key not in objects()


def test_everything_late_expires_however_much_it_is(
    alice: User, alice_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(7):
        uploads.begin_upload(f"{n}", 10, None, by=alice_actor)
    Upload.objects.update(expires_at=now() - timedelta(seconds=1))
    original: Callable[..., int] = uploads.expire_uploads
    monkeypatch.setattr(uploads, "expire_uploads", lambda: original(limit=3))
    tasks.expire_uploads()
    assert set(Upload.objects.values_list("state", flat=True)) == {UploadState.EXPIRED}
    assert Quota.objects.get(user=alice).reserved_bytes == 0


def test_an_upload_whose_request_died_is_finished_by_its_job_later(
    alice: User, alice_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = os.urandom(PIECE_BYTES + 100)
    upload = uploads.begin_upload("a", len(data), None, by=alice_actor)
    staging = staged.Staging(upload, 0)
    for start in (0, PIECE_BYTES):
        staging.add(data[start : start + PIECE_BYTES])
    staging.settle()

    def killed(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("documents.uploads.staged.assemble", killed)
        with pytest.raises(KeyboardInterrupt):
            uploads.finish_upload(upload.pk, by=alice_actor)
    row = JobRun.objects.get(task="documents.tasks.finish_upload")
    assert row.due_at > now()
    jobs.run(str(row.pk))
    upload.refresh_from_db()
    assert upload.state == UploadState.DONE
    assert upload.document is not None
    assert b"".join(store().open(upload.document.object_key)) == data
    assert Quota.objects.get(user=alice).reserved_bytes == 0


@pytest.mark.parametrize("at_once", [staged.FINISH_AT_ONCE_BYTES, 10])
def test_bytes_that_have_all_come_are_filed_though_nobody_asks_for_it(
    at_once: int, alice_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process was killed when the last piece had its row: a client sees that all is there, and sends no more."""
    monkeypatch.setattr(staged, "FINISH_AT_ONCE_BYTES", at_once)
    upload = uploads.begin_upload("a", 20, None, by=alice_actor)
    for start in (0, 10):
        uploads.receive(upload.pk, start, io.BytesIO(b"0123456789"), 10, by=alice_actor)
    assert not Document.objects.exists()
    while waiting := JobRun.objects.filter(task="documents.tasks.finish_upload", state=JobState.WAITING).first():
        jobs.run(str(waiting.pk))
    document = Document.objects.get()
    assert b"".join(store().open(document.object_key)) == b"0123456789" * 2
    assert Quota.objects.get(user=alice_actor.user).reserved_bytes == 0


def test_what_was_put_together_and_may_not_be_filed_is_deleted_at_once(alice_actor: Actor) -> None:
    folder, before = folders("Car", alice_actor), objects()
    upload = uploads.begin_upload("a", 20, folder, by=alice_actor)
    for start in (0, 10):
        uploads.receive(upload.pk, start, io.BytesIO(b"0123456789"), 10, by=alice_actor)
    trash_folder(folder, by=alice_actor)
    with pytest.raises(uploads.UploadRefused):
        uploads.finish_upload(upload.pk, by=alice_actor)
    tasks.purge_objects()
    assert not PendingDeletion.objects.exists()
    assert objects() == before


def test_a_job_for_an_upload_that_is_gone_or_done_does_nothing(alice_actor: Actor) -> None:
    tasks.finish_upload("00000000-0000-4000-8000-000000000000")
    upload = uploads.begin_upload("a", 0, None, by=alice_actor)
    uploads.finish_upload(upload.pk, by=alice_actor)
    tasks.finish_upload(str(upload.pk))
    assert Upload.objects.count() == 1


def test_putting_together_outlives_an_outage_and_ends_with_a_refusal(
    alice: User, alice_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = uploads.begin_upload("a", 3, None, by=alice_actor)
    staging = staged.Staging(upload, 0)
    staging.add(b"abc")
    staging.settle()
    Upload.objects.update(state=UploadState.FINISHING)

    def away(*args: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(ObjectStore, "open", away)
        with pytest.raises(StoreUnavailable):
            tasks.finish_upload(str(upload.pk))
    upload.refresh_from_db()
    assert upload.state == UploadState.FINISHING
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(Exception, match="nothing here"):
        tasks.finish_upload(str(upload.pk))
    upload.refresh_from_db()
    assert upload.state == UploadState.FAILED
    assert Quota.objects.get(user=alice).reserved_bytes == 0
