"""The embedded object store: `rclone serve s3` on loopback, its files readable by us alone."""

import http.client
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from docuvault.stack.process import StackError, end, spawn

BUCKET = "docuvault"
START_LIMIT = 15.0


def rclone() -> str:
    """The rclone program: beside this Python, or on the path. Raises StackError."""
    beside = Path(sys.executable).parent / "rclone"
    found = str(beside) if beside.exists() else shutil.which("rclone")
    if found is None:
        raise StackError("No rclone here: install requirements.txt, or set S3_ENDPOINT_URL.")
    return found


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ObjectStoreServer:
    """One store whose buckets are folders in `root`."""

    name = "store"
    stop_signal = signal.SIGTERM
    start_limit = START_LIMIT
    patience = 5.0
    noise: re.Pattern[str] | None = None

    def __init__(self, root: Path, *, access_key: str = "", secret_key: str = "", port: int = 0) -> None:
        self.root = root.resolve()
        self.access_key = access_key or secrets.token_hex(10)
        self.secret_key = secret_key or secrets.token_hex(20)
        self.port = port or free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return self.endpoint_url

    def prepare(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)
        (self.root / BUCKET).mkdir(exist_ok=True, mode=0o700)

    def spawn(self, output: int | None = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start without waiting. The key goes by the environment: argv can be read by everybody."""
        return spawn(
            [
                rclone(),
                "serve",
                "s3",
                self.root,
                "--addr",
                f"127.0.0.1:{self.port}",
                "--log-level",
                "ERROR",
                # Digests of its own that nobody asks for, of all that is written and read: more than half of its work.
                "--etag-hash",
                "",
                "--ignore-checksum",
                "--local-hashes",
                "none",
                "--buffer-size",
                "0",  # the disk's own cache does it
            ],
            env={
                "PATH": os.environ.get("PATH", ""),
                "HOME": str(self.root),
                "RCLONE_CONFIG": "/dev/null",
                "RCLONE_AUTH_KEY": f'"{self.access_key},{self.secret_key}"',
                "GOMEMLIMIT": "160MiB",
            },
            cwd=Path("/"),
            output=output,
            death_signal=signal.SIGTERM,
        )

    def is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status in {400, 403}  # unsigned: refused, so it is up
        except OSError:
            return False
        finally:
            connection.close()

    def start(self) -> None:
        """Start and wait until it answers. Raises StackError."""
        self.prepare()
        self.process = self.spawn()
        deadline = time.monotonic() + START_LIMIT
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise StackError("The object store did not start. Is its port taken, or its folder not ours?")
            time.sleep(0.03)

    def stop(self) -> None:
        if self.process is not None:
            end(self.process, self.stop_signal, patience=self.patience)
            self.process = None

    def tidy(self) -> None:
        """Nothing of it lies outside its root."""
