"""Processes that will not listen, and what is left when nobody is there to stop them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from docuvault.stack.configuration import CHECKOUT
from docuvault.stack.guard import Guard
from docuvault.stack.process import end, spawn, started_at
from docuvault.stack.record import Entry, Record
from docuvault.stack.tests.running import is_alive, until

DEAF = "trap '' TERM INT HUP; sleep 300 & echo $!; while :; do sleep 300; done"


def start_deaf() -> "tuple[subprocess.Popen[bytes], int]":
    """A process, and its child, that no polite signal ends."""
    reader, writer = os.pipe()
    process = spawn(["/bin/sh", "-c", DEAF], env={"PATH": "/usr/bin:/bin"}, output=writer)
    os.close(writer)
    with os.fdopen(reader) as stream:
        return process, int(stream.readline())


@pytest.fixture
def deaf() -> "Iterator[tuple[subprocess.Popen[bytes], int]]":
    process, child = start_deaf()
    yield process, child
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def test_a_part_that_ignores_its_signal_is_killed_with_all_below_it(
    deaf: "tuple[subprocess.Popen[bytes], int]",
) -> None:
    process, child = deaf
    begun = time.monotonic()
    end(process, signal.SIGTERM, patience=0.3)
    assert time.monotonic() - begun < 10
    until(lambda: not is_alive(child), "the child's end", limit=5)
    assert process.returncode == -signal.SIGKILL


def test_when_the_supervisor_is_gone_the_guard_ends_even_the_deaf(
    deaf: "tuple[subprocess.Popen[bytes], int]",
) -> None:
    process, child = deaf
    forgotten, other = start_deaf()
    guard = Guard(grace=1)
    try:
        guard.watch(process.pid)
        guard.watch(forgotten.pid)
        guard.forget(forgotten.pid)
        guard.close()  # the end of its pipe is all it ever sees
        assert process.wait(5) == -signal.SIGKILL
        until(lambda: not is_alive(child), "the child's end", limit=5)
        assert is_alive(other)
    finally:
        os.killpg(forgotten.pid, signal.SIGKILL)
        forgotten.wait()


def test_a_part_ends_with_the_process_that_started_it() -> None:
    script = (
        "import time; from docuvault.stack.process import spawn;"
        "print(spawn(['/bin/sleep', '300'], env={}).pid, flush=True); time.sleep(300)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=CHECKOUT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert is_alive(child)
    parent.kill()
    parent.wait()
    until(lambda: not is_alive(child), "the part's end", limit=5)


def test_left_overs_are_ended_by_pid_and_birth_and_nobody_else_is(
    tmp_path: Path, deaf: "tuple[subprocess.Popen[bytes], int]"
) -> None:
    process, child = deaf
    bystander = spawn(["/bin/sleep", "300"], env={})
    try:
        before = Record(tmp_path)
        before.note("web", process.pid)
        before.entries["worker"] = Entry("worker", bystander.pid, "1")  # the number was given to another
        before.note("supervisor", os.getpid())
        process.kill()  # the leader is gone, its child lives on
        process.wait()
        assert is_alive(child)
        assert Record(tmp_path).end_left_overs(patience=0.3) == ["web"]
        until(lambda: not is_alive(child), "the left-over's end", limit=5)
        assert is_alive(bystander.pid)
    finally:
        bystander.kill()
        bystander.wait()


def test_a_process_is_known_by_its_moment_of_birth() -> None:
    one = spawn(["/bin/sleep", "300"], env={})
    try:
        assert started_at(one.pid) == started_at(one.pid)
        assert started_at(one.pid) is not None
    finally:
        one.kill()
        one.wait()
    assert started_at(one.pid) is None
