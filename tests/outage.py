"""A vault of its own whose parts a test stops and starts, and the ways to ask it."""

import base64
import http.client
import io
import os
import resource
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from tusclient.client import TusClient

from docuvault.stack.objectstore import BUCKET, ObjectStoreServer, free_port
from docuvault.stack.postgres import Postgres
from docuvault.stack.web import command as web_command
from tests.ground import one_at_a_time, static_root

CHECKOUT = Path(__file__).resolve().parents[1]
TOKEN = "a" * 32

SET_UP = """
from django.test import Client
from accounts.actions import make_user
from accounts.actors import Actor
from documents.uploads import store_stream
user = make_user("alice", "alice@vault.test", by=Actor.command(), is_confirmed=True)
document = store_stream("a.txt", iter([b"paper"]), None, size_bound=5, by=Actor.for_user(user))
client = Client()
client.force_login(user, backend="accounts.adapters.People")
print(document.pk, client.cookies["sessionid"].value)
"""


@dataclass
class Vault:
    """A vault whose parts the test stops and starts."""

    port: int
    postgres: Postgres
    store: ObjectStoreServer
    document: str
    session: str
    environment: dict[str, str]
    log: Path
    web: "subprocess.Popen[bytes]" = field(init=False)

    def start_web(self, *, is_disk_full: bool = False, kill_after: str = "10", **more: str) -> None:
        """With a full disk it can write no file, and nothing to its log."""
        words = web_command("127.0.0.1", self.port)
        words[words.index("--workers-kill-timeout") + 1] = kill_after
        with Path("/dev/full" if is_disk_full else self.log).open("ab") as log:
            self.web = subprocess.Popen(
                words,
                cwd=CHECKOUT,
                env=self.environment | more,
                stdout=log,
                stderr=log,
                preexec_fn=write_no_file if is_disk_full else None,
            )
        assert soon(lambda: self.ask("/files/")[0] == 200, 60)

    def stop_web(self) -> None:
        self.web.terminate()
        self.web.wait(30)

    def restart_web(self, **said: Any) -> None:
        self.stop_web()
        self.start_web(**said)

    def ask(
        self, path: str, method: str = "GET", body: bytes = b"", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("localhost", self.port, timeout=40)
        sent = {**self.as_alice, "Accept": "text/html"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.postgres.app_url) as connection:
            return connection.execute(statement).fetchall()

    @property
    def as_alice(self) -> dict[str, str]:
        """What a request of hers carries."""
        return {"Cookie": f"sessionid={self.session}; csrftoken={TOKEN}", "X-CSRFToken": TOKEN}

    def sender(self, url: str = "", data: bytes = b"", **said: Any) -> Any:
        """An independent client for a file."""
        client = TusClient(f"http://localhost:{self.port}/uploads/", headers=self.as_alice)
        address = f"http://localhost:{self.port}{url}" if url.startswith("/") else url
        return client.uploader(file_stream=io.BytesIO(data), url=address or None, **said)

    def begin(self, name: str, size: int) -> str:
        """The address of an upload that has just begun."""
        metadata = "filename " + base64.b64encode(name.encode()).decode()
        told = self.ask("/uploads/", "POST", Tus_Resumable="1.0.0", Upload_Length=str(size), Upload_Metadata=metadata)
        return told[1]["location"]

    def sending(self, address: str, size: int, first: bytes) -> socket.socket:
        """A connection on which the bytes of an upload have begun to come."""
        connection = socket.create_connection(("localhost", self.port), 20)
        told = {
            "Host": f"localhost:{self.port}",
            **self.as_alice,
            "Tus-Resumable": "1.0.0",
            "Upload-Offset": "0",
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(size),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        connection.sendall(f"PATCH {address} HTTP/1.1\r\n{head}\r\n".encode() + first)
        return connection

    def send(self, name: str) -> tuple[int, dict[str, str], bytes]:
        return self.ask(
            "/uploads/",
            "POST",
            b"12345",
            Tus_Resumable="1.0.0",
            Upload_Length="5",
            Content_Type="application/offset+octet-stream",
            Upload_Metadata="filename " + base64.b64encode(name.encode()).decode(),
        )


def write_no_file() -> None:
    """For a child before it begins: every byte for a file is refused it, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def soon(holds: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether something comes true within some seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if holds():
                return True
        except OSError:
            pass
        time.sleep(0.2)
    return False


@contextmanager
def running_vault(folder: Path) -> Iterator[Vault]:
    """With a server, a store and a database of its own, all below this folder."""
    folder.chmod(0o711)
    postgres = Postgres(folder / "postgres", durable=False)
    store = ObjectStoreServer(folder / "objects")
    port = free_port()
    made: Vault | None = None
    try:
        postgres.start()
        store.start()
        environment = {
            **os.environ,
            "DATABASE_URL": postgres.app_url,
            "DATABASE_MIGRATE_URL": postgres.migrate_url,
            "S3_ENDPOINT_URL": store.endpoint_url,
            "S3_ACCESS_KEY_ID": store.access_key,
            "S3_SECRET_ACCESS_KEY": store.secret_key,
            "S3_BUCKET": BUCKET,
            "DOCUVAULT_STORE_ROOT": str(store.root),
            # As in the stack and the image: what is kept for a log that cannot be written fails again at each fork.
            "PYTHONUNBUFFERED": "1",
            "DOCUVAULT_DATA": str(folder / "data"),
            "DOCUVAULT_STATIC_ROOT": str(static_root()),
            "DOCUVAULT_SECRET_KEY": secrets.token_urlsafe(64),
            "DOCUVAULT_BASE_URL": f"http://localhost:{port}",
            "DOCUVAULT_DB_POOL_SIZE": "8",
            "PORT": str(port),
        }

        def manage(*words: str) -> str:
            done = subprocess.run(
                [sys.executable, "manage.py", *words],
                cwd=CHECKOUT,
                env=environment,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, done.stderr[-2000:]
            return done.stdout

        with one_at_a_time():
            manage("prepare")
        document, session = manage("shell", "--no-imports", "-c", SET_UP).split()[-2:]

        made = Vault(port, postgres, store, document, session, environment, folder / "web.log")
        made.start_web()
        yield made
    finally:
        if made is not None:
            made.stop_web()
        store.stop()
        postgres.remove()
