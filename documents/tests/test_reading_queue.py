"""The queue of readings as admins see it and act on it: figures, retries, `reread`; and fair turns under a backlog."""

import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import User
from documents.actions import reading
from documents.actions.reading import AGAIN, NEW, claim, read_waiting, retry_failed
from documents.actions.versions import promote_version
from documents.extraction.lane import Lane
from documents.models import Document, Reading, ReadingState
from documents.tests.papers import PDF, docx
from documents.tests.test_reading import put, reading_of
from documents.upkeep.reading_queue import failures, last_days, last_hours, queue
from documents.uploads import store_stream
from sharing import access
from sharing.models import AuditEvent

ClientFor = Callable[[User], Client]
ADDRESS = "/admin/reading/"


@pytest.fixture
def desk(admin_person: User, client_for: ClientFor) -> Client:
    return client_for(admin_person)


def ended(document: Document, state: str, reason: str = "", kind: str = "pdf", hours_ago: float = 0.1) -> None:
    Reading.objects.filter(pk=document.current_version_id).update(
        state=state, reason=reason, kind=kind, finished_at=now() - timedelta(hours=hours_ago)
    )


def many_waiting(document: Document, count: int) -> None:
    """So many rows more that wait, all of one owner: what a thousand imports leave."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH made AS (
                INSERT INTO versions (document_id, number, object_key, size_bytes, sha256, content_type, declared_type)
                SELECT %(document)s, n + 1000, 'many-' || n, 5, repeat('0', 64), 'text/plain', ''
                FROM generate_series(1, %(count)s) n RETURNING id
            )
            INSERT INTO readings (version_id, owner_id, queued_at)
            SELECT id, %(owner)s, now() - interval '1 hour' FROM made
            """,
            {"document": document.pk, "owner": document.user_id, "count": count},
        )


# --- Turns ------------------------------------------------------------------------------------------------


def test_f29_a_thousand_imports_keep_nobody_elses_document_waiting(alice_actor: Actor, bob_actor: Actor) -> None:
    many_waiting(put("first.txt", b"a", alice_actor), 1000)
    for turn in range(1, 6):
        claim(turn)  # under way already
    bobs = put("mine.txt", b"b", bob_actor)
    assert claim(6) == bobs.current_version_id
    newest = put("just now.txt", b"c", alice_actor)
    assert claim(7) == newest.current_version_id  # of one vault the newest comes first
    again = put("mine too.txt", b"d", bob_actor)
    assert again.current_version_id in {claim(9), claim(10)}


def test_f29_choosing_the_next_costs_the_same_however_long_the_queue_is(alice_actor: Actor) -> None:
    document = put("first.txt", b"a", alice_actor)
    many_waiting(document, 3000)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        claim()
    assert len(asked) == 2
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE readings")
        cursor.execute("EXPLAIN " + reading.CLAIM.format(direction="DESC"), {"rank": NEW, "owner": document.user_id})
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "ix_readings_queue" in plan
    assert "Sort" not in plan


# --- Once more --------------------------------------------------------------------------------------------


def test_an_older_version_that_was_never_read_is_read_when_it_is_made_current(
    alice_actor: Actor, reading_lane: Lane
) -> None:
    document = put("a.txt", b"the first words", alice_actor)
    older = document.versions.get()
    document = store_stream("a.txt", iter([b"others"]), None, size_bound=6, by=alice_actor, replaces=document)
    Reading.objects.filter(pk=older.pk).delete()  # as of a version from before there was reading
    promote_version(older, by=alice_actor)
    assert reading_of(document).state == ReadingState.WAITING
    read_waiting(reading_lane)
    assert reading_of(document).state == ReadingState.READY
    done = reading_of(document).finished_at
    newer = document.versions.exclude(pk=older.pk).get()
    promote_version(newer, by=alice_actor)
    promote_version(older, by=alice_actor)
    assert reading_of(document).finished_at == done  # what was read is not read again


def reread(*arguments: str) -> str:
    out = io.StringIO()
    call_command("reread", *arguments, stdout=out)
    return out.getvalue()


def test_reread_takes_one_a_kind_what_failed_what_is_outdated_or_all(alice_actor: Actor, reading_lane: Lane) -> None:
    paper, letter, broken = (
        put("a.pdf", PDF, alice_actor),
        put("b.docx", docx("words"), alice_actor),
        put("c.pdf", b"%PDF-1.4\nbroken", alice_actor),
    )
    read_waiting(reading_lane)
    assert reading_of(broken).state == ReadingState.FAILED
    ids = {document.name: document.current_version_id for document in (paper, letter, broken)}

    def asked(*arguments: str) -> set[str]:
        Reading.objects.update(state=ReadingState.READY, rank=NEW)
        Reading.objects.filter(pk=broken.current_version_id).update(state=ReadingState.FAILED)
        told = reread(*arguments, "--no-wait")
        waiting = Reading.objects.filter(state=ReadingState.WAITING, rank=AGAIN)
        assert told.startswith(f"{waiting.count()} to be read once more.")
        return {name for name, key in ids.items() if waiting.filter(pk=key).exists()}

    assert asked(str(letter.pk)) == {"b.docx"}
    assert asked("--kind", "pdf") == {"a.pdf", "c.pdf"}
    assert asked("--failed") == {"c.pdf"}
    assert asked("--all") == set(ids)
    Reading.objects.update(reader=reading.READER)
    Reading.objects.filter(pk=letter.current_version_id).update(reader=reading.READER - 1)
    assert asked("--outdated") == {"b.docx"}
    for wrong in ([], ["no id"], ["--all", "--failed"]):
        with pytest.raises(CommandError):
            reread(*wrong)


def test_reread_shows_how_far_it_is(alice_actor: Actor, reading_lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    from documents.management.commands import reread as command

    put("a.txt", b"words", alice_actor)
    put("b.txt", b"other words", alice_actor)
    read_waiting(reading_lane)
    monkeypatch.setattr(command.time, "sleep", lambda _seconds: read_waiting(reading_lane, 1))
    told = reread("--all")
    assert "0 of 2" in told
    assert "1 of 2" in told
    assert told.endswith("2 of 2\n")


def test_only_admins_have_what_failed_read_again(alice_actor: Actor, admin_actor: Actor) -> None:
    documents = [put(f"{number}.pdf", PDF, alice_actor) for number in range(3)]
    ended(documents[0], "failed", "unreadable")
    ended(documents[1], "failed", "time", kind="image")
    ended(documents[2], "encrypted", "encrypted")
    with pytest.raises(access.NotAllowed):
        retry_failed(None, by=alice_actor)
    assert not Reading.objects.filter(state=ReadingState.WAITING).exists()
    assert retry_failed(("image", "time"), by=admin_actor) == 1
    row = reading_of(documents[1])
    assert (row.state, row.rank, row.attempts) == (ReadingState.WAITING, AGAIN, 0)
    assert retry_failed(None, by=admin_actor) == 1
    assert reading_of(documents[2]).state == ReadingState.ENCRYPTED  # nothing would be gained
    told = AuditEvent.objects.filter(action="readings_retried").order_by("id")
    assert [row.metadata for row in told] == [{"type": "image", "reason": "time", "count": 1}, {"count": 1}]


# --- The page ---------------------------------------------------------------------------------------------


def test_an_empty_queue_has_a_page_that_says_so(desk: Client) -> None:
    text = desk.get(ADDRESS).content.decode()
    for words in ("All has been read", "Nothing at this moment.", "every document that can be read has been"):
        assert words in text
    assert "nobody reads them" not in text


def test_the_page_tells_who_waits_what_failed_and_how_fast_it_goes_by_ids_alone(
    desk: Client, alice_actor: Actor, bob_actor: Actor
) -> None:
    put("Private one.pdf", PDF, alice_actor)
    under_way, failed, done, older = (put(f"Private {n}.pdf", PDF, bob_actor) for n in range(4))
    moment = now()
    Reading.objects.filter(pk=under_way.current_version_id).update(
        state="reading", started_at=moment, beat_at=moment, pages_read=3, page_count=12, attempts=1, kind="pdf"
    )
    ended(failed, "failed", "memory", kind="image")
    ended(done, "ready")
    ended(older, "ready", hours_ago=50)
    now_there = queue()
    assert (now_there.waiting, now_there.again, now_there.owners, now_there.failed) == (1, 0, 1, 1)
    assert [row.pk for row in now_there.under_way] == [under_way.current_version_id]
    assert sum(hour.read for hour in last_hours()) == 1
    assert sum(hour.failed for hour in last_hours()) == 1
    assert sum(day.read for day in last_days()) == 2
    assert [(one.kind, one.reason, one.count) for one in failures()] == [("image", "memory", 1)]
    text = desk.get(ADDRESS).content.decode()
    assert "It took more memory than one document may." in text
    assert f"/admin/documents/document/{failed.pk}/change/" in text
    assert "3 / 12" in text
    assert text.count("<svg") >= 4
    assert "Private" not in text


def test_a_reader_that_does_not_run_is_told_of(desk: Client, alice_actor: Actor) -> None:
    document = put("a.txt", b"words", alice_actor)
    Reading.objects.filter(pk=document.current_version_id).update(queued_at=now() - timedelta(minutes=10))
    assert "nobody reads them" in desk.get(ADDRESS).content.decode()
    other = put("b.txt", b"words", alice_actor)
    ended(other, "ready", hours_ago=0.001)
    assert "nobody reads them" not in desk.get(ADDRESS).content.decode()


def test_what_failed_is_read_again_from_the_page(desk: Client, alice_actor: Actor, admin_person: User) -> None:
    first, second = put("a.pdf", PDF, alice_actor), put("b.pdf", PDF, alice_actor)
    ended(first, "failed", "unreadable")
    ended(second, "failed", "time")
    assert desk.post(f"{ADDRESS}retry/", {"kind": "pdf", "reason": "time"}).status_code == 302
    assert (reading_of(first).state, reading_of(second).state) == ("failed", "waiting")
    assert "1 document is read once more." in desk.get(ADDRESS).content.decode()
    assert desk.post(f"{ADDRESS}retry/", {"what": "all"}).status_code == 302
    assert reading_of(first).state == "waiting"
    assert desk.post(f"{ADDRESS}retry/", {"kind": "pdf", "reason": "no such"}).status_code == 400
    assert AuditEvent.objects.filter(action="readings_retried", actor_id=admin_person.pk).count() == 2


def test_a_member_sees_and_retries_nothing(alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    document = put("a.pdf", PDF, alice_actor)
    ended(document, "failed", "time")
    client = client_for(alice)
    assert client.get(ADDRESS).status_code == 302
    assert client.post(f"{ADDRESS}retry/", {"what": "all"}).status_code == 302
    assert reading_of(document).state == "failed"


def test_the_page_asks_the_same_whatever_the_queue_holds(desk: Client, alice_actor: Actor) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            desk.get(ADDRESS)
        return len(queries)

    document = put("a.pdf", PDF, alice_actor)
    ended(document, "failed", "time")
    few = asked()
    for number in range(6):
        ended(put(f"{number}.pdf", PDF, alice_actor), "failed", "memory", kind=f"k{number}")
    assert asked() == few
