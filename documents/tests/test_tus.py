"""The tus 1.0 protocol: every answer as the protocol has it, and a client that is not ours."""

import base64
import hashlib
import http.client
import io
import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.signals import request_finished
from django.http import HttpResponse
from django.test import Client, override_settings
from django.utils.timezone import now
from pytest_django.live_server_helper import LiveServer
from tusclient.client import TusClient

from accounts.actors import Actor
from accounts.models import Quota, User
from documents import jobs
from documents.models import Document, Folder, Upload, UploadState
from documents.storage import StoreUnavailable, store
from documents.tests.making import folders
from documents.uploads import PIECE_BYTES
from sharing.models import Share, ShareLevel

BODY = "application/offset+octet-stream"


def metadata(**pairs: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


@pytest.fixture
def client(alice: User, client_for: Callable[[User], Client]) -> Client:
    return client_for(alice)


def create(client: Client, length: object, data: bytes | None = None, **pairs: str) -> HttpResponse:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Metadata": metadata(**{"filename": "a.bin", **pairs})}
    if length is not None:
        headers["Upload-Length"] = str(length)
    kind = "text/plain" if data is None else BODY
    return client.post("/uploads/", data or b"", content_type=kind, headers=headers)  # type: ignore[return-value]


def patch(client: Client, url: str, offset: int, data: bytes, **headers: str) -> HttpResponse:
    told = {"Tus-Resumable": "1.0.0", "Upload-Offset": str(offset), **headers}
    if not data:  # the test client leaves these out
        told |= {"Content-Type": BODY, "Content-Length": "0"}
    return client.patch(url, data, content_type=BODY, headers=told)  # type: ignore[return-value]


def head(client: Client, url: str) -> HttpResponse:
    return client.head(url, headers={"Tus-Resumable": "1.0.0"})  # type: ignore[return-value]


def content(document: Document) -> bytes:
    return b"".join(store().open(document.object_key))


def counters(user: User) -> tuple[int, int]:
    row = Quota.objects.get(user=user)
    return row.used_bytes, row.reserved_bytes


def test_what_is_offered_is_told_to_anybody(db: None) -> None:
    answer = Client().options("/uploads/")
    assert answer.status_code == 204
    assert answer["Tus-Version"] == "1.0.0"
    assert set(answer["Tus-Extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "expiration",
        "checksum",
        "termination",
    }
    assert int(answer["Tus-Max-Size"]) > 0


def test_a_file_in_three_requests(client: Client, alice: User) -> None:
    data = os.urandom(3000)
    made = create(client, 3000, filename="paper.pdf", filetype="text/html")
    assert made.status_code == 201
    url = made["Location"]
    assert counters(alice) == (0, 3000)
    for start in (0, 1000, 2000):
        assert head(client, url)["Upload-Offset"] == str(start)
        answer = patch(client, url, start, data[start : start + 1000])
        assert (answer.status_code, answer["Upload-Offset"]) == (204, str(start + 1000))
        assert answer["Tus-Resumable"] == "1.0.0"
    assert answer["Upload-State"] == "done"
    document = Document.objects.get()
    assert answer["Upload-Document"] == str(document.pk)
    assert content(document) == data
    version = document.current_version
    assert version is not None
    assert (version.declared_type, document.content_type) == ("text/html", "application/octet-stream")
    assert counters(alice) == (3000, 0)
    state = client.get(url).json()
    assert (state["state"], state["offset"], state["document"]) == ("done", 3000, str(document.pk))


def test_a_file_with_its_creation(client: Client) -> None:
    data = os.urandom(5000)
    made = create(client, 5000, data)
    assert (made.status_code, made["Upload-Offset"], made["Upload-State"]) == (201, "5000", "done")
    assert content(Document.objects.get()) == data


def test_the_first_bytes_with_the_creation_and_the_rest_later(client: Client) -> None:
    data = os.urandom(5000)
    made = create(client, 5000, data[:1234])
    assert (made.status_code, made["Upload-Offset"]) == (201, "1234")
    patch(client, made["Location"], 1234, data[1234:])
    assert content(Document.objects.get()) == data


def test_nothing_at_all_is_a_file_too(client: Client) -> None:
    made = create(client, 0)
    assert (made.status_code, made["Upload-State"]) == (201, "done")
    assert Document.objects.get().size_bytes == 0


def test_a_relative_path_makes_its_folders_once(client: Client, alice_actor: Actor) -> None:
    car = folders("Car", alice_actor)
    for name in ("a.txt", "b.txt"):
        made = create(client, 1, b"x", filename=name, folder=str(car.pk), relativePath=f"Old/2024/{name}")
        assert made.status_code == 201
    places = {document.folder for document in Document.objects.select_related("folder")}
    (place,) = places
    assert place is not None
    names = dict(Folder.objects.values_list("pk", "name"))
    assert [names[key] for key in place.path] == ["Car", "Old", "2024"]
    assert create(client, 1, b"x", relativePath="../../etc/x").status_code == 400
    assert not Upload.objects.exclude(state__in=[UploadState.DONE, UploadState.CANCELLED]).exists()


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\nb", "x" * 256])
def test_a_name_that_cannot_be_kept_is_refused_with_a_sentence(name: str, client: Client, alice: User) -> None:
    answer = create(client, 1, b"x", filename=name)
    assert answer.status_code == 400
    assert answer.json()["message"]  # type: ignore[attr-defined]
    assert not Upload.objects.exists()
    assert counters(alice) == (0, 0)


def test_a_name_comes_through_exactly(client: Client) -> None:
    name = '🗂️ "été" 👩\u200d👧 %22 été.txt'
    create(client, 1, b"x", filename=name)
    assert Document.objects.get().name == name


def test_what_does_not_fit_is_refused_before_it_travels(client: Client, alice: User) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=1000)
    answer = create(client, 1001)
    assert answer.status_code == 413
    assert "left" in answer.json()["message"]  # type: ignore[attr-defined]
    assert not Upload.objects.exists()
    with override_settings(MAX_FILE_BYTES=10):
        assert create(client, 11).status_code == 413


def test_a27_a29_requests_out_of_protocol_get_its_own_answers_and_change_nothing(client: Client, alice: User) -> None:
    url = create(client, 10)["Location"]
    patch(client, url, 0, b"12345")

    def is_unchanged() -> None:
        assert head(client, url)["Upload-Offset"] == "5"
        assert counters(alice) == (0, 10)

    wrong_place = patch(client, url, 0, b"12345")
    assert (wrong_place.status_code, wrong_place["Upload-Offset"]) == (409, "5")
    is_unchanged()
    assert patch(client, url, 5, b"123456").status_code == 413
    is_unchanged()
    assert patch(client, url, 5, b"x", **{"Tus-Resumable": "0.2.2"}).status_code == 412
    assert patch(client, url, 5, b"x", **{"Content-Encoding": "gzip"}).status_code == 415
    assert client.patch(url, b"x", content_type="text/plain", headers={"Tus-Resumable": "1.0.0"}).status_code == 415
    for offset in ("", "-1", "x", "5.0", "9" * 30, "٥"):
        told = {"Tus-Resumable": "1.0.0", "Upload-Offset": offset.encode().decode("latin-1")}
        assert client.patch(url, b"x", content_type=BODY, headers=told).status_code == 400
    is_unchanged()
    assert create(client, None).status_code == 400
    assert create(client, -5).status_code == 400
    assert create(client, "many").status_code == 400
    assert client.post("/uploads/", b"", content_type="text/plain").status_code == 412
    spoilt = {"Tus-Resumable": "1.0.0", "Upload-Length": "1", "Upload-Metadata": "filename ä???"}
    assert client.post("/uploads/", b"", content_type="text/plain", headers=spoilt).status_code == 400
    for folder in ("x", "00000000-0000-4000-8000-000000000000"):
        assert create(client, 1, folder=folder).status_code == 404
    is_unchanged()
    assert Upload.objects.count() == 1


def test_a30_strangers_get_nothing(client: Client, bob: User, client_for: Callable[[User], Client]) -> None:
    url = create(client, 10)["Location"]
    for other, expected in ((client_for(bob), 404), (Client(), 401)):
        assert head(other, url).status_code == expected
        assert other.get(url).status_code == expected
        assert patch(other, url, 0, b"x").status_code == expected
        assert other.delete(url, headers={"Tus-Resumable": "1.0.0"}).status_code == expected
        assert create(other, 1, folder="").status_code == (201 if expected == 404 else 401)
    assert head(client, url)["Upload-Offset"] == "0"


def test_a_reader_of_a_folder_cannot_add_to_it(
    alice: User, alice_actor: Actor, bob: User, client_for: Callable[[User], Client]
) -> None:
    car = folders("Car", alice_actor)
    reader = client_for(bob)
    assert create(reader, 1, folder=str(car.pk)).status_code == 404
    Share.objects.create(folder=car, recipient=bob, shared_by=alice, level=ShareLevel.VIEW)
    assert create(reader, 1, folder=str(car.pk)).status_code == 403


def test_a_request_from_another_site_is_refused(alice: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice, backend="accounts.adapters.People")
    assert create(strict, 1, b"x").status_code == 403
    assert not Upload.objects.exists()


def test_stopping_ends_it_and_later_requests_are_told_so(client: Client, alice: User) -> None:
    url = create(client, 10)["Location"]
    patch(client, url, 0, b"12345")
    assert client.delete(url, headers={"Tus-Resumable": "1.0.0"}).status_code == 204
    assert counters(alice) == (0, 0)
    assert head(client, url).status_code == 410
    assert patch(client, url, 5, b"12345").status_code == 410
    assert client.delete(url, headers={"Tus-Resumable": "1.0.0"}).status_code == 204


def test_one_past_its_deadline_takes_no_more(client: Client) -> None:
    url = create(client, 10)["Location"]
    Upload.objects.update(expires_at=now() - timedelta(seconds=1))
    assert patch(client, url, 0, b"12345").status_code == 410


def test_a29_the_answer_to_the_last_request_may_be_lost(client: Client) -> None:
    url = create(client, 5)["Location"]
    patch(client, url, 0, b"12345")
    again = patch(client, url, 5, b"")
    assert (again.status_code, again["Upload-State"]) == (204, "done")
    late = patch(client, url, 0, b"12345")
    assert (late.status_code, late["Upload-Offset"]) == (409, "5")
    assert Document.objects.count() == 1


def test_a_large_file_is_finished_by_a_job_and_says_so(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("documents.uploads.staged.FINISH_AT_ONCE_BYTES", 10)
    data = os.urandom(PIECE_BYTES + 5)
    url = create(client, len(data))["Location"]
    answer = patch(client, url, 0, data)
    assert (answer.status_code, answer["Upload-State"]) == (204, "finishing")
    assert patch(client, url, len(data), b"").status_code == 204
    jobs.run(str(jobs.JobRun.objects.get(task="documents.tasks.finish_upload").pk))
    assert client.get(url).json()["state"] == "done"
    assert content(Document.objects.get()) == data


def test_a_process_that_dies_while_putting_together_leaves_it_to_a_job(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = os.urandom(PIECE_BYTES + 5)
    url = create(client, len(data))["Location"]

    def dies(*args: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr("documents.uploads.staged._one_object", dies)
        answer = patch(client, url, 0, data)
    assert (answer.status_code, answer["Upload-State"]) == (204, "finishing")
    assert counters(alice) == (0, len(data))
    jobs.run(str(jobs.JobRun.objects.get(task="documents.tasks.finish_upload").pk))
    assert content(Document.objects.get()) == data
    assert counters(alice) == (len(data), 0)


def test_a_store_that_is_away_is_told_and_it_goes_on_afterwards(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr("documents.storage.ObjectStore.put", away)
        whole = create(client, 5, b"12345")
        assert (whole.status_code, whole["Retry-After"]) == (503, "5")
        assert not Upload.objects.exists()
        made = create(client, 5)
        answer = patch(client, made["Location"], 0, b"12345")
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert answer.json()["message"]  # type: ignore[attr-defined]
    assert patch(client, made["Location"], 0, b"12345").status_code == 204
    assert content(Document.objects.get()) == b"12345"
    assert counters(alice) == (5, 0)


# --- Over a real connection, by a client that is not ours ---------------------------------------------


def signed_in(client: Client) -> dict[str, str]:
    client.get("/add/")
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    return {
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "X-CSRFToken": cookies["csrftoken"],
    }


@pytest.mark.parametrize("chunk", [100_000, 2**31])
def test_an_independent_client_sends_a_file(chunk: int, live_server: LiveServer, client: Client) -> None:
    data = os.urandom(350_123)
    sender = TusClient(f"{live_server.url}/uploads/", headers=signed_in(client))
    sender.uploader(file_stream=io.BytesIO(data), chunk_size=chunk, metadata={"filename": "tus.bin"}).upload()
    document = Document.objects.get(name="tus.bin")
    assert document.sha256 == hashlib.sha256(data).hexdigest()
    assert content(document) == data


def test_an_independent_client_goes_on_where_it_was(live_server: LiveServer, client: Client) -> None:
    data = os.urandom(300_000)
    headers = signed_in(client)
    sender = TusClient(f"{live_server.url}/uploads/", headers=headers)
    first = sender.uploader(file_stream=io.BytesIO(data), chunk_size=100_000, metadata={"filename": "tus.bin"})
    first.upload_chunk()  # type: ignore[no-untyped-call]
    later = sender.uploader(file_stream=io.BytesIO(data), chunk_size=100_000, url=first.url)
    assert later.offset == 100_000
    later.upload()
    assert content(Document.objects.get()) == data


def raw(live_server: LiveServer) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(live_server.url).netloc, timeout=10)


def cut_request(live_server: LiveServer, method: str, path: str, headers: dict[str, str], sent: bytes) -> None:
    """Promise more than is sent, and vanish."""
    connection = raw(live_server)
    connection.putrequest(method, path)
    for name, value in {"Tus-Resumable": "1.0.0", "Content-Type": BODY, **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(sent)
    connection.close()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def test_a26_a_cut_request_keeps_what_arrived(live_server: LiveServer, client: Client, alice: User) -> None:
    data = os.urandom(200_000)
    headers = signed_in(client)
    url = create(client, len(data))["Location"]
    told = {**headers, "Upload-Offset": "0", "Content-Length": "200000"}
    cut_request(live_server, "PATCH", url, told, data[:70_000])
    wait_for(lambda: Upload.objects.get().received_bytes > 0)
    offset = int(head(client, url)["Upload-Offset"])
    assert 0 < offset <= 70_000
    patch(client, url, offset, data[offset:])
    assert content(Document.objects.get()) == data
    assert counters(alice) == (200_000, 0)


@pytest.mark.parametrize("size", [200_000, 20_000_000])
def test_a26_a_cut_creation_gives_everything_back(
    size: int, live_server: LiveServer, client: Client, alice: User
) -> None:
    headers = {
        **signed_in(client),
        "Upload-Length": str(size),
        "Content-Length": str(size),
        "Upload-Metadata": metadata(filename="a"),
    }
    ended = threading.Event()

    def tell(**_: Any) -> None:
        ended.set()

    request_finished.connect(tell)
    try:
        cut_request(live_server, "POST", "/uploads/", headers, b"x" * 70_000)
        assert ended.wait(10), "it did not end"
    finally:
        request_finished.disconnect(tell)
    assert not Upload.objects.exclude(state=UploadState.CANCELLED).exists()
    assert counters(alice) == (0, 0)
    assert not Document.objects.exists()
