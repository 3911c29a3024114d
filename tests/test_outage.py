"""Database or store stop while people work: a plain page says so, nothing is half made, and it recovers by itself."""

import base64
import http.client
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

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
    server: subprocess.Popen[bytes] | None = None
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
        with (folder / "web.log").open("wb") as log:
            server = subprocess.Popen(
                web_command("127.0.0.1", port), cwd=CHECKOUT, env=environment, stdout=log, stderr=log
            )
        made = Vault(port, postgres, store, document, session)
        assert soon(lambda: made.ask("/files/")[0] == 200)
        yield made
    finally:
        if server is not None:
            server.terminate()
            server.wait(30)
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
