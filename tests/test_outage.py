"""Database, store or web server stop while people work, or senders stall: what can be answered is, nothing is half
made, and it goes on by itself."""

import base64
import hashlib
import http.client
import io
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from tusclient.client import TusClient

from docuvault.stack.objectstore import BUCKET, ObjectStoreServer, free_port
from docuvault.stack.postgres import Postgres
from docuvault.stack.web import command as web_command

CHECKOUT = Path(__file__).resolve().parents[1]
pytestmark = [pytest.mark.xdist_group("outage"), pytest.mark.timeout(180)]

SET_UP = """
from django.test import Client
from accounts.actions import make_user
from accounts.actors import Actor
from documents.uploads import store_stream
user = make_user("alice", "alice@vault.test", by=Actor.command(), is_confirmed=True)
document = store_stream("a.txt", iter([b"paper"]), None, size_bound=5, by=Actor.for_user(user))
client = Client()
client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
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
    start_web: Callable[[], "subprocess.Popen[bytes]"]
    web: "subprocess.Popen[bytes]"

    def restart_web(self) -> None:
        self.web.terminate()
        self.web.wait(30)
        self.web = self.start_web()
        assert soon(lambda: self.ask("/files/")[0] == 200, 60)

    def ask(
        self, path: str, method: str = "GET", body: bytes = b"", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("localhost", self.port, timeout=40)
        token = "a" * 32
        cookies = f"sessionid={self.session}; csrftoken={token}"
        sent = {"Cookie": cookies, "X-CSRFToken": token, "Accept": "text/html"}
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


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    folder = tmp_path_factory.mktemp("outage")
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
            "DOCUVAULT_DATA": str(folder / "data"),
            "DOCUVAULT_STATIC_ROOT": str(folder / "static"),
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

        manage("prepare")
        document, session = manage("shell", "--no-imports", "-c", SET_UP).split()[-2:]

        def start_web() -> "subprocess.Popen[bytes]":
            with (folder / "web.log").open("ab") as log:
                return subprocess.Popen(
                    web_command("127.0.0.1", port), cwd=CHECKOUT, env=environment, stdout=log, stderr=log
                )

        made = Vault(port, postgres, store, document, session, start_web, start_web())
        assert soon(lambda: made.ask("/files/")[0] == 200)
        yield made
    finally:
        if made is not None:
            made.web.terminate()
            made.web.wait(30)
        store.stop()
        postgres.remove()


def test_f08_without_the_store_the_lists_go_on_and_bytes_are_told_to_be_away(vault: Vault) -> None:
    path = f"/documents/{vault.document}/download/"
    assert vault.ask(path)[2] == b"paper"
    vault.store.stop()
    try:
        assert vault.ask("/files/")[0] == 200
        assert vault.ask(f"/documents/{vault.document}/")[0] == 200
        status, headers, page = vault.ask(path)
        assert (status, headers["retry-after"]) == (503, "10")
        assert b"<html" in page
        # The upload may be begun, but no byte of it counts as received.
        status, headers, _told = vault.send("b.txt")
        assert status == 503 or (status, headers["upload-offset"]) == (201, "0")
        if status == 201:
            sent = {"Tus_Resumable": "1.0.0", "Upload_Offset": "0", "Content_Type": "application/offset+octet-stream"}
            status, headers, told = vault.ask(headers["location"], "PATCH", b"12345", **sent)
            assert (status, headers["content-type"]) == (503, "application/json")
            assert b"message" in told
    finally:
        vault.store.start()
    assert soon(lambda: vault.ask(path)[2] == b"paper")
    assert b"b.txt" not in vault.ask("/files/")[2]
    assert vault.send("b.txt")[0] == 201
    assert b"b.txt" in vault.ask("/files/")[2]


def test_f15_without_the_database_a_plain_page_says_so_and_it_recovers_by_itself(vault: Vault) -> None:
    assert vault.ask("/files/")[0] == 200
    vault.postgres.stop()
    try:
        for path in ("/files/", f"/documents/{vault.document}/download/", "/account/login/"):
            status, headers, page = vault.ask(path)
            assert (status, headers["retry-after"]) == (503, "10"), path
            assert b"<html" in page
            assert b"Traceback" not in page
        status, headers, _told = vault.send("c.txt")
        assert status == 503
        assert vault.ask("/health")[0] == 503
    finally:
        vault.postgres.start()
    assert soon(lambda: vault.ask("/files/")[0] == 200)
    assert b"c.txt" not in vault.ask("/files/")[2]
    assert soon(lambda: vault.send("c.txt")[0] == 201)


def test_a34_sixty_four_senders_who_stall_keep_nobody_waiting(vault: Vault) -> None:
    size, token = 5_000_000, "a" * 32
    senders = []
    try:
        for number in range(64):
            name = base64.b64encode(f"stalled {number}".encode()).decode()
            sender = socket.create_connection(("localhost", vault.port), 20)
            senders.append(sender)
            sender.sendall(
                f"POST /uploads/ HTTP/1.1\r\nHost: localhost:{vault.port}\r\n"
                f"Cookie: sessionid={vault.session}; csrftoken={token}\r\nX-CSRFToken: {token}\r\n"
                f"Tus-Resumable: 1.0.0\r\nUpload-Length: {size}\r\nUpload-Metadata: filename {name}\r\n"
                f"Content-Type: application/offset+octet-stream\r\nContent-Length: {size}\r\n\r\n".encode()
                + b"x"
            )
        for _ in range(4):
            assert vault.ask("/files/")[0] == 200
            assert vault.ask(f"/documents/{vault.document}/download/")[2] == b"paper"
        assert vault.send("meanwhile.txt")[0] == 201
        for sender in senders:  # each is still there: nobody was answered by being thrown out
            sender.sendall(b"x")
    finally:
        for sender in senders:
            sender.close()
    assert soon(lambda: vault.rows("SELECT reserved_bytes FROM quotas WHERE reserved_bytes > 0") == [])
    assert b"stalled" not in vault.ask("/files/")[2]


def test_an_independent_client_goes_on_after_both_were_restarted_and_days_later(vault: Vault) -> None:
    data, part, token = os.urandom(400_000), 100_000, "a" * 32
    headers = {"Cookie": f"sessionid={vault.session}; csrftoken={token}", "X-CSRFToken": token}
    client = TusClient(f"http://localhost:{vault.port}/uploads/", headers=headers)
    sender = client.uploader(file_stream=io.BytesIO(data), chunk_size=part, metadata={"filename": "long.bin"})
    sender.upload_chunk()  # type: ignore[no-untyped-call]
    vault.store.stop()
    vault.store.start()
    sender.upload_chunk()  # type: ignore[no-untyped-call]
    vault.restart_web()
    # Another day, another process of the sender: nothing but the address is known.
    moved = "UPDATE uploads SET expires_at = expires_at - interval '6 days' WHERE name = 'long.bin' RETURNING name"
    assert vault.rows(moved) == [("long.bin",)]
    later = client.uploader(file_stream=io.BytesIO(data), chunk_size=part, url=sender.url)
    assert later.offset == 2 * part
    later.upload()
    ((document, digest),) = vault.rows("SELECT id::text, sha256 FROM documents WHERE name = 'long.bin'")
    assert digest == hashlib.sha256(data).hexdigest()
    assert vault.ask(f"/documents/{document}/download/")[2] == data
