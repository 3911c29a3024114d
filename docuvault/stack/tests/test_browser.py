"""A browser is found in the agreed order, and one that is nowhere is told in one line."""

from pathlib import Path

import pytest

from docuvault.stack import browser
from docuvault.stack.process import StackError


def program(path: Path, code: int = 0) -> str:
    path.write_text(f"#!/bin/sh\nexit {code}\n")
    path.chmod(0o755)
    return str(path)


def test_the_named_one_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHROMIUM_PATH", program(tmp_path / "mine"))
    assert browser.find_browser() == str(tmp_path / "mine")


def test_a_named_one_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM_PATH", "/nowhere/chromium")
    with pytest.raises(StackError, match="CHROMIUM_PATH names /nowhere/chromium"):
        browser.find_browser()


def test_one_that_does_not_start_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken, good = program(tmp_path / "broken", 1), program(tmp_path / "good")
    monkeypatch.setattr(browser, "ORDER", (lambda: None, lambda: broken, lambda: good))
    assert browser.find_browser() == good


def test_none_anywhere_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "ORDER", (lambda: None,))
    with pytest.raises(StackError) as told:
        browser.find_browser()
    assert "\n" not in str(told.value)
    assert "CHROMIUM_PATH" in str(told.value)


def test_the_order_is_the_agreed_one() -> None:
    assert [look.__name__ for look in browser.ORDER] == [
        "_named", "_on_path", "_playwrights_own", "_from_npm", "_from_system",
    ]  # fmt: skip
