"""Seals: closed ranges, chained and signed; whatever is changed afterwards shows, and where."""

import json
import random
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import User
from docuvault.lib.roles import migration_role
from sharing import audit
from sharing.access import NotAllowed
from sharing.audit import Verb
from sharing.models import AuditEvent, TrailErasure, TrailSeal
from sharing.trail import verifier
from sharing.trail.exporting import export_trail, safe_cell
from sharing.trail.retention import MAINTENANCE, erase_labels, prune_trail
from sharing.trail.sealing import anchor_trail, begin_stretch, seal_trail
from sharing.trail.verifying import Verdict, verify_trail

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_anchors")]

SYSTEM = Actor.system()


def tell(count: int = 1, by: Actor = SYSTEM, name: str = "paper") -> None:
    with transaction.atomic():
        for number in range(count):
            audit.record(Verb.DOCUMENT_RENAMED, by=by, target_kind="document", target_name=f"{name} {number}")


def verdict() -> Verdict:
    return verify_trail(by=SYSTEM)


def as_owner(*statements: str) -> None:
    """What somebody with the database in hand could do."""
    with migration_role(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(MAINTENANCE)
        for statement in statements:
            cursor.execute(statement)


def test_rows_are_sealed_in_batches_that_hold_together(alice_actor: Actor) -> None:
    tell(7, alice_actor)
    tell(5)
    seals = seal_trail(rows_per_seal=5)
    assert len(seals) >= 2
    assert sum(seal.row_count for seal in seals) == AuditEvent.objects.count()
    assert [seal.previous_head for seal in seals] == [verifier.BEGINNING, *(seal.head for seal in seals[:-1])]
    assert seal_trail() == []
    found = verdict()
    assert found.is_sound, found.breaches
    assert (found.rows, found.unsealed, found.head) == (AuditEvent.objects.count(), 0, seals[-1].head)


def test_f34_a_transaction_under_way_holds_back_what_came_after_it() -> None:
    seal_trail()
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            audit.record(Verb.DOCUMENT_RENAMED, by=SYSTEM, target_name="slow")
            begun.set()
            go_on.wait(20)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert begun.wait(20)
    tell(3)
    assert seal_trail() == []
    go_on.set()
    thread.join()
    (seal,) = seal_trail()
    assert seal.row_count == 4
    assert verdict().is_sound


def test_eight_writers_and_a_sealer_seal_every_committed_row_exactly_once() -> None:
    stop = threading.Event()

    def write(seed: int) -> None:
        chance = random.Random(seed)
        for number in range(25):
            with transaction.atomic():
                for _row in range(chance.randint(1, 4)):
                    audit.record(Verb.DOCUMENT_RENAMED, by=SYSTEM, target_name=f"{seed} {number}")
                if chance.random() < 0.3:
                    transaction.set_rollback(True)
        connection.close()

    def keep_sealing() -> None:
        while not stop.is_set():
            seal_trail(rows_per_seal=20)
        connection.close()

    sealers = [threading.Thread(target=keep_sealing) for _ in range(2)]
    writers = [threading.Thread(target=write, args=[seed]) for seed in range(8)]
    for thread in [*sealers, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in sealers:
        thread.join()
    deadline = time.monotonic() + 30
    while seal_trail() or ((found := verdict()).unsealed and time.monotonic() < deadline):
        time.sleep(0.1)
    assert found.is_sound, found.breaches
    assert found.unsealed == 0, _under_way()
    assert found.rows == AuditEvent.objects.count() > 100


def _under_way() -> list[tuple[object, ...]]:
    """Who is in a transaction, and could hold back a seal."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT datname, backend_type, state, backend_xid, now() - xact_start, query FROM pg_stat_activity"
            " WHERE backend_xid IS NOT NULL OR xact_start IS NOT NULL"
        )
        return list(cursor.fetchall())


def _middle() -> AuditEvent:
    return AuditEvent.objects.order_by("id")[AuditEvent.objects.count() // 2]


TAMPERING: dict[str, Callable[[], list[str]]] = {
    "one byte of a detail": lambda: [f"UPDATE audit_log SET details = '{{\"left\":1}}' WHERE id = {_middle().pk}"],
    "a name": lambda: [f"UPDATE audit_log SET actor_name = 'mallory' WHERE id = {_middle().pk}"],
    "a target's name": lambda: [f"UPDATE audit_log SET target_name = 'other' WHERE id = {_middle().pk}"],
    "a moment": lambda: [f"UPDATE audit_log SET at = at - interval '1 microsecond' WHERE id = {_middle().pk}"],
    "a row taken out": lambda: [f"DELETE FROM audit_log WHERE id = {_middle().pk}"],
    "a row put in": lambda: [
        "INSERT INTO audit_log (xact, actor_kind, actor_name, action, target_kind, target_id, target_name, request_id,"
        f" session_hash, result, details) VALUES ({_middle().xact}, 'system', '', 'renamed', '', '', '', '', '',"
        " 'done', '{}')"
    ],
    "two rows swapped": lambda: [
        f"UPDATE audit_log SET id = -1 WHERE id = {_middle().pk}",
        f"UPDATE audit_log SET id = {_middle().pk} WHERE id = {_middle().pk + 1}",
        f"UPDATE audit_log SET id = {_middle().pk + 1} WHERE id = -1",
    ],
    "a row of before all seals": lambda: [f"UPDATE audit_log SET xact = 0 WHERE id = {_middle().pk}"],
}


@pytest.mark.parametrize("what", list(TAMPERING))
def test_tampering_is_found_and_the_first_bad_seal_is_named(what: str, alice_actor: Actor) -> None:
    for _batch in range(3):
        tell(4, alice_actor)
        seal_trail()
    tampered = next(
        seal for seal in TrailSeal.objects.order_by("number") if seal.first_id <= _middle().pk <= seal.last_id
    )
    as_owner(*TAMPERING[what]())
    found = verdict()
    assert found.breaches[0].startswith(f"seal {tampered.number}:")
    assert all(not line.startswith(f"seal {tampered.number + 1}:") for line in found.breaches)


def test_a_seal_that_was_replaced_or_removed_shows() -> None:
    for _batch in range(3):
        tell(2)
        seal_trail()
    second = TrailSeal.objects.order_by("number")[1]
    as_owner(f"UPDATE audit_seals SET row_count = 1 WHERE number = {second.number}")
    assert verdict().breaches[0] == f"seal {second.number}: its own text was changed"
    as_owner(
        f"UPDATE audit_seals SET row_count = {second.row_count}, mac = '{'0' * 64}' WHERE number = {second.number}"
    )
    assert verdict().breaches == [f"seal {second.number}: it was not signed with this vault's key"]
    as_owner(f"DELETE FROM audit_seals WHERE number = {second.number}")
    assert verdict().breaches[0] == f"seal {second.number + 1}: the seal before it is missing"


def test_a_cut_tail_shows_by_what_was_anchored_outside() -> None:
    tell(2)
    seal_trail()
    tell(2)
    (last,) = seal_trail()
    assert anchor_trail() == last
    assert anchor_trail() is None
    assert verdict().is_sound
    as_owner(
        f"DELETE FROM audit_log WHERE id BETWEEN {last.first_id} AND {last.last_id}",
        f"DELETE FROM audit_seals WHERE number = {last.number}",
    )
    (line,) = verdict().breaches
    assert f"seal {last.number}" in line
    assert "cut off" in line


def test_another_chain_of_the_same_length_is_not_the_anchored_one() -> None:
    tell(2)
    seal_trail()
    anchor_trail()
    as_owner("DELETE FROM audit_seals")
    seal_trail()
    (line,) = verdict().breaches
    assert "another one when it was anchored" in line


def test_f38_after_a_restore_transactions_count_anew_and_the_lost_tail_is_told() -> None:
    tell(2)
    seal_trail()
    tell(2)
    (lost,) = seal_trail()
    anchor_trail()
    as_owner(
        f"DELETE FROM audit_log WHERE id BETWEEN {lost.first_id} AND {lost.last_id}",
        f"DELETE FROM audit_seals WHERE number = {lost.number}",
    )
    tell(1)  # came in with the backup, in no seal yet
    stretch = begin_stretch("restored generation")
    assert begin_stretch("restored generation") == stretch
    tell(3)
    as_owner(f"UPDATE audit_log SET xact = 5 WHERE id > {stretch.after_id}")  # a younger cluster's small numbers
    (new,) = seal_trail()
    assert (new.stretch, new.row_count, new.last_xact) == (stretch.number, 3, 5)
    found = verdict()
    assert found.is_sound, found.breaches
    assert "it lost" in found.remarks[0]


def test_without_its_key_a_seal_is_not_called_sound(settings: object) -> None:
    tell()
    seal_trail()
    settings.MASTER_KEYS = {"k9": b"9" * 32}  # type: ignore[attr-defined]
    assert "is not configured" in verdict().breaches[0]


def test_the_application_may_add_seals_and_no_more() -> None:
    tell()
    seal_trail()
    for statement in (
        "UPDATE audit_seals SET head = 'x'",
        "DELETE FROM audit_seals",
        "INSERT INTO audit_stretches (number, reason) VALUES (9, 'x')",
        "INSERT INTO audit_erasures (event_id, label_hash) VALUES (1, 'x')",
    ):
        with pytest.raises(Exception, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_only_whole_seals_are_pruned_and_the_chain_still_holds(alice_actor: Actor) -> None:
    tell(3)
    seal_trail()
    tell(3)
    seal_trail()
    with pytest.raises(NotAllowed):
        prune_trail(now(), by=alice_actor)
    first, second = TrailSeal.objects.order_by("number")[:2]
    assert prune_trail(first.last_at, by=SYSTEM) == (0, 0)
    assert prune_trail(second.first_at, by=SYSTEM) == (1, first.row_count)
    assert AuditEvent.objects.filter(action=Verb.TRAIL_PRUNED).count() == 1
    seal_trail()
    found = verdict()
    assert found.is_sound, found.breaches
    assert found.pruned == 1


def test_a137_a_persons_names_go_and_the_seals_hold(alice: User, alice_actor: Actor, admin_actor: Actor) -> None:
    tell(2, alice_actor)
    with transaction.atomic():
        audit.record(Verb.USER_CHANGED, by=admin_actor, target_kind="user", target_id=alice.pk, target_name="alice")
    seal_trail()
    count = AuditEvent.objects.count()
    assert erase_labels(alice.pk, by=SYSTEM) >= 3
    assert AuditEvent.objects.count() == count + 1
    assert not AuditEvent.objects.filter(actor_name="alice").exists()
    assert not AuditEvent.objects.filter(target_kind="user", target_name="alice").exists()
    assert AuditEvent.objects.filter(actor_name="ada", target_id=str(alice.pk)).exists()
    assert erase_labels(alice.pk, by=SYSTEM) == 0
    seal_trail()
    found = verdict()
    assert found.is_sound, found.breaches
    as_owner(f"UPDATE audit_erasures SET label_hash = 'x' WHERE event_id = {TrailErasure.objects.earliest('pk').pk}")
    assert not verdict().is_sound


def exported(tmp_path: Path) -> Path:
    target = tmp_path / "export"
    zipfile.ZipFile(BytesIO(b"".join(export_trail(by=SYSTEM)))).extractall(target)
    return target


def verified(folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder)], capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


def test_an_export_is_verified_by_a_program_that_needs_no_database(tmp_path: Path, alice_actor: Actor) -> None:
    tell(3, alice_actor, name="=cmd|' /C calc'!A0")
    seal_trail()
    tell(2)
    (last,) = seal_trail()
    folder = exported(tmp_path)
    code, said = verified(folder)
    assert code == 0, said
    assert last.head in said
    lines = (folder / "events.jsonl").read_text().splitlines()
    assert "'=cmd" in (folder / "events.csv").read_text()
    event = json.loads(lines[1])
    event["target_name"] = "another"
    (folder / "events.jsonl").write_text("\n".join([lines[0], json.dumps(event), *lines[2:]]) + "\n")
    assert verified(folder)[0] == 1
    (folder / "events.jsonl").write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    assert verified(folder)[0] == 1


def test_a114_cells_that_look_like_formulas_are_text() -> None:
    for value in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"):
        assert safe_cell(value).startswith("'")
    assert safe_cell("paper =1") == "paper =1"


def test_the_commands_verify_and_tell(capsys: pytest.CaptureFixture[str]) -> None:
    tell(2)
    call_command("verify_trail", "--seal")
    assert "The trail is sound." in capsys.readouterr().out
    as_owner(f"DELETE FROM audit_log WHERE id = {AuditEvent.objects.earliest('id').pk}")
    with pytest.raises(SystemExit) as ended:
        call_command("verify_trail", "--json")
    assert ended.value.code == 1
    assert json.loads(capsys.readouterr().out)["is_sound"] is False
    told = AuditEvent.objects.filter(action=Verb.TRAIL_VERIFIED).order_by("id")
    assert [event.result for event in told] == ["done", "failed"]
    call_command("prune_trail", "--before", (now() - timedelta(days=1)).date().isoformat())
    assert "0 rows in 0 seals would go" in capsys.readouterr().out
