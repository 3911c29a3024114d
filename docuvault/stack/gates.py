"""`make test` and `make check`: every gate in order, quiet while all is well."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from docuvault.stack import pytest_services
from docuvault.stack.browser import find_browser
from docuvault.stack.configuration import CHECKOUT

PRODUCTION = {
    "DOCUVAULT_BASE_URL": "https://vault.example.org",
    "DOCUVAULT_DEBUG": "",
    "DOCUVAULT_TRUSTED_PROXIES": "1",
    "DOCUVAULT_EMAIL_URL": "smtp://mail.example.org:25",
}
# One more than the cores of a small machine: a browser waits for a fifth of its time. More of them would
# take more connections than the database of the tests gives.
WORKERS = "3"


@dataclass(frozen=True)
class Gate:
    """One command that must end with 0."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Outcome:
    gate: Gate
    is_passed: bool
    output: str
    seconds: float


def _python(*words: str) -> list[str]:
    return [sys.executable, *words]


STATIC = [
    Gate("ruff check", _python("-m", "ruff", "check", "--output-format", "concise", ".")),
    Gate("ruff format", _python("-m", "ruff", "format", "--check", "--output-format", "concise", ".")),
    Gate("imports", _python("-c", "from importlinter.cli import lint_imports_command as c; c()")),
]
TYPES = [Gate("mypy", _python("-m", "mypy", "."))]
DJANGO = [
    Gate("migrations", _python("manage.py", "makemigrations", "--check", "--dry-run")),
    Gate("deployment", _python("manage.py", "check", "--deploy", "--fail-level", "WARNING"), PRODUCTION),
]
# What all tests stand on, made while the cores wait for one gate: the database that theirs are copies of, and
# their modules compiled, which each worker would do anew.
GROUND = [
    Gate("schema", _python("-c", "from tests.ground import migrated_template as make; make()")),
    Gate("collection", _python("-m", "pytest", "--collect-only", "-q", "-n", "0")),
]


def _ask(gate: Gate) -> Outcome:
    begun = time.monotonic()
    done = subprocess.run(
        list(gate.command),
        cwd=CHECKOUT,
        env={**os.environ, **(gate.environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Outcome(gate, done.returncode == 0, done.stdout, time.monotonic() - begun)


def _ask_all(row: Sequence[Gate]) -> list[Outcome]:
    return [_ask(gate) for gate in row]


def run_gates(*rows: Sequence[Gate]) -> list[str]:
    """Run the rows side by side, tell in order; answers the names of those that failed."""
    failed = []
    with ThreadPoolExecutor(max_workers=len(rows)) as pool:
        asked = [pool.submit(_ask_all, row) for row in rows]
        for future in asked:
            for outcome in future.result():
                word = "ok" if outcome.is_passed else "FAILED"
                print(f"{outcome.gate.name:<14}{word:<8}{outcome.seconds:5.1f} s", flush=True)
                if not outcome.is_passed:
                    failed.append(outcome.gate.name)
                    print(outcome.output.rstrip(), flush=True)
    return failed


def check() -> int:
    """The quick gates."""
    pytest_services.start_services()
    failed = run_gates([*STATIC, *DJANGO], TYPES)
    if failed:
        print(f"Failed: {', '.join(failed)}")
    return 1 if failed else 0


def test(arguments: Sequence[str]) -> int:
    """All gates, the tests last, so that their closing line is the last one."""
    os.environ["CHROMIUM_PATH"] = find_browser()
    pytest_services.start_services()
    failed = run_gates([*STATIC, *DJANGO], TYPES, GROUND)
    begun = time.monotonic()
    words = ["-q", "-n", WORKERS, "--dist", "loadfile", "--no-loadscope-reorder", "-m", "not soak", *arguments]
    done = subprocess.run(_python("-m", "pytest", *words), cwd=CHECKOUT, check=False)
    if done.returncode:
        failed.append("tests")
        print(f"{'tests':<14}{'FAILED':<8}{time.monotonic() - begun:5.1f} s")
    if failed:
        print(f"Failed: {', '.join(failed)}")
    return 1 if failed else 0


def soak(arguments: Sequence[str]) -> int:
    """The tests that take longer than `make test` allows."""
    os.environ["CHROMIUM_PATH"] = find_browser()
    words = ["-q", "-n", "0", "-m", "soak", "--timeout", "3600", *arguments]
    done = subprocess.run(_python("-m", "pytest", *words), cwd=CHECKOUT, check=False)
    if done.returncode == 5:
        print("No soak tests are here.")
    return done.returncode
