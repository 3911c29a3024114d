"""Starts the parts in order, labels what they say, starts again what dies, and leaves nothing behind."""

import os
import re
import select
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Protocol

from docuvault.stack.guard import Guard
from docuvault.stack.process import StackError, end, end_group, spawn
from docuvault.stack.record import SUPERVISOR, Record

LONGEST_WAIT = 15.0
CALM_AFTER = 30.0  # a part that lived this long starts anew without waiting


class Part(Protocol):
    """One process of the stack, with all below it."""

    @property
    def name(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def stop_signal(self) -> signal.Signals: ...
    @property
    def start_limit(self) -> float: ...
    @property
    def patience(self) -> float: ...
    @property
    def noise(self) -> re.Pattern[str] | None: ...

    def prepare(self) -> None: ...
    def spawn(self, output: int | None = subprocess.DEVNULL) -> subprocess.Popen[bytes]: ...
    def is_ready(self) -> bool: ...
    def tidy(self) -> None: ...


class Stopping(Exception):
    """Somebody asked the stack to stop while it was starting."""


@dataclass
class Running:
    """A part and its present process."""

    part: Part
    process: subprocess.Popen[bytes]
    since: float
    failures: int = 0
    due: float | None = None  # when to start it again


def say(name: str, line: str) -> None:
    """One labelled line; a terminal that went away is no reason to stop."""
    try:
        print(f"{name:<9}| {line}", flush=True)
    except OSError:
        pass


class Supervisor:
    """Owns the parts from their start to their end. Used from the main thread alone."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.guard = Guard()
        self.running: list[Running] = []
        self.is_stopping = False
        self._wake, self._waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)
        signal.signal(signal.SIGCHLD, self._child_changed)  # ends a wait at once
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        record.note(SUPERVISOR, os.getpid())

    # --- waiting ----------------------------------------------------------------------------------

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True

    def _child_changed(self, number: int, frame: FrameType | None) -> None:
        """The wake-up pipe has been written; nothing else to do."""

    def rest(self, seconds: float) -> None:
        """Wait, but no longer than until a signal comes."""
        if select.select([self._wake], [], [], seconds)[0]:
            os.read(self._wake, 4096)

    def _check_stopping(self) -> None:
        if self.is_stopping:
            raise Stopping

    # --- starting -----------------------------------------------------------------------------------

    def _spawn(self, part: Part) -> subprocess.Popen[bytes]:
        reader, writer = os.pipe()
        try:
            process = part.spawn(writer)
        except OSError as error:
            os.close(reader)
            raise StackError(f"{part.name} could not be started: {error}") from None
        finally:
            os.close(writer)
        self.guard.watch(process.pid)
        self.record.note(part.name, process.pid, part.address)
        threading.Thread(target=_relay, args=(part.name, reader, part.noise), daemon=True).start()
        return process

    def start(self, *parts: Part) -> None:
        """Start without waiting."""
        for part in parts:
            self._check_stopping()
            self.running.append(Running(part, self._spawn(part), time.monotonic()))

    def wait_ready(self, *parts: Part) -> None:
        """Wait until all answer, starting anew what ends meanwhile. Raises StackError."""
        waiting = [one for one in self.running if one.part in parts]
        begun = time.monotonic()
        while waiting:
            self._check_stopping()
            self.look_after()
            waiting = [one for one in waiting if one.due is not None or not one.part.is_ready()]
            for one in waiting:
                if time.monotonic() - begun > one.part.start_limit:
                    limit = f"{one.part.start_limit:.0f} s"
                    raise StackError(f"{one.part.name} was not ready within {limit}; what it said is above.")
            if waiting:
                self.rest(0.03)

    def run_once(
        self,
        command: Sequence[str],
        environment: dict[str, str],
        cwd: Path,
        name: str,
        output: int | None = None,
    ) -> list[str]:
        """Run a command to its end; answers the lines it printed, unless `output` takes them.

        Raises StackError.
        """
        reader, writer = os.pipe()
        process = spawn(command, env=environment, cwd=cwd, output=writer if output is None else output)
        os.close(writer)
        self.guard.watch(process.pid)
        self.record.note(name, process.pid)
        lines: list[str] = []
        thread = threading.Thread(target=_collect, args=(reader, lines), daemon=True)
        thread.start()
        try:
            while process.poll() is None:
                self._check_stopping()
                self.look_after()
                self.rest(0.1)
        finally:
            end(process, signal.SIGTERM, patience=5)
            self.guard.forget(process.pid)
            self.record.forget(name)
        thread.join(2)
        if process.returncode:
            if len(lines) == 1:  # refused by us, in words for a person, rather than fallen over
                raise StackError(lines[0].removeprefix("CommandError: "))
            for line in lines[-20:]:
                say(name, line)
            raise StackError(f"{name} failed; what it said is above.")
        return lines

    # --- looking after ------------------------------------------------------------------------------

    def look_after(self) -> None:
        """Notice what died, and start again what is due."""
        moment = time.monotonic()
        for one in self.running:
            if one.due is not None:
                if moment >= one.due:
                    one.due, one.since = None, moment
                    one.process = self._spawn(one.part)
            elif one.process.poll() is not None:
                end_group(one.process.pid)
                self.guard.forget(one.process.pid)
                one.failures = 1 if moment - one.since > CALM_AFTER else one.failures + 1
                wait = min(0.3 * 2 ** (one.failures - 1), LONGEST_WAIT)
                one.due = moment + wait
                say(one.part.name, f"{_ending(one.process.returncode)}; starting it again in {wait:.1f} s")

    def watch(self) -> None:
        """Until somebody asks to stop."""
        while not self.is_stopping:
            self.look_after()
            due = [one.due - time.monotonic() for one in self.running if one.due is not None]
            self.rest(max(0.0, min([*due, 5.0])))

    # --- stopping -----------------------------------------------------------------------------------

    def stop(self) -> None:
        """In reverse order; a part that does not listen is killed with all below it."""
        self.is_stopping = True
        while self.running:
            one = self.running.pop()
            if one.due is None:
                end(one.process, one.part.stop_signal, patience=one.part.patience)
                self.guard.forget(one.process.pid)
            self.record.forget(one.part.name)
            one.part.tidy()
        self.guard.close()
        signal.set_wakeup_fd(-1)


def _ending(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with {code}"


def _collect(reader: int, lines: list[str]) -> None:
    with os.fdopen(reader, errors="replace") as stream:
        lines.extend(line.rstrip("\n") for line in stream)


def _relay(name: str, reader: int, noise: re.Pattern[str] | None) -> None:
    with os.fdopen(reader, errors="replace") as stream:
        for line in stream:
            if not line.isspace() and not (noise and noise.search(line)):
                say(name, line.rstrip())
