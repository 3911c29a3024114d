"""Leaving with everything and coming in somewhere else: the trees, the bytes and what people wrote are the same."""

import hashlib
import io
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import Quota, User
from conftest import CORPUS
from documents.exports.layout import INDEX, MARK, SUMS
from documents.models import Document
from documents.tests.exports import exported, fill, hostile_names, kept_by, records, taken_in

ClientFor = Callable[[User], Client]


@pytest.fixture
def full(alice: User, alice_actor: Actor, admin_actor: Actor) -> User:
    """Alice, with everything."""
    Quota.objects.update(limit_bytes=10**9)
    fill(alice_actor, admin_actor, hostile_names(CORPUS) if CORPUS.is_dir() else [])
    return alice


def files(root: Path) -> dict[str, str]:
    """Digest by path of all files."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def told(root: Path, handle: str) -> list[Any]:
    """What the records say, without ids and moments."""
    found = []
    for record in records(root).values():
        version_files = [(row["number"], row["note"], row["sha256"]) for row in record["versions"]]
        trash = record["trash"] and (record["trash"]["kind"], record["trash"]["name"], record["trash"]["place"])
        current = next(row["file"] for row in record["versions"] if row["number"] == record["current_version"])
        # Of what was thrown away under one name, either may have come first.
        path = current.removeprefix(handle) if not trash else ""
        topics = [(topic["name"], topic["colour"], topic["reason"]) for topic in record["topics"]]
        found.append((record["name"], record["place"], path, version_files, topics, record["is_starred"], trash))
    return sorted(found, key=str)


def live(root: Path, handle: str) -> dict[str, str]:
    return {path.removeprefix(f"{handle}/"): digest for path, digest in files(root).items() if "/files/" in path}


def test_a_vault_comes_out_and_into_another_one_the_same_and_out_of_that_once_more(
    full: User, bob: User, tmp_path: Path
) -> None:
    report = exported(tmp_path / "a", full)
    assert report.is_whole
    taken = taken_in(tmp_path / "a", bob)
    assert taken.refused == []
    assert taken.added == report.documents == Document.objects.filter(user=full).count()
    assert kept_by(bob) == kept_by(full)
    exported(tmp_path / "b", bob)
    assert told(tmp_path / "a", "alice") == told(tmp_path / "b", "bob")
    assert live(tmp_path / "a", "alice") == live(tmp_path / "b", "bob")
    # Taken in twice, nothing doubles.
    before = kept_by(bob)
    document = Document.objects.live().get(user=bob, name="policy.pdf")
    again = taken_in(tmp_path / "a", bob)
    assert (again.added, again.refused) == (0, [])
    assert again.known == again.total
    assert kept_by(bob) == before
    # Also when it is called otherwise and lies somewhere else by now.
    Document.objects.filter(pk=document.pk).update(name="renamed.pdf", name_key="renamed.pdf", folder=None)
    assert taken_in(tmp_path / "a", bob).added == 0


def test_taken_into_the_vault_it_is_of_it_finds_all_of_it_there_and_sha256sum_agrees(
    full: User, tmp_path: Path
) -> None:
    exported(tmp_path, full)
    before = kept_by(full)
    taken = taken_in(tmp_path, full)
    assert (taken.added, taken.refused) == (0, [])
    assert kept_by(full) == before
    done = subprocess.run(
        ["sha256sum", "-c", "--strict", "--quiet", SUMS], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    named = {line.split("  ", 1)[1] for line in (tmp_path / SUMS).read_text().splitlines()}
    assert named == set(files(tmp_path)) - {SUMS}
    assert {path.name for path in tmp_path.iterdir()} == {"alice", "READ-ME.txt", INDEX, MARK, SUMS}


def test_the_zip_of_a_person_holds_what_the_folder_holds(
    full: User, bob: User, tmp_path: Path, client_for: ClientFor
) -> None:
    exported(tmp_path / "folder", full)
    answer: Any = client_for(full).post(reverse("export_everything"), {"versions": "on", "trash": "on"})
    data = b"".join(answer.streaming_content)
    assert len(data) == int(answer.headers["Content-Length"])
    (tmp_path / "all.zip").write_bytes(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "unpacked")
    folder, unpacked = files(tmp_path / "folder"), files(tmp_path / "unpacked")
    # They differ only in when they were made.
    assert {path: digest for path, digest in unpacked.items() if path not in {MARK, SUMS}} == {
        path: digest for path, digest in folder.items() if path not in {MARK, SUMS}
    }
    directories = {str(path.relative_to(tmp_path / "folder")) for path in (tmp_path / "folder").rglob("*/")}
    assert directories == {str(p.relative_to(tmp_path / "unpacked")) for p in (tmp_path / "unpacked").rglob("*/")}
    taken = taken_in(tmp_path / "all.zip", bob)
    assert taken.refused == []
    assert kept_by(bob) == kept_by(full)
