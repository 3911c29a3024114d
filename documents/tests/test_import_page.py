"""A person brings an export back on a page: sent in pieces or by a form, taken in by a job, told of, and bounded."""

import base64
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts.actors import Actor
from accounts.models import Quota, User
from documents import jobs, tasks
from documents.actions.trash import purge, trash_document
from documents.exports import sent_back, staged_zip
from documents.exports.plan import Choice
from documents.exports.to_zip import zip_export
from documents.models import Document, Import, JobRun, JobState, PendingDeletion, Upload, UploadPiece, UploadState
from documents.storage import ObjectStore, StoreUnavailable
from documents.tests.exports import again, exported, kept_by
from documents.tests.making import folders, put
from sharing.models import AuditEvent

TUS = {"Tus-Resumable": "1.0.0"}
BODY = "application/offset+octet-stream"
PAGE = "/space/import/"


@pytest.fixture
def out(alice: User, alice_actor: Actor) -> bytes:
    """Alice's own ZIP, as *Export everything* gives it: papers, versions, the trash, and two megabytes of one kind."""
    car = folders("Car", alice_actor)
    put("a.txt", car, alice_actor, b"aaaa")
    put("b.txt", None, alice_actor, b"what b says")
    put("large.bin", car, alice_actor, bytes(range(256)) * 8000)
    again(put("twice.txt", car, alice_actor, b"first"), b"second", alice_actor)
    trash_document(put("old.txt", car, alice_actor, b"old"), by=alice_actor)
    answer = zip_export(Choice(), "x.zip", by=alice_actor)
    return b"".join(answer.streaming_content)  # type: ignore[arg-type]


@pytest.fixture
def client(bob: User, client_for: Callable[[User], Client]) -> Client:
    return client_for(bob)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several pieces of a small ZIP, and several looks into each of them."""
    from documents.uploads import incoming

    monkeypatch.setattr(incoming, "PIECE_BYTES", 700_001)
    monkeypatch.setattr(sent_back, "PIECE_BYTES", 700_001)
    monkeypatch.setattr(staged_zip, "AHEAD_BYTES", 100_003)


def create(client: Client, size: int, **told: str) -> HttpResponse:
    told = {"filename": "mine.zip", "purpose": "import", **told}
    metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in told.items())
    headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": metadata}
    return client.post("/uploads/", content_type="text/plain", headers=headers)  # type: ignore[return-value]


def send(client: Client, data: bytes, *, parts: int = 2, **told: str) -> str:
    """By tus, in several requests; answers the upload's address."""
    address = create(client, len(data), **told).headers["Location"]
    size = -(-len(data) // parts)
    for at in range(0, len(data), size):
        headers = {**TUS, "Upload-Offset": str(at)}
        answer = client.patch(address, data[at : at + size], content_type=BODY, headers=headers)
        assert answer.status_code == 204, answer.content
    return address


def work_off() -> None:
    for _round in range(30):
        rows = list(JobRun.objects.filter(task=sent_back.TASK, state=JobState.WAITING))
        if not rows:
            return
        for row in rows:
            jobs.run(str(row.pk))


def form_of(page: str) -> str:
    found = re.search(r'action="([^"]*/space/import/[^"]+)" hx-boost="false" data-import', page)
    assert found is not None
    return found.group(1)


def by_form(client: Client, data: bytes, into: str = "", name: str = "mine.zip") -> HttpResponse:
    head = f'--b\r\nContent-Disposition: form-data; name="into"\r\n\r\n{into}\r\n'
    head += f'--b\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    body = head.encode() + data + b"\r\n--b--\r\n"
    action = form_of(client.get(PAGE).text)
    return client.post(action, body, content_type="multipart/form-data; boundary=b")  # type: ignore[return-value]


def said(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_what_leaves_by_one_page_comes_in_by_the_other(out: bytes, alice: User, bob: User, client: Client) -> None:
    address = send(client, out, parts=3)
    state = client.get(address).json()
    assert (state["state"], state["document"]) == ("finishing", None)
    assert UploadPiece.objects.count() >= 3
    assert "It waits for its turn." in said(client.get(PAGE).text)
    assert not Document.objects.filter(user=bob).exists()
    work_off()
    assert kept_by(bob) == kept_by(alice)
    page = said(client.get(PAGE).text)
    assert "mine.zip has been taken in" in page
    assert "5 came in" in page
    assert "0 were left out" in page
    # The ZIP is no document, was never charged, and its pieces go.
    assert not UploadPiece.objects.exists()
    tasks.purge_objects()
    assert not PendingDeletion.objects.filter(attempts__gt=0).exists()
    assert AuditEvent.objects.filter(action="export_taken_in", owner_id=bob.pk).count() == 1
    # Again, by the plain form and with a folder for it: nothing doubles.
    assert by_form(client, out, "New/place").status_code == 302
    work_off()
    assert kept_by(bob)["documents"] == kept_by(alice)["documents"]
    assert "5 were here already" in said(client.get(PAGE).text)


def test_it_goes_into_a_folder_and_somebody_elses_page_knows_nothing(
    out: bytes, bob: User, client: Client, alice: User, client_for: Callable[[User], Client]
) -> None:
    assert by_form(client, out, " Old vault / 2024 ").status_code == 302
    upload = Upload.objects.get(is_import=True)
    assert (upload.declared_bytes, upload.received_bytes) == (len(out), len(out))
    work_off()
    document = Document.objects.get(user=bob, name="a.txt")
    assert [folder.name for folder in folders_above(document)] == ["Old vault", "2024", "Car"]
    assert "taken in" not in said(client_for(alice).get(PAGE).text)


def folders_above(document: Document) -> list[Any]:
    assert document.folder is not None
    rows = {row.pk: row for row in type(document.folder).objects.filter(pk__in=document.folder.path)}
    return [rows[key] for key in document.folder.path]


def test_the_zip_is_not_charged_and_one_comes_at_a_time(out: bytes, bob: User, client: Client) -> None:
    Quota.objects.filter(user=bob).update(limit_bytes=2_048_100, file_limit=6)  # what is in it, and little more
    address = create(client, len(out)).headers["Location"]
    quota = Quota.objects.get(user=bob)
    assert (quota.used_bytes, quota.reserved_bytes) == (0, 0)
    again_asked = create(client, len(out))
    assert (again_asked.status_code, "under way" in again_asked.json()["message"]) == (400, True)  # type: ignore[attr-defined]
    page = client.get(PAGE).text
    assert "mine.zip is not here yet" in said(page)
    assert client.post(f"{PAGE}stop/").status_code == 302
    assert client.head(address, headers=TUS).status_code == 410
    send(client, out)
    work_off()
    assert Quota.objects.get(user=bob).used_bytes == sum(
        version.size_bytes for document in Document.objects.filter(user=bob) for version in document.versions.all()
    )
    largest = sent_back.largest_import(Quota.objects.get(user=bob))
    for size, status in ((largest + 1, 413), (0, 400)):
        assert create(client, size).status_code == status


def test_what_does_not_fit_is_named_and_the_rest_comes(out: bytes, bob: User, client: Client) -> None:
    Quota.objects.filter(user=bob).update(limit_bytes=1000)
    send(client, out)
    work_off()
    page = said(client.get(PAGE).text)
    assert "4 came in" in page
    assert "Car/large.bin This needs 2.0" in page.replace("\xa0", " ")


def test_it_is_stopped_in_the_middle_and_goes_on_when_it_is_sent_again(
    out: bytes, alice: User, bob: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(client, out)
    upload = Upload.objects.get(is_import=True)
    moments = iter(range(0, 10_000, 2))

    def clock() -> float:
        moment = next(moments)
        if Document.objects.filter(user=bob).count() == 2:
            client.post(f"{PAGE}stop/")
        return float(moment)

    sent_back.take_in_sent(upload.pk, clock=clock)
    assert Document.objects.filter(user=bob).count() == 2
    upload.refresh_from_db()
    assert upload.state == UploadState.CANCELLED
    assert Quota.objects.get(user=bob).reserved_bytes == 0
    assert "was stopped" in said(client.get(PAGE).text)
    send(client, out)
    work_off()
    assert kept_by(bob) == kept_by(alice)


def test_work_that_takes_longer_than_a_job_may_goes_on_in_the_next_and_is_told_as_one(
    out: bytes, alice: User, bob: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks: Iterator[int] = iter(range(0, 10**9, int(sent_back.PATIENCE / 10)))
    run = sent_back.take_in_sent
    monkeypatch.setattr(sent_back, "take_in_sent", lambda key: run(key, clock=lambda: float(next(ticks))))
    send(client, out)
    work_off()
    assert JobRun.objects.filter(task=sent_back.TASK).count() > 1
    assert kept_by(bob) == kept_by(alice)
    page = said(client.get(PAGE).text)
    assert "5 came in" in page
    assert "0 were here already" in page


def test_a_store_that_is_away_and_a_job_that_comes_twice(
    out: bytes, alice: User, bob: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(client, out)
    upload = Upload.objects.get(is_import=True)
    with monkeypatch.context() as broken:

        def away(self: ObjectStore, *_args: object, **_more: object) -> None:
            raise StoreUnavailable("away")

        broken.setattr(ObjectStore, "open", away)
        with pytest.raises(StoreUnavailable):
            tasks.take_in_import(str(upload.pk))
    assert Upload.objects.get(pk=upload.pk).state == UploadState.FINISHING
    tasks.take_in_import(str(upload.pk))
    tasks.take_in_import(str(upload.pk))
    assert kept_by(bob) == kept_by(alice)


def zipped(members: dict[str, bytes], *, kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", kind) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return packed.getvalue()


def members_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a44_a45_a46_a47_hostile_zips_are_refused_as_the_command_refuses_them(
    out: bytes, bob: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = members_of(out)
    doubled = io.BytesIO(zipped(whole))
    with zipfile.ZipFile(doubled, "a") as archive:
        archive.writestr(next(name for name in whole if name.endswith("b.txt")), b"other")
    swollen = {**whole, next(name for name in whole if name.endswith("files/b.txt")): b"b" * 30_000_000}
    damaged = out.replace(b"what b says", b"what b said")
    cases: list[tuple[bytes, str]] = [
        (zipped({"../../etc/passwd": b"x", "a.txt": b"x"}), "is no export of a DocuVault"),
        (b"%PDF-1.4 no zip at all", "is damaged, or its download broke off"),
        (out[: len(out) // 2], "is damaged, or its download broke off"),
        (doubled.getvalue(), "holds two files of one name"),
        (zipped(swollen), "b.txt: it is longer than its record says"),
        (damaged, "b.txt"),
    ]
    for data, told in cases:
        before = Document.objects.filter(user=bob).count()
        send(client, data)
        work_off()
        page = said(client.get(PAGE).text)
        assert told in page, (told, page)
        assert not Document.objects.filter(user=bob, name="b.txt").exists()
        if "left out" not in page:
            assert Document.objects.filter(user=bob).count() == before
    # A list of its files that would fill the memory is not read at all.
    monkeypatch.setattr(staged_zip, "LARGEST_READ", 500)
    send(client, out)
    work_off()
    assert "holds too many files to be taken in here" in said(client.get(PAGE).text)
    # Checksums without end are read so far and no further.
    monkeypatch.setattr(staged_zip, "LARGEST_READ", 10**6)
    monkeypatch.setattr(sent_back, "LARGEST_SUMS", 100)
    send(client, out)
    work_off()
    assert Import.objects.latest("upload__created_at").upload.state != UploadState.FINISHING


def test_of_an_export_of_several_people_ones_own_part_comes_in(
    alice: User, alice_actor: Actor, bob: User, bob_actor: Actor, client: Client, tmp_path: Path
) -> None:
    put("hers.txt", None, alice_actor)
    mine = put("his.txt", None, bob_actor)
    exported(tmp_path / "out", alice, bob)
    purge(trash_document(mine, by=bob_actor), by=bob_actor)
    files = {str(p.relative_to(tmp_path / "out")): p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    send(client, zipped(files))
    work_off()
    assert [row.name for row in Document.objects.filter(user=bob)] == ["his.txt"]


def test_the_form_is_bound_to_its_person_and_refuses_what_is_no_file(
    out: bytes, client: Client, alice: User, client_for: Callable[[User], Client]
) -> None:
    action = form_of(client.get(PAGE).text)
    kind = "multipart/form-data; boundary=b"
    assert client_for(alice).post(action, b"--b--\r\n", content_type=kind).status_code == 403
    assert (
        client.post(action, b"--b--\r\n", content_type=kind, headers={"Sec-Fetch-Site": "cross-site"}).status_code
        == 403
    )
    answer = client.post(action, b"--b\r\n\r\n\r\n--b--\r\n", content_type=kind)
    assert (answer.status_code, "No file was chosen." in answer.text) == (400, True)
    assert client.post(f"{PAGE}forged/", b"", content_type=kind).status_code == 403
    cut = b'--b\r\nContent-Disposition: form-data; name="files"; filename="x.zip"\r\n\r\n' + out[:1_000_000]
    assert client.post(action, cut, content_type=kind).status_code == 400
    assert not Upload.objects.filter(state__in=["receiving", "finishing"]).exists()
    polled = client.get(f"{PAGE}state/", headers={"HX-Request": "true"})
    assert polled.headers["HX-Refresh"] == "true"
