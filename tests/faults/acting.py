"""Asks the driver from a test: one act, a point at which it is struck, and how it ended."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

from docuvault.lib.failpoints import Effect, Failpoint

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
    """The driver's process, and the questions to it."""

    def __init__(self, folder: Path, *, database_port: int = 0, errors: Path | None = None, **environment: str) -> None:
        self.mark = folder / "mark"
        address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
        if database_port:
            person = address.netloc.rpartition("@")[0]
            address = address._replace(netloc=f"{person}@127.0.0.1:{database_port}")
        self._errors = (errors or Path(os.devnull)).open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.driver"],
            cwd=CHECKOUT,
            env={
                **os.environ,
                "DATABASE_URL": urlunsplit(address),
                "S3_BUCKET": settings.S3_BUCKET,
                "DOCUVAULT_LOG_LEVEL": "CRITICAL",
                **environment,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        assert self._line() == "ready\n"

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the driver has ended"
        return line

    def begin(self, act: str, failpoint: str = "", **arguments: Any) -> None:
        """Ask without waiting for the end."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"act": act, "arguments": arguments, "failpoint": failpoint}) + "\n")
        self.process.stdin.flush()

    def end(self) -> Ended:
        """Wait for it."""
        return Ended(**json.loads(self._line()))

    def _has_ended(self) -> bool:
        """Whether the act is over, after a short wait."""
        return bool(select.select([self.process.stdout], [], [], 0.01)[0])

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
        **arguments: Any,
    ) -> Ended:
        """With a fault at this point, which must be reached; `meanwhile` is done while the process is held."""
        self.mark.unlink(missing_ok=True)
        self.begin(act, f"{point}={effect}@{self.mark}", **arguments)
        if effect is Effect.HANG:
            while not self.mark.exists():
                assert not self._has_ended(), f"{point} was not reached by {act}: {self.end()}"
            try:
                meanwhile()
            finally:
                self.mark.unlink()
            return self.end()
        ended = self.end()
        assert self.mark.exists(), f"{point} was not reached by {act}: {ended}"
        assert ended.ended_by == (KILLED if effect is Effect.KILL else 0)
        return ended

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(20)
        self._errors.close()


@contextmanager
def running_driver(
    folder: Path, *, database_port: int = 0, errors: Path | None = None, **environment: str
) -> Iterator[Driver]:
    driver = Driver(folder, database_port=database_port, errors=errors, **environment)
    try:
        yield driver
    finally:
        driver.close()
