"""`manage.py prepare` does what is missing and nothing else, and says plainly when it cannot."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError
from pytest_django import Settings

from documents.management.commands import prepare


def test_a_database_that_does_not_answer_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("connection failed: refused\n\tIs the server running?")

    monkeypatch.setattr(prepare.connection, "ensure_connection", away)
    monkeypatch.setattr(prepare, "DATABASE_PATIENCE_SECONDS", 0)
    with pytest.raises(CommandError, match=r"^The database does not answer: connection failed: refused$"):
        prepare.wait_for_database()


def test_static_files_are_gathered_when_one_of_them_changed(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> None:
    gathered: list[str] = []
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()

    def collect(name: str, **options: object) -> None:
        gathered.append(name)
        (tmp_path / "static" / "staticfiles.json").touch()

    monkeypatch.setattr(prepare, "call_command", collect)
    prepare.collect_static_files()
    prepare.collect_static_files()
    assert gathered == ["collectstatic"]
    monkeypatch.setattr(prepare, "static_files_digest", lambda: "another")
    prepare.collect_static_files()
    assert gathered == ["collectstatic"] * 2
    (tmp_path / "static" / "staticfiles.json").unlink()
    prepare.collect_static_files()
    assert gathered == ["collectstatic"] * 3


@pytest.mark.django_db
def test_a_second_time_nothing_is_migrated(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr(prepare, "call_command", lambda name, **options: called.append(name))
    monkeypatch.setattr(prepare, "wait_for_database", lambda: None)
    monkeypatch.setattr(prepare, "collect_static_files", lambda: called.append("static"))
    monkeypatch.setattr(prepare, "is_schema_behind", lambda: False)
    call_command("prepare", stdout=StringIO())
    assert "migrate" not in called
    assert called[0] == "check_start"
    assert called[-1] == "first_admin"
    monkeypatch.setattr(prepare, "is_schema_behind", lambda: True)
    call_command("prepare", stdout=StringIO())
    assert called.index("migrate") < len(called) - called[::-1].index("static")


@pytest.mark.django_db(transaction=True)
def test_a_migration_that_is_missing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not prepare.is_schema_behind()
    monkeypatch.setattr(prepare.MigrationExecutor, "migration_plan", lambda executor, targets: ["one"])
    assert prepare.is_schema_behind()
