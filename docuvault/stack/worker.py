"""The worker part: the queue's cluster, which runs jobs and schedules."""

import signal
import subprocess
import sys
from collections.abc import Mapping
from re import Pattern

from docuvault.stack.configuration import CHECKOUT
from docuvault.stack.process import spawn


class Worker:
    """Runs what others enqueue. Its connections live on, so it has no pool."""

    name = "worker"
    address = ""
    stop_signal = signal.SIGTERM
    start_limit = 30.0
    patience = 15.0
    noise: Pattern[str] | None = None

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = {**environment, "DOCUVAULT_DB_POOL_SIZE": "0"}

    def prepare(self) -> None:
        """The schema is there already."""

    def spawn(self, output: int | None = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        return spawn([sys.executable, "manage.py", "qcluster"], env=self.environment, cwd=CHECKOUT, output=output)

    def is_ready(self) -> bool:
        """Its heartbeat is a part of /health, which the web part waits for."""
        return True

    def tidy(self) -> None:
        """It leaves nothing."""
