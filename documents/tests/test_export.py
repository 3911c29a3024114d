"""The export into a folder: names that every disk holds, going on after a break, and nothing of others touched."""

import csv
import hashlib
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from accounts.actors import Actor
from accounts.models import User
from documents.actions.documents import rename_document
from documents.actions.trash import purge, trash_document
from documents.exports.layout import INDEX, MARK, MISSING, SUMS
from documents.exports.paths import DEVICE, REFUSED, TURNING, safe_name
from documents.exports.plan import Choice
from documents.exports.to_folder import WORK, ExportRefused
from documents.models import Document, Folder, Version, VersionFlaw
from documents.names import clean_name, name_key
from documents.storage import store
from documents.tests.exports import NAMES, again, exported, records
from documents.tests.making import folders, put
from documents.uploads import store_stream
from docuvault.lib import failpoints
from docuvault.lib.failpoints import Failpoint, FailpointReached
from sharing.models import AuditEvent


def tree(root: Path) -> dict[str, bytes]:
    """Content by path of all files but those that say when it was made."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name not in {MARK, SUMS}
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_name_on_disk_is_one_that_every_file_system_holds(name: str) -> None:
    safe = safe_name(clean_name(name))
    assert not set(safe) & (REFUSED | TURNING)
    assert not DEVICE.match(safe)
    assert safe == safe.rstrip(". ") != ""
    assert len(safe.encode()) <= 255
    assert safe_name(safe) == safe


def test_a_name_that_is_fine_stays_as_it_is() -> None:
    for name in ("año.txt", "报告.pdf", "console.txt", "a b (2).txt", ".hidden", "-rf.txt", "🗂️ summer 👩\u200d👧.txt"):
        assert safe_name(name) == name


def test_no_two_files_meet_where_case_counts_for_nothing(alice: User, alice_actor: Actor, tmp_path: Path) -> None:
    place = folders("Names", alice_actor)
    for name in ("a?b", "a_b", "A|B", "A_B (2)"):
        put(name, place, alice_actor, name.encode())
    folders("Names/a*b", alice_actor)
    exported(tmp_path, alice)
    found = [path.name for path in (tmp_path / "alice/files/Names").iterdir()]
    assert len({name_key(name) for name in found}) == len(found) == 5
    contents = {
        record["name"]: (tmp_path / record["versions"][0]["file"]).read_text() for record in records(tmp_path).values()
    }
    assert all(name == content for name, content in contents.items())


def test_the_deepest_and_longest_place_fits_a_path(alice: User, alice_actor: Actor, tmp_path: Path) -> None:
    names = [f"{n:02}" + "é" * 125 for n in range(settings.MAX_FOLDER_DEPTH)]
    deepest = folders("/".join(names), alice_actor)
    put("ü" * 125 + ".txt", deepest, alice_actor, b"down here")
    assert exported(tmp_path, alice).is_whole
    (record,) = records(tmp_path).values()
    path = record["versions"][0]["file"]
    assert len(path.encode()) < 2000
    assert (tmp_path / path).read_bytes() == b"down here"
    assert record["place"] == names


def test_older_versions_and_the_trash_are_left_out_where_that_is_asked(
    alice: User, alice_actor: Actor, tmp_path: Path
) -> None:
    again(put("a.txt", None, alice_actor, b"1"), b"2", alice_actor)
    trash_document(put("old.txt", None, alice_actor), by=alice_actor)
    exported(tmp_path, alice, choice=Choice(older_versions=False, trash=False))
    (record,) = records(tmp_path).values()
    assert [bool(row["file"]) for row in record["versions"]] == [False, True]
    assert not (tmp_path / "alice/trash").exists()
    assert sorted(path.name for path in (tmp_path / "alice/records").rglob("*.*")) == [f"{record['id']}.json"]


def test_the_index_runs_no_formula(alice: User, alice_actor: Actor, tmp_path: Path) -> None:
    """A114: cells that begin like a formula are text."""
    for name in ("=1+1", "+1", "-1", "@a", "＝1", "plain"):
        put(name, None, alice_actor)
    exported(tmp_path, alice)
    rows = list(csv.DictReader(StringIO((tmp_path / INDEX).read_bytes().decode("utf-8-sig"))))
    assert sorted(row["name"] for row in rows) == sorted(["'=1+1", "'+1", "'-1", "'@a", "'＝1", "plain"])
    for row in rows:
        record = json.loads((tmp_path / row["record"]).read_text())
        assert row["name"].removeprefix("'") == record["name"]
        assert hashlib.sha256((tmp_path / row["file"]).read_bytes()).hexdigest() == row["sha256"]


# --- again ----------------------------------------------------------------------------------------------


def test_run_again_nothing_is_written_and_all_is_verified(alice: User, alice_actor: Actor, tmp_path: Path) -> None:
    put("a.txt", folders("Car", alice_actor), alice_actor)
    first = exported(tmp_path, alice)
    before = tree(tmp_path)
    second = exported(tmp_path, alice)
    assert (second.written, second.kept) == (0, first.written)
    assert tree(tmp_path) == before


def test_run_again_it_follows_what_changed_in_the_vault(alice: User, alice_actor: Actor, tmp_path: Path) -> None:
    car = folders("Car", alice_actor)
    document, gone, named = (put(name, car, alice_actor) for name in ("a.txt", "gone.txt", "named.txt"))
    exported(tmp_path, alice)
    again(document, b"newer", alice_actor)
    rename_document(named, "other.txt", by=alice_actor)
    purge(trash_document(gone, by=alice_actor), by=alice_actor)
    second = exported(tmp_path, alice)
    assert second.is_whole
    assert second.removed == 3  # gone.txt with its record, and named.txt
    assert sorted(path.name for path in (tmp_path / "alice/files/Car").iterdir()) == ["a.txt", "other.txt"]
    assert (tmp_path / "alice/files/Car/a.txt").read_bytes() == b"newer"
    exported(tmp_path / "fresh", alice)
    fresh = tree(tmp_path / "fresh")
    assert {path: data for path, data in tree(tmp_path).items() if not path.startswith("fresh/")} == fresh


@pytest.mark.parametrize("time", [1, 3, 6, 9])
def test_an_export_struck_in_the_middle_goes_on(
    time: int, alice: User, alice_actor: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(4):
        put(f"{n}.txt", folders("Car", alice_actor), alice_actor, b"%d" % n)
    exported(tmp_path / "whole", alice)
    failpoints.arm(f"{Failpoint.EXPORT_FILE_WRITTEN}=raise:{time}", is_allowed=True)
    try:
        with pytest.raises(FailpointReached):
            exported(tmp_path / "struck", alice)
    finally:
        failpoints.arm("", is_allowed=False)
    assert not (tmp_path / "struck" / SUMS).exists()
    assert json.loads((tmp_path / "struck" / MARK).read_text())["finished_at"] is None
    report = exported(tmp_path / "struck", alice)
    assert report.is_whole
    assert report.kept == time
    assert tree(tmp_path / "struck") == tree(tmp_path / "whole")
    assert not (tmp_path / "struck" / WORK).exists()


# --- what is not ours -----------------------------------------------------------------------------------


def test_files_of_others_are_never_overwritten(alice: User, alice_actor: Actor, tmp_path: Path) -> None:
    put("a.txt", None, alice_actor, b"ours")
    put("b.txt", None, alice_actor, b"ours too")
    exported(tmp_path, alice)
    (tmp_path / "alice/files/a.txt").write_bytes(b"somebody wrote here")
    (tmp_path / "alice/files/theirs.txt").write_bytes(b"theirs")
    (tmp_path / "alice/files/b.txt").unlink()
    (tmp_path / "alice/files/b.txt").symlink_to(tmp_path / "alice/files/theirs.txt")
    report = exported(tmp_path, alice)
    assert [path for path, _why in report.foreign] == ["alice/files/a.txt", "alice/files/b.txt"]
    assert (tmp_path / "alice/files/a.txt").read_bytes() == b"somebody wrote here"
    assert (tmp_path / "alice/files/theirs.txt").read_bytes() == b"theirs"


def test_a_link_in_place_of_a_folder_leads_nowhere(alice: User, alice_actor: Actor, tmp_path: Path) -> None:
    put("a.txt", folders("Car", alice_actor), alice_actor)
    root, outside = tmp_path / "export", tmp_path / "outside"
    exported(root, alice)
    outside.mkdir()
    (root / "alice/files/Car/a.txt").unlink()
    (root / "alice/files/Car").rmdir()
    (root / "alice/files/Car").symlink_to(outside)
    report = exported(root, alice)
    assert {path for path, _why in report.foreign} == {"alice/files/Car", "alice/files/Car/a.txt"}
    assert list(outside.iterdir()) == []


def test_a_folder_with_other_things_is_refused(alice: User, tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(ExportRefused, match="holds other things"):
        exported(tmp_path, alice)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_one_persons_export_never_becomes_anothers(alice: User, alice_actor: Actor, bob: User, tmp_path: Path) -> None:
    put("a.txt", None, alice_actor)
    exported(tmp_path, alice)
    before = tree(tmp_path)
    with pytest.raises(ExportRefused, match="another export"):
        exported(tmp_path, bob)
    assert tree(tmp_path) == before


# --- rot ------------------------------------------------------------------------------------------------


def test_what_is_missing_or_damaged_is_listed_and_the_rest_comes(
    alice: User, alice_actor: Actor, tmp_path: Path, capsys: Any
) -> None:
    lost, rotten, fine = (put(name, None, alice_actor, name.encode()) for name in ("lost", "rotten", "fine"))
    store().delete(lost.object_key)
    store().put(rotten.object_key, b"rottex")
    with pytest.raises(SystemExit) as ended:
        call_command("export", str(tmp_path), owner="alice")
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert "Not exported, content missing in the vault: alice/lost, version 1" in said.err
    rows = list(csv.DictReader(StringIO((tmp_path / MISSING).read_bytes().decode("utf-8-sig"))))
    assert {row["name"]: row["what"] for row in rows} == {"lost": "missing", "rotten": "damaged"}
    assert sorted(path.name for path in (tmp_path / "alice/files").iterdir()) == ["fine"]
    assert len(records(tmp_path)) == 3
    assert dict(Version.objects.values_list("document__name", "flaw")) == {
        "lost": VersionFlaw.MISSING, "rotten": VersionFlaw.DAMAGED, "fine": "",
    }  # fmt: skip
    assert Document.objects.filter(pk=fine.pk).exists()
    # Put back, they come too, and the list of what is missing goes.
    store().put(lost.object_key, b"lost")
    store().put(rotten.object_key, b"rotten")
    Version.objects.update(flaw="")
    call_command("export", str(tmp_path), owner="alice")
    assert not (tmp_path / MISSING).exists()
    assert (tmp_path / "alice/files/rotten").read_bytes() == b"rotten"


# --- the command ----------------------------------------------------------------------------------------


def test_everybody_leaves_and_each_ones_trail_tells(
    alice: User, alice_actor: Actor, bob: User, bob_actor: Actor, tmp_path: Path
) -> None:
    put("a.txt", None, alice_actor)
    put("b.txt", None, bob_actor)
    call_command("export", str(tmp_path))
    assert (tmp_path / "alice/files/a.txt").exists()
    assert (tmp_path / "bob/files/b.txt").exists()
    told = AuditEvent.objects.filter(action="export_made")
    assert set(told.values_list("owner_id", flat=True)) >= {alice.pk, bob.pk}
    assert set(told.values_list("actor_kind", flat=True)) == {"command"}


def test_the_command_says_plainly_what_is_wrong(alice: User, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no person with the handle"):
        call_command("export", str(tmp_path), owner="nobody")
    (tmp_path / "file").write_text("x")
    with pytest.raises(CommandError, match="Not a directory"):
        call_command("export", str(tmp_path / "file" / "below"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_many_documents_cost_a_few_queries_for_each_batch(
    alice: User, alice_actor: Actor, django_assert_max_num_queries: Any
) -> None:
    from documents.exports.plan import plan_export

    place: Folder = folders("Car", alice_actor)
    for n in range(30):
        store_stream(f"{n}", iter([b"x"]), place, size_bound=1, by=alice_actor)
    with django_assert_max_num_queries(14), plan_export([alice], Choice(), scope="alice") as plan:
        assert plan.documents == len(list(plan.papers())) == 30
