"""Downloads that break off: an outage before the first byte, in the middle, and readers that leave."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from accounts.actors import Actor
from accounts.models import Quota, User
from documents.models import Document, Version
from documents.storage import ObjectStore, StoreUnavailable
from documents.tests.making import put
from sharing.models import AuditEvent


@pytest.fixture
def client(alice: User, client_for: Callable[[User], Client]) -> Client:
    return client_for(alice)


@pytest.fixture
def paper(alice_actor: Actor) -> Document:
    return put("a.bin", None, alice_actor, os.urandom(3_000_000))


def get(client: Client, document: Document, **headers: str) -> HttpResponse:
    return client.get(f"/documents/{document.pk}/download/", headers=headers)  # type: ignore[return-value]


def test_f41_the_database_connection_is_given_back_before_the_first_byte(
    client: Client, paper: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []
    monkeypatch.setattr("documents.downloads.let_go_of_database", lambda: given.append("back"))
    answer = get(client, paper)
    assert given == ["back"]
    asked = len(connection.queries_log)
    assert len(answer.getvalue()) == 3_000_000
    assert len(connection.queries_log) == asked


def test_a_store_that_is_away_is_a_plain_page_and_nothing_is_told(
    client: Client, paper: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(ObjectStore, "open", away)
    answer = get(client, paper, Accept="text/html")
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert not AuditEvent.objects.filter(action="document_downloaded").exists()


def test_a_store_that_dies_in_the_middle_breaks_off_an_answer_of_a_told_length(
    client: Client, paper: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = ObjectStore.open

    def breaking(self: ObjectStore, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        chunks = original(self, key, start, end)
        yield next(chunks)
        raise StoreUnavailable("gone")

    monkeypatch.setattr(ObjectStore, "open", breaking)
    answer = get(client, paper)
    assert (answer.status_code, answer["Content-Length"]) == (200, "3000000")
    with pytest.raises(StoreUnavailable):
        answer.getvalue()


SERVED = """
class Breaking:
    def __init__(self):
        self.turn = 0
    def __iter__(self):
        return self
    def __next__(self):
        self.turn += 1
        if self.turn > 20:
            raise RuntimeError("the store is away")
        return b"x" * 100_000

def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "9000000")])
    return Breaking()
"""


def test_the_server_we_ship_cuts_an_answer_that_breaks_off(tmp_path: Path) -> None:
    """Only where a length was told: a chunked answer it would end as if it were complete."""
    (tmp_path / "served.py").write_text(SERVED)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--port", str(port), "served:app"]
    server = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            wire = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            try:
                wire.request("GET", "/")
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, "the server did not start"
                time.sleep(0.1)
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            wire.getresponse().read()
        wire.close()
    finally:
        server.terminate()
        server.wait(10)


def test_a_reader_that_leaves_ends_it_cleanly(live_server: LiveServer, client: Client, paper: Document) -> None:
    cookies = {"Cookie": "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())}
    address = f"/documents/{paper.pk}/download/"
    for _ in range(3):
        wire = http.client.HTTPConnection(urlsplit(live_server.url).netloc, timeout=10)
        wire.request("GET", address, headers=cookies)
        wire.getresponse().read(1000)
        wire.close()
    wire = http.client.HTTPConnection(urlsplit(live_server.url).netloc, timeout=10)
    wire.request("GET", address, headers=cookies)
    assert len(wire.getresponse().read()) == 3_000_000
    wire.close()


def test_every_file_of_the_corpus_is_downloaded_as_it_went_in(
    corpus: Path, client: Client, alice: User, alice_actor: Actor
) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=10**9)
    files = sorted(path for path in corpus.rglob("*") if path.is_file() and path.name != "MANIFEST.tsv")
    digests: dict[str, int] = {}
    for path in files:
        data = path.read_bytes()
        document = put(path.name, None, alice_actor, data)
        answer = get(client, document)
        assert answer.getvalue() == data, path
        assert answer["Content-Disposition"].startswith("attachment"), path
        kind = answer["Content-Type"]
        assert not any(word in kind for word in ("html", "svg", "text/xml", "javascript")), path
        digests[document.sha256] = digests.get(document.sha256, 0) + 1
    assert sum(count > 1 for count in digests.values()) >= 4  # equal bytes are kept as often as they came
    assert Version.objects.values("object_key").distinct().count() == len(files)
