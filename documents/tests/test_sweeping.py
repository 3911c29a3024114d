"""Sweeping, comparing, reading again: what nobody names goes in the end, what is lost is told, two at once are safe."""

import io
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import User
from documents import jobs, tasks, uploads
from documents.actions.trash import purge, trash_document
from documents.identity import WrongBucket
from documents.models import (
    Document,
    JobRun,
    PendingDeletion,
    StrayObject,
    UpkeepRun,
    VaultIdentity,
    Version,
)
from documents.storage import ObjectStore, StoredObject, StoreError, StoreUnavailable, new_key, store
from documents.tests.making import at_once, put
from documents.upkeep import sweeping
from documents.upkeep.alarm import TASK
from documents.upkeep.rehashing import rehash
from documents.upkeep.rounds import AlreadyUnderWay, only_one
from documents.upkeep.sweeping import reconcile, sweep
from sharing.models import AuditEvent

BY = Actor.job()
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Bucket:
    """What a listing shows: the objects that this test puts, as old as it says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.listed = ObjectStore.objects
        self.before = {item.key for item in store().objects()}
        self.written_at = LONG_AGO
        self.more: list[str] = []
        monkeypatch.setattr(ObjectStore, "objects", lambda *args, **kwargs: self.objects())

    def objects(self) -> Iterator[StoredObject]:
        items = {item.key: item.size_bytes for item in self.listed(store()) if item.key not in self.before}
        items |= dict.fromkeys(self.more, 1)
        return (StoredObject(key, items[key], self.written_at) for key in sorted(items))


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    return Bucket(monkeypatch)


def noted() -> set[str]:
    return set(PendingDeletion.objects.values_list("object_key", flat=True))


def a_day_passes() -> None:
    StrayObject.objects.update(first_seen_at=now() - timedelta(hours=25))


def told(action: str) -> list[dict[str, Any]]:
    return [row.metadata for row in AuditEvent.objects.filter(action=action).order_by("id")]


def test_f38_an_object_without_a_row_is_seen_twice_with_a_grace_between_before_it_is_noted(
    bucket: Bucket, db: None
) -> None:
    key = new_key()
    store().put(key, b"x")
    sweep(by=BY)
    sweep(by=BY)
    assert noted() == set()
    assert StrayObject.objects.get().object_key == key
    a_day_passes()
    sweep(by=BY)
    assert noted() == {key}
    assert not StrayObject.objects.exists()
    assert PendingDeletion.objects.get().due_at > now() + timedelta(minutes=50)
    assert told("object_condemned") == [{"size_bytes": 1}]
    assert told("storage_swept") == [{"count": 1}]
    sweep(by=BY)
    PendingDeletion.objects.update(due_at=now())
    tasks.purge_objects()
    assert key not in {item.key for item in bucket.objects()}


def test_a_stray_that_gets_a_row_or_goes_is_forgotten(bucket: Bucket, alice_actor: Actor) -> None:
    named, gone = new_key(), new_key()
    for key in (named, gone):
        store().put(key, b"x")
    sweep(by=BY)
    assert StrayObject.objects.count() == 2
    uploads.begin_upload("a", 3, None, by=alice_actor, object_key=named)
    store().delete(gone)
    a_day_passes()
    sweep(by=BY)
    assert noted() == set()
    assert not StrayObject.objects.exists()


def test_a_sweep_leaves_what_is_young_named_noted_or_not_of_our_making(bucket: Bucket, alice_actor: Actor) -> None:
    put("a", None, alice_actor)
    under_way, waiting, staged = new_key(), new_key(), b"12345"
    uploads.begin_upload("b", 3, None, by=alice_actor, object_key=under_way)
    store().put(under_way, b"x")
    store().put(waiting, b"x")
    PendingDeletion.objects.create(object_key=waiting, due_at=now() + timedelta(days=1))
    pieces = uploads.begin_upload("c", 10, None, by=alice_actor)
    uploads.receive(pieces.pk, 0, io.BytesIO(staged), 5, by=alice_actor)
    bucket.more.append("backup/of-the-admin.tar")
    run = sweep(by=BY)
    assert not StrayObject.objects.exists()
    assert run.details["foreign_objects"] == 1
    bucket.written_at = now() - timedelta(hours=23)
    store().put(new_key(), b"x")
    sweep(by=BY)
    assert not StrayObject.objects.exists()


def test_a_sweep_that_would_take_too_much_stops_and_tells_the_admins_once(
    bucket: Bucket, admin_person: User, alice: User, settings: Any
) -> None:
    bucket.more = [new_key() for _ in range(sweeping.FLOOR + 1)]
    sweep(by=BY)
    a_day_passes()
    for _round in range(2):
        run = sweep(by=BY)
        assert run.details["stopped"] == 1
    assert noted() == set()
    assert AuditEvent.objects.filter(action="storage_swept", result="refused").count() == 2
    (job,) = JobRun.objects.filter(task=TASK)
    jobs.run(str(job.pk))
    (letter,) = mail.outbox
    assert letter.to == [admin_person.email]
    assert "stopped and deleted none" in letter.body
    assert "/admin/storage/" in letter.body
    settings.SWEEP_MAX_SHARE = 1.0
    assert sweep(by=BY).details["condemned"] == sweeping.FLOOR + 1
    assert noted() == set(bucket.more)


def test_f39_a_backup_under_way_or_a_hold_keeps_what_was_condemned(
    bucket: Bucket, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_key()
    store().put(key, b"x")
    sweep(by=BY)
    a_day_passes()
    with monkeypatch.context() as busy:
        busy.setattr("documents.upkeep.repairs.may_delete_objects", lambda: False)
        sweep(by=BY)
    assert noted() == set()
    VaultIdentity.objects.update_or_create(pk=1, defaults={"is_held": True})
    run = sweep(by=BY)
    assert run.details == {"held": 1}
    PendingDeletion.objects.create(object_key=key)
    tasks.purge_objects()
    assert key in {item.key for item in bucket.objects()}


def test_f39_a_bucket_of_another_vault_is_neither_swept_nor_marked(
    bucket: Bucket, alice_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = put("a", None, alice_actor)
    monkeypatch.setattr(ObjectStore, "read_identity", lambda self: "somebody-elses")
    store().delete(document.object_key)
    for go in (sweep, reconcile, rehash):
        with pytest.raises(WrongBucket):
            go(by=BY)
    assert Version.objects.get().flaw == ""


def test_multipart_uploads_left_by_the_dead_are_ended(bucket: Bucket, db: None, settings: Any) -> None:
    key = new_key()
    store().begin_multipart(key)
    sweep(by=BY)
    assert key in {name for name, _id, _at in store().list_multipart()}
    settings.SWEEP_GRACE_HOURS = -1 / 60
    sweep(by=BY)
    assert key not in {name for name, _id, _at in store().list_multipart()}


def test_the_nightly_comparison_removes_what_the_store_left_of_puts_that_broke_off(
    bucket: Bucket, alice_actor: Actor, tmp_path: Path, settings: Any
) -> None:
    put("a", None, alice_actor)
    settings.STORE_ROOT = str(tmp_path)
    folder = tmp_path / settings.S3_BUCKET / "ab"
    folder.mkdir(parents=True)
    for name, days in ((".rclone_temp_put_old", 2), (".rclone_temp_put_young", 0)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - days * 86400 - 60,) * 2)
    sweep(by=BY)
    assert len(list(folder.iterdir())) == 2
    assert reconcile(by=BY).details["files"] == 1
    assert [path.name for path in folder.iterdir()] == [".rclone_temp_put_young"]


def test_a_store_that_lists_out_of_order_ends_the_round_before_anything_is_done(
    bucket: Bucket, alice_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        put(name, None, alice_actor)
    items = list(bucket.objects())[::-1]
    monkeypatch.setattr(ObjectStore, "objects", lambda self: iter(items))
    with pytest.raises(StoreError):
        reconcile(by=BY)
    assert not Version.objects.exclude(flaw="").exists()
    run = UpkeepRun.objects.get()
    assert "does not list in the order" in run.failure
    assert run.finished_at is not None


# --- F13, F14: bytes that rot or go ------------------------------------------------------------------------


def rot(document: Document, data: bytes = b"rotten") -> None:
    """Other bytes under the same key, as a bad disk would have it."""
    store().put(document.object_key, data)


def test_f14_an_object_deleted_behind_our_back_is_marked_told_and_mended_when_it_is_back(
    bucket: Bucket, alice_actor: Actor, admin_person: User
) -> None:
    lost, fine = put("lost", None, alice_actor), put("fine", None, alice_actor)
    store().delete(lost.object_key)
    run = reconcile(by=BY)
    assert (run.details["flaws_found"], run.details["flawed"], run.breaches) == (1, 1, 1)
    assert dict(Version.objects.values_list("document__name", "flaw")) == {"lost": "missing", "fine": ""}
    assert reconcile(by=BY).details["flaws_found"] == 0
    assert told("flaw_found") == [{"reason": "missing", "version": 1}]
    tasks.alarm_admins()
    assert "missing or damaged" in mail.outbox[0].body
    store().put(lost.object_key, b"paper")
    assert reconcile(by=BY).details["flaws_gone"] == 1
    assert not Version.objects.exclude(flaw="").exists()
    assert told("flaw_gone") == [{"reason": "missing", "version": 1}]
    assert Version.objects.get(document=lost).checked_at is not None
    assert Version.objects.get(document=fine).checked_at is None


def test_f14_other_bytes_of_the_same_size_take_no_flaw_away(bucket: Bucket, alice_actor: Actor) -> None:
    document = put("a", None, alice_actor)
    store().delete(document.object_key)
    reconcile(by=BY)
    rot(document, b"PAPER")
    reconcile(by=BY)
    assert Version.objects.get().flaw == "missing"


def test_f13_an_object_of_another_size_is_damaged(bucket: Bucket, alice_actor: Actor) -> None:
    document = put("a", None, alice_actor)
    rot(document, b"pap")
    reconcile(by=BY)
    assert Version.objects.get().flaw == "damaged"


def test_f13_wrong_bytes_of_the_right_size_are_found_by_reading_again_and_never_repaired(
    bucket: Bucket, alice_actor: Actor
) -> None:
    document, fine = put("a", None, alice_actor), put("b", None, alice_actor)
    rot(document, b"PAPER")
    assert reconcile(by=BY).details["flaws_found"] == 0
    run = rehash_all()
    assert run.details == {"read": 2, "flaws_found": 1, "left": 0, "left_bytes": 0}
    assert run.bytes_read == 15  # what differs is read once more
    assert Version.objects.get(document=document).flaw == "damaged"
    assert Version.objects.get(document=document).checked_at is None
    assert b"".join(store().open(document.object_key)) == b"PAPER"
    assert Version.objects.get(document=fine).checked_at is not None
    assert told("flaw_found") == [{"reason": "damaged", "version": 1}]
    rot(document, b"paper")
    assert reconcile(by=BY).details["flaws_gone"] == 1


def test_f13_a_bad_way_once_is_not_a_bad_disk(
    bucket: Bucket, alice_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("a", None, alice_actor)
    original, answers = ObjectStore.open, [iter([b"PAPER"])]

    def once_wrong(self: ObjectStore, key: str, *args: Any) -> Any:
        return answers.pop() if answers else original(self, key, *args)

    monkeypatch.setattr(ObjectStore, "open", once_wrong)
    assert rehash_all().details["flaws_found"] == 0
    assert Version.objects.get().flaw == ""


def rehash_all() -> UpkeepRun:
    from django.test import override_settings

    with override_settings(REHASH_SHARE=1.0):
        return rehash(by=BY)


def test_each_night_reads_its_share_longest_unread_first_and_no_more_than_its_bytes(
    bucket: Bucket, alice_actor: Actor, settings: Any
) -> None:
    for number in range(10):
        put(f"{number}", None, alice_actor)
    settings.REHASH_SHARE = 0.3
    for read in (3, 6, 9, 10):
        assert rehash(by=BY).details["read"] == 3
        assert Version.objects.exclude(checked_at=None).count() == read
    settings.REHASH_SHARE, settings.REHASH_MAX_BYTES = 1.0, 12
    assert rehash(by=BY).bytes_read == 10
    settings.REHASH_MAX_BYTES = 3
    assert rehash(by=BY).bytes_read == 5  # one at least, however large it is


def test_a_night_that_is_too_short_goes_on_in_another_job_and_reads_no_more_than_the_night_had(
    bucket: Bucket, alice_actor: Actor, settings: Any
) -> None:
    for number in range(6):
        put(f"{number}", None, alice_actor)
    settings.REHASH_SHARE, settings.JOB_TIMEOUT_SECONDS = 0.5, -1
    tasks.rehash_objects()
    settings.JOB_TIMEOUT_SECONDS = 900
    job = JobRun.objects.get(task="documents.tasks.rehash_objects")
    assert job.arguments == [3, settings.REHASH_MAX_BYTES]
    jobs.run(str(job.pk))
    assert JobRun.objects.filter(task="documents.tasks.rehash_objects").count() == 1
    assert Version.objects.exclude(checked_at=None).count() == 3


def test_with_the_store_away_nothing_is_marked_and_the_round_says_so(
    bucket: Bucket, alice_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("a", None, alice_actor)

    def away(*args: object, **kwargs: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(ObjectStore, "objects", away)
    monkeypatch.setattr(ObjectStore, "open", away)
    for go in (sweep, reconcile, rehash_all):
        with pytest.raises(StoreUnavailable):
            go(**({} if go is rehash_all else {"by": BY}))
    assert Version.objects.get().flaw == ""
    assert set(UpkeepRun.objects.values_list("failure", flat=True)) == {"StoreUnavailable: away"}


# --- F44: two at once, and beside people who write -----------------------------------------------------------


def test_f44_a_second_sweeper_leaves_at_once(bucket: Bucket, db: None) -> None:
    with only_one(), pytest.raises(AlreadyUnderWay):
        sweep(by=BY)
    with only_one():
        tasks.sweep_objects()
        tasks.reconcile()
    assert not UpkeepRun.objects.exists()
    sweep(by=BY)


@pytest.mark.django_db(transaction=True)
def test_f44_sweepers_at_once_beside_uploads_and_purges_take_nothing_that_lives(
    bucket: Bucket, alice_actor: Actor, settings: Any
) -> None:
    settings.SWEEP_GRACE_HOURS = -1  # every object is old enough, at once
    settings.SWEEP_MAX_SHARE = 1.0
    entries = [trash_document(put(f"old {n}", None, alice_actor), by=alice_actor) for n in range(6)]
    strays = [new_key() for _ in range(5)]
    for key in strays:
        store().put(key, b"x")
    unfinished = uploads.begin_upload("under way", 10, None, by=alice_actor)
    uploads.receive(unfinished.pk, 0, io.BytesIO(b"12345"), 5, by=alice_actor)

    def swept(go: Callable[..., UpkeepRun]) -> Callable[[], object]:
        return lambda: go(by=BY)

    acts: list[Callable[[], object]] = [swept(sweep), swept(sweep), swept(reconcile), swept(reconcile)]
    acts += [lambda n=n: put(f"new {n}", None, alice_actor) for n in range(6)]  # type: ignore[misc]
    acts += [lambda entry=entry: purge(entry, by=alice_actor) for entry in entries]  # type: ignore[misc]
    for _round in range(3):
        answers = at_once(acts)
        assert not [a for a in answers if isinstance(a, Exception) and not isinstance(a, AlreadyUnderWay)]
        acts = acts[:4]
    PendingDeletion.objects.update(due_at=now())
    tasks.purge_objects()
    left = {item.key for item in bucket.objects()}
    assert left.isdisjoint(strays)
    for document in Document.objects.all():
        assert b"".join(store().open(document.object_key)) == b"paper"
    assert Document.objects.count() == 6
    uploads.receive(unfinished.pk, 5, io.BytesIO(b"67890"), 5, by=alice_actor)
    finished = uploads.finish_upload(unfinished.pk, by=alice_actor)
    assert finished is not None
    assert b"".join(store().open(finished.object_key)) == b"1234567890"
    assert not Version.objects.exclude(flaw="").exists()


def test_rows_come_from_a_cursor_on_the_server(bucket: Bucket, alice_actor: Actor) -> None:
    from documents.upkeep.matching import versions_by_key

    put("a", None, alice_actor)
    rows = versions_by_key()
    next(rows)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors WHERE statement LIKE '%FROM versions%'")
        assert cursor.fetchone()[0] >= 1
