"""A process that acts on the vault as a server or a worker does, and dies where it is told to.

Started once, it makes a copy of itself for each act, so that a copy which is killed takes nothing else
along. A line of JSON asks; the answer is a line that says how the copy ended and what it had told by then.
"""

import faulthandler
import json
import os
import random
import signal
import sys
from collections.abc import Callable
from typing import Any

from docuvault.stack.process import dying_with_us

Tell = Callable[..., None]
ACT_SECONDS = 60.0  # far more than any act needs; one that takes longer tells where it stands, and ends
BODY = "application/offset+octet-stream"


def bytes_of(seed: int, size: int) -> bytes:
    """The same bytes for the same seed."""
    return random.Random(seed).randbytes(size)


def _actor(who: str) -> Any:
    from accounts.actors import Actor
    from accounts.models import User

    return Actor.for_user(User.objects.get(handle=who))


def _client(who: str) -> Any:
    from django.test import Client

    client = Client()
    client.force_login(_actor(who).user, backend="accounts.adapters.People")
    return client


def _metadata(name: str) -> str:
    import base64

    return "filename " + base64.b64encode(name.encode()).decode()


def one_pass(tell: Tell, *, who: str, name: str, seed: int, size: int) -> None:
    """As the plain form and the command line do."""
    from documents.uploads import store_stream

    data = bytes_of(seed, size)
    chunks = (data[start : start + 1000] for start in range(0, size, 1000))
    document = store_stream(name, chunks, None, size_bound=size, by=_actor(who))
    tell(document=str(document.pk))


def whole(tell: Tell, *, who: str, name: str, seed: int, size: int, key: str, patience: float | None = None) -> None:
    """A small file with its creation, as our page sends it."""
    from datetime import timedelta

    from documents.uploads import whole as module

    if patience is not None:
        module.PATIENCE = timedelta(seconds=patience)
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(size),
        "Upload-Metadata": _metadata(name),
        "Idempotency-Key": key,
    }
    answer = _client(who).post("/uploads/", bytes_of(seed, size), content_type=BODY, headers=headers)
    if answer.status_code == 201:
        tell(document=answer["Upload-Document"])
    else:
        tell(status=answer.status_code)


def tus(tell: Tell, *, who: str, name: str, seed: int, size: int, chunk: int, key: str, url: str = "") -> None:
    """A file in several requests, from where the vault says it stands; begun where there is none."""
    client, told = _client(who), {"Tus-Resumable": "1.0.0"}
    data = bytes_of(seed, size)
    offset = 0
    state = client.head(url, headers=told) if url else None
    if state is None or state.status_code in {404, 410}:
        headers = {**told, "Upload-Length": str(size), "Upload-Metadata": _metadata(name), "Idempotency-Key": key}
        answer = client.post("/uploads/", b"", content_type="text/plain", headers=headers)
        if answer.status_code != 201:
            tell(status=answer.status_code)
            return
        url = answer["Location"]
        tell(url=url)
    else:
        answer = state
    offset = int(answer["Upload-Offset"])
    while offset < size:
        sent = {**told, "Upload-Offset": str(offset)}
        answer = client.patch(url, data[offset : offset + chunk], content_type=BODY, headers=sent)
        if answer.status_code != 204:
            tell(status=answer.status_code)
            return
        offset = int(answer["Upload-Offset"])
        tell(offset=offset)
    if answer.get("Upload-Document"):
        tell(document=answer["Upload-Document"])


def cancel(tell: Tell, *, who: str, upload: str) -> None:
    from uuid import UUID

    from documents.uploads import cancel_upload

    cancel_upload(UUID(upload), by=_actor(who))
    tell(done=True)


def throw(tell: Tell, *, who: str, document: str) -> None:
    from documents.actions.trash import trash_document
    from documents.models import Document

    entry = trash_document(Document.objects.get(pk=document), by=_actor(who))
    tell(entry=str(entry.pk))


def throw_folder(tell: Tell, *, who: str, folder: str) -> None:
    from documents.actions.trash import trash_folder
    from documents.models import Folder

    entry = trash_folder(Folder.objects.get(pk=folder), by=_actor(who))
    tell(entry=str(entry.pk))


def restore(tell: Tell, *, who: str, entry: str) -> None:
    from documents.actions.trash import restore as act
    from documents.models import TrashEntry

    act(TrashEntry.objects.get(pk=entry), by=_actor(who))
    tell(done=True)


def purge(tell: Tell, *, who: str, entry: str) -> None:
    from documents.actions.trash import purge as act
    from documents.models import TrashEntry

    act(TrashEntry.objects.get(pk=entry), by=_actor(who))
    tell(done=True)


def job(tell: Tell, *, task: str, arguments: list[Any], is_anything_an_orphan: bool = False) -> None:
    """What a worker does with a job."""
    from documents import jobs

    if is_anything_an_orphan:
        from tests.faults.upkeep import everything_is_old

        everything_is_old()
    row = jobs.enqueue(task, *arguments)
    jobs.run(str(row.pk))
    tell(job=str(row.pk))


def leave(tell: Tell, *, who: str, folder: str) -> None:
    from pathlib import Path

    from documents.tests.exports import exported

    tell(is_whole=exported(Path(folder), _actor(who).user).is_whole)


def come_in(tell: Tell, *, who: str, folder: str) -> None:
    from pathlib import Path

    from documents.tests.exports import taken_in

    report = taken_in(Path(folder), _actor(who).user)
    tell(added=report.added, refused=report.refused)


def read(tell: Tell) -> None:
    """What a reader does that has just started, long after another one has died."""
    from datetime import timedelta
    from pathlib import Path

    from django.utils.timezone import now

    from documents.actions.reading import read_waiting, take_up_left_behind
    from documents.extraction.lane import Lane
    from documents.models import Reading

    Reading.objects.filter(state="reading").update(beat_at=now() - timedelta(hours=1))
    take_up_left_behind()
    lane = Lane(Path("/nonexistent"), [])
    try:
        tell(count=read_waiting(lane))
    finally:
        lane.stop()


def requeue(tell: Tell) -> None:
    from documents import jobs

    tell(count=jobs.requeue_due())


def back_up(tell: Tell, *, place: str, keep: int = 0) -> None:
    from documents.upkeep import backing_up
    from documents.upkeep.places import place_at

    report = backing_up.back_up(place_at(place), by=_command(), keep=keep)
    tell(generation=report.manifest.generation, copied=report.copied)


def restore_into(tell: Tell, *, place: str, vault: str) -> None:
    """Into a database and a bucket of this name, which may be half restored already; then a check of all."""
    from documents import storage
    from documents.models import Document
    from documents.upkeep.checking import check_vault
    from documents.upkeep.places import place_at
    from documents.upkeep.restoring import restore_vault

    _turn_to(vault)
    storage.store().make_bucket()
    report = restore_vault(place_at(place), by=_command())
    found = check_vault(by=_command())
    tell(
        copied=report.copied,
        there=report.there,
        lost=len(report.lost),
        breaches=[str(breach) for breach in found.breaches],
        documents=Document.objects.count(),
    )


def accept_all_in(tell: Tell, *, vault: str) -> None:
    """What waits by the file request of a restored vault is told of, and filed by its owner."""
    from accounts.actors import Actor
    from documents.storage import store
    from documents.upkeep.checking import check_vault
    from documents.uploads.requested import taken_by
    from sharing.actions.received import accept_all_received
    from sharing.models import FileRequest, ReceivedFile

    _turn_to(vault)
    asked = FileRequest.objects.get()
    taken, waiting = taken_by(asked).files, [row.state for row in ReceivedFile.objects.order_by("created_at")]
    filed = accept_all_received(asked, asked.folder, by=Actor.for_user(asked.user))
    tell(
        states=waiting,
        taken=taken,
        filed={row.name: b"".join(store().open(row.object_key)).decode() for row in filed},
        visible=[row.trash_id is None for row in filed],
        breaches=[str(breach) for breach in check_vault(by=_command()).breaches],
    )


def _turn_to(vault: str) -> None:
    """From now on the database and the bucket of this name."""
    from django.conf import settings
    from django.db import connection, connections

    from documents import storage

    connections.close_all()
    connection.settings_dict["NAME"] = vault
    settings.S3_BUCKET = vault.replace("_", "-")
    storage._store = None


def _command() -> Any:
    from accounts.actors import Actor

    return Actor.command()


ACTS: dict[str, Callable[..., None]] = {
    act.__name__: act
    for act in (
        one_pass,
        whole,
        tus,
        cancel,
        throw,
        throw_folder,
        restore,
        purge,
        job,
        leave,
        come_in,
        read,
        requeue,
        back_up,
        restore_into,
        accept_all_in,
    )
}


def _act(asked: dict[str, Any], output: int) -> None:
    from django.db import connections

    from docuvault.lib import failpoints
    from docuvault.lib.env import is_under_test

    os.environ[failpoints.VARIABLE] = asked.get("failpoint", "")
    failpoints.arm(os.environ[failpoints.VARIABLE], is_allowed=is_under_test())

    def tell(**facts: Any) -> None:
        os.write(output, json.dumps(facts).encode() + b"\n")

    try:
        ACTS[asked["act"]](tell, **asked["arguments"])
    except BaseException as error:  # noqa: BLE001 (told to the test)
        tell(error=f"{type(error).__name__}: {error}")
    finally:
        connections.close_all()


def _copy(asked: dict[str, Any]) -> dict[str, Any]:
    reading, writing = os.pipe()
    as_a_copy = dying_with_us(signal.SIGKILL)
    child = os.fork()
    if not child:
        as_a_copy()
        faulthandler.dump_traceback_later(ACT_SECONDS, exit=True)
        os.close(reading)
        try:
            _act(asked, writing)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = [json.loads(line) for line in pipe if line.endswith("\n")]
    _pid, status = os.waitpid(child, 0)
    return {"ended_by": -os.waitstatus_to_exitcode(status), "told": told}


def main() -> None:
    import django
    from django.conf import settings
    from django.test.utils import setup_test_environment

    django.setup()
    setup_test_environment()
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    from django.urls import get_resolver

    from documents import storage, tasks  # noqa: F401 (a copy has it at hand)

    usual = storage.Config
    # How long the vault really waits is tested beside the gateway (documents/tests/test_storage.py).
    storage.Config = lambda **said: usual(**{**said, "connect_timeout": 1, "read_timeout": 1})  # type: ignore[misc,assignment]
    store = storage.store

    get_resolver().url_patterns  # noqa: B018
    store().abilities  # noqa: B018
    store()._client  # noqa: B018 (made, not connected)
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(_copy(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
