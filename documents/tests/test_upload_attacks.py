"""Attacks on the way in (A25-A33, A44-A47, A133): each answered as agreed, and nothing changed that should not be."""

import base64
import gzip
import hashlib
import io
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connections
from django.test import Client
from django.urls import URLResolver, get_resolver

from accounts import quota
from accounts.actors import Actor
from accounts.models import User
from documents import tasks, uploads
from documents.actions.trash import purge, trash_document
from documents.models import Document, Upload, UploadState, Version
from documents.storage import store
from documents.tests.making import folders, put
from documents.tests.test_plain_form import body, counters, nothing_lasts, objects, send
from documents.tests.test_tus import content, create, head, patch
from sharing.audit import Verb

TUS = {"Tus-Resumable": "1.0.0"}
BODY = "application/offset+octet-stream"


@pytest.fixture
def client(alice: User, client_for: Callable[[User], Client]) -> Client:
    return client_for(alice)


def field(name: str) -> bytes:
    return f'------a-boundary-of-ours\r\nContent-Disposition: form-data; name="{name}"\r\n\r\nx\r\n'.encode()


def test_a25_ten_thousand_fields_before_a_file_keep_it_out(client: Client, alice: User) -> None:
    before = objects()
    fields = b"".join(field(f"f{n}") for n in range(10_001))
    assert send(client, fields + body(("a.txt", b"x"))).status_code == 400
    assert counters(alice) == (0, 0)
    nothing_lasts(before)


def test_a25_a_hundred_and_one_files_are_what_the_form_is_for(client: Client, alice: User) -> None:
    files = [(f"{n}.txt", b"x") for n in range(101)]
    assert send(client, body(*files)).status_code == 302
    assert Document.objects.count() == 101
    assert counters(alice) == (101, 0)


def test_a27_a_body_without_a_length_or_packed_is_refused(client: Client, alice: User) -> None:
    url = create(client, 10)["Location"]
    assert patch(client, url, 0, b"12345", **{"Content-Length": ""}).status_code == 411
    assert patch(client, url, 0, gzip.compress(b"x"), **{"Content-Encoding": "gzip"}).status_code == 415
    assert head(client, url)["Upload-Offset"] == "0"
    assert counters(alice) == (0, 10)
    assert send(client, body(("a", b"x")), **{"Content-Length": ""}).status_code == 411
    packed = gzip.compress(body(("a", b"x")))
    assert send(client, packed, **{"Content-Encoding": "gzip"}).status_code == 400
    assert not Document.objects.exists()


@pytest.mark.parametrize("kind", uploads.CHECKSUM_KINDS)
def test_a28_bytes_that_are_not_those_of_the_checksum_do_not_count(kind: str, client: Client, alice: User) -> None:
    before = objects()
    url = create(client, 5)["Location"]
    answer = patch(client, url, 0, b"12345", **{"Upload-Checksum": checksum(kind, b"other")})
    assert answer.status_code == 460  # the protocol's own
    for spoilt in ("md4 YQ==", f"{kind} ???"):
        assert patch(client, url, 0, b"12345", **{"Upload-Checksum": spoilt}).status_code == 400
    assert head(client, url)["Upload-Offset"] == "0"
    assert counters(alice) == (0, 5)
    nothing_lasts(before)
    assert patch(client, url, 0, b"12345", **{"Upload-Checksum": checksum(kind, b"12345")}).status_code == 204
    assert content(Document.objects.get()) == b"12345"


def checksum(kind: str, data: bytes) -> str:
    return f"{kind} {base64.b64encode(hashlib.new(kind, data).digest()).decode()}"


def test_a29_parts_out_of_order_or_again_are_told_where_it_stands(client: Client, alice: User) -> None:
    url = create(client, 6)["Location"]
    assert patch(client, url, 3, b"def").status_code == 409
    assert patch(client, url, 0, b"abc").status_code == 204
    for offset in (0, 10_001):
        wrong = patch(client, url, offset, b"abc")
        assert wrong.status_code == 409
        assert wrong["Upload-Offset"] == "3"
    assert patch(client, url, 3, b"def").status_code == 204
    assert patch(client, url, 6, b"").status_code == 204
    assert content(Document.objects.get()) == b"abcdef"
    assert counters(alice) == (6, 0)


@pytest.mark.parametrize("size", [0, 1])
def test_a31_nothing_and_one_byte_are_files_by_every_door(size: int, client: Client, alice: User) -> None:
    data = b"x" * size
    assert send(client, body(("form.txt", data))).status_code == 302
    assert create(client, size, data, filename="whole.txt").status_code == 201
    made = create(client, size, filename="piece by piece.txt")
    if size:
        assert patch(client, made["Location"], 0, data).status_code == 204
    found = list(Document.objects.all())
    assert {document.name for document in found} == {"form.txt", "whole.txt", "piece by piece.txt"}
    for document in found:
        assert content(document) == data
        assert document.sha256 == hashlib.sha256(data).hexdigest()
    assert counters(alice) == (3 * size, 0)


def fifty(client: Client, key: str) -> list[int]:
    """The answers to one file sent fifty times at once."""
    cookies = client.cookies

    def one(_number: int) -> int:
        own = Client()
        own.cookies = cookies
        told = {"Idempotency-Key": key} if key else {}
        try:
            answer = own.post(
                "/uploads/",
                b"12345",
                content_type="application/offset+octet-stream",
                headers={
                    "Tus-Resumable": "1.0.0",
                    "Upload-Length": "5",
                    "Upload-Metadata": "filename YS50eHQ=",
                    **told,
                },
            )
            return answer.status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(25) as pool:
        return list(pool.map(one, range(50)))


@pytest.mark.django_db(transaction=True)
def test_a32_sent_fifty_times_at_once_with_one_key_it_is_one_document(client: Client, alice: User) -> None:
    answers = fifty(client, "one and the same")
    assert set(answers) <= {201, 409}
    assert 201 in answers
    assert Document.objects.count() == 1
    assert counters(alice) == (5, 0)


@pytest.mark.django_db(transaction=True)
def test_a32_sent_fifty_times_at_once_without_a_key_it_is_fifty(client: Client, alice: User) -> None:
    assert fifty(client, "") == [201] * 50
    assert Document.objects.count() == 50
    assert len(set(Document.objects.values_list("name_key", flat=True))) == 50
    assert counters(alice) == (250, 0)


@pytest.mark.django_db(transaction=True)
def test_f05_a32_one_key_is_one_document_by_whichever_way_and_however_often_it_is_sent(
    client: Client, alice: User
) -> None:
    """Whole, begun only, begun and sent on, given up and begun again: at once, and then each of them once more."""
    cookies, data = client.cookies, b"12345"

    def asked(kind: str) -> str:
        own = Client()
        own.cookies = cookies
        try:
            whole = kind == "whole"
            headers = {**TUS, "Upload-Length": "5", "Upload-Metadata": "filename YS50eHQ=", "Idempotency-Key": "one"}
            sent = BODY if whole else "text/plain"
            answer = own.post("/uploads/", data if whole else b"", content_type=sent, headers=headers)
            if answer.status_code == 409:
                return "again"
            assert answer.status_code == 201, answer.content
            address = answer["Location"]
            if kind == "given up":
                own.delete(address, headers=TUS)
            if kind in {"sent on", "given up"}:
                # Another one may be quicker with these bytes, or have given the upload up.
                own.patch(address, data, content_type=BODY, headers={**TUS, "Upload-Offset": "0"})
            return str(answer.get("Upload-Document", "")) or str(
                own.head(address, headers=TUS).get("Upload-Document", "")
            )
        finally:
            connections.close_all()

    ways = ["whole", "begun", "sent on", "given up"] * 5
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(asked, ways))
    asked("sent on")
    document = Document.objects.get()
    assert (document.name, content(document)) == ("a.txt", data)
    assert {asked(way) for way in ways[:4] * 2} == {str(document.pk)}
    upload = Upload.objects.get(state="done")
    for _try in range(3):
        assert uploads.finish_upload(upload.pk, by=Actor.for_user(alice)) == document
    assert Document.objects.get().versions.count() == 1
    assert counters(alice) == (5, 0)


def test_a_plain_form_sent_again_shows_that_the_bytes_are_there(client: Client) -> None:
    """It has no key: whoever lost the answer and sends it again is shown both, and drops one."""
    assert send(client, body(("paper.bin", b"12345"))).headers["Location"].startswith("/files/")
    answer = send(client, body(("paper.bin", b"12345")))
    assert answer.headers["Location"].startswith("/uploads/twins/")
    assert client.get(answer.headers["Location"]).status_code == 200
    assert set(Document.objects.values_list("name", flat=True)) == {"paper.bin", "paper (2).bin"}


# --- Archives: nothing is ever unpacked into a vault ---------------------------------------------------


def addresses(resolver: URLResolver, before: str = "") -> list[str]:
    """Every address of the vault with its name."""
    found = []
    for pattern in resolver.url_patterns:
        here = f"{before}{pattern.pattern}"
        found += addresses(pattern, here) if isinstance(pattern, URLResolver) else [f"{here} {pattern.name}"]
    return found


def test_a44_a45_a46_a47_nothing_unpacks_an_archive_into_the_vault() -> None:
    words = ("unpack", "unzip", "untar", "extract", "decompress")
    named = [*addresses(get_resolver()), *(verb.value for verb in Verb)]
    assert len(named) > 100
    assert [name for name in named if any(word in name.lower() for word in words)] == []


def hostile_archives() -> dict[str, bytes]:
    """Small ones of each kind: paths that lead out, links, twins, a swelling member, cut and damaged ones."""
    made: dict[str, bytes] = {}

    def zipped(*members: tuple[str, bytes]) -> bytes:
        out = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            warnings.simplefilter("ignore")  # of two members of one name
            for name, data in members:
                archive.writestr(name, data)
        return out.getvalue()

    made["slip.zip"] = zipped(("../../canary.txt", b"out"))
    made["absolute.zip"] = zipped(("/etc/canary", b"out"))
    made["same-names.zip"] = zipped(("a.txt", b"1"), ("a.txt", b"2"))
    made["bomb.zip"] = zipped(("zeros", bytes(10_000_000)))
    made["nested.zip"] = zipped(("bomb.zip", made["bomb.zip"]))
    made["truncated.zip"] = made["bomb.zip"][:-30]
    made["damaged.zip"] = made["bomb.zip"][:60] + b"!" + made["bomb.zip"][61:]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        link = tarfile.TarInfo("../link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(link)
    made["symlink.tar"] = out.getvalue()
    corpus = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "hostile" / "archives"
    more = sorted(corpus.iterdir()) if corpus.is_dir() else []
    return made | {path.name: path.read_bytes() for path in more if path.stat().st_size < 2_000_000}


def test_a44_a45_a46_a47_archives_are_kept_byte_for_byte(client: Client, alice: User, alice_actor: Actor) -> None:
    archives = hostile_archives()
    car = folders("Car", alice_actor)
    assert send(client, body(*archives.items()), str(car.pk)).status_code == 302
    found = {document.name: document for document in Document.objects.all()}
    assert found.keys() == archives.keys()
    for name, data in archives.items():
        assert found[name].folder == car
        assert content(found[name]) == data
    # Charged is what was sent, not what it would swell to.
    assert counters(alice) == (sum(map(len, archives.values())), 0)


# --- The quota afterwards ------------------------------------------------------------------------------


def test_a133_purged_while_its_next_version_arrives_the_count_is_exact(alice: User, alice_actor: Actor) -> None:
    document = put("letter.txt", None, alice_actor, b"first")
    upload = uploads.begin_upload("letter.txt", 6, None, by=alice_actor, replaces=document)
    uploads.receive(upload.pk, 0, io.BytesIO(b"sec"), 3, by=alice_actor)
    purge(trash_document(document, by=alice_actor), by=alice_actor)
    assert counters(alice) == (0, 6)
    uploads.receive(upload.pk, 3, io.BytesIO(b"ond"), 3, by=alice_actor)
    uploads.finish_upload(upload.pk, by=alice_actor)
    assert Upload.objects.get(pk=upload.pk).state == UploadState.DONE
    assert content(Document.objects.get()) == b"second"
    assert counters(alice) == (6, 0)
    assert quota.recount(alice.pk) == (0, 0)
    tasks.purge_objects()
    assert {version.object_key for version in Version.objects.all()} <= {item.key for item in store().objects()}
