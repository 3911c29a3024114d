"""F13, F14 as people see them: a document whose bytes are missing or damaged says so, and all others are fine."""

import io
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import User
from documents import uploads
from documents.downloads import MANIFEST, zip_documents
from documents.models import Document, JobRun, Version
from documents.storage import ObjectStore, StoreUnavailable, store
from documents.tests.making import folders, put
from documents.upkeep.alarm import TASK
from documents.upkeep.soundness import note_flaw, note_whole
from sharing.models import AuditEvent

HTML = {"Accept": "text/html"}


@pytest.fixture
def client(alice: User, client_for: Callable[[User], Client]) -> Client:
    return client_for(alice)


@pytest.fixture
def paper(alice_actor: Actor) -> Document:
    return put("deed.txt", None, alice_actor, b"paper")


def page(client: Client, document: Document) -> str:
    return client.get(f"/documents/{document.pk}/").content.decode()


def download(client: Client, document: Document, query: str = "", **headers: str) -> Any:
    return client.get(f"/documents/{document.pk}/download/{query}", headers={**HTML, **headers})


def flaw_of(document: Document) -> str:
    return str(Version.objects.get(document=document, current_of=document).flaw)


def mark(document: Document, flaw: str) -> None:
    version = document.current_version
    assert version is not None
    assert note_flaw(version.pk, flaw, by=Actor.system())


def told(action: str) -> int:
    return AuditEvent.objects.filter(action=action).count()


def test_f14_a_download_whose_object_is_gone_explains_itself_and_is_told(
    client: Client, paper: Document, alice_actor: Actor
) -> None:
    fine = put("fine.txt", None, alice_actor)
    store().delete(paper.object_key)
    answer = download(client, paper)
    assert answer.status_code == 410
    text = answer.content.decode()
    assert "The content is missing" in text
    assert "Your other documents are fine" in text
    assert "deed.txt" in text
    assert flaw_of(paper) == "missing"
    assert told("flaw_found") == 1
    assert told("document_downloaded") == 0
    assert JobRun.objects.filter(task=TASK).count() == 1
    assert download(client, paper, Range="bytes=1-2").status_code == 410
    assert client.head(f"/documents/{paper.pk}/download/").status_code == 410
    assert download(client, fine).getvalue() == b"paper"
    assert told("flaw_found") == 1
    assert JobRun.objects.filter(task=TASK).count() == 1


def test_f14_the_page_of_the_document_warns_and_goes_on_working(
    client: Client, paper: Document, alice_actor: Actor
) -> None:
    mark(paper, "missing")
    text = page(client, paper)
    assert "The content is missing" in text
    assert "Ask your admin" in text
    assert "Stored exactly as it came" not in text
    assert client.post(f"/documents/{paper.pk}/trash/").status_code in {200, 302}


def test_the_page_says_when_the_bytes_were_last_read_and_matched(client: Client, paper: Document) -> None:
    assert "not yet since they arrived" in page(client, paper)
    assert note_whole(paper.current_version_id, by=Actor.system()) is False  # type: ignore[arg-type]
    Version.objects.update(checked_at=now() - timedelta(hours=5))
    text = page(client, paper)
    assert "Bytes last read and matched" in text
    assert "5\xa0hours ago" in text
    assert "Stored exactly as it came" in text
    assert told("flaw_gone") == 0


def test_f14_a_script_gets_plain_words(client: Client, paper: Document) -> None:
    store().delete(paper.object_key)
    answer = client.get(f"/documents/{paper.pk}/download/", headers={"Accept": "*/*"})
    assert (answer.status_code, answer.json()["flaw"]) == (410, "missing")


def test_f13_an_object_that_was_cut_is_never_sent_as_if_it_were_whole(client: Client, paper: Document) -> None:
    store().put(paper.object_key, b"pap")
    answer = download(client, paper)
    assert answer.status_code == 410
    assert "The content is damaged" in answer.content.decode()
    assert flaw_of(paper) == "damaged"


def test_f13_damaged_bytes_come_only_to_whoever_asks_for_them_as_such(client: Client, paper: Document) -> None:
    store().put(paper.object_key, b"pApEr")
    mark(paper, "damaged")
    answer = download(client, paper)
    assert answer.status_code == 410
    assert f"/documents/{paper.pk}/download/?damaged=yes" in answer.content.decode()
    assert download(client, paper, "?damaged=yes").getvalue() == b"pApEr"
    Version.objects.update(flaw="missing")
    assert download(client, paper, "?damaged=yes").status_code == 410


def test_f14_an_outage_is_no_missing_object(client: Client, paper: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: object, **kwargs: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(ObjectStore, "open", away)
    assert download(client, paper).status_code == 503
    monkeypatch.setattr(ObjectStore, "head", away)
    assert download(client, paper).status_code == 503
    assert flaw_of(paper) == ""


def test_f14_an_older_version_without_its_object_leaves_the_current_one_alone(
    client: Client, paper: Document, alice_actor: Actor
) -> None:
    older = paper.current_version
    assert older is not None
    upload = uploads.begin_upload("deed.txt", 5, None, by=alice_actor, replaces=paper)
    uploads.receive(upload.pk, 0, io.BytesIO(b"newer"), 5, by=alice_actor)
    store().delete(older.object_key)
    address = f"/documents/{paper.pk}/versions/{older.pk}/download/"
    assert client.get(address, headers=HTML).status_code == 410
    assert download(client, paper).getvalue() == b"newer"
    assert "Stored exactly as it came" in page(client, paper)


def test_f14_a_zip_leaves_out_what_is_flawed_and_says_so(alice_actor: Actor) -> None:
    place = folders("Deeds", alice_actor)
    lost, fine, damaged = (put(name, place, alice_actor) for name in ("lost", "fine", "damaged"))
    top = put("top", None, alice_actor)
    for document, flaw in ((lost, "missing"), (damaged, "damaged"), (top, "missing")):
        mark(document, flaw)
    answer = zip_documents([top], [place], "x.zip", by=alice_actor)
    data = b"".join(answer.streaming_content)  # type: ignore[arg-type]
    assert len(data) == int(answer["Content-Length"])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["Deeds/fine", MANIFEST]
        lines = archive.read(MANIFEST).decode().splitlines()
    assert sorted(lines) == sorted(
        [
            f"{fine.sha256}  Deeds/fine",
            "# left out, content missing: Deeds/lost",
            "# left out, content damaged: Deeds/damaged",
            "# left out, content missing: top",
        ]
    )


def test_f14_a_zip_that_meets_a_missing_object_breaks_off_and_marks_it(alice_actor: Actor, paper: Document) -> None:
    store().delete(paper.object_key)
    answer = zip_documents([paper], [], "x.zip", by=alice_actor)
    with pytest.raises(Exception, match="lost its content"):
        b"".join(answer.streaming_content)  # type: ignore[arg-type]
    assert flaw_of(paper) == "missing"


def test_f13_a_zip_that_meets_other_bytes_breaks_off_and_marks_them(alice_actor: Actor, paper: Document) -> None:
    store().put(paper.object_key, b"PAPER")
    answer = zip_documents([paper], [], "x.zip", by=alice_actor)
    with pytest.raises(Exception, match="lost its content"):
        b"".join(answer.streaming_content)  # type: ignore[arg-type]
    assert flaw_of(paper) == "damaged"


def test_a_version_that_is_gone_by_now_gets_no_mark(alice_actor: Actor, paper: Document) -> None:
    version_id = paper.current_version_id
    assert version_id is not None
    Document.objects.filter(pk=paper.pk).update(current_version=None)
    paper.delete()
    assert note_flaw(version_id, "missing", by=Actor.system()) is False
    assert note_whole(version_id, by=Actor.system()) is False
    assert told("flaw_found") == 0
