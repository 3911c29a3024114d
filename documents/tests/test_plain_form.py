"""The plain form: several files in one body, each streamed to the store, by a signed address."""

import http.client
import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.http import HttpResponse
from django.test import Client, override_settings
from pytest_django.live_server_helper import LiveServer

from accounts.actors import Actor
from accounts.models import Quota, User
from documents import tasks
from documents.actions.trash import trash_folder
from documents.models import Document, Upload, UploadState
from documents.storage import StoreUnavailable, store
from documents.tests.making import folders

BOUNDARY = "----a-boundary-of-ours"
KIND = f"multipart/form-data; boundary={BOUNDARY}"


def body(*files: tuple[str, bytes], kind: str = "application/octet-stream") -> bytes:
    parts = b"".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
        f"Content-Type: {kind}\r\n\r\n".encode()
        + data
        + b"\r\n"
        for name, data in files
    )
    return parts + f"--{BOUNDARY}--\r\n".encode()


@pytest.fixture
def client(alice: User, client_for: Callable[[User], Client]) -> Client:
    return client_for(alice)


def address(client: Client, folder: str = "") -> str:
    found = re.search(r'action="([^"]*/add/[^"]+)"', client.get(f"/add/?folder={folder}").text)
    assert found is not None
    return found.group(1)


def send(client: Client, data: bytes, folder: str = "", **headers: str) -> HttpResponse:
    return client.post(address(client, folder), data, content_type=KIND, headers=headers)  # type: ignore[return-value]


def content(name: str) -> bytes:
    return b"".join(store().open(Document.objects.get(name=name).object_key))


def counters(user: User) -> tuple[int, int]:
    row = Quota.objects.get(user=user)
    return row.used_bytes, row.reserved_bytes


def objects() -> set[str]:
    return {item.key for item in store().objects()}


def nothing_lasts(before: set[str]) -> None:
    tasks.purge_objects()
    assert objects() == before
    assert not Document.objects.exists()


def test_several_files_come_in_with_their_bytes_and_names(client: Client, alice: User, alice_actor: Actor) -> None:
    car = folders("Car", alice_actor)
    files = {"été.pdf": os.urandom(3_000_000), "empty": b"", "a.txt": b"\r\n--not the boundary\r\n"}
    answer = send(client, body(*files.items()), str(car.pk))
    assert (answer.status_code, answer["Location"]) == (302, f"/files/{car.pk}/")
    for name, data in files.items():
        assert content(name) == data
        assert Document.objects.get(name=name).folder == car
    assert counters(alice) == (sum(map(len, files.values())), 0)


def test_f31_no_temporary_file_is_made_and_memory_holds_a_part_at_most(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a temporary file")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    before = set(Path(tempfile.gettempdir()).iterdir())
    assert send(client, body(("big", b"x" * 20_000_000))).status_code == 302
    assert {p for p in Path(tempfile.gettempdir()).iterdir() if p.name.startswith("tmp")} <= before
    assert Document.objects.get().size_bytes == 20_000_000


def test_quotes_in_a_name_come_back_and_a_path_is_cut(client: Client) -> None:
    send(client, body(("%22quoted%22.txt", b"x"), ("C:\\\\fakepath\\\\r.pdf", b"y")))
    assert set(Document.objects.values_list("name", flat=True)) == {'"quoted".txt', "r.pdf"}


def test_the_declared_type_is_noted_and_not_believed(client: Client) -> None:
    send(client, body(("photo.jpg", b"\xff\xd8\xff\xe0rest"), kind="text/html"))
    document = Document.objects.get()
    assert document.content_type == "image/jpeg"
    assert document.current_version is not None
    assert document.current_version.declared_type == "text/html"


def test_one_bad_name_does_not_keep_the_others_out(client: Client) -> None:
    answer = send(client, body(("..", b"x"), ("good.txt", b"y")))
    assert answer.status_code == 302
    assert [d.name for d in Document.objects.all()] == ["good.txt"]
    assert "visible character" in client.get("/files/").text


def test_only_bad_names_are_told_on_the_form(client: Client, alice: User) -> None:
    answer = send(client, body(("..", b"x")))
    assert answer.status_code == 400
    assert "visible character" in answer.text
    assert counters(alice) == (0, 0)


def test_a_form_that_cannot_fit_is_refused_at_its_first_bytes(client: Client, alice: User) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=1000)
    before = objects()
    answer = send(client, body(("big", b"x" * 5000)))
    assert answer.status_code == 413
    assert "left" in answer.text
    assert not Upload.objects.exists()
    nothing_lasts(before)


def test_files_that_fit_together_fit(client: Client, alice: User) -> None:
    files = (("a", b"x" * 900), ("b", b"y" * 900), ("c", b"z" * 200))
    # The names and marks between the files are in the length of the form, and so in what is reserved.
    Quota.objects.filter(user=alice).update(limit_bytes=len(body(*files)))
    assert send(client, body(*files)).status_code == 302
    assert counters(alice) == (2000, 0)


def test_what_no_longer_fits_is_told_and_the_rest_stays(client: Client, alice: User) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=3000, used_bytes=0)
    with override_settings(MAX_FILE_BYTES=1000):
        answer = send(client, body(("a", b"x" * 900), ("b", b"y" * 1500)))
    assert answer.status_code == 302
    assert [d.name for d in Document.objects.all()] == ["a"]
    assert counters(alice) == (900, 0)


@pytest.mark.parametrize(
    "spoilt",
    [
        b"garbage",
        body(("a", b"x" * 1000))[:-20],
        body(("a", b"x" * 1000))[:300],
        b"--" + BOUNDARY.encode() + b"\r\n" + b"A" * 100_000,
        body(),
    ],
)
def test_a26_a_form_that_cannot_be_read_leaves_nothing(spoilt: bytes, client: Client, alice: User) -> None:
    before = objects()
    assert send(client, spoilt).status_code == 400
    assert counters(alice) == (0, 0)
    nothing_lasts(before)


def test_another_kind_of_body_is_refused(client: Client) -> None:
    for kind in ("text/plain", "multipart/form-data", "multipart/form-data; boundary=", "application/json"):
        assert client.post(address(client), body(("a", b"x")), content_type=kind).status_code == 400
    assert not Document.objects.exists()


def test_a25_too_many_parts_are_refused(client: Client) -> None:
    assert send(client, body(*[("", b"")] * 1500)).status_code == 400


def test_a25_a_form_without_a_file_says_so(client: Client) -> None:
    answer = send(client, body(("", b"")))
    assert answer.status_code == 400
    assert "No file was chosen" in answer.text


# --- Whose form it is -----------------------------------------------------------------------------------


def test_a_ticket_is_good_for_its_person_session_and_place_alone(
    client: Client, bob: User, client_for: Callable[[User], Client], alice: User
) -> None:
    url = address(client)
    for other in (client_for(bob), client_for(alice)):  # another person; the same in another session
        assert other.post(url, body(("a", b"x")), content_type=KIND).status_code == 403
    assert Client().post(url, body(("a", b"x")), content_type=KIND).status_code == 302  # to the sign-in page
    assert client.post(url[:-3] + "xx/", body(("a", b"x")), content_type=KIND).status_code == 403
    with override_settings(SECRET_KEY="another" * 10):
        assert client.post(url, body(("a", b"x")), content_type=KIND).status_code in {302, 403}
    assert not Document.objects.exists()
    assert not Upload.objects.exists()


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_form_from_another_site_is_refused(headers: dict[str, str], client: Client) -> None:
    assert send(client, body(("a", b"x")), **headers).status_code == 403
    assert not Upload.objects.exists()


def test_our_own_origin_is_welcome(client: Client) -> None:
    own = {"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver"}
    assert send(client, body(("a", b"x")), **own).status_code == 302


def test_an_old_page_is_told_to_be_loaded_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    url = address(client)
    moment = time.time()
    monkeypatch.setattr(time, "time", lambda: moment + 13 * 3600)
    assert client.post(url, body(("a", b"x")), content_type=KIND).status_code == 403


def test_a_folder_gone_since_is_told(client: Client, alice_actor: Actor) -> None:
    car = folders("Car", alice_actor)
    url = address(client, str(car.pk))
    trash_folder(car, by=alice_actor)
    assert client.post(url, body(("a", b"x")), content_type=KIND).status_code == 404
    assert not Upload.objects.exists()


# --- Trouble on the way -----------------------------------------------------------------------------------


def test_a_store_that_is_away_is_told_and_leaves_nothing(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object) -> None:
        raise StoreUnavailable("away")

    before = objects()
    for call in ("put", "begin_multipart", "put_part", "complete_multipart"):
        with monkeypatch.context() as broken:
            broken.setattr(f"documents.storage.ObjectStore.{call}", away)
            size = 10 if call == "put" else 20_000_000
            answer = send(client, body(("a", b"x" * size)), Accept="text/html")
        assert answer.status_code == 503, call
        assert counters(alice) == (0, 0)
    nothing_lasts(before)


def test_a26_a_cut_connection_leaves_nothing(live_server: LiveServer, client: Client, alice: User) -> None:
    before = objects()
    url = address(client)
    data = body(("a", b"x" * 12_000_000))
    connection = http.client.HTTPConnection(urlsplit(live_server.url).netloc, timeout=10)
    connection.putrequest("POST", url)
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    for name, value in {"Cookie": cookies, "Content-Type": KIND, "Content-Length": str(len(data))}.items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(data[:9_000_000])
    connection.close()
    deadline = time.monotonic() + 15
    while not Upload.objects.filter(state=UploadState.FAILED).exists():
        assert time.monotonic() < deadline, "the cut was not noticed"
        time.sleep(0.05)
    assert counters(alice) == (0, 0)
    nothing_lasts(before)
    assert not list(store().list_multipart())
