"""The gates: quiet while all is well, and a failing one is named with what it said."""

import sys

import pytest

from docuvault.stack import gates
from docuvault.stack.gates import Gate, run_gates

GOOD = Gate("fine", [sys.executable, "-c", "print('chatter')"])
BAD = Gate("broken", [sys.executable, "-c", "print('line 3 is wrong'); raise SystemExit(2)"])


def test_a_gate_that_passes_says_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_gates([GOOD], [GOOD]) == []
    told = capsys.readouterr().out
    assert told.count("\n") == 2
    assert "chatter" not in told


def test_a_gate_that_fails_is_named_and_the_others_still_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_gates([BAD, GOOD], [GOOD]) == ["broken"]
    told = capsys.readouterr().out
    assert "line 3 is wrong" in told
    assert told.count("fine") == 2


def test_all_gates_of_the_plan_are_there() -> None:
    names = [gate.name for gate in [*gates.STATIC, *gates.DJANGO, *gates.TYPES, *gates.GROUND]]
    assert names == ["ruff check", "ruff format", "imports", "migrations", "deployment", "mypy", "schema", "collection"]


def test_the_deployment_gate_asks_as_production(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = gates.DJANGO[1]
    assert {"--deploy", "--fail-level", "WARNING"} <= set(gate.command)
    assert (gate.environment or {})["DOCUVAULT_BASE_URL"].startswith("https://")
