"""The web part: granian with the WSGI application, few processes and many threads.

Rejected: ASGI, where Django keeps whole bodies on disk and whole answers in memory.
"""

import http.client
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from urllib.parse import urlsplit

from docuvault.stack.configuration import CHECKOUT, Configuration
from docuvault.stack.process import spawn

# Threads come as they are needed. Twice as many as senders that may be stalled, who can all meet in one process.
WORKERS, THREADS = "2", "128"


def command(bind: str, port: int) -> list[str]:
    """The server's own command line, here and in a container."""
    return [
        sys.executable, "-m", "docuvault.serving", "docuvault.wsgi:application", "--interface", "wsgi",
        "--host", bind, "--port", str(port), "--workers", WORKERS,
        "--blocking-threads", THREADS, "--backpressure", THREADS, "--http", "1", "--no-ws",
        "--respawn-failed-workers", "--respawn-interval", "0.5", "--workers-kill-timeout", "10",
        "--log-level", "warning",
    ]  # fmt: skip


class Web:
    """Answers people on the configured address."""

    name = "web"
    stop_signal = signal.SIGTERM
    start_limit = 60.0
    patience = 15.0
    # Many threads are meant: most of them wait for a slow sender.
    noise = re.compile(r"Configuration allows spawning up to \d+ Python threads")

    def __init__(self, configuration: Configuration, environment: Mapping[str, str]) -> None:
        self.bind, self.port = configuration.bind, configuration.port
        self.host_name = urlsplit(configuration.base_url).netloc
        # Few arenas: with many threads glibc otherwise keeps a heap of freed memory for each.
        self.environment = {"DOCUVAULT_DB_POOL_SIZE": "20", "MALLOC_ARENA_MAX": "2", **environment}

    @property
    def address(self) -> str:
        return f"{self.bind}:{self.port}"

    def prepare(self) -> None:
        """Static files and schema are there already."""

    def spawn(self, output: int | None = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        return spawn(command(self.bind, self.port), env=self.environment, cwd=CHECKOUT, output=output)

    def health(self) -> tuple[int, str]:
        """Status and body of /health; status 0 where nothing answers."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.bind, self.bind)
        connection = http.client.HTTPConnection(host, self.port, timeout=5)
        try:
            connection.request("GET", "/health", headers={"Host": self.host_name})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def is_ready(self) -> bool:
        return self.health()[0] == 200

    def tidy(self) -> None:
        """It leaves nothing."""
