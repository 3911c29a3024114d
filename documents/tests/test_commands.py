"""`manage.py add` and `manage.py demo`."""

import io
import os
import re
import subprocess
import zlib
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import override_settings
from tqdm import tqdm

from accounts.actors import Actor
from accounts.models import Quota, User
from documents import uploads
from documents.management import papers as papers_of_demo
from documents.management.commands import add
from documents.models import Document, DocumentTopic, Folder, Star
from documents.storage import StoreUnavailable, store
from sharing import access
from sharing.models import AuditEvent, Share


def run(*words: str) -> tuple[str, int]:
    out, code = io.StringIO(), 0
    try:
        call_command(*words, stdout=out)
    except SystemExit as ended:
        code = int(ended.code or 0)
    return out.getvalue(), code


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    root = tmp_path / "papers"
    (root / "Car" / "Old").mkdir(parents=True)
    (root / "Car" / "a.txt").write_bytes(b"a")
    (root / "Car" / "Old" / "same.txt").write_bytes(b"a")
    (root / "empty").write_bytes(b"")
    return root


def first_line(out: str) -> str:
    return re.sub(r" \(.*?\)", "", out.splitlines()[0].replace("\u00a0", " "))


def test_a_folder_comes_in_with_its_structure_and_a_second_time_adds_nothing(papers: Path, alice: User) -> None:
    (papers / "Nothing in it").mkdir()
    out, code = run("add", str(papers), "--owner", "ALICE", "--folder", "From disk/2024")
    assert (code, first_line(out)) == (0, "Came in: 3. There already: 0. Refused: 0.")
    document = Document.objects.get(name="same.txt")
    assert words_of(document.folder) == ["From disk", "2024", "papers", "Car", "Old"]
    assert words_of(Folder.objects.get(name="Nothing in it"))[2:] == ["papers", "Nothing in it"]
    assert str(papers / "Car" / "a.txt") in out
    before = AuditEvent.objects.count()
    out, code = run("add", str(papers), "--owner", "alice", "--folder", "From disk/2024")
    assert (code, first_line(out)) == (0, "Came in: 0. There already: 3. Refused: 0.")
    assert AuditEvent.objects.count() == before


def words_of(folder: Folder | None) -> list[str]:
    assert folder is not None
    names = dict(Folder.objects.values_list("pk", "name"))
    return [names[key] for key in folder.path]


def test_what_comes_in_is_what_lay_there(papers: Path, alice: User) -> None:
    data = bytes(range(256)) * 20_000
    (papers / "large.bin").write_bytes(data)
    run("add", str(papers / "large.bin"), "--owner", "alice")
    document = Document.objects.get(name="large.bin")
    assert b"".join(store().open(document.object_key)) == data
    event = AuditEvent.objects.get(action="document_added")
    assert (event.actor_kind, event.actor_name, event.owner_id) == ("command", "alice", alice.pk)


def test_other_bytes_under_a_taken_name_are_numbered_once(papers: Path, alice: User) -> None:
    where = ("--owner", "alice", "--folder", "X")
    run("add", str(papers / "Car" / "a.txt"), *where)
    (papers / "Car" / "a.txt").write_bytes(b"changed")
    out, _code = run("add", str(papers / "Car" / "a.txt"), *where)
    assert "as “a (2).txt”" in out
    for _again in range(2):
        out, _code = run("add", str(papers / "Car" / "a.txt"), *where)
        assert first_line(out) == "Came in: 0. There already: 1. Refused: 0."
    # Equal bytes under another name are another paper.
    (papers / "b.txt").write_bytes(b"changed")
    (papers / "a (7).txt").write_bytes(b"changed")
    run("add", str(papers / "b.txt"), str(papers / "a (7).txt"), *where)
    names = ["a (2).txt", "a (7).txt", "a.txt", "b.txt"]
    assert sorted(Document.objects.values_list("name", flat=True)) == names


def test_what_is_refused_is_said_with_its_reason_and_the_rest_comes_in(papers: Path, alice: User) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=3)
    (papers / "large.bin").write_bytes(b"x" * 10)
    (papers / "link").symlink_to("/etc/passwd")
    (papers / "folder link").symlink_to("/etc")
    os.mkfifo(papers / "pipe")
    (papers / "bad\nname").write_bytes(b"")
    (papers / "\x1b[31m").mkdir()
    (papers / "\x1b[31m" / "inside").write_bytes(b"")
    (Path(os.fsdecode(bytes(papers) + b"/not utf-8 \xff"))).write_bytes(b"")
    out, code = run("add", str(papers), str(papers / "missing"), "--owner", "alice")
    assert code == 1
    assert first_line(out) == "Came in: 3. There already: 0. Refused: 9."
    for words in ("link", "folder link", "pipe", "Free some space", "bad\\nname", "not utf-8 \\udcff", "No such file"):
        assert words in out
    assert "\x1b" not in out
    assert set(Document.objects.values_list("name", flat=True)) == {"a.txt", "same.txt", "empty"}
    row = Quota.objects.get(user=alice)
    assert (row.used_bytes, row.reserved_bytes) == (2, 0)


def test_a_file_that_becomes_a_pipe_or_a_link_is_not_followed(papers: Path, alice: User) -> None:
    link, pipe = papers / "link", papers / "pipe"
    link.symlink_to("/etc/passwd")
    os.mkfifo(pipe)
    report = add.Report()
    for path in (link, pipe):
        add.add(add.Item(path, (), 5), Actor.command(alice), report, tqdm(disable=True))
    assert len(report.refused) == 2
    assert not Document.objects.exists()


@override_settings(MAX_FOLDER_DEPTH=3)
def test_a_folder_that_lies_too_deep_is_refused_with_what_is_in_it(papers: Path, alice: User) -> None:
    out, code = run("add", str(papers), "--owner", "alice", "--folder", "One")
    assert (code, first_line(out)) == (1, "Came in: 2. There already: 0. Refused: 2.")
    assert "3 levels deep" in out


def test_a_very_deep_folder_is_no_trouble(papers: Path, alice: User) -> None:
    deep, here = papers / "deep", Path.cwd()
    deep.mkdir()
    os.chdir(deep)
    try:
        for _level in range(1500):
            Path("d").mkdir()
            os.chdir("d")
        os.chdir(here)
        out, code = run("add", str(deep), "--owner", "alice")
    finally:
        os.chdir(here)
        subprocess.run(["/bin/rm", "-rf", str(deep)], check=True)
    assert code == 1
    assert first_line(out).startswith("Came in: 0. There already: 0. Refused: ")


def test_many_are_summed_up_and_named_when_asked(papers: Path, alice: User) -> None:
    for number in range(25):
        (papers / f"{number:02}.txt").write_bytes(b"")
    out, _code = run("add", str(papers), "--owner", "alice")
    assert "… and 8 more (-v 2 names all)" in out
    out, _code = run("add", str(papers), "--owner", "alice", "-v", "2")
    assert len(out.splitlines()) == 29


def test_an_interruption_keeps_what_came_in_and_gives_the_rest_back(
    papers: Path, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []

    def write(self: uploads.OnePass, chunk: bytes) -> None:
        taken.append(len(chunk))
        if len(taken) == 2:
            raise KeyboardInterrupt
        whole(self, chunk)

    whole = uploads.OnePass.write
    monkeypatch.setattr(uploads.OnePass, "write", write)
    out = io.StringIO()
    with pytest.raises(CommandError, match="Stopped") as stopped:
        call_command("add", str(papers), owner="alice", stdout=out)
    assert stopped.value.returncode == 130
    assert first_line(out.getvalue()) == "Came in: 1. There already: 0. Refused: 0."
    row = Quota.objects.get(user=alice)
    assert (row.used_bytes, row.reserved_bytes) == (1, 0)
    monkeypatch.undo()
    summary, _code = run("add", str(papers), "--owner", "alice")
    assert first_line(summary) == "Came in: 2. There already: 1. Refused: 0."


@pytest.mark.parametrize(
    ("failure", "what"), [(StoreUnavailable("gone"), "storage"), (OperationalError("gone"), "database")]
)
def test_an_outage_ends_it_in_one_line(
    failure: Exception, what: str, papers: Path, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise failure

    monkeypatch.setattr(add, "store_stream", fail)
    with pytest.raises(CommandError, match=f"cannot reach its {what}"):
        call_command("add", str(papers), owner="alice", stdout=io.StringIO())


def test_an_unknown_owner_and_a_bad_folder_are_told_in_one_line(papers: Path, alice: User) -> None:
    with pytest.raises(CommandError, match="no active person"):
        run("add", str(papers), "--owner", "nobody")
    with pytest.raises(CommandError, match="only dots"):
        run("add", str(papers), "--owner", "alice", "--folder", "A/../B")
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(CommandError, match="no active person"):
        run("add", str(papers), "--owner", "alice")
    assert not Folder.objects.exists()


def test_the_demo_fills_the_vault_once_and_the_cast_sees_what_it_shares(db: None) -> None:
    out, code = run("demo")
    assert code == 0
    passwords = dict(re.findall(r"^  (\w+) +password (\S+)$", out, re.M))
    assert set(passwords) == {"alice", "bob", "dora", "gina", "charlie", "ada"}
    for handle, password in passwords.items():
        assert User.objects.get(handle=handle).check_password(password)
    assert Document.objects.count() > 50
    assert set(Document.objects.values_list("content_type", flat=True)) >= {
        "application/pdf",
        "image/png",
        "text/csv",
        "text/markdown",
        "text/plain",
        "message/rfc822",
    }
    assert Star.objects.exists()
    assert DocumentTopic.objects.exists()
    before = AuditEvent.objects.count(), Document.objects.count(), Share.objects.count()
    assert before[2] == 3
    out, _code = run("demo")
    assert (AuditEvent.objects.count(), Document.objects.count(), Share.objects.count()) == before
    assert "password" not in out
    seen = {
        handle: set(
            access.visible_folders(Actor.for_user(User.objects.get(handle=handle)))
            .exclude(user__handle=handle)
            .filter(parent=None)
            .values_list("name", flat=True)
        )
        for handle in ("bob", "dora", "gina", "charlie")
    }
    assert seen == {"bob": {"Car"}, "dora": {"Family"}, "gina": {"Travel"}, "charlie": set()}
    assert AuditEvent.objects.filter(action="share_made").count() == 3


def test_the_demo_leaves_a_real_person_alone(alice: User, admin_person: User) -> None:
    with pytest.raises(CommandError, match="alice"):
        run("demo")
    assert not Document.objects.exists()


def test_the_demos_papers_are_whole() -> None:
    for _folder, name, data, _topics in papers_of_demo.household():
        if name.endswith(".png"):
            assert data.startswith(b"\x89PNG")
            assert data.endswith(b"IEND" + zlib.crc32(b"IEND").to_bytes(4, "big"))
        if name.endswith(".pdf"):
            table = int(data.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
            assert data[table:].startswith(b"xref")
            offsets = [int(line[:10]) for line in data[table:].splitlines()[3:] if line.endswith(b" n ")]
            assert all(re.match(rb"\d+ 0 obj", data[offset:]) for offset in offsets)
            assert len(offsets) == 6
