"""`manage.py add` and `manage.py demo`."""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Quota, User
from documents.models import Document, Folder


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


def test_a_folder_comes_in_with_its_structure_and_a_second_time_adds_nothing(papers: Path, alice: User) -> None:
    out, code = run("add", str(papers), "--owner", "ALICE", "--folder", "From disk/2024")
    assert (code, out.splitlines()[0]) == (0, "3 came in, 0 were there already, 0 were refused.")
    document = Document.objects.get(name="same.txt")
    names = dict(Folder.objects.values_list("pk", "name"))
    assert [names[key] for key in document.folder.path] == ["From disk", "2024", "papers", "Car", "Old"]  # type: ignore[union-attr]
    out, code = run("add", str(papers), "--owner", "alice", "--folder", "From disk/2024")
    assert (code, out.splitlines()[0]) == (0, "0 came in, 3 were there already, 0 were refused.")
    (papers / "Car" / "a.txt").write_bytes(b"changed")
    out, code = run("add", str(papers / "Car" / "a.txt"), "--owner", "alice", "--folder", "From disk/2024/papers/Car")
    assert Document.objects.filter(name="a (2).txt").exists()


def test_what_is_refused_is_said_with_its_reason_and_the_rest_comes_in(papers: Path, alice: User) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=3)
    (papers / "large.bin").write_bytes(b"x" * 10)
    (papers / "link").symlink_to("/etc/passwd")
    (papers / "bad\nname").write_bytes(b"")
    out, code = run("add", str(papers), str(papers / "missing"), "--owner", "alice")
    assert code == 1
    assert out.splitlines()[0] == "3 came in, 0 were there already, 4 were refused."
    assert "link" in out
    assert "Free some space" in out
    assert "bad\\nname" in out
    assert not Document.objects.filter(name="passwd").exists()


def test_an_unknown_owner_is_told_in_one_line(papers: Path, db: None) -> None:
    with pytest.raises(CommandError, match="no active person"):
        run("add", str(papers), "--owner", "nobody")


def test_the_demo_fills_the_vault_once(db: None) -> None:
    out, code = run("demo")
    assert code == 0
    count = Document.objects.count()
    assert count > 50
    assert "password" in out
    assert set(Document.objects.values_list("content_type", flat=True)) >= {
        "application/pdf",
        "image/png",
        "text/csv",
        "message/rfc822",
    }
    out, _code = run("demo")
    assert Document.objects.count() == count
    assert "password" not in out
