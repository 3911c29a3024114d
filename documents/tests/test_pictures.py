"""Pictures and words of pages: only to those who see the document, in two sizes, never the file's own bytes."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import User
from documents import previews, uploads
from documents.actions.reading import read_waiting
from documents.extraction.frames import pack_words
from documents.extraction.lane import Lane
from documents.models import Document, Page, Picture, Reading
from documents.storage import store
from documents.tests.making import put
from documents.tests.papers import pdf
from sharing.access import Level
from sharing.actions import share
from sharing.models import AuditEvent

ClientFor = Callable[[User], Client]


@pytest.fixture(scope="module")
def lane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    folder: Path = tmp_path_factory.mktemp("no-languages")
    lane = Lane(folder, [])
    yield lane
    lane.stop()


@pytest.fixture
def document(alice_actor: Actor, lane: Lane) -> Iterator[Document]:
    data = pdf("The first page of it", "The second page of it")
    document = uploads.file_whole("a.pdf", io.BytesIO(data), len(data), None, by=alice_actor).document
    assert document is not None
    read_waiting(lane)
    document.refresh_from_db()
    yield document
    previews._own_lane().stop()


def body(response: object) -> bytes:
    return b"".join(response.streaming_content)  # type: ignore[attr-defined]


def test_a_thumbnail_is_a_picture_of_our_own_and_asked_again_costs_nothing(
    document: Document, alice: User, client_for: ClientFor
) -> None:
    client = client_for(alice)
    told = AuditEvent.objects.count()
    answer = client.get(reverse("thumbnail", args=[document.pk]))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/webp"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert body(answer).startswith(b"RIFF")
    again = client.get(reverse("thumbnail", args=[document.pk]), headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    assert AuditEvent.objects.count() == told


def test_a_page_nobody_has_looked_at_is_drawn_when_somebody_does(
    document: Document, alice: User, client_for: ClientFor
) -> None:
    client = client_for(alice)
    assert not Picture.objects.filter(kind="page").exists()
    answer = client.get(reverse("page_picture", args=[document.pk, 2]))
    assert answer.status_code == 200
    assert body(answer).startswith(b"RIFF")
    picture = Picture.objects.get(kind="page", page=2)
    assert max(picture.width or 0, picture.height or 0) == 1600
    assert client.get(reverse("page_picture", args=[document.pk, 3])).status_code == 404
    assert client.get(reverse("page_picture", args=[document.pk, 0])).status_code == 404


@pytest.mark.parametrize("size", ["../../x", "0", "-1", "99999999", "1e9", ""])
def test_a49_there_are_two_sizes_and_no_others(
    document: Document, alice: User, client_for: ClientFor, size: str
) -> None:
    client = client_for(alice)
    assert client.get(reverse("thumbnail", args=[document.pk]), {"size": size}).status_code == 404
    assert client.get(reverse("page_picture", args=[document.pk, 1]), {"size": size}).status_code == 404
    assert client.get(reverse("thumbnail", args=[document.pk]), {"size": "320"}).status_code == 200


def test_a_stranger_gets_no_picture_and_a_reader_loses_it_with_the_share(
    document: Document, alice_actor: Actor, bob: User, charlie: User, client_for: ClientFor
) -> None:
    addresses = [
        reverse("thumbnail", args=[document.pk]),
        reverse("page_picture", args=[document.pk, 1]),
        reverse("page_words", args=[document.pk, 1]),
    ]
    for address in addresses:
        assert client_for(charlie).get(address).status_code == 404
        assert client_for(bob).get(address).status_code == 404
    shared = share(document, bob, Level.VIEW, by=alice_actor)
    for address in addresses:
        assert client_for(bob).get(address).status_code == 200
    shared.delete()
    for address in addresses:
        assert client_for(bob).get(address).status_code == 404


def test_words_stand_in_fractions_of_the_page(document: Document, alice: User, client_for: ClientFor) -> None:
    page = Page.objects.get(reading=document.current_version_id, number=1)
    page.words, page.width, page.height = pack_words([(10, 20, 60, 30, "harbour")]), 100, 200
    page.save()
    answer = client_for(alice).get(reverse("page_words", args=[document.pk, 1]))
    assert answer.json()["words"] == [[0.1, 0.1, 0.6, 0.15, "harbour"]]


def test_a_lost_picture_is_made_again(document: Document, alice: User, client_for: ClientFor) -> None:
    client = client_for(alice)
    address = reverse("page_picture", args=[document.pk, 1])
    body(client.get(address))
    store().delete(Picture.objects.get(kind="page", page=1).object_key)
    assert client.get(address).status_code == 404
    assert client.get(address).status_code == 200


def test_the_state_is_live_until_it_is_final_and_works_as_a_plain_page(
    document: Document, alice: User, bob: User, client_for: ClientFor
) -> None:
    client = client_for(alice)
    address = reverse("reading", args=[document.pk])
    rows = Reading.objects.filter(pk=document.current_version_id)
    rows.update(state="reading", page_count=12, pages_read=3)
    asked = client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "Reading page 3 of 12" in asked
    assert "hx-trigger" in asked
    rows.update(state="failed", reason="memory")
    ended = client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "more memory" in ended
    assert "hx-trigger" not in ended
    assert "Try again" in client.get(reverse("document", args=[document.pk])).content.decode()
    assert client.get(address).status_code == 302
    assert client_for(bob).post(reverse("read_again", args=[document.pk])).status_code == 404
    assert client.post(reverse("read_again", args=[document.pk])).status_code == 302
    assert rows.get().state == "waiting"


def test_reread_takes_those_that_failed(document: Document, lane: Lane, capsys: pytest.CaptureFixture[str]) -> None:
    Reading.objects.update(state="failed", reason="died")
    call_command("reread", "--failed", "--no-wait")
    assert "1 to be read" in capsys.readouterr().out
    assert read_waiting(lane) == 1
    call_command("reread", "--failed")
    assert "0 to be read" in capsys.readouterr().out


def test_a_list_asks_how_the_readings_of_its_rows_stand(
    alice: User, bob: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    document = put("a.txt", None, alice_actor, b"words")
    address = f"{reverse('readings')}?view=list&id={document.pk}&id={uuid4()}"
    client = client_for(alice)
    assert f'data-waiting="{document.pk}"' in client.get(reverse("files")).content.decode()
    assert f'data-waiting="{document.pk}"' in client.get(address).content.decode()
    Reading.objects.filter(pk=document.current_version_id).update(state="ready")
    told = client.get(address).content.decode()
    assert f'id="state-{document.pk}"' in told
    assert "data-waiting" not in told
    assert "icon" in told
    assert str(document.pk) not in client_for(bob).get(address).content.decode()
    many = "&".join(f"id={uuid4()}" for _n in range(200))
    assert client.get(f"{reverse('readings')}?{many}").status_code == 200
