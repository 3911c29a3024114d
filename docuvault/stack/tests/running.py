"""A whole stack for tests: started as a person starts it, asked and hurt as the world does."""

import http.client
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from docuvault.stack.configuration import CHECKOUT, OURS, read_lines
from docuvault.stack.objectstore import free_port
from docuvault.stack.process import family
from docuvault.stack.record import SUPERVISOR, Entry, Record

PATIENCE = 90.0
ADMIN_PASSWORD = "a first admin's password"
Answer = TypeVar("Answer")


def until(ask: Callable[[], Answer], what: str, limit: float = PATIENCE) -> Answer:
    """The first true answer; fails when there is none in time."""
    deadline = time.monotonic() + limit
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what}: not within {limit} s"
        time.sleep(0.05)


@contextmanager
def passable_folder(name: str) -> Iterator[Path]:
    """A temporary folder that PostgreSQL's own user may pass through, so that all lies inside it."""
    with tempfile.TemporaryDirectory(prefix=f"docuvault {name} ") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


class RunningStack:
    """`python -m docuvault.stack run` on a data folder of its own."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data
        self.port = free_port()
        self.log = data.parent / f"{data.name}.log"
        outside = {key: value for key, value in os.environ.items() if not OURS.match(key)}
        self.environment = {**outside, "DOCUVAULT_DATA": str(data), "PORT": str(self.port), **settings}
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "docuvault.stack", *words],
            cwd=CHECKOUT,
            env={**self.environment, **settings},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def start(self) -> "RunningStack":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "docuvault.stack", "run"],
                cwd=CHECKOUT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(lambda: self.health() == 200 or self.process_ended(), "health")
        assert not self.process_ended(), self.log.read_text()
        until(lambda: "DocuVault is ready" in self.log.read_text(), "the printed address")
        return self

    def process_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def health(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def parts(self) -> dict[str, Entry]:
        entries = Record(self.data / "run").read()
        entries.pop(SUPERVISOR, None)
        return entries

    def settings(self) -> dict[str, str]:
        return read_lines(self.data / "run" / "stack.env")

    def everybody(self) -> list[int]:
        """The supervisor and all below it."""
        assert self.process is not None
        return family(self.process.pid)

    def stop(self) -> int:
        """However it ended up; for the end of a test."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def survivors(pids: list[int]) -> list[str]:
    """Those still there, by what they are."""
    found = []
    for pid in pids:
        if is_alive(pid):
            try:
                found.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
    return found
