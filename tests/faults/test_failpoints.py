"""Every step at which a process may die: killed, broken and held there, and then all is whole again by itself.

F01 to F06, F12, F25 and F44 of the catalogue (README.md): a process that dies in the middle of an upload, a
deletion, a restoration or a job; and one that is held while deadlines pass and the sweeps go over it.
"""

import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from accounts.actors import Actor
from accounts.models import Quota, User
from documents import jobs, uploads
from documents.actions.trash import purge, trash_document, trash_folder
from documents.models import (
    Document,
    Folder,
    JobRun,
    Page,
    PendingDeletion,
    Reading,
    ReadingState,
    TrashEntry,
    Upload,
)
from documents.storage import new_key, store
from documents.tests.exports import kept_by, sent_back
from documents.tests.making import folders, put
from docuvault.lib import failpoints
from docuvault.lib.failpoints import Effect, Failpoint, FailpointReached, failpoint
from sharing.models import AuditEvent
from tests.faults.acting import CHECKOUT, KILLED_AND_MORE_IN_THE_SOAK, Driver, Ended
from tests.faults.leaving import ON_THE_WAY_OUT, make_a_vault
from tests.faults.sending import ON_THE_WAY_IN, Sending
from tests.faults.test_backup import IN_A_BACKUP, IN_A_RESTORE
from tests.faults.upkeep import breaches, heal

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("faults")]


class HealBeside:
    """Deadlines pass and sweeps run while a process is held; where they need its locks, they wait for it."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.thread = threading.Thread(target=self._heal)

    def __call__(self) -> None:
        self.thread.start()
        self.thread.join(0.4)

    def _heal(self) -> None:
        try:
            heal()
        except Exception as error:  # noqa: BLE001 (told by `end`)
            self.error = error
        finally:
            connections.close_all()

    def end(self) -> None:
        if self.thread.ident:
            self.thread.join(60)
            assert not self.thread.is_alive()
        if self.error is not None:
            raise self.error


def strike(driver: Driver, point: Failpoint, effect: Effect, act: str, *, passes: int = 1, **arguments: Any) -> Ended:
    beside = HealBeside()
    ended = driver.struck(point, effect, act, meanwhile=beside, passes=passes, **arguments)
    beside.end()
    return ended


def told(action: str) -> int:
    return AuditEvent.objects.filter(action=action).count()


@pytest.mark.parametrize("effect", KILLED_AND_MORE_IN_THE_SOAK)
@pytest.mark.parametrize(("point", "act"), ON_THE_WAY_IN)
def test_f01_f06_an_upload_struck_at_any_step_is_absent_or_there_once(
    point: Failpoint, act: str, effect: Effect, driver: Driver, alice_actor: Actor
) -> None:
    an_upload_is_struck(point, act, effect, driver, Sending(act, alice_actor))


# How often a point is passed on the way in of a file in three pieces, where that is more than once.
PASSES = dict.fromkeys(
    [
        Failpoint.CHUNK_WRITTEN,
        Failpoint.PIECE_NOTED,
        Failpoint.PIECE_PUT,
        Failpoint.PIECE_NAMING,
        Failpoint.PIECE_NAMED,
        Failpoint.PIECE_COPIED,
    ],
    3,
)


def test_f01_f06_an_upload_struck_when_its_last_piece_has_its_row_is_filed(driver: Driver, alice_actor: Actor) -> None:
    """Its client learns that all bytes are there, and sends nothing more."""
    an_upload_is_struck(Failpoint.PIECE_NAMED, "tus", Effect.KILL, driver, Sending("tus", alice_actor), 3)


@pytest.mark.soak
@pytest.mark.parametrize("turn", range(6))
@pytest.mark.parametrize("effect", list(Effect))
@pytest.mark.parametrize(("point", "act"), ON_THE_WAY_IN)
def test_f01_f06_an_upload_struck_many_times_at_each_pass_and_at_other_sizes(
    point: Failpoint, act: str, effect: Effect, turn: int, driver: Driver, alice_actor: Actor
) -> None:
    passes = 1 + turn % PASSES.get(point, 1)
    an_upload_is_struck(point, act, effect, driver, Sending(act, alice_actor, 3000 + 300 * turn), passes)


def an_upload_is_struck(
    point: Failpoint, act: str, effect: Effect, driver: Driver, sending: Sending, passes: int = 1
) -> None:
    # One that was held for long may not file: the sweep took its object, which no row names.
    was_swept = point in {Failpoint.WHOLE_PUT, Failpoint.WHOLE_FILING} and effect is Effect.HANG
    held = {"patience": 0.0} if was_swept else {}
    sending.ended = strike(driver, point, effect, act, passes=passes, **sending.asked, **held)
    if effect is Effect.RAISE:
        heal()  # all deadlines pass before the sender comes back
    sending.retry(driver)
    sending.is_there_once()


# --- What is not on its way in ------------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """An act on something that is there: made by `prepare`, and done when `is_done`; a job is done by itself."""

    act: str
    prepare: Callable[[Actor], dict[str, Any]]
    is_done: Callable[[], bool]
    comes_by_itself: bool = False


def an_upload_under_way(by: Actor) -> dict[str, Any]:
    upload = uploads.begin_upload("a", 200, None, by=by)
    uploads.receive(upload.pk, 0, io.BytesIO(b"x" * 100), 100, by=by)
    return {"who": "alice", "upload": str(upload.pk)}


def a_document(by: Actor) -> dict[str, Any]:
    return {"who": "alice", "document": str(put("a", None, by).pk)}


def a_folder(by: Actor) -> dict[str, Any]:
    folder = folders("Car/Old", by)
    put("a", folder, by)
    return {"who": "alice", "folder": str(Folder.objects.get(name="Car").pk)}


def a_document_in_the_trash(by: Actor) -> dict[str, Any]:
    return {"who": "alice", "entry": str(trash_document(put("a", None, by), by=by).pk)}


def a_folder_in_the_trash(by: Actor) -> dict[str, Any]:
    a_folder(by)
    return {"who": "alice", "entry": str(trash_folder(Folder.objects.get(name="Car"), by=by).pk)}


def objects_to_delete(by: Actor) -> dict[str, Any]:
    for n in range(3):
        purge(trash_document(put(f"{n}", None, by), by=by), by=by)
    return {"task": "documents.tasks.purge_objects", "arguments": []}


def an_orphan(by: Actor) -> dict[str, Any]:
    store().put(new_key(), b"nobody's")
    return {"task": "documents.tasks.sweep_objects", "arguments": [], "is_anything_an_orphan": True}


def a_drifted_counter(by: Actor) -> dict[str, Any]:
    Quota.objects.filter(user=by.user).update(used_bytes=12345, reserved_bytes=5)
    return {"task": "documents.tasks.recount_quotas", "arguments": []}


def a_late_upload(by: Actor) -> dict[str, Any]:
    an_upload_under_way(by)
    Upload.objects.update(expires_at="2000-01-01T00:00:00Z")
    return {"task": "documents.tasks.expire_uploads", "arguments": []}


def a_job_left_behind(by: Actor) -> dict[str, Any]:
    objects_to_delete(by)
    JobRun.objects.update(due_at="2000-01-01T00:00:00Z")
    return {}


def something_to_read(by: Actor) -> dict[str, Any]:
    put("a", None, by)
    return {}


def is_read() -> bool:
    """Once, with its text, and counted as often as it was tried."""
    row = Reading.objects.get(version__document__name="a")
    pages = Page.objects.filter(reading=row).count()
    return (row.state, pages, row.attempts in {1, 2}) == (ReadingState.READY, 1, True)


def is_in_the_trash() -> bool:
    return TrashEntry.objects.count() == 1 and not Document.objects.live().filter(name="a").exists()


def is_back() -> bool:
    return not TrashEntry.objects.exists() and Document.objects.live().filter(name="a").count() == 1


def is_gone() -> bool:
    return not TrashEntry.objects.exists() and not Document.objects.filter(name="a").exists()


def nothing_is_under_way() -> bool:
    return not Upload.objects.filter(state__in=["receiving", "finishing"]).exists()


def nothing_is_noted() -> bool:
    return not PendingDeletion.objects.exists()


def counters_are_true() -> bool:
    return not breaches()


DELETING = Scene("job", objects_to_delete, nothing_is_noted, comes_by_itself=True)
SCENES: list[tuple[Failpoint, Scene]] = [
    (Failpoint.UPLOAD_CLOSING, Scene("cancel", an_upload_under_way, nothing_is_under_way)),
    (Failpoint.UPLOAD_CLOSING, Scene("job", a_late_upload, nothing_is_under_way, comes_by_itself=True)),
    (Failpoint.TRASHING, Scene("throw", a_document, is_in_the_trash)),
    (Failpoint.TRASHING, Scene("throw_folder", a_folder, is_in_the_trash)),
    (Failpoint.RESTORING, Scene("restore", a_document_in_the_trash, is_back)),
    (Failpoint.RESTORING, Scene("restore", a_folder_in_the_trash, is_back)),
    (Failpoint.PURGING, Scene("purge", a_document_in_the_trash, is_gone)),
    (Failpoint.PURGING, Scene("purge", a_folder_in_the_trash, is_gone)),
    (Failpoint.OBJECT_DELETING, DELETING),
    (Failpoint.OBJECT_DELETED, DELETING),
    (Failpoint.ORPHANS_NOTED, Scene("job", an_orphan, nothing_is_noted, comes_by_itself=True)),
    (Failpoint.QUOTA_RECOUNTING, Scene("job", a_drifted_counter, counters_are_true, comes_by_itself=True)),
    (Failpoint.JOB_CLAIMED, DELETING),
    (Failpoint.JOB_WORKED, DELETING),
    (Failpoint.JOB_ENDED, DELETING),
    (Failpoint.READING_CLAIMED, Scene("read", something_to_read, is_read)),
    (Failpoint.READING_WORKED, Scene("read", something_to_read, is_read)),
    (Failpoint.READING_ENDING, Scene("read", something_to_read, is_read)),
    (Failpoint.JOB_HANDING_OVER, Scene("requeue", a_job_left_behind, nothing_is_noted, comes_by_itself=True)),
]


@pytest.mark.parametrize("effect", KILLED_AND_MORE_IN_THE_SOAK)
@pytest.mark.parametrize(("point", "scene"), SCENES, ids=[f"{point}-{scene.act}" for point, scene in SCENES])
def test_f25_an_act_or_a_job_struck_at_any_step_happens_once_or_not_at_all(
    point: Failpoint, scene: Scene, effect: Effect, driver: Driver, alice_actor: Actor
) -> None:
    an_act_is_struck(point, scene, effect, driver, alice_actor)


@pytest.mark.soak
@pytest.mark.parametrize("turn", range(6))
@pytest.mark.parametrize("effect", list(Effect))
@pytest.mark.parametrize(("point", "scene"), SCENES, ids=[f"{point}-{scene.act}" for point, scene in SCENES])
def test_f25_an_act_or_a_job_struck_many_times_and_at_each_pass(
    point: Failpoint, scene: Scene, effect: Effect, turn: int, driver: Driver, alice_actor: Actor
) -> None:
    is_for_each = point in {Failpoint.OBJECT_DELETING, Failpoint.OBJECT_DELETED}
    an_act_is_struck(point, scene, effect, driver, alice_actor, passes=1 + turn % 3 if is_for_each else 1)


def an_act_is_struck(
    point: Failpoint, scene: Scene, effect: Effect, driver: Driver, alice_actor: Actor, *, passes: int = 1
) -> None:
    put("bystander.txt", None, alice_actor)
    asked = scene.prepare(alice_actor)
    strike(driver, point, effect, scene.act, passes=passes, **asked)
    if effect is Effect.RAISE:
        heal()
    if not scene.comes_by_itself and not scene.is_done():
        assert driver.act(scene.act, **asked).get("error") is None
    heal()
    assert scene.is_done()
    assert breaches() == []
    assert Document.objects.live().filter(name="bystander.txt").count() == 1
    for action in ("document_restored", "folder_restored", "document_purged", "folder_purged", "upload_cancelled"):
        assert told(action) <= (3 if scene.prepare in {objects_to_delete, a_job_left_behind} else 1), action


def test_every_failpoint_is_struck() -> None:
    struck = [*(point for point, _act in ON_THE_WAY_IN), *(point for point, _scene in SCENES)]
    assert {*struck, *IN_A_BACKUP, *IN_A_RESTORE, *ON_THE_WAY_OUT} == set(Failpoint)


@pytest.mark.parametrize("effect", KILLED_AND_MORE_IN_THE_SOAK)
@pytest.mark.parametrize("point", ON_THE_WAY_OUT)
def test_an_export_or_import_struck_at_any_step_goes_on_and_doubles_nothing(
    point: Failpoint, effect: Effect, driver: Driver, alice: User, alice_actor: Actor, bob: User, tmp_path: Path
) -> None:
    make_a_vault(alice_actor)
    act, who = ("leave", "alice") if point.startswith("export") else ("come_in", "bob")
    asked: dict[str, Any] = {"folder": str(tmp_path / "export")}
    if act == "come_in":
        driver.act("leave", who="alice", **asked)
    strike(driver, point, effect, act, who=who, **asked)
    if effect is Effect.RAISE:
        heal()
    ended = driver.act(act, who=who, **asked)
    assert ended.get("error") is None
    assert ended.get("refused") in (None, [])
    if act == "leave":
        driver.act("come_in", who="bob", **asked)
    heal()
    assert kept_by(bob) == kept_by(alice)
    assert breaches() == []


def every_job() -> list[str]:
    from documents import tasks

    assert tasks
    return sorted(name for name in jobs.registered() if name.startswith("documents."))


@pytest.mark.parametrize("task", every_job())
def test_f25_every_kind_of_job_killed_before_and_after_its_work_is_done_in_the_end(
    task: str, driver: Driver, alice_actor: Actor
) -> None:
    arguments: list[Any] = []
    if task == "documents.tasks.finish_upload":
        upload = uploads.begin_upload("a", 4, None, by=alice_actor)
        uploads.receive(upload.pk, 0, io.BytesIO(b"12"), 2, by=alice_actor)
        uploads.receive(upload.pk, 2, io.BytesIO(b"34"), 2, by=alice_actor)
        Upload.objects.update(state="finishing")
        arguments = [str(upload.pk)]
    if task == "documents.tasks.take_in_import":
        put("a", None, alice_actor)
        arguments = [str(sent_back(alice_actor).pk)]
    is_there = bool(arguments)
    if task in {f"documents.tasks.{name}" for name in ("learn_filing", "make_copy", "run_rule", "undo_run")}:
        assert alice_actor.user is not None
        arguments = [str(alice_actor.user.pk)]  # somebody's, or the id of what is gone
    for point in (Failpoint.JOB_CLAIMED, Failpoint.JOB_WORKED):
        driver.struck(point, Effect.KILL, "job", task=task, arguments=arguments)
        heal()
    assert breaches() == []
    assert not JobRun.objects.filter(task=task).exclude(state="done").exists()
    assert Document.objects.count() == is_there


# --- The mechanism itself -------------------------------------------------------------------------------


def test_an_armed_point_strikes_at_the_time_that_was_asked_for(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    failpoints.arm(f"piece.put=raise:2@{mark}", is_allowed=True)
    try:
        failpoint(Failpoint.PIECE_PUT)
        failpoint(Failpoint.PIECE_NAMED)
        assert not mark.exists()
        with pytest.raises(FailpointReached):
            failpoint(Failpoint.PIECE_PUT)
        assert mark.exists()
        failpoint(Failpoint.PIECE_PUT)
    finally:
        failpoints.arm("", is_allowed=False)
    failpoint(Failpoint.PIECE_PUT)


@pytest.mark.parametrize("wanted", ["piece.put", "piece.put=", "nowhere=kill", "piece.put=sing", "piece.put=kill:x"])
def test_what_cannot_be_read_is_refused(wanted: str) -> None:
    with pytest.raises(ImproperlyConfigured):
        failpoints.arm(wanted, is_allowed=True)


def test_a_vault_in_earnest_does_not_start_with_a_point_armed() -> None:
    from docuvault.lib.env import TEST_MARK

    earnest = {name: value for name, value in os.environ.items() if name != TEST_MARK}
    for environment, expected in ((earnest, 1), (dict(os.environ), 0), ({**earnest, "DOCUVAULT_DEBUG": "1"}, 0)):
        done = subprocess.run(
            [sys.executable, "-c", "from django.conf import settings; settings.DEBUG"],
            cwd=CHECKOUT,
            env={**environment, "DOCUVAULT_FAILPOINTS": "piece.put=kill"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expected, done.stderr
        assert ("DOCUVAULT_FAILPOINTS is for tests alone" in done.stderr) == bool(expected)
