"""The locks hold every package by its hash and name no host; what is installed is not installed again."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docuvault.stack import packages
from docuvault.stack.packages import CHECKOUT, RUNNING, TESTING

LOCKS = ["requirements.txt", "requirements-dev.txt", "requirements-node.txt"]


@pytest.mark.parametrize("name", LOCKS)
def test_every_python_package_is_pinned_with_hashes_and_no_host(name: str) -> None:
    text = (CHECKOUT / name).read_text()
    assert not re.search(r"https?:|file:|--(extra-)?index|--find-links|--trusted", text)
    entries = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    assert len(entries) > 1
    for entry in entries:
        assert re.match(r"^[A-Za-z0-9_.\[\],-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_the_test_lock_holds_the_running_lock_whole() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[A-Za-z0-9_.-]+==[^\s;\\]+", (CHECKOUT / name).read_text(), re.MULTILINE))

    assert pins("requirements.txt") < pins("requirements-dev.txt")


def test_the_front_end_lock_names_no_registry_and_holds_hashes() -> None:
    lock = json.loads((CHECKOUT / "package-lock.json").read_text())
    installed = {name: entry for name, entry in lock["packages"].items() if name}
    assert {"node_modules/tus-js-client", "node_modules/lucide-static"} <= set(installed)
    assert [name for name, entry in installed.items() if "resolved" in entry] == []
    assert [name for name, entry in installed.items() if not entry.get("integrity")] == []


def test_what_is_installed_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []
    monkeypatch.setattr(packages, "VENV", tmp_path / "venv")
    monkeypatch.setattr(packages, "PYTHON", tmp_path / "venv" / "python")
    monkeypatch.setattr(packages, "NODE_MODULES", tmp_path / "node_modules")
    monkeypatch.setattr(packages, "npm", lambda: [tmp_path / "npm"])

    def run(command: list[object], what: str) -> None:
        asked.append(what.split(" (")[0])
        if "venv" in command:
            (tmp_path / "venv").mkdir()
            (tmp_path / "venv" / "python").touch()
        (tmp_path / "node_modules").mkdir(exist_ok=True)

    monkeypatch.setattr(packages, "_run", run)
    packages.bring(RUNNING)
    assert asked == ["Making .venv", "Installing requirements.txt", "Installing package-lock.json"]
    packages.bring(RUNNING)
    assert len(asked) == 3
    packages.bring(TESTING)
    assert asked[3:] == ["Installing requirements-dev.txt", "Installing package-lock.json"]
    packages.bring(TESTING)
    packages.bring(RUNNING)
    assert len(asked) == 5


def test_a_failed_installation_is_told_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(packages, "VENV", tmp_path)
    monkeypatch.setattr(packages, "PYTHON", tmp_path / "python")
    (tmp_path / "python").write_text("#!/bin/sh\necho 'no wheel for you' >&2\nexit 1\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "argv", ["packages", RUNNING])
    assert packages.main() == 1
    assert "no wheel for you" in capsys.readouterr().err
    assert not (tmp_path / "docuvault.json").exists()


def test_a_python_that_is_too_old_is_named_before_anything_is_done() -> None:
    done = subprocess.run(["make", "run", "PYTHON="], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "needs Python 3.11" in done.stderr
