"""Reading: what is added waits, is read, and says how it ended; turns, attempts, and what a dead process left."""

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils.timezone import now

from accounts.actors import Actor
from documents import previews, uploads
from documents.actions import reading
from documents.actions.reading import AGAIN, claim, read_again, read_version, read_waiting, take_up_left_behind
from documents.actions.trash import purge, trash_document
from documents.extraction.lane import CannotRead, Lane
from documents.extraction.tessdata import unpack
from documents.models import Document, Page, PendingDeletion, Picture, Reading, ReadingState
from documents.storage import store
from documents.tests.papers import PDF, docx, pdf
from sharing import access
from sharing.access import Level
from sharing.actions import share
from sharing.models import AuditEvent


@pytest.fixture(scope="module")
def lane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    """One for all tests of this file: starting it is what takes time."""
    folder: Path = tmp_path_factory.mktemp("tessdata")
    unpack(settings.NODE_MODULES / "@tesseract.js-data", folder)
    lane = Lane(folder, ["eng"])
    yield lane
    lane.stop()


def put(name: str, data: bytes, by: Actor) -> Document:
    upload = uploads.file_whole(name, io.BytesIO(data), len(data), None, by=by)
    assert upload.document is not None
    return upload.document


def reading_of(document: Document) -> Reading:
    document.refresh_from_db()
    return Reading.objects.get(pk=document.current_version_id)


def text_of(document: Document) -> str:
    pages = Page.objects.filter(reading=document.current_version_id).order_by("number")
    return "\n".join(pages.values_list("text", flat=True))


def test_what_is_added_waits_and_is_read_with_its_picture(alice_actor: Actor, lane: Lane) -> None:
    document = put("letter.pdf", PDF, alice_actor)
    assert reading_of(document).state == ReadingState.WAITING
    assert read_waiting(lane) == 1
    row = reading_of(document)
    assert (row.state, row.reason, row.attempts, row.kind, row.page_count) == ("ready", "", 1, "pdf", 1)
    assert row.finished_at is not None
    assert "Invoice of the harbour" in text_of(document)
    assert document.current_version is not None
    picture = previews.picture_of(document.current_version, "thumbnail")
    assert picture is not None
    data = b"".join(previews.open_picture(picture))
    assert data.startswith(b"RIFF")
    assert picture.size_bytes == len(data)


def test_every_way_in_asks_for_a_reading(alice_actor: Actor) -> None:
    document = put("a.txt", b"first words", alice_actor)
    upload = uploads.begin_upload("a.txt", 12, None, by=alice_actor, replaces=document)
    uploads.receive(upload.pk, 0, io.BytesIO(b"second words"), 12, by=alice_actor)
    staged = uploads.begin_upload("b.txt", 5, None, by=alice_actor)
    uploads.receive(staged.pk, 0, io.BytesIO(b"third"), 5, by=alice_actor)
    assert Reading.objects.filter(state=ReadingState.WAITING, owner=alice_actor.user).count() == 3


def test_the_same_bytes_of_one_person_are_read_once(
    alice_actor: Actor, bob_actor: Actor, lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("one.pdf", PDF, alice_actor)
    read_waiting(lane)
    asked: list[str] = []
    work = lane.work

    def counted(*given: object, **more: object) -> object:
        asked.append("read")
        return work(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(lane, "work", counted)
    again = put("two.pdf", PDF, alice_actor)
    foreign = put("three.pdf", PDF, bob_actor)
    assert read_waiting(lane) == 2
    assert asked == ["read"]  # for Bob, who is to learn nothing of what Alice has
    for document in (again, foreign):
        assert reading_of(document).state == ReadingState.READY
        assert "harbour" in text_of(document)
    keys = set(Picture.objects.values_list("object_key", flat=True))
    assert len(keys) == 3
    for key in keys:
        store().head(key)


def test_f29_owners_take_turns_and_within_a_vault_the_newest_comes_first(alice_actor: Actor, bob_actor: Actor) -> None:
    moment = now()
    alices = [put(f"{number}.txt", b"a%d" % number, alice_actor) for number in range(6)]
    for number, document in enumerate(alices):
        Reading.objects.filter(pk=document.current_version_id).update(queued_at=moment + timedelta(seconds=number))
    bobs = put("mine.txt", b"b", bob_actor)
    first, second, third = claim(1), claim(2), claim(3)
    assert {first, second} == {alices[5].current_version_id, bobs.current_version_id}
    assert third == alices[4].current_version_id
    assert claim(4) == alices[0].current_version_id  # every fourth time the oldest
    assert claim(5) == alices[3].current_version_id


def test_what_is_read_again_comes_after_what_is_added(alice_actor: Actor) -> None:
    old, new = put("old.txt", b"old", alice_actor), put("new.txt", b"new", alice_actor)
    Reading.objects.filter(pk=old.current_version_id).update(rank=AGAIN, queued_at=now() + timedelta(hours=1))
    assert claim() == new.current_version_id
    assert claim() == old.current_version_id
    assert claim() is None


def test_f28_a_try_is_counted_before_the_work_and_a_reading_left_behind_is_taken_up_three_times(
    alice_actor: Actor,
) -> None:
    document = put("a.txt", b"words", alice_actor)
    for attempt in (1, 2, 3):
        assert claim() == document.current_version_id
        assert reading_of(document).attempts == attempt
        assert take_up_left_behind() == 0  # it is being read
        Reading.objects.filter(pk=document.current_version_id).update(beat_at=now() - timedelta(minutes=5))
        assert take_up_left_behind() == 1
    row = reading_of(document)
    assert (row.state, row.reason) == (ReadingState.FAILED, "gave_up")
    assert claim() is None


def test_f27_one_that_was_overtaken_writes_nothing(alice_actor: Actor, lane: Lane) -> None:
    document = put("a.txt", b"words of the first", alice_actor)
    version_id = claim()
    assert version_id is not None
    mine = Reading.objects.get(pk=version_id)
    Reading.objects.filter(pk=version_id).update(started_at=now() + timedelta(seconds=5))
    work = reading._Work(mine)
    reading._finish(work, reading.Ended("ready"))
    assert reading_of(document).state == ReadingState.READING
    assert text_of(document) == ""


def test_an_outage_is_no_fault_of_the_document(alice_actor: Actor, lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    document = put("a.txt", b"words", alice_actor)
    version_id = claim()
    assert version_id is not None

    def cannot(*_given: object, **_more: object) -> object:
        raise CannotRead("no memory for a process")

    monkeypatch.setattr(lane, "work", cannot)
    with pytest.raises(CannotRead):
        read_version(version_id, lane)
    row = reading_of(document)
    assert (row.state, row.attempts) == (ReadingState.WAITING, 0)


def test_missing_bytes_are_told(alice_actor: Actor, lane: Lane) -> None:
    document = put("a.txt", b"words", alice_actor)
    store().delete(document.object_key)
    read_waiting(lane)
    row = reading_of(document)
    assert (row.state, row.reason) == (ReadingState.FAILED, "missing")


def test_an_editor_has_it_read_again_and_a_reader_may_not(
    alice_actor: Actor, bob_actor: Actor, charlie_actor: Actor, lane: Lane
) -> None:
    document = put("a.docx", docx("The same words"), alice_actor)
    share(document, bob_actor.user, Level.VIEW, by=alice_actor)  # type: ignore[arg-type]
    read_waiting(lane)
    with pytest.raises(access.NotAllowed):
        read_again(document, by=bob_actor)
    with pytest.raises(access.NotVisible):
        read_again(document, by=charlie_actor)
    assert reading_of(document).state == ReadingState.READY
    read_again(document, by=alice_actor)
    read_again(document, by=alice_actor)
    assert reading_of(document).state == ReadingState.WAITING
    assert AuditEvent.objects.filter(action="reading_asked", target_id=str(document.pk)).count() == 2
    assert read_waiting(lane) == 1
    assert text_of(document) == "The same words"
    assert Page.objects.filter(reading=document.current_version_id).count() == 1


def test_pictures_go_with_their_document_and_cost_nobody_space(alice_actor: Actor, lane: Lane) -> None:
    document = put("a.pdf", pdf("One", "Two"), alice_actor)
    read_waiting(lane)
    version = reading_of(document).version
    made = previews.make_page_picture(version, 2)
    assert made is not None
    assert made.page == 2
    keys = set(Picture.objects.filter(version=version).values_list("object_key", flat=True))
    assert len(keys) >= 2
    with connection.cursor() as cursor:
        cursor.execute("SELECT used_bytes FROM quotas WHERE user_id = %s", [document.user_id])
        assert cursor.fetchone() == (version.size_bytes,)
    purge(trash_document(document, by=alice_actor), by=alice_actor)
    assert keys <= set(PendingDeletion.objects.values_list("object_key", flat=True))
    assert not Picture.objects.exists()
