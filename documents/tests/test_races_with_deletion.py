"""Deleting against everything else at the same moment (F21), names and rings in a race, and jobs that come twice."""

import io
import zipfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core import mail
from django.db import connection, connections, transaction
from django.test import Client, RequestFactory
from django.utils.timezone import now
from django_q.models import OrmQ

from accounts import quota
from accounts import tasks as account_tasks
from accounts.actors import Actor
from accounts.models import Quota, QuotaRequest, User
from accounts.quota import QuotaExceeded
from documents import jobs, tasks, uploads
from documents.actions import filing
from documents.actions.documents import move_document, rename_document
from documents.actions.folders import make_folder, move_folder
from documents.actions.reading import claim, read_version
from documents.actions.rules import Deed, make_rule
from documents.actions.topics import make_topic
from documents.actions.trash import purge, restore, trash_document
from documents.actions.versions import promote_version
from documents.downloads import MemberGone, stream_document, zip_documents
from documents.models import Document, Folder, JobRun, PendingDeletion, Reading, Upload, Version
from documents.previews import new_lane
from documents.storage import ObjectMissing, store
from documents.tests.exports import sent_back
from documents.tests.making import at_once, folders, put
from documents.tests.test_races import refusals, vault_is_whole
from documents.uploads import staged, store_stream
from documents.uploads.one_pass import OnePass
from docuvault.middleware import is_outage
from sharing import tasks as sharing_tasks
from sharing.access import Level
from sharing.actions import share
from sharing.models import AuditEvent, Share

pytestmark = pytest.mark.django_db(transaction=True)
DATA = b"0123456789" * 1000
# What a reader meets who comes between the row and the bytes, or holds a row that has gone.
ABSENT = {"ObjectMissing", "ContentFlawed", "IndexError"}


def gone(document: Document, by: Actor) -> None:
    """From its place to nothing, its bytes as well."""
    purge(trash_document(document, by=by), by=by)
    tasks.purge_objects()


def nothing_is_left(document: Document, *people: User) -> None:
    """No row of it, no object that no row names, and every counter true."""
    tasks.purge_objects()
    assert not Document.objects.filter(pk=document.pk).exists()
    assert not Version.objects.filter(document_id=document.pk).exists()
    assert not Share.objects.filter(document_id=document.pk).exists()
    assert not PendingDeletion.objects.exists()
    named = set(Version.objects.values_list("object_key", flat=True))
    assert {item.key for item in store().objects()} <= named
    vault_is_whole(*people)


@pytest.fixture(autouse=True)
def empty_store() -> None:
    for item in list(store().objects()):
        store().delete(item.key)


def download(document: Document, *, by: Actor) -> bytes:
    """All of it, or less than was announced: never as much of anything else."""
    answer: Any = stream_document(RequestFactory().get("/"), document, by=by)
    taken = b""
    try:
        for chunk in answer.streaming_content:
            taken += chunk
    except ObjectMissing:
        assert len(taken) < int(answer.headers["Content-Length"])
        return b""
    assert taken == DATA
    return taken


def pack(document: Document, *, by: Actor) -> None:
    answer = zip_documents([document], [], "x.zip", by=by)
    try:
        whole = answer.getvalue()
    except (MemberGone, ObjectMissing):
        return
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.read(document.name) == DATA


def new_version(document: Document, *, by: Actor) -> None:
    store_stream("other.txt", iter([b"newer"]), None, size_bound=5, by=by, replaces=document)


def move(document: Document, *, by: Actor) -> None:
    move_document(document, Folder.objects.get(name="Target"), by=by)


def share_with_bob(document: Document, *, by: Actor) -> None:
    share(document, User.objects.get(handle="bob"), Level.VIEW, by=by)


def make_older_current(document: Document, *, by: Actor) -> None:
    promote_version(document.versions.order_by("number")[0], by=by)


@pytest.mark.parametrize("act", [download, pack, new_version, move, share_with_bob, make_older_current])
def test_f21_deletion_against_everything_ends_with_nothing(
    act: Callable[..., object], alice: User, alice_actor: Actor, bob: User
) -> None:
    folders("Target", alice_actor)
    for n in range(3):
        document = put(f"{n}.txt", None, alice_actor, DATA)
        results = at_once(
            [
                partial(act, document, by=alice_actor),
                partial(gone, document, alice_actor),
                partial(act, document, by=alice_actor),
            ]
        )
        raised = [result for result in results if isinstance(result, Exception)]
        refusals([error for error in raised if type(error).__name__ not in ABSENT])
        assert not isinstance(results[1], Exception), results
        nothing_is_left(document, alice)


def test_f21_a_job_that_reads_what_is_being_deleted_ends_quietly(alice: User, alice_actor: Actor) -> None:
    lane = new_lane()

    def read() -> None:
        while version_id := claim():
            read_version(version_id, lane)

    try:
        for n in range(3):
            document = put(f"{n}.txt", None, alice_actor, DATA)
            assert Reading.objects.filter(version__document=document).exists()
            results = at_once([read, partial(gone, document, alice_actor)])
            assert results == [None, None]
            assert not Reading.objects.exists()
            nothing_is_left(document, alice)
    finally:
        lane.stop()


# --- Names, rings and the last bytes ------------------------------------------------------------------


def test_f18_twenty_files_for_the_last_bytes_file_exactly_what_fits(alice: User, alice_actor: Actor) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=1000)
    results = at_once([partial(put, f"{n}.txt", None, alice_actor, b"x" * 300) for n in range(20)])
    assert sum(isinstance(result, Document) for result in results) == 3
    assert all(isinstance(result, Document | QuotaExceeded) for result in results), results
    assert Quota.objects.get(user=alice).used_bytes == 900
    tasks.purge_objects()
    assert len(list(store().objects())) == 3
    vault_is_whole(alice)


def test_f19_a_ring_of_five_moves_and_a_move_below_a_grandchild_make_no_ring(alice: User, alice_actor: Actor) -> None:
    for n in range(4):
        rows = [folders(f"{letter}{n}", alice_actor) for letter in "ABCDE"]
        below = folders(f"A{n}/child/grandchild", alice_actor)
        acts = [partial(move_folder, row, rows[(k + 1) % 5], by=alice_actor) for k, row in enumerate(rows)]
        results = at_once([*acts, partial(move_folder, rows[0], below, by=alice_actor)])
        assert 1 <= len(refusals(results)) <= 2
        assert isinstance(results[-1], Exception)
        vault_is_whole(alice)


def test_f20_a_rename_an_upload_and_a_restoration_of_one_name_leave_each_name_once(
    alice: User, alice_actor: Actor
) -> None:
    for n in range(4):
        place = make_folder(f"F{n}", None, by=alice_actor)
        entry = trash_document(put("same.txt", place, alice_actor), by=alice_actor)
        other = put("other.txt", place, alice_actor)
        results = at_once(
            [
                partial(restore, entry, by=alice_actor),
                partial(put, "SAME.txt", place, alice_actor),
                partial(rename_document, other, "same.TXT", by=alice_actor),
            ]
        )
        assert all(error is results[2] for error in refusals(results))
        keys = list(Document.objects.live().filter(folder=place).values_list("name_key", flat=True))
        assert len(keys) == len(set(keys)) == 3
        vault_is_whole(alice)


def test_f17_a_next_version_that_is_begun_while_another_is_filed_waits_and_no_more(
    alice: User, alice_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both want the document and its quota; they ask in one order, so neither holds what the other waits for."""
    document, usual = put("letter.txt", None, alice_actor), quota.settle
    begun: list[Future[OnePass]] = []

    def begin() -> OnePass:
        try:
            return OnePass("letter.txt", None, "", 5, by=alice_actor, replaces=document)
        finally:
            connections.close_all()

    def settle(*given: Any, **more: Any) -> None:
        if not begun:
            begun.append(pool.submit(begin))
            until = monotonic() + 10
            while not _somebody_waits():
                assert monotonic() < until, "nobody waits for the document"
        usual(*given, **more)

    monkeypatch.setattr(quota, "settle", settle)
    with ThreadPoolExecutor(1) as pool:
        new_version(document, by=alice_actor)
        other = begun[0].result(20)
    other.write(b"third")
    other.finish()
    assert document.versions.count() == 3
    vault_is_whole(alice)


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def test_f17_of_two_transactions_in_a_deadlock_one_is_told_as_an_outage_and_the_other_holds(
    alice: User, alice_actor: Actor
) -> None:
    """Two documents locked in opposite orders, as no verb of ours does; PostgreSQL ends one of the two."""
    one, two = put("one.txt", None, alice_actor), put("two.txt", None, alice_actor)
    meeting = Barrier(2)

    def both(first: Document, second: Document) -> None:
        with transaction.atomic():
            Document.objects.select_for_update(of=("self",)).get(pk=first.pk)
            meeting.wait(20)
            rename_document(second, f"after {first.name}", by=alice_actor)

    results = at_once([partial(both, one, two), partial(both, two, one)])
    lost = [result for result in results if isinstance(result, Exception)]
    assert len(lost) == 1
    assert "deadlock" in str(lost[0])
    assert is_outage(lost[0])  # 503 with Retry-After; tests/test_outage.py shows that page
    names = set(Document.objects.values_list("name", flat=True))
    assert names in ({"one.txt", "after one.txt"}, {"two.txt", "after two.txt"})
    assert AuditEvent.objects.filter(action="document_renamed").count() == 1
    vault_is_whole(alice)


# --- Jobs that come twice -----------------------------------------------------------------------------


def every_job() -> list[str]:
    rooms = tuple(f"{module.__name__}." for module in (account_tasks, tasks, sharing_tasks))
    return sorted(name for name in jobs.registered() if name.startswith(rooms))


def begun(by: Actor) -> list[str]:
    """An upload whose bytes are all here and that nobody has finished."""
    upload = uploads.begin_upload("late.txt", 4, None, by=by)
    staging = staged.Staging(upload, 0)
    staging.add(b"1234")
    staging.settle()
    Upload.objects.filter(pk=upload.pk).update(state="finishing")
    return [str(upload.pk)]


def filed(task: str, by: Actor) -> dict[str, list[str]]:
    """A run of a rule that waits to be done, or to be undone."""
    if task not in {"documents.tasks.run_rule", "documents.tasks.undo_run"}:
        return {}
    rule = make_rule("Mine", Deed("name:mine", [make_topic("Mine", "red", by=by)]), by=by)
    run = filing.begin_run(rule, by=by)
    if task == "documents.tasks.undo_run":
        filing.work_on_run(run.pk, now() + timedelta(minutes=1))
        filing.undo_run(run, by=by)
    return {task: [str(run.pk)]}


@pytest.mark.parametrize("task", every_job())
def test_f26_every_job_delivered_six_times_at_once_and_again_later_has_its_effect_once(
    task: str, alice: User, alice_actor: Actor, bob: User, admin_person: User
) -> None:
    mine = put("mine.txt", None, alice_actor)
    share(mine, bob, Level.VIEW, by=alice_actor)
    purge(trash_document(put("gone.txt", None, alice_actor), by=alice_actor), by=alice_actor)
    request = QuotaRequest.objects.create(user=alice, wanted_bytes=10**9)
    if task == "accounts.tasks.mail_room_answered":
        QuotaRequest.objects.update(state="granted")
    Quota.objects.filter(user=alice).update(warned_percent=80)
    about: dict[str, list[str]] = {
        "sharing.tasks.tell_of_share": [str(Share.objects.get().pk)],
        "accounts.tasks.mail_room_asked": [str(request.pk)],
        "accounts.tasks.mail_room_answered": [str(request.pk)],
        "accounts.tasks.mail_room_ended": [str(alice.pk)],
        "accounts.tasks.mail_nearly_full": [str(alice.pk)],
    }
    if task == "documents.tasks.finish_upload":
        about[task] = begun(alice_actor)
    if task == "documents.tasks.take_in_import":
        about[task] = [str(sent_back(alice_actor).pk)]
    about |= {"documents.tasks.learn_filing": [str(alice.pk)], "documents.tasks.make_copy": [str(uuid4())]}
    about |= filed(task, alice_actor)
    # What these were to tell of is gone when they come, or there is nothing to tell.
    in_vain = {f"sharing.tasks.tell_of_{what}" for what in ("received", "handover", "emergency", "unused")}
    about |= {name: [str(alice.pk)] for name in in_vain}
    is_silent = task not in about or task.startswith("documents.") or task in in_vain
    mail.outbox.clear()
    row = jobs.enqueue(task, *about.get(task, []))
    assert at_once([partial(jobs.run, str(row.pk))] * 6) == [None] * 6
    jobs.run(str(row.pk))
    row.refresh_from_db()
    assert (row.state, row.attempts, row.last_error) == ("done", 1, "")
    assert len(mail.outbox) == (not is_silent)
    if is_silent:
        # The queue may also ask for the same work under two rows, at the same moment.
        twins = [jobs.enqueue(task, *about.get(task, [])) for _n in range(2)]
        at_once([partial(jobs.run, str(twin.pk)) for twin in twins])
        assert set(JobRun.objects.filter(pk__in=[twin.pk for twin in twins]).values_list("state", flat=True)) == {
            "done"
        }
    assert Document.objects.count() == 1 + (task == "documents.tasks.finish_upload")
    assert b"".join(store().open(mine.object_key)) == b"paper"
    vault_is_whole(alice, bob)


def test_f27_a_job_is_given_up_before_the_queue_hands_it_out_again_and_before_we_take_it_up() -> None:
    assert settings.Q_CLUSTER["timeout"] < settings.Q_CLUSTER["retry"]
    assert settings.Q_CLUSTER["retry"] >= settings.JOB_TIMEOUT_SECONDS


def test_f27_a_job_that_still_runs_gets_no_second_runner(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def long() -> None:
        calls.append(1)
        jobs.run(str(row.pk))  # delivered again in the middle of it
        jobs.requeue_due()

    monkeypatch.setitem(jobs._registry, "documents.tasks.long", (long, 3))
    row = jobs.enqueue("documents.tasks.long")
    jobs.run(str(row.pk))
    row.refresh_from_db()
    assert (calls, row.state) == ([1], "done")


def test_f30_without_a_worker_for_a_day_people_go_on_and_all_is_caught_up(
    alice: User, alice_actor: Actor, client_for: Callable[[User], Client]
) -> None:
    before = put("old.txt", None, alice_actor, DATA)
    purge(trash_document(before, by=alice_actor), by=alice_actor)
    after = put("new.txt", None, alice_actor, DATA)
    client = client_for(alice)
    assert client.get(f"/documents/{after.pk}/").status_code == 200
    health = client.get("/health")
    assert (health.status_code, health.json()["queue"]["status"]) == (503, "unavailable")
    assert before.object_key in {item.key for item in store().objects()}
    OrmQ.objects.all().delete()  # and the queue has lost what it held
    JobRun.objects.update(created_at=now() - timedelta(days=1), due_at=now() - timedelta(days=1))
    assert jobs.requeue_due() >= 1
    for row in JobRun.objects.filter(state="waiting"):
        jobs.run(str(row.pk))
    assert {item.key for item in store().objects()} == {after.object_key}
    assert not JobRun.objects.exclude(state="done").exists()
