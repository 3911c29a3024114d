"""check_vault: each invariant broken on purpose, found, and put right where that is safe."""

import io
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils.timezone import now
from django_q.models import OrmQ
from django_q.tasks import async_task

from accounts.actors import Actor
from accounts.models import Quota, User
from documents import jobs, tasks, uploads
from documents.actions.trash import purge, trash_document, trash_folder
from documents.actions.versions import delete_version, give_to
from documents.models import (
    Document,
    Folder,
    JobRun,
    JobState,
    PendingDeletion,
    ReadingState,
    UpkeepRun,
    Upload,
    VaultIdentity,
    Version,
    VersionFlaw,
)
from documents.storage import ObjectStore, StoredObject, StoreUnavailable, new_key, store
from documents.tests.library import names, write
from documents.tests.making import folders, put
from documents.upkeep import checking, rows
from documents.upkeep.checking import check_vault
from documents.upkeep.findings import INVARIANTS, Report
from documents.upkeep.rounds import AlreadyUnderWay, only_one
from documents.upkeep.sweeping import FLOOR
from docuvault.lib.roles import migration_role
from sharing import access
from sharing.access import NotAllowed
from sharing.models import AuditEvent, Share
from sharing.tests.without import replaced

BY = Actor.command()


@pytest.fixture(autouse=True)
def own_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bucket is shared by the tests of a process: only what this test puts is seen."""
    listed = ObjectStore.objects
    before = {item.key for item in store().objects()}

    def objects(self: ObjectStore, prefix: str = "", after: str = "") -> Iterator[StoredObject]:
        return (item for item in listed(self, prefix, after) if item.key not in before)

    monkeypatch.setattr(ObjectStore, "objects", objects)


def check(is_repair: bool = False, *, share: float = 1.0, hours: float = 24, canaries: tuple[str, ...] = ()) -> Report:
    return check_vault(is_repair=is_repair, share=share, grace=timedelta(hours=hours), by=BY, canaries=canaries)


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def found(report: Report) -> list[tuple[str, str]]:
    return sorted((breach.invariant, breach.target) for breach in report.breaches)


@pytest.fixture
def busy(alice: User, bob: User, alice_actor: Actor, bob_actor: Actor) -> Document:
    """A vault in which much has happened; the document is Alice's, in a folder, with two versions."""
    place = folders("Taxes/2026", alice_actor)
    document = put("a.pdf", place, alice_actor, b"first")
    upload = uploads.begin_upload("a.pdf", 6, place, by=alice_actor, replaces=document)
    uploads.receive(upload.pk, 0, io.BytesIO(b"second"), 6, by=alice_actor)
    trash_document(put("b", None, alice_actor), by=alice_actor)
    put("in", folders("Old/er", alice_actor), alice_actor)
    trash_folder(folders("Old", alice_actor), by=alice_actor)
    put("c", None, bob_actor, b"")
    uploads.begin_upload("under way", 10, None, by=bob_actor)
    document.refresh_from_db()
    return document


def test_a_vault_that_is_well_is_clean_in_every_invariant(busy: Document) -> None:
    report = check()
    assert found(report) == []
    assert report.is_clean
    assert {item.id for item in INVARIANTS} - report.looked_at.keys() == {"I11", "I12"}
    assert report.figures["versions"] == report.figures["read"] == Version.objects.count()
    run = UpkeepRun.objects.get(kind="check")
    assert (run.breaches, run.repaired, run.failure) == (0, 0, "")
    assert run.bytes_read == report.figures["bytes_read"] > 0
    assert run.finished_at is not None


# --- I1 --------------------------------------------------------------------------------------------------


def test_i1_a_drifted_counter_is_found_and_counted_again(busy: Document, alice: User, bob: User) -> None:
    Quota.objects.filter(user=alice).update(used_bytes=7)
    Quota.objects.filter(user=bob).update(reserved_bytes=99)
    report = check()
    assert found(report) == sorted([("I1", str(alice.pk)), ("I1", str(bob.pk))])
    assert not report.is_clean
    assert Quota.objects.get(user=alice).used_bytes == 7
    report = check(is_repair=True)
    assert report.is_clean
    assert all(breach.is_repaired for breach in report.breaches)
    assert AuditEvent.objects.filter(action="quota_recounted").count() == 2
    assert found(check()) == []


def test_i1_a_person_without_a_quota_is_found(busy: Document, bob: User) -> None:
    sql("DELETE FROM quotas WHERE user_id = %s", bob.pk)
    assert found(check(is_repair=True)) == [("I1", str(bob.pk))]


# --- I2 --------------------------------------------------------------------------------------------------


def test_i2_f14_a_missing_object_is_found_and_marked_and_stands_until_it_is_back(busy: Document) -> None:
    version = busy.current_version
    assert version is not None
    store().delete(busy.object_key)
    report = check()
    assert found(report) == [("I2", str(version.pk))]
    assert Version.objects.get(pk=version.pk).flaw == ""
    report = check(is_repair=True)
    assert not report.is_clean
    assert Version.objects.get(pk=version.pk).flaw == VersionFlaw.MISSING
    store().put(busy.object_key, b"second")
    assert found(check()) == [("I2", str(version.pk))]  # the mark itself is wrong now
    assert check(is_repair=True).is_clean
    assert Version.objects.get(pk=version.pk).flaw == ""
    assert AuditEvent.objects.filter(action__in=["flaw_found", "flaw_gone"]).count() == 2
    assert found(check()) == []


def test_i2_f13_other_bytes_are_found_by_their_size_or_by_reading_them(busy: Document) -> None:
    older, newer = Version.objects.filter(document=busy).order_by("number")
    store().put(older.object_key, b"fir")
    store().put(newer.object_key, b"sEcond")
    assert found(check(share=0)) == [("I2", str(older.pk))]
    assert found(check()) == sorted([("I2", str(older.pk)), ("I2", str(newer.pk))])
    check(is_repair=True)
    assert set(Version.objects.filter(document=busy).values_list("flaw", flat=True)) == {"damaged"}
    assert b"".join(store().open(newer.object_key)) == b"sEcond"


def test_i2_a_share_reads_some_of_the_bytes(alice_actor: Actor) -> None:
    for number in range(40):
        put(f"{number}", None, alice_actor)
    assert 0 < check(share=0.5).figures["read"] < 40
    assert check(share=0).figures["bytes_read"] == 0


def test_i2_a_repair_that_reads_bytes_notes_when(busy: Document) -> None:
    check()
    assert not Version.objects.exclude(checked_at=None).exists()
    check(is_repair=True)
    assert not Version.objects.filter(checked_at=None).exists()


def test_i2_a_document_that_says_something_else_than_its_version_is_put_right(busy: Document) -> None:
    sql("UPDATE documents SET size_bytes = 77, object_key = 'x' WHERE id = %s", busy.pk)
    assert found(check()) == [("I2", str(busy.pk))]
    assert check(is_repair=True).is_clean
    busy.refresh_from_db()
    assert busy.size_bytes == 6
    assert AuditEvent.objects.filter(action="vault_repaired", target_id=str(busy.pk)).count() == 1


def test_i2_a_document_without_a_current_version_takes_a_person(busy: Document) -> None:
    sql("UPDATE documents SET current_version_id = NULL WHERE id = %s", busy.pk)
    report = check(is_repair=True)
    assert found(report) == [("I2", str(busy.pk))]
    assert not report.is_clean
    assert Document.objects.filter(pk=busy.pk).exists()


def test_i2_what_is_purged_while_the_check_listens_is_no_breach(
    busy: Document, alice_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are read first; then a document goes, with its object, before the listing comes to it."""
    gone = put("going", None, alice_actor)
    listed = ObjectStore.objects

    def going(self: ObjectStore) -> Iterator[StoredObject]:
        purge(trash_document(gone, by=alice_actor), by=alice_actor)
        tasks.purge_objects()
        yield from listed(self)
        put("come", None, alice_actor)

    monkeypatch.setattr(ObjectStore, "objects", going)
    assert found(check(hours=-1)) == []


# --- I3 --------------------------------------------------------------------------------------------------


def test_i3_an_old_object_without_a_row_is_found_and_noted_for_deletion(busy: Document) -> None:
    key = new_key()
    store().put(key, b"nobody's")
    assert found(check()) == []
    assert found(check(hours=-1)) == [("I3", key)]
    assert not PendingDeletion.objects.filter(pk=key).exists()
    assert check(is_repair=True, hours=-1).is_clean
    assert PendingDeletion.objects.filter(pk=key).exists()
    assert AuditEvent.objects.filter(action="object_condemned", target_id=key).count() == 1
    assert found(check(hours=-1)) == []


def test_i3_what_an_upload_under_way_names_is_nobodys_stray(busy: Document, alice_actor: Actor) -> None:
    key = new_key()
    store().put(key, b"x")
    uploads.begin_upload("a", 1, None, by=alice_actor, object_key=key)
    staged = uploads.begin_upload("b", 9, None, by=alice_actor)
    uploads.receive(staged.pk, 0, io.BytesIO(b"1234"), 4, by=alice_actor)
    assert found(check(hours=-1)) == []


def test_i3_too_many_strays_are_told_and_left(busy: Document, settings: Any) -> None:
    keys = [new_key() for _ in range(FLOOR + 1)]
    for key in keys:
        store().put(key, b"x")
    report = check(is_repair=True, hours=-1)
    assert [target for _id, target in found(report)] == sorted(keys)
    assert not report.is_clean
    assert any("too many to be true" in remark for remark in report.remarks)
    assert not PendingDeletion.objects.filter(pk__in=keys).exists()


def test_i3_a_held_copy_is_looked_at_and_nothing_of_it_is_deleted(busy: Document) -> None:
    VaultIdentity.objects.update_or_create(pk=1, defaults={"is_held": True})
    key = new_key()
    store().put(key, b"x")
    report = check(is_repair=True, hours=-1)
    assert found(report) == [("I3", key)]
    assert not report.is_clean
    assert any("held" in remark for remark in report.remarks)
    assert not PendingDeletion.objects.filter(pk=key).exists()


def test_i3_an_old_multipart_upload_is_found_and_ended(busy: Document) -> None:
    key = new_key()
    store().begin_multipart(key)
    assert ("I3", key) not in found(check())
    assert ("I3", key) in found(check(hours=-1))
    check(is_repair=True, hours=-1)
    assert key not in {name for name, _id, _at in store().list_multipart()}


# --- I4, I5 ----------------------------------------------------------------------------------------------


def test_i4_an_object_that_two_rows_name_is_found(busy: Document, bob: User) -> None:
    sql("UPDATE uploads SET object_key = %s WHERE state = 'receiving'", busy.object_key)
    assert found(check(is_repair=True)) == [("I4", busy.object_key)]


def test_i4_a_key_that_nobody_of_us_has_made_is_found(busy: Document) -> None:
    sql("UPDATE versions SET object_key = '../passwords' WHERE id = %s", busy.current_version_id)
    assert ("I4", "../passwords") in found(check_rows())


def check_rows() -> Report:
    """The rows alone: no store is asked for a key that it would refuse."""
    one = checking.Check(Report(), 0.0, timedelta(hours=24), BY, lambda objects: None)
    one.rows()
    return one.report


UNIQUE_NAMES = [(Document, "uq_documents_live_folder_name"), (Folder, "uq_folders_user_parent_name")]


@pytest.fixture
def without_unique_names(transactional_db: None) -> Iterator[None]:
    """The database refuses two of one name; here it does not, as after a careless repair by hand."""
    guards = [(model, next(one for one in model._meta.constraints if one.name == name)) for model, name in UNIQUE_NAMES]
    with migration_role(), connection.schema_editor() as schema:
        for model, guard in guards:
            schema.remove_constraint(model, guard)
    yield
    Document.objects.update(current_version=None)
    for table in (Upload, Version, Document, Folder):
        table.objects.all().delete()
    with migration_role(), connection.schema_editor() as schema:
        for model, guard in guards:
            schema.add_constraint(model, guard)


def test_i5_two_live_entries_of_one_name_are_found(without_unique_names: None, alice_actor: Actor) -> None:
    place = folders("Taxes/2026", alice_actor)
    folders("Taxes/2027", alice_actor)
    put("a.pdf", place, alice_actor)
    put("b.pdf", place, alice_actor)
    sql("UPDATE documents SET name = 'a.pdf', name_key = 'a.pdf'")
    sql("UPDATE folders SET name = '2026', name_key = '2026' WHERE name = '2027'")
    report = check(is_repair=True)
    assert [breach.what for breach in report.breaches] == ["2 live entries of one name in one place"] * 2
    assert {breach.invariant for breach in report.breaches} == {"I5"}
    assert not report.is_clean


def test_i5_a_folded_name_that_is_not_that_of_the_name_is_found(busy: Document) -> None:
    sql("UPDATE documents SET name = 'Straße.pdf' WHERE id = %s", busy.pk)
    assert found(check(is_repair=True)) == [("I5", str(busy.pk))]


def test_i5_a_wrong_path_is_found_and_written_anew_with_all_below_it(busy: Document, alice_actor: Actor) -> None:
    deep = folders("Taxes/2026/May", alice_actor)
    middle = deep.path[1]
    sql("UPDATE folders SET path = ARRAY[id] WHERE id = %s", middle)
    assert found(check()) == sorted([("I5", str(middle)), ("I5", str(deep.pk))])
    assert check(is_repair=True).is_clean
    assert Folder.objects.get(pk=middle).path == deep.path[:2]
    assert AuditEvent.objects.filter(action="vault_repaired").count() == 1
    assert found(check()) == []


def test_i5_a_ring_of_folders_is_found_and_takes_a_person(busy: Document, alice_actor: Actor) -> None:
    inner = folders("Taxes/2026", alice_actor)
    sql("UPDATE folders SET parent_id = %s WHERE id = %s", inner.pk, inner.path[0])
    report = check(is_repair=True)
    assert ("I5", str(inner.path[0])) in found(report)
    assert not report.is_clean
    assert Folder.objects.count() == 4


def test_i5_what_lies_in_somebody_elses_folder_or_in_one_of_the_trash_is_found(
    busy: Document, bob_actor: Actor, alice_actor: Actor
) -> None:
    foreign, thrown = folders("Mine", bob_actor), Folder.objects.get(name="er")
    stranger, lost = put("stranger", None, alice_actor), put("lost", None, alice_actor)
    sql("UPDATE documents SET folder_id = %s WHERE id = %s", foreign.pk, stranger.pk)
    sql("UPDATE documents SET folder_id = %s WHERE id = %s", thrown.pk, lost.pk)
    assert found(check(is_repair=True)) == sorted([("I5", str(stranger.pk)), ("I5", str(lost.pk))])


def test_i5_an_entry_of_the_trash_that_holds_nothing_is_found(busy: Document) -> None:
    sql("UPDATE documents SET trash_id = NULL WHERE name = 'b'")
    assert [identity for identity, _target in found(check())] == ["I5"]


# --- I6, I7, I8 ------------------------------------------------------------------------------------------


def test_i6_a_document_that_appears_or_vanishes_without_a_word_is_found(busy: Document, alice: User) -> None:
    key = uuid.uuid4()
    quiet = Folder.objects.create(pk=key, user=alice, name="Quiet", name_key="quiet", path=[key])
    sql("UPDATE documents SET current_version_id = NULL WHERE id = %s", busy.pk)
    sql("DELETE FROM uploads WHERE document_id = %s", busy.pk)
    sql("DELETE FROM reading_marks")
    sql("DELETE FROM search_entries WHERE document_id = %s", busy.pk)
    sql("DELETE FROM search_pieces WHERE document_id = %s", busy.pk)
    sql("DELETE FROM readings WHERE version_id IN (SELECT id FROM versions WHERE document_id = %s)", busy.pk)
    sql("DELETE FROM versions WHERE document_id = %s", busy.pk)
    sql("DELETE FROM documents WHERE id = %s", busy.pk)
    assert sorted(target for identity, target in found(check()) if identity == "I6") == sorted(
        [str(quiet.pk), str(busy.pk)]
    )


def test_i6_every_verb_that_makes_moves_and_removes_is_told(busy: Document, alice_actor: Actor) -> None:
    first, second = put("x", None, alice_actor, b"1"), put("y", None, alice_actor, b"2")
    give_to(first, second, by=alice_actor)
    delete_version(second.versions.order_by("number")[0], by=alice_actor)
    purge(trash_folder(folders("Taxes", alice_actor), by=alice_actor), by=alice_actor)
    assert found(check()) == []


def test_i7_looks_at_seals_and_at_rights(busy: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    report = check()
    assert "seals" in report.looked_at["I7"]
    assert not report.of("I7")
    monkeypatch.setattr(rows, "TRAIL_RIGHTS", "SELECT true, false, true")
    report = check()
    assert [breach.what for breach in report.of("I7")] == [
        "the application's role may UPDATE the trail",
        "the application's role may TRUNCATE the trail",
    ]


def test_i8_a_list_that_gives_more_or_less_than_the_single_answer_is_found(
    busy: Document, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not check().of("I8")
    single = access.level_on_document

    def careless(actor: Actor, document: Document) -> access.Level | None:
        return access.Level.VIEW if actor.user == bob else single(actor, document)

    replaced(monkeypatch, "level_on_document", careless)
    report = check_rows()
    assert str(busy.pk) in {breach.target for breach in report.of("I8")}
    assert all(str(bob.pk) in breach.what for breach in report.of("I8"))


def test_i8_shares_of_documents_folders_and_groups_agree(busy: Document, alice: User, bob: User, gina: User) -> None:
    group = gina.vault_groups.get()
    Share.objects.create(folder=busy.folder, group=group, shared_by=alice, level=30)
    Share.objects.create(document=busy, recipient=bob, shared_by=alice, level=10)
    Share.objects.create(folder=busy.folder, recipient=bob, shared_by=alice, level=40, expires_at=now())
    assert not check().of("I8")


# --- I9 --------------------------------------------------------------------------------------------------


def test_i9_jobs_that_nobody_looks_after_are_found_and_handed_over(busy: Document) -> None:
    JobRun.objects.all().delete()
    long_ago = now() - timedelta(days=1)
    lost = JobRun.objects.create(task="documents.tasks.purge_objects", due_at=long_ago)
    dead = JobRun.objects.create(
        task="documents.tasks.purge_objects", state=JobState.RUNNING, attempts=1, started_at=long_ago
    )
    JobRun.objects.create(task="documents.tasks.purge_objects", due_at=now())
    assert found(check()) == sorted([("I9", str(lost.pk)), ("I9", str(dead.pk))])
    queued = OrmQ.objects.count()
    assert check(is_repair=True).is_clean
    assert OrmQ.objects.count() == queued + 2
    assert AuditEvent.objects.filter(action="job_repeated").count() == 2
    lost.refresh_from_db()
    jobs.run(str(dead.pk))
    dead.refresh_from_db()
    assert dead.state == JobState.DONE


def test_i9_a_job_that_has_failed_for_good_is_told_and_started_again_by_a_repair(busy: Document) -> None:
    JobRun.objects.all().delete()
    job = JobRun.objects.create(
        task="documents.tasks.purge_objects", state=JobState.FAILED, attempts=8, max_attempts=8, finished_at=now()
    )
    report = check()
    assert report.is_clean
    assert report.figures["failed_jobs"] == 1
    assert check(is_repair=True).figures["failed_jobs"] == 0
    job.refresh_from_db()
    assert (job.state, job.attempts) == (JobState.WAITING, 0)


def test_i9_a_job_that_was_tried_too_often_is_found(busy: Document) -> None:
    JobRun.objects.all().delete()
    for attempts in (8, 9, 10):
        JobRun.objects.create(
            task="documents.tasks.purge_objects", state=JobState.FAILED, attempts=attempts, finished_at=now()
        )
    worst = JobRun.objects.get(attempts=10)
    assert found(check()) == [("I9", str(worst.pk))]


# --- I10, I11, I12 ---------------------------------------------------------------------------------------


def test_i10_old_temporary_files_are_found_and_removed_when_nobody_can_be_writing_them(
    busy: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    settings.STORE_ROOT = str(tmp_path / "store")
    bucket = tmp_path / "store" / settings.S3_BUCKET / "ab"
    bucket.mkdir(parents=True)
    ages = {
        tmp_path / "docuvault-old": 30,
        tmp_path / "docuvault-slow": 2,
        tmp_path / "docuvault-new": 0,
        tmp_path / "of-somebody-else": 99,
        bucket / ".rclone_temp_1": 30,
        bucket / "0123.abc.partial": 30,
        bucket / ("ab" * 16): 30,
    }
    for path, hours in ages.items():
        path.write_bytes(b"x")
        os.utime(path, (time.time() - hours * 3600,) * 2)
    old = {tmp_path / "docuvault-old", bucket / ".rclone_temp_1", bucket / "0123.abc.partial"}
    slow = tmp_path / "docuvault-slow"
    assert {Path(target) for _id, target in found(check())} == {*old, slow}
    report = check(is_repair=True)
    assert {Path(breach.target) for breach in report.breaches if breach.is_repaired} == old
    assert {path for path in ages if path.exists()} == ages.keys() - old
    assert AuditEvent.objects.filter(action="vault_repaired", target_kind="file").count() == 3


def test_i11_is_said_to_be_for_tests(busy: Document) -> None:
    assert "for tests" in check().outcome(INVARIANTS[10])


CANARY = "dv-canary-7f3a"
HIDING_PLACES: dict[str, Callable[[], object]] = {
    "the trail": lambda: sql(
        "INSERT INTO audit_log (actor_kind, action, result, details, actor_name, target_kind, "
        "target_id, target_name, request_id, session_hash) VALUES "
        "('system', 'sign_in', 'done', %s, '', '', '', '', '', '')",
        f'{{"reason":"{CANARY}"}}',
    ),
    "jobs": lambda: JobRun.objects.create(task="x", last_error=f"at {CANARY}"),
    "uploads": lambda: sql("UPDATE uploads SET failure = %s WHERE state = 'receiving'", CANARY),
    "rounds": lambda: UpkeepRun.objects.create(kind="sweep", failure=CANARY),
    "pending deletions": lambda: PendingDeletion.objects.create(object_key="k", last_error=CANARY),
    "the queue": lambda: async_task("documents.jobs.run", CANARY),
    "a mail": lambda: (settings.MAIL_DIR / "canary.eml").write_text(
        f"Subject: x\nContent-Transfer-Encoding: quoted-printable\n\n{CANARY[:5]}=\n{CANARY[5:]}\n"
    ),
}


@pytest.mark.parametrize("place", HIDING_PLACES)
def test_i12_a_secret_is_found_wherever_it_stands_and_not_told_itself(
    place: str, busy: Document, tmp_path: Path, settings: Any
) -> None:
    settings.MAIL_DIR = tmp_path
    JobRun.objects.all().delete()
    assert found(check(canaries=("nowhere", CANARY))) == []
    HIDING_PLACES[place]()
    report = check(canaries=("nowhere", CANARY))
    assert [breach.invariant for breach in report.breaches] == ["I12"]
    assert "secret 2" in report.breaches[0].what
    assert CANARY not in str(report)


# --- The check itself ------------------------------------------------------------------------------------


def test_only_admins_and_the_command_line_may_check(alice_actor: Actor, admin_actor: Actor) -> None:
    with pytest.raises(NotAllowed):
        check_vault(by=alice_actor)
    assert check_vault(by=admin_actor).is_clean


def test_a_check_that_breaks_off_says_so_in_its_row(busy: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(self: ObjectStore) -> Iterator[StoredObject]:
        raise StoreUnavailable("away")

    monkeypatch.setattr(ObjectStore, "objects", away)
    with pytest.raises(StoreUnavailable):
        check()
    assert UpkeepRun.objects.get().failure == "StoreUnavailable: away"


def test_a_repair_waits_for_no_other_round_and_a_look_needs_no_turn(busy: Document) -> None:
    with only_one():
        assert check().is_clean
        with pytest.raises(AlreadyUnderWay):
            check(is_repair=True)


def test_breaches_without_number_are_counted_and_the_first_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("documents.upkeep.findings.KEPT", 3)
    report = Report()
    for number in range(10):
        report.add("I3", "x", number, is_repaired=number < 4)
    assert (len(report.breaches), report.counts["I3"], report.mended["I3"]) == (3, 10, 4)
    assert not report.is_clean


def run_command(*words: str) -> tuple[str, int]:
    out = io.StringIO()
    try:
        call_command("check_vault", *words, stdout=out)
    except SystemExit as end:
        return out.getvalue(), int(end.code or 0)
    return out.getvalue(), 0


def test_the_command_tells_each_invariant_and_ends_with_1_while_something_stands(busy: Document) -> None:
    text, code = run_command("--share", "1")
    assert code == 0
    assert "All of it holds." in text
    for item in INVARIANTS:
        assert f"\n{item.id:<4}{item.statement}" in f"\n{text}"
    Quota.objects.update(used_bytes=7)
    text, code = run_command()
    assert code == 1
    assert "--repair counts again" in text
    assert "breaches stand" in text
    text, code = run_command("--repair")
    assert code == 0
    assert "repaired" in text
    text, code = run_command("--json", "--share=0")
    assert json.loads(text)["is_clean"] is True
    assert json.loads(text)["invariants"]["I11"]["unproven"]


def test_the_command_names_no_document(busy: Document) -> None:
    store().delete(busy.object_key)
    text, code = run_command("--json")
    assert code == 1
    assert busy.name not in text


def test_the_command_reads_secrets_from_a_file_and_refuses_nonsense(busy: Document, tmp_path: Path) -> None:
    secrets = tmp_path / "canaries"
    secrets.write_text("\nnowhere\n")
    text, code = run_command("--canaries", str(secrets))
    assert code == 0
    assert "1 secrets" in text
    for words in (["--share", "2"], ["--share", "x"], ["--canaries", str(tmp_path / "none")]):
        with pytest.raises(CommandError):
            call_command("check_vault", *words)


# --- I13 -------------------------------------------------------------------------------------------------


def test_i13_words_that_are_missing_or_old_are_found_and_written_down_anew(alice_actor: Actor) -> None:
    lost = write("lost.txt", "walrus", by=alice_actor)
    old = write("old.txt", "walrus", by=alice_actor)
    write("sound.txt", "walrus", by=alice_actor)
    write("failed.txt", by=alice_actor, state=ReadingState.FAILED)
    assert "I13" not in {breach.invariant for breach in check().breaches}
    sql("DELETE FROM search_entries WHERE document_id = %s", lost.pk)
    sql("UPDATE search_entries SET version_id = gen_random_uuid() WHERE document_id = %s", old.pk)
    assert {pair for pair in found(check()) if pair[0] == "I13"} == {("I13", str(lost.pk)), ("I13", str(old.pk))}
    check(is_repair=True)
    assert "I13" not in {breach.invariant for breach in check().breaches}
    assert set(names("walrus", alice_actor)) == {"lost.txt", "old.txt", "sound.txt"}
