"""What is remembered of the last start, and when it is forgotten."""

import os
from pathlib import Path

import pytest

from docuvault.stack import prepared
from docuvault.stack.prepared import Prepared, digest_of

SETTINGS = {"DOCUVAULT_SECRET_KEY": "s", "HOME": "/home/x"}


def test_a_start_is_remembered_until_a_setting_changes(tmp_path: Path) -> None:
    assert not Prepared(tmp_path, SETTINGS).is_it()
    Prepared(tmp_path, SETTINGS).note()
    assert Prepared(tmp_path, SETTINGS).is_it()
    assert Prepared(tmp_path, {**SETTINGS, "HOME": "/home/y"}).is_it()
    assert not Prepared(tmp_path, {**SETTINGS, "DOCUVAULT_TRASH_DAYS": "3"}).is_it()


@pytest.mark.parametrize(
    "name",
    ["documents/migrations/0002_more.py", "static/css/deep/a.css", "docuvault/schedules.py", "package-lock.json"],
)
def test_any_changed_file_is_seen(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    without = digest_of(tmp_path, SETTINGS)
    file.write_text("one")
    first = digest_of(tmp_path, SETTINGS)
    os.utime(file, (1, 1))
    assert len({without, first, digest_of(tmp_path, SETTINGS)}) == 3


def test_every_migration_and_style_of_ours_is_watched() -> None:
    watched = {path for pattern in prepared.WATCHED for path in prepared.CHECKOUT.glob(pattern)}
    for wanted in ("accounts/migrations/0001_initial.py", "sharing/migrations/0001_initial.py", "package-lock.json"):
        assert prepared.CHECKOUT / wanted in watched
    assert any(path.suffix == ".css" for path in watched)
