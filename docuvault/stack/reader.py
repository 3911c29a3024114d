"""The reader part: reads documents as they are added, with a child process for what parses foreign bytes."""

import signal
import subprocess
import sys
from collections.abc import Mapping
from re import Pattern

from docuvault.stack.configuration import CHECKOUT
from docuvault.stack.process import spawn


class Reader:
    """A part of its own, so that a backlog of documents keeps no job waiting. Its connections live on: no pool."""

    name = "reader"
    address = ""
    stop_signal = signal.SIGTERM
    start_limit = 30.0
    patience = 15.0
    noise: Pattern[str] | None = None

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = {"MALLOC_ARENA_MAX": "2", **environment, "DOCUVAULT_DB_POOL_SIZE": "0"}

    def prepare(self) -> None:
        """The schema is there already; the language data it unpacks itself."""

    def spawn(self, output: int | None = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        return spawn([sys.executable, "manage.py", "read"], env=self.environment, cwd=CHECKOUT, output=output)

    def is_ready(self) -> bool:
        """What is added before it is ready waits."""
        return True

    def tidy(self) -> None:
        """It leaves nothing."""
