"""The trail: in the same transaction, in a closed vocabulary, once per reading, never changed."""

import re
import uuid
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils.timezone import now

from accounts.actors import Actor, ActorKind
from accounts.models import User
from documents.actions.folders import make_folder
from documents.models import Folder
from documents.tests.making import at_once, put
from docuvault.lib.roles import migration_role
from sharing import audit
from sharing.audit import Verb
from sharing.models import AuditEvent, ReadingMark


def test_a_line_is_written_in_the_transaction_of_what_it_tells(alice_actor: Actor) -> None:
    folder = make_folder("Car", None, by=alice_actor)
    event = AuditEvent.objects.get(action=Verb.FOLDER_MADE)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_current_xact_id()::text::bigint, (SELECT xmin::text::bigint FROM folders WHERE id = %s)",
            [folder.pk],
        )
        current, _row = cursor.fetchone()
    assert event.xact == current
    assert (event.actor_id, event.owner_id, event.target_id) == (
        folder.user_id,
        folder.user_id,
        str(folder.pk),
    )
    assert event.actor_name == "alice"


def test_a_rollback_takes_the_line_along(alice_actor: Actor) -> None:
    before = AuditEvent.objects.count()
    with transaction.atomic():
        make_folder("Car", None, by=alice_actor)
        transaction.set_rollback(True)
    assert AuditEvent.objects.count() == before
    assert not Folder.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nothing_can_be_told() -> None:
    with pytest.raises(RuntimeError):
        audit.record(Verb.SIGN_IN, by=Actor.system())


def test_details_are_short_plain_and_canonical(alice_actor: Actor) -> None:
    audit.record(
        Verb.DOCUMENT_RENAMED,
        by=alice_actor,
        details={"topic": "x" * 900, "from": uuid.UUID(int=0), "left": 3, "reason": "a\x00b"},
    )
    event = AuditEvent.objects.latest("id")
    assert event.details.startswith(
        '{"from":"00000000-0000-0000-0000-000000000000","left":3,"reason":"ab","topic":"xxx'
    )
    assert len(event.metadata["topic"]) == audit.VALUE_LIMIT


def test_what_the_trail_has_no_place_for_is_refused(alice_actor: Actor) -> None:
    for careless in ({"password": "hunter22"}, {"token": "t"}, {"from": "a", "request": "POST …"}):
        with pytest.raises(ValueError, match="no place for"):
            audit.record(Verb.FOLDER_MADE, by=alice_actor, details=careless)
        with pytest.raises(ValueError, match="no place for"):
            audit.record_many(Verb.FOLDER_MADE, [("folder", "", "", None, careless)], by=alice_actor)
    assert not {key for key in audit.DETAILS if re.search("pass|secret|token|code|key|seed|cookie", key)}


def test_half_characters_and_nulls_do_not_stop_the_trail(alice_actor: Actor) -> None:
    audit.record(
        Verb.FOLDER_MADE,
        by=alice_actor,
        target_name="a\x00\ud800" + "n" * 400,
        details={"from": "\udfff\x00", "fields": ["\ud83d", None, True, 5, 1.5]},
    )
    event = AuditEvent.objects.latest("id")
    assert event.target_name.startswith("a?nnn")
    assert len(event.target_name) == 255
    assert event.metadata == {"from": "?", "fields": ["?", None, True, 5, "1.5"]}


def test_the_vocabulary_is_closed(alice_actor: Actor) -> None:
    with pytest.raises(AttributeError):
        audit.record("made_up", by=alice_actor)  # type: ignore[arg-type]


def test_a_reader_without_an_account_is_told_by_his_session(alice_actor: Actor) -> None:
    version = put("a.txt", None, alice_actor).current_version
    assert version is not None
    holders = [Actor(ActorKind.LINK, session_hash=letter * 32, address="2001:db8::1") for letter in "ab"]
    told = [audit.record_reading(Verb.DOCUMENT_DOWNLOADED, version, by=who) for who in (*holders, holders[0])]
    assert told == [True, True, False]


def test_every_verb_has_its_wording() -> None:
    for verb in Verb:
        assert str(verb.label).strip()
        assert len(verb.value) <= 48


@pytest.mark.django_db(transaction=True)
def test_reading_is_told_once_in_ten_minutes_however_many_ask_at_once(
    alice: User, alice_actor: Actor, bob_actor: Actor
) -> None:
    version = put("a.txt", None, alice_actor).current_version
    assert version is not None
    told = at_once([lambda: audit.record_reading(Verb.DOCUMENT_DOWNLOADED, version, by=alice_actor)] * 8)
    assert sorted(map(str, told)) == ["False"] * 7 + ["True"]
    assert audit.record_reading(Verb.DOCUMENT_VIEWED, version, by=alice_actor)
    assert audit.record_reading(Verb.DOCUMENT_DOWNLOADED, version, by=bob_actor)
    ReadingMark.objects.filter(reader=str(alice.pk)).update(at=now() - timedelta(minutes=11))
    assert audit.record_reading(Verb.DOCUMENT_DOWNLOADED, version, by=alice_actor)
    assert AuditEvent.objects.filter(action=Verb.DOCUMENT_DOWNLOADED).count() == 3


def test_what_is_read_again_soon_writes_nothing(alice_actor: Actor) -> None:
    """Each range of a file that is looked at passes here; a write would wait for the disk."""
    version = put("a.txt", None, alice_actor).current_version
    assert version is not None
    assert audit.record_reading(Verb.DOCUMENT_VIEWED, version, by=alice_actor)
    rows = "SELECT xmax FROM reading_marks WHERE version_id = %s"  # set by whoever locks or changes the row
    with connection.cursor() as cursor:
        cursor.execute(rows, [version.pk])
        before = cursor.fetchall()
        assert not audit.record_reading(Verb.DOCUMENT_VIEWED, version, by=alice_actor)
        cursor.execute(rows, [version.pk])
        assert cursor.fetchall() == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET action = 'x'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "ALTER TABLE audit_log ADD COLUMN x int",
        "DROP TABLE audit_log",
        "ALTER TABLE audit_log DISABLE TRIGGER ALL",
        "COPY audit_log FROM '/dev/null'",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "INSERT INTO audit_log (id, actor_kind, actor_name, action, target_kind, target_id, target_name, request_id,"
        " session_hash, result, details) VALUES (1, '', '', '', '', '', '', '', '', '', '{}')",
        "INSERT INTO audit_log (at, actor_kind, actor_name, action, target_kind, target_id, target_name, request_id,"
        " session_hash, result, details) VALUES (now(), '', '', '', '', '', '', '', '', '', '{}')",
    ],
)
def test_a136_the_application_cannot_touch_what_was_written(statement: str, alice: User) -> None:
    with pytest.raises(DatabaseError, match=r"permission denied|must be owner"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_even_the_owner_of_the_table_cannot_by_a_slip(alice: User) -> None:
    with migration_role():
        for statement in ("UPDATE audit_log SET action = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"):
            with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
                cursor.execute(statement)
    assert AuditEvent.objects.exists()
