"""Asks the driver from a test: one act, a point at which it is struck, and how it ended."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.db import connection

from docuvault.lib.failpoints import Effect, Failpoint
from docuvault.stack.process import dying_with_us
from tests.faults.driver import ACT_SECONDS
from tests.totals import TOTALS

# Each step is killed once in every run; broken and held there in the soak, which strikes all of them many times.
KILLED_AND_MORE_IN_THE_SOAK = [
    Effect.KILL,
    *(pytest.param(effect, marks=pytest.mark.soak) for effect in Effect if effect is not Effect.KILL),
]
CHECKOUT = Path(__file__).resolve().parents[2]
KILLED = 9


@dataclass
class Ended:
    """How an act ended; `told` is what its process had acknowledged by then."""

    ended_by: int
    told: list[dict[str, Any]] = field(default_factory=list)

    def get(self, word: str) -> Any:
        """The last value that was told of this."""
        values = [facts[word] for facts in self.told if word in facts]
        return values[-1] if values else None


class Driver:
    """The driver's process, and the questions to it. It dies with this one, and its copies die with it."""

    def __init__(self, folder: Path, *, database_port: int = 0, **environment: str) -> None:
        self.mark = folder / "mark"
        address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
        if database_port:
            person = address.netloc.rpartition("@")[0]
            address = address._replace(netloc=f"{person}@127.0.0.1:{database_port}")
        self.errors = folder / "errors"
        with self.errors.open("wb") as output:
            self.process: subprocess.Popen[str] = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.driver"],
                cwd=CHECKOUT,
                env={
                    **os.environ,
                    "DATABASE_URL": urlunsplit(address),
                    "S3_BUCKET": str(settings.S3_BUCKET),
                    "DOCUVAULT_LOG_LEVEL": "CRITICAL",
                    **environment,
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                preexec_fn=dying_with_us(signal.SIGKILL),
                text=True,
            )
        assert self._line() == "ready\n"

    def _line(self) -> str:
        assert self.process.stdout is not None
        assert self._says_something_within(ACT_SECONDS + 20), "the driver says nothing"
        line = self.process.stdout.readline()
        assert line, f"the driver has ended: {self._last_words()}"
        return line

    def _last_words(self) -> str:
        return self.errors.read_text(errors="replace")[-6000:]

    def _says_something_within(self, seconds: float) -> bool:
        assert self.process.stdout is not None
        return bool(select.select([self.process.stdout], [], [], seconds)[0])

    def begin(self, act: str, failpoint: str = "", **arguments: Any) -> None:
        """Ask without waiting for the end."""
        assert self.process.stdin is not None
        TOTALS.operations += 1
        self.process.stdin.write(json.dumps({"act": act, "arguments": arguments, "failpoint": failpoint}) + "\n")
        self.process.stdin.flush()

    def end(self) -> Ended:
        """Wait for it. One that came to no end of its own within ACT_SECONDS has left its stack behind."""
        ended = Ended(**json.loads(self._line()))
        assert ended.ended_by in {0, KILLED}, self._last_words()
        TOTALS.kills += ended.ended_by == KILLED
        return ended

    def act(self, act: str, **arguments: Any) -> Ended:
        """Without a fault."""
        self.begin(act, **arguments)
        return self.end()

    def struck(
        self,
        point: Failpoint,
        effect: Effect,
        act: str,
        meanwhile: Callable[[], object] = lambda: None,
        passes: int = 1,
        **arguments: Any,
    ) -> Ended:
        """With a fault the n-th time this point is reached, which it must be; `meanwhile` is done while it is held."""
        self.mark.unlink(missing_ok=True)
        self.begin(act, f"{point}={effect}:{passes}@{self.mark}", **arguments)
        if effect is Effect.HANG:
            while not self.mark.exists():
                assert not self._says_something_within(0.01), f"{point} was not reached by {act}: {self.end()}"
            TOTALS.faults += 1
            try:
                meanwhile()
            finally:
                self.mark.unlink()
            return self.end()
        ended = self.end()
        assert self.mark.exists(), f"{point} was not reached by {act}: {ended}"
        assert ended.ended_by == (KILLED if effect is Effect.KILL else 0)
        TOTALS.faults += 1
        return ended

    def close(self) -> None:
        """End it: politely if it listens, else by force."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


@contextmanager
def running_driver(folder: Path, *, database_port: int = 0, **environment: str) -> Iterator[Driver]:
    driver = Driver(folder, database_port=database_port, **environment)
    try:
        yield driver
    finally:
        driver.close()
