"""A running stack for the bench, a browser-like client, and the memory of all its processes."""

import http.client
import os
import re
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import psycopg

from docuvault.stack.process import memory_bytes
from docuvault.stack.record import Record
from docuvault.stack.status import processes_of

CHECKOUT = Path(__file__).resolve().parent.parent
START_LIMIT = 120.0
UNREAD = "SELECT 1 FROM readings WHERE state IN ('waiting', 'reading') LIMIT 1"
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Client:
    """One kept-alive connection with cookies, as a browser has them."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    connection: http.client.HTTPConnection | None = None

    def open(self) -> http.client.HTTPConnection:
        """The connection; a new one where the server has closed it meanwhile."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection("localhost", self.port, timeout=300)
        elif self.connection.sock is not None and select.select([self.connection.sock], [], [], 0)[0]:
            self.connection.close()
        return self.connection

    def headers(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {"Accept": "text/html", "Origin": f"http://localhost:{self.port}", **(extra or {})}
        if self.cookies:
            kept["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        return kept

    def ask(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        connection = self.open()
        connection.request(method, path, body=body, headers=self.headers(headers))  # type: ignore[arg-type]
        response = connection.getresponse()
        headers_there = {name.lower(): value for name, value in response.getheaders()}
        answer = Answer(response.status, headers_there, response.read())
        for name, value in response.getheaders():
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        return answer

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask("GET", path, headers=headers)

    def drain(
        self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET", body: str | None = None
    ) -> int:
        """Read an answer without keeping it; answers how many bytes came."""
        connection = self.open()
        connection.request(method, path, body=body, headers=self.headers(headers))
        response = connection.getresponse()
        buffer = bytearray(1 << 20)
        count = 0
        while got := response.readinto(buffer):
            count += got
        return count

    def post(self, path: str, fields: Mapping[str, str], *, page: str | None = None) -> Answer:
        """Send a form with the token of the page it stands on."""
        found = TOKEN.search(self.get(page or path).text)
        token = found.group(1) if found else ""
        return self.ask(
            "POST",
            path,
            urlencode({**fields, "csrfmiddlewaretoken": token}),
            {"Content-Type": "application/x-www-form-urlencoded"},
        )

    def sign_in(self, handle: str, password: str) -> None:
        answer = self.post("/account/login/", {"login": handle, "password": password})
        if answer.status != 302:
            raise RuntimeError(f"signing in as {handle} answered {answer.status}")


@dataclass
class RunningVault:
    """The stack's supervisor and what is needed to reach its parts."""

    process: subprocess.Popen[bytes]
    port: int
    data: Path
    started_in: float

    @property
    def environment(self) -> dict[str, str]:
        lines = (self.data / "run" / "stack.env").read_text().splitlines()
        return {key: value.strip("'\"") for key, _, value in (line.partition("=") for line in lines if "=" in line)}

    def processes(self) -> list[int]:
        """The supervisor and everything below it, read from /proc."""
        parents: dict[int, int] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                except OSError:
                    continue
        found, grew = {self.process.pid}, True
        while grew:
            more = {pid for pid, parent in parents.items() if parent in found} - found
            grew = bool(more)
            found |= more
        return sorted(found)

    def memory_mb(self, *, containing: str = "") -> float:
        """Proportional set size of all processes whose command line has this word, in 10^6 bytes."""
        total = 0
        for pid in self.processes():
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if containing in command:
                    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                    total += int(re.search(r"^Pss:\s+(\d+)", rollup, re.M).group(1))  # type: ignore[union-attr]
            except (OSError, AttributeError):
                continue
        return total * 1024 / 1e6

    def memory_by_part(self) -> dict[str, float]:
        """What each part of the stack holds with its children, as `make status` tells it, in 10^6 bytes."""
        entries = Record(self.data / "run").read().values()
        return {entry.name: sum(map(memory_bytes, processes_of(entry))) / 1e6 for entry in entries}

    def manage(self, *arguments: str, script: str | None = None, patience: float = 900) -> str:
        """Run `manage.py` beside the stack, as an operator would."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=CHECKOUT,
            env={**os.environ, "DOCUVAULT_DATA": str(self.data)},
            input=script,
            capture_output=True,
            text=True,
            timeout=patience,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"manage.py {' '.join(arguments)}: {done.stderr[-2000:]}")
        return done.stdout

    def wait_until_read(self, patience: float = 300) -> None:
        """What was added before is read by now, and does not take its share of what is measured next."""
        deadline = time.monotonic() + patience
        with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True) as connection:
            while connection.execute(UNREAD).fetchone():
                if time.monotonic() > deadline:
                    raise RuntimeError("what was added is not read in time")
                time.sleep(0.1)

    @contextmanager
    def managing(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """`manage.py` beside the stack, to be spoken with while it runs."""
        process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=CHECKOUT,
            env={**os.environ, "DOCUVAULT_DATA": str(self.data)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


ADMIN_PASSWORD = "bench-" + secrets.token_urlsafe(12)


@contextmanager
def running_vault(data: Path, port: int = 0) -> Iterator[RunningVault]:
    """Start the whole stack on this data directory, and stop it in the end."""
    port = port or free_port()
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("DATABASE_", "S3_"))},
        "PORT": str(port),
        "DOCUVAULT_DATA": str(data),
        "DOCUVAULT_ADMIN_EMAIL": "admin@bench.test",
        "DOCUVAULT_ADMIN_PASSWORD": ADMIN_PASSWORD,
        "DOCUVAULT_BASE_URL": f"http://localhost:{port}",
    }
    log = (data.parent / f"{data.name}.log").open("ab")
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "docuvault.stack", "run"],
        cwd=CHECKOUT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        while True:
            if process.poll() is not None:
                raise RuntimeError(f"the stack ended with {process.returncode}; see {log.name}")
            try:
                if Client(port).get("/health").status == 200:
                    break
            except OSError:
                pass
            if time.perf_counter() - start > START_LIMIT:
                raise RuntimeError(f"the stack was not ready within {START_LIMIT:.0f} s; see {log.name}")
            time.sleep(0.05)
        yield RunningVault(process, port, data, time.perf_counter() - start)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
        log.close()
