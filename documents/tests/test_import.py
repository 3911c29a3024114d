"""Taking an export in trusts nothing it says: each refusal in words, for that file alone, and nothing doubled."""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.actors import Actor
from accounts.models import Quota, User
from documents.actions.topics import make_topic, tag_documents
from documents.actions.trash import purge, restore, trash_document, trash_folder
from documents.exports.layout import MARK, SUMS
from documents.exports.marks import NotAnExport
from documents.models import Document, Folder, PendingDeletion, Topic, TrashEntry, Upload, Version
from documents.storage import store
from documents.tests.exports import again, edited, exported, kept_by, taken_in
from documents.tests.making import folders, put
from docuvault.lib import failpoints
from docuvault.lib.failpoints import Failpoint, FailpointReached
from sharing.models import AuditEvent


@pytest.fixture
def out(alice: User, alice_actor: Actor, tmp_path: Path) -> Path:
    """Alice's export: three papers, one with two versions."""
    car = folders("Car", alice_actor)
    put("a.txt", car, alice_actor, b"aaaa")
    put("b.txt", None, alice_actor, b"bbbb")
    again(put("twice.txt", car, alice_actor, b"first"), b"second", alice_actor)
    exported(tmp_path / "out", alice)
    return tmp_path / "out"


def record_of(root: Path, name: str) -> Path:
    return next(p for p in root.glob("*/records/*/*.json") if json.loads(p.read_text())["name"] == name)


def names_of(user: User) -> list[str]:
    return sorted(Document.objects.live().filter(user=user).values_list("name", flat=True))


def nothing_is_left_over(user: User) -> bool:
    """No space is promised, and every object that no row names is noted for deletion."""
    named = set(Version.objects.values_list("object_key", flat=True))
    noted = set(PendingDeletion.objects.values_list("object_key", flat=True))
    stray = {item.key for item in store().objects()} - named - noted
    used = sum(Version.objects.filter(document__user=user).values_list("size_bytes", flat=True))
    quota = Quota.objects.get(user=user)
    ours = Upload.objects.filter(user=user, state__in=["receiving", "finishing"])
    return not (stray & set(ours.values_list("object_key", flat=True))) and quota.used_bytes == used


# --- refused for that file alone -----------------------------------------------------------------------


def test_a_changed_byte_is_refused_for_that_file_alone(out: Path, bob: User) -> None:
    (out / "alice/files/b.txt").write_bytes(b"bbbx")
    taken = taken_in(out, bob)
    assert taken.refused == [("b.txt", "alice/files/b.txt: its bytes are not those of its checksum")]
    assert names_of(bob) == ["a.txt", "twice.txt"]
    assert nothing_is_left_over(bob)
    assert Quota.objects.get(user=bob).reserved_bytes == 0
    # Mended, it comes in by the same command.
    (out / "alice/files/b.txt").write_bytes(b"bbbb")
    mended = taken_in(out, bob)
    assert (mended.added, mended.known, mended.refused) == (1, 2, [])


def test_a28_another_size_is_refused(out: Path, bob: User) -> None:
    for data in (b"bbb", b"bbbbb", b""):
        (out / "alice/files/b.txt").write_bytes(data)
        taken = taken_in(out, bob)
        assert [path for path, _why in taken.refused] == ["b.txt"]
    assert names_of(bob) == ["a.txt", "twice.txt"]


def test_a_damaged_older_version_stays_out_and_the_document_comes(out: Path, bob: User) -> None:
    (older,) = out.glob("alice/records/*/*.version-1.txt")
    older.write_bytes(b"FIRST")
    taken = taken_in(out, bob)
    assert [path for path, _why in taken.refused] == ["Car/twice.txt"]
    assert "version 1" in taken.refused[0][1]
    document = Document.objects.get(user=bob, name="twice.txt")
    assert list(document.versions.values_list("number", flat=True)) == [2]
    assert nothing_is_left_over(bob)


def test_a_missing_file_and_a_changed_record_are_refused_alone(out: Path, bob: User) -> None:
    (out / "alice/files/b.txt").unlink()
    record = record_of(out, "a.txt")
    record.write_text(record.read_text().replace('"a.txt"', '"x.txt"'))
    taken = taken_in(out, bob)
    assert sorted(why for _path, why in taken.refused) == [
        "alice/files/b.txt: is missing",
        "its bytes are not those of its checksum",
    ]
    assert names_of(bob) == ["twice.txt"]


WRONG: list[tuple[str, Callable[[dict[str, Any]], object], str]] = [
    ("name with a slash", lambda r: r.update(name="../../evil"), "slash"),
    ("name with a line feed", lambda r: r.update(name="a\nb"), "cannot be kept"),
    ("no name", lambda r: r.pop("name"), "cannot be understood (name)"),
    ("a list for a name", lambda r: r.update(name=["a"]), "cannot be understood (name)"),
    ("an id that is none", lambda r: r.update(id="1; DROP TABLE"), "cannot be understood (id)"),
    ("a place of dots", lambda r: r.update(place=[".."], folder=None), "cannot be only dots"),
    ("a negative size", lambda r: r["versions"][0].update(size_bytes=-1), "cannot be understood (size_bytes)"),
    ("a huge size", lambda r: r["versions"][0].update(size_bytes=10**30), "cannot be understood (size_bytes)"),
    ("true for a size", lambda r: r["versions"][0].update(size_bytes=True), "cannot be understood (size_bytes)"),
    ("a digest of another form", lambda r: r["versions"][0].update(sha256="X"), "cannot be understood (versions)"),
    ("a moment that is none", lambda r: r.update(created_at="never"), "cannot be understood (created_at)"),
    ("no such current version", lambda r: r.update(current_version=7), "cannot be understood (current_version)"),
    ("one number twice", lambda r: r["versions"].append(r["versions"][0]), "cannot be understood (versions)"),
    ("a trash of another kind", lambda r: r.update(trash={"kind": "bin"}), "cannot be understood (trash)"),
    ("up and out", lambda r: r["versions"][0].update(file="../../etc/passwd"), "leads out of the export"),
    ("from the root", lambda r: r["versions"][0].update(file="/etc/passwd"), "leads out of the export"),
    ("a drive", lambda r: r["versions"][0].update(file="C:/windows"), "leads out of the export"),
    ("a backslash", lambda r: r["versions"][0].update(file="..\\..\\x"), "leads out of the export"),
    ("a NUL", lambda r: r["versions"][0].update(file="a\x00b"), "leads out of the export"),
    ("no file", lambda r: r["versions"][0].update(file=None), "its content is not in the export"),
    ("half a character", lambda r: r.update(name="a\ud800"), "cannot be understood (name)"),
    ("a directory", lambda r: r["versions"][0].update(file="alice/files"), "is no file"),
]  # fmt: skip


def test_a_record_that_lies_is_refused_alone_and_in_words(
    alice: User, alice_actor: Actor, bob: User, tmp_path: Path
) -> None:
    for what, _change, _why in WRONG:
        put(what, None, alice_actor, b"bbbb")
    put("honest", None, alice_actor, b"aaaa")
    exported(tmp_path, alice)
    paths = {what: record_of(tmp_path, what) for what, _change, _why in WRONG}
    for what, change, _why in WRONG:
        edited(paths[what], change)
    refused = [why for _path, why in taken_in(tmp_path, bob).refused]
    assert len(refused) == len(WRONG)
    for what, _change, why in WRONG:
        assert any(why in found for found in refused), what
    assert names_of(bob) == ["honest"]
    assert Quota.objects.get(user=bob).reserved_bytes == 0
    assert nothing_is_left_over(bob)


def test_a_record_that_is_no_json_or_without_end_is_refused(out: Path, bob: User) -> None:
    path = record_of(out, "b.txt")
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_text("[" * 100_000)
    sums = (out / SUMS).read_text()
    (out / SUMS).write_text(sums.replace(before, hashlib.sha256(path.read_bytes()).hexdigest()))
    taken = taken_in(out, bob)
    assert taken.refused[0][1] == "its record cannot be understood (JSON)"


def test_links_are_not_followed(out: Path, bob: User, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"bbbb")  # even where the bytes would be right
    (out / "alice/files/b.txt").unlink()
    (out / "alice/files/b.txt").symlink_to(secret)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a.txt").write_bytes(b"aaaa")
    (out / "alice/files/Car/a.txt").unlink()
    (out / "alice/files/Car/twice.txt").unlink()
    (out / "alice/files/Car").rmdir()
    (out / "alice/files/Car").symlink_to(tmp_path / "elsewhere")
    taken = taken_in(out, bob)
    assert len(taken.refused) == 3
    assert names_of(bob) == []


def test_a_pipe_in_place_of_a_file_keeps_nobody_waiting(out: Path, bob: User) -> None:
    (out / "alice/files/b.txt").unlink()
    os.mkfifo(out / "alice/files/b.txt")
    assert [why for _path, why in taken_in(out, bob).refused] == ["alice/files/b.txt: is no file"]


def test_moments_that_lie_ahead_are_now(out: Path, bob: User) -> None:
    from django.utils.timezone import now

    edited(record_of(out, "b.txt"), lambda r: r.update(created_at="2999-01-01T00:00:00+00:00"))
    taken_in(out, bob)
    assert Document.objects.get(user=bob, name="b.txt").created_at <= now()


# --- the export as a whole ------------------------------------------------------------------------------


def test_a_later_format_is_refused_with_a_clear_line(out: Path, bob: User) -> None:
    edited(out / MARK, lambda mark: mark.update(format=2))
    with pytest.raises(NotAnExport, match=r"made by a later version .format 2, this one knows 1.. Update first"):
        taken_in(out, bob)


def test_a_mark_that_lies_is_refused(out: Path, bob: User) -> None:
    honest = (out / MARK).read_bytes(), (out / SUMS).read_bytes()
    outside: dict[str, Any] = {"handle": "a", "directory": "..", "documents": 1, "size_bytes": 1}
    for lie in ({"format": "1"}, {"people": [outside]}, {"vault": "here"}, {"people": None}):
        (out / MARK).write_bytes(honest[0])
        (out / SUMS).write_bytes(honest[1])
        edited(out / MARK, lambda mark, lie=lie: mark.update(lie))  # type: ignore[misc]
        with pytest.raises(NotAnExport, match="is damaged"):
            taken_in(out, bob)


def test_an_export_that_was_never_finished_is_refused(out: Path, bob: User) -> None:
    edited(out / MARK, lambda mark: mark.update(finished_at=None))
    with pytest.raises(NotAnExport, match="never finished"):
        taken_in(out, bob)


def test_checksums_whose_end_is_missing_are_told(out: Path, bob: User) -> None:
    lines = (out / SUMS).read_text().splitlines(keepends=True)
    records = [line for line in lines if line.endswith(".json\n") and "/records/" in line]
    (out / SUMS).write_text("".join(line for line in lines if line != records[-1]))
    assert taken_in(out, bob).refused == [(SUMS, "it names 2 of 3 documents: its end is missing")]


def test_a44_a_plain_folder_or_zip_is_refused_with_a_hint(bob: User, tmp_path: Path, corpus: Path) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers/a.txt").write_text("a")
    archives = [path for path in (corpus / "hostile/archives").iterdir() if path.is_file()]
    assert archives
    for path in (tmp_path / "papers", tmp_path / "papers/a.txt", *archives):
        with pytest.raises(NotAnExport) as refused:
            taken_in(path, bob)
        assert "manage.py add" in refused.value.message or "is damaged" in refused.value.message
    with pytest.raises(NotAnExport, match="There is no"):
        taken_in(tmp_path / "nowhere", bob)
    assert names_of(bob) == []


def packed(out: Path, to: Path, inside: str = "") -> Path:
    with zipfile.ZipFile(to, "w") as archive:
        for path in sorted(out.rglob("*")):
            archive.write(path, inside + str(path.relative_to(out)))
    return to


def test_a_zip_packed_again_with_a_folder_around_it_is_taken(out: Path, bob: User, tmp_path: Path) -> None:
    assert taken_in(packed(out, tmp_path / "x.zip", "my export/"), bob).refused == []
    assert names_of(bob) == ["a.txt", "b.txt", "twice.txt"]


def test_a47_a_zip_that_is_cut_off_or_damaged_is_told(out: Path, bob: User, tmp_path: Path) -> None:
    path = packed(out, tmp_path / "x.zip")
    data = path.read_bytes()
    (tmp_path / "cut.zip").write_bytes(data[: len(data) // 2])
    with pytest.raises(NotAnExport, match="its download broke off"):
        taken_in(tmp_path / "cut.zip", bob)
    (tmp_path / "bad.zip").write_bytes(data.replace(b"bbbb", b"bbbx"))
    assert [row[0] for row in taken_in(tmp_path / "bad.zip", bob).refused] == ["b.txt"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a46_a_zip_with_two_files_of_one_name_is_refused(out: Path, bob: User, tmp_path: Path) -> None:
    path = packed(out, tmp_path / "x.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("alice/files/b.txt", b"other")
    with pytest.raises(NotAnExport, match="two files of one name"):
        taken_in(path, bob)


def test_a45_a_member_that_swells_is_read_no_further_than_its_record_says(out: Path, bob: User, tmp_path: Path) -> None:
    (out / "alice/files/b.txt").write_bytes(b"b" * 50_000_000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(out.rglob("*")):
            archive.write(path, str(path.relative_to(out)))
    taken = taken_in(tmp_path / "bomb.zip", bob)
    assert taken.refused == [("b.txt", "alice/files/b.txt: it is longer than its record says")]


# --- whose part, where to, and how much --------------------------------------------------------------


def test_of_several_people_one_has_to_be_named(
    alice: User, alice_actor: Actor, bob: User, bob_actor: Actor, charlie: User, tmp_path: Path
) -> None:
    put("a.txt", None, alice_actor)
    put("b.txt", None, bob_actor)
    exported(tmp_path, alice, bob)
    with pytest.raises(NotAnExport, match=r"several people .alice, bob.. Say with --person"):
        taken_in(tmp_path, charlie)
    with pytest.raises(NotAnExport, match="There is no dora"):
        taken_in(tmp_path, charlie, person="dora")
    assert taken_in(tmp_path, charlie, person="Bob").added == 1
    assert names_of(charlie) == ["b.txt"]


def test_it_goes_below_the_folder_that_is_named(out: Path, bob: User) -> None:
    taken_in(out, bob, into="From Alice/2026")
    document = Document.objects.get(user=bob, name="a.txt")
    assert document.folder is not None
    names = dict(Folder.objects.filter(user=bob).values_list("pk", "name"))
    assert [names[key] for key in document.folder.path] == ["From Alice", "2026", "Car"]


def test_a_dry_run_reads_all_and_changes_nothing(out: Path, bob: User) -> None:
    (out / "alice/files/b.txt").write_bytes(b"bbbx")
    Quota.objects.filter(user=bob).update(limit_bytes=10)
    before, events = kept_by(bob), AuditEvent.objects.count()
    objects = {item.key for item in store().objects()}
    taken = taken_in(out, bob, is_dry_run=True)
    assert taken.added == 2
    assert [path for path, _why in taken.refused] == ["b.txt", "All of it"]
    assert "you have 10" in taken.refused[1][1].replace("\xa0", " ")
    assert (kept_by(bob), AuditEvent.objects.count()) == (before, events)
    assert {item.key for item in store().objects()} == objects


def test_a131_what_does_not_fit_the_quota_is_refused_and_the_rest_comes(out: Path, bob: User) -> None:
    Quota.objects.filter(user=bob).update(limit_bytes=9)
    taken = taken_in(out, bob)
    assert [path for path, _why in taken.refused] == ["Car/twice.txt"]
    assert names_of(bob) == ["a.txt", "b.txt"]
    assert AuditEvent.objects.filter(action="quota_refused").count() == 1


def test_a134_every_version_counts_as_a_file(out: Path, bob: User) -> None:
    Quota.objects.filter(user=bob).update(file_limit=2)
    taken = taken_in(out, bob)
    assert [path for path, _why in taken.refused] == ["Car/twice.txt"]
    quota = Quota.objects.get(user=bob)
    assert (quota.used_bytes, quota.reserved_bytes) == (8, 0)


# --- beside what is there --------------------------------------------------------------------------------


def test_the_same_document_in_the_same_place_is_not_doubled(out: Path, bob: User, bob_actor: Actor) -> None:
    put("a.txt", folders("Car", bob_actor), bob_actor, b"aaaa")
    put("b.txt", None, bob_actor, b"mine")
    taken = taken_in(out, bob)
    assert (taken.added, taken.known) == (2, 1)
    assert names_of(bob) == ["a.txt", "b (2).txt", "b.txt", "twice.txt"]


def test_topics_are_mapped_by_name_and_everybodys_stay_everybodys(
    alice: User, alice_actor: Actor, bob: User, bob_actor: Actor, admin_actor: Actor, tmp_path: Path
) -> None:
    everybodys = make_topic("Home", "red", by=admin_actor, is_system=True)
    other = make_topic("Office", "red", by=admin_actor, is_system=True)
    document = put("a.txt", None, alice_actor)
    for topic in (everybodys, other, make_topic("Tax", "green", by=alice_actor)):
        tag_documents([document], topic, by=alice_actor)
    exported(tmp_path, alice)
    mine = make_topic("TAX", "blue", by=bob_actor)
    other.delete()
    taken_in(tmp_path, bob)
    links = Document.objects.get(user=bob).document_topics.select_related("topic")
    found = {link.topic.name: (link.topic.pk, link.topic.user_id) for link in links}
    assert found.pop("Home") == (everybodys.pk, None)
    assert found.pop("TAX") == (mine.pk, bob.pk)
    assert found["Office"][1] == bob.pk
    assert Topic.objects.filter(user=bob).count() == 2


def test_what_was_restored_after_it_came_in_is_left_where_it_is(
    alice: User, alice_actor: Actor, bob: User, bob_actor: Actor, tmp_path: Path
) -> None:
    put("in.txt", folders("Old", alice_actor), alice_actor)
    trash_folder(Folder.objects.get(name="Old"), by=alice_actor)
    trash_document(put("alone.txt", None, alice_actor), by=alice_actor)
    exported(tmp_path, alice)
    taken_in(tmp_path, bob)
    for entry in TrashEntry.objects.filter(user=bob):
        restore(entry, by=bob_actor)
    before = kept_by(bob)
    assert taken_in(tmp_path, bob).known == 2
    assert kept_by(bob) == before
    # Deleted for good, it may come again.
    for document in Document.objects.live().filter(user=bob):
        purge(trash_document(document, by=bob_actor), by=bob_actor)
    taken = taken_in(tmp_path, bob)
    assert (taken.added, taken.refused) == (2, [])


# --- struck ----------------------------------------------------------------------------------------------

POINTS = [Failpoint.IMPORT_BEGUN, Failpoint.IMPORT_OBJECT_PUT, Failpoint.IMPORT_FILING, Failpoint.IMPORT_FILED]


@pytest.mark.parametrize("point", POINTS)
def test_an_import_struck_in_the_middle_goes_on_and_doubles_nothing(
    point: Failpoint, out: Path, alice: User, bob: User
) -> None:
    for time in (1, 2):
        failpoints.arm(f"{point}=raise:{time}", is_allowed=True)
        try:
            with pytest.raises(FailpointReached):
                taken_in(out, bob)
        finally:
            failpoints.arm("", is_allowed=False)
        assert all(row.current_version is not None for row in Document.objects.filter(user=bob))
    taken = taken_in(out, bob)
    assert taken.refused == []
    assert taken.added + taken.known == 3
    assert kept_by(bob) == kept_by(alice)


# --- the command ------------------------------------------------------------------------------------------


def test_the_command_tells_what_came_in_and_what_did_not(out: Path, bob: User, capsys: Any) -> None:
    (out / "alice/files/b.txt").write_bytes(b"bbbx")
    with pytest.raises(SystemExit) as ended:
        call_command("import", str(out), owner="BOB")
    assert ended.value.code == 1
    said = capsys.readouterr().out.replace("\xa0", " ")
    assert "Came in: 2 (15 bytes). There already: 0. Refused: 1." in said
    assert "refused: b.txt: alice/files/b.txt: its bytes are not those of its checksum" in said
    event = AuditEvent.objects.get(action="export_taken_in")
    assert (event.owner_id, event.actor_kind, event.metadata["added"], event.metadata["left"]) == (
        bob.pk,
        "command",
        2,
        1,
    )


def test_the_command_says_plainly_what_is_wrong(out: Path, bob: User, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no active person"):
        call_command("import", str(out), owner="nobody")
    with pytest.raises(CommandError, match="--into: A name"):
        call_command("import", str(out), owner="bob", into="A/../B")
    with pytest.raises(CommandError, match="is no export"):
        call_command("import", str(tmp_path), owner="bob")
    assert names_of(bob) == []
