"""Several at once as a ZIP: unique relative names, every right asked at its turn, digests at the end."""

import hashlib
import io
import os
import zipfile
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from zipstream import ng

from accounts.actors import Actor
from accounts.models import User
from documents.actions.trash import trash_document
from documents.downloads import MANIFEST, MemberGone, zip_documents
from documents.models import Document, Folder, Version
from documents.storage import ObjectStore
from documents.tests.making import folders, put
from sharing.models import AuditEvent, Share, ShareLevel

ClientFor = Callable[[User], Client]


def archive_of(response: Any) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))


def test_folders_and_documents_come_with_their_paths_and_digests(
    alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    car = folders("Car", alice_actor)
    deep = folders("Car/Insurance", alice_actor)
    data = {"Car/a.txt": b"a", "Car/Insurance/policy.pdf": os.urandom(300_000), "loose.txt": b""}
    put("a.txt", car, alice_actor, data["Car/a.txt"])
    put("policy.pdf", deep, alice_actor, data["Car/Insurance/policy.pdf"])
    loose = put("loose.txt", None, alice_actor, b"")
    trash_document(put("gone.txt", car, alice_actor), by=alice_actor)
    answer = client_for(alice).post(
        reverse("selection"), {"action": "download", "folder": str(car.pk), "document": str(loose.pk)}
    )
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    with archive_of(answer) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist() if name != MANIFEST} == data
        lines = archive.read(MANIFEST).decode().splitlines()
    assert sorted(lines) == sorted(f"{hashlib.sha256(found).hexdigest()}  {name}" for name, found in data.items())
    assert AuditEvent.objects.filter(action="document_downloaded").count() == 3


def test_names_that_clash_by_case_or_with_the_list_of_digests_are_numbered(alice_actor: Actor) -> None:
    rows = [put("a.txt", folders(place, alice_actor), alice_actor, place.encode()) for place in ("X", "Y")]
    rows.append(put("A.TXT", folders("Z", alice_actor), alice_actor, b"Z"))
    rows.append(put(MANIFEST, None, alice_actor, b"mine"))
    with archive_of(zip_documents(rows, [], "x.zip", by=alice_actor)) as archive:
        names = archive.namelist()
        assert len({name.casefold() for name in names}) == len(names) == 5
        assert sorted(archive.read(name) for name in names if name != MANIFEST) == [b"X", b"Y", b"Z", b"mine"]
        assert all(not name.startswith("/") and ".." not in name.split("/") for name in names)


def test_f22_a48_a_right_withdrawn_while_it_streams_breaks_it_off_at_that_file(
    alice: User, alice_actor: Actor, bob: User, bob_actor: Actor
) -> None:
    first, second = put("a.txt", None, alice_actor, b"first"), put("b.txt", None, alice_actor, b"second")
    for row in (first, second):
        Share.objects.create(document=row, recipient=bob, shared_by=alice, level=ShareLevel.VIEW)
    answer = zip_documents([first, second], [], "x.zip", by=bob_actor)
    stream: Iterator[bytes] = iter(answer.streaming_content)  # type: ignore[arg-type]
    taken = b""
    while b"first" not in taken:
        taken += next(stream)
    Share.objects.filter(document=second).delete()

    def rest() -> Iterator[bytes]:
        nonlocal taken
        for chunk in stream:
            taken += chunk
            yield chunk

    with pytest.raises(MemberGone):
        list(rest())
    assert b"second" not in taken
    assert len(taken) < int(answer.headers["Content-Length"])  # so the receiver sees that it is broken
    told = AuditEvent.objects.filter(action="document_downloaded", actor_id=bob.pk)
    assert list(told.values_list("target_name", flat=True)) == ["a.txt"]


def test_its_length_is_told_and_true(alice_actor: Actor) -> None:
    car = folders("Car", alice_actor)
    for n in range(40):
        put(f"été {n}", car, alice_actor, b"x" * n * 100)
    answer = zip_documents([], [car], "x.zip", by=alice_actor)
    assert len(answer.getvalue()) == int(answer.headers["Content-Length"])


def test_a48_what_is_hidden_in_a_shared_folder_stays_out(
    alice: User, alice_actor: Actor, bob: User, bob_actor: Actor
) -> None:
    car = folders("Car", alice_actor)
    put("seen.txt", car, alice_actor)
    Share.objects.create(folder=car, recipient=bob, shared_by=alice, level=ShareLevel.VIEW)
    trash_document(put("gone.txt", car, alice_actor), by=alice_actor)
    with archive_of(zip_documents([], [Folder.objects.get(pk=car.pk)], "x.zip", by=bob_actor)) as archive:
        assert archive.namelist() == ["Car/seen.txt", MANIFEST]


def test_one_that_is_not_yours_refuses_the_whole(
    alice: User, alice_actor: Actor, bob_actor: Actor, client_for: ClientFor
) -> None:
    mine, theirs = put("a.txt", None, alice_actor), put("b.txt", None, bob_actor)
    answer = client_for(alice).post(
        reverse("selection"), {"action": "download", "document": [str(mine.pk), str(theirs.pk)]}
    )
    assert answer.status_code == 404


def test_one_document_alone_is_no_archive(alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    document = put("a.txt", None, alice_actor)
    answer = client_for(alice).post(reverse("selection"), {"action": "download", "document": str(document.pk)})
    assert answer.headers["Location"] == reverse("download_document", args=[document.pk])


def test_bytes_that_are_not_those_that_were_stored_break_the_archive(alice_actor: Actor) -> None:
    document = put("a.txt", None, alice_actor, b"right")
    rows = Document.objects.select_related("current_version").filter(pk=document.pk)
    assert rows[0].current_version is not None
    type(rows[0].current_version).objects.filter(document=document).update(sha256="0" * 64)
    from documents.storage import StoreError

    with pytest.raises(StoreError):
        archive_of(zip_documents(list(rows), [], "x.zip", by=alice_actor))


def test_beyond_the_limits_of_the_old_format_it_is_a_zip64(alice_actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """With limits of a thousand bytes and three files instead of 4 GiB and 65,535."""
    monkeypatch.setattr(ng, "ZIP64_LIMIT", 1000)
    monkeypatch.setattr(ng, "ZIP_FILECOUNT_LIMIT", 3)
    data = {f"{n}.bin": os.urandom(600 + n * 300) for n in range(5)}
    rows = [put(name, None, alice_actor, found) for name, found in data.items()]
    answer = zip_documents(rows, [], "x.zip", by=alice_actor)
    packed = b"".join(answer.streaming_content)  # type: ignore[arg-type]
    assert len(packed) == int(answer.headers["Content-Length"])
    assert b"PK\x06\x06" in packed  # the end record of ZIP64
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist() if name != MANIFEST} == data


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_file_of_more_than_four_gigabytes_leaves_in_a_zip(
    alice_actor: Actor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    size, chunk = 4 * 1024**3 + 5, bytes(8 * 1024 * 1024)
    whole = hashlib.sha256()
    for _ in range(size // len(chunk)):
        whole.update(chunk)
    whole.update(bytes(size % len(chunk)))
    small, large = put("small.txt", None, alice_actor, b"small"), put("large.bin", None, alice_actor, b"x")
    Version.objects.filter(document=large).update(size_bytes=size, sha256=whole.hexdigest())
    Document.objects.filter(pk=large.pk).update(size_bytes=size, sha256=whole.hexdigest())
    opened = ObjectStore.open

    def zeros(store: ObjectStore, key: str, start: int = 0, end: int | None = None) -> Any:
        if key != large.object_key:
            return opened(store, key, start, end)
        return chain(repeat(chunk, size // len(chunk)), [bytes(size % len(chunk))])

    monkeypatch.setattr(ObjectStore, "open", zeros)
    large.refresh_from_db()
    with (tmp_path / "sparse.zip").open("wb") as file:
        for part in zip_documents([large, small], [], "x.zip", by=alice_actor).streaming_content:  # type: ignore[union-attr]
            # Zeros are skipped, so that the file holds few bytes.
            file.seek(len(part), os.SEEK_CUR) if part == chunk[: len(part)] else file.write(part)
    with zipfile.ZipFile(tmp_path / "sparse.zip") as archive:
        assert archive.getinfo("large.bin").file_size == size
        assert archive.read("small.txt") == b"small"


def test_each_object_is_opened_at_its_turn_and_none_is_held(
    alice_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [put(f"{n}.bin", None, alice_actor, os.urandom(1_000_000)) for n in range(4)]
    opened: list[str] = []
    before = ObjectStore.open

    def noted(store: ObjectStore, key: str, *range_: Any) -> Any:
        opened.append(key)
        return before(store, key, *range_)

    monkeypatch.setattr(ObjectStore, "open", noted)
    parts = iter(zip_documents(rows, [], "x.zip", by=alice_actor).streaming_content)  # type: ignore[arg-type]
    given = 0
    for part in parts:
        given += len(part)
        # So many are open as what was given has reached, and the reading of no other is told.
        assert len(opened) <= given // 1_000_000 + 1
        assert AuditEvent.objects.filter(action="document_downloaded").count() == len(opened)
    assert opened == [row.object_key for row in rows]
