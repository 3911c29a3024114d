"""The gate: tokens that cannot be guessed, tries that run out, and proofs that hold for one thing only."""

import io
import logging
from datetime import timedelta
from unittest import mock
from uuid import uuid4

import pytest
from django.core import signing

from accounts.secrets import UnreadableSecret
from docuvault.lib.logs import OneLine
from sharing import gate
from sharing.gate import Kind, Strength

pytestmark = pytest.mark.django_db


def test_a_token_is_long_and_comes_back_only_for_its_own_row() -> None:
    row = uuid4()
    token = gate.make_token(Kind.LINK, row)
    assert len({gate.make_token(Kind.LINK, row).clear for _made in range(100)}) == 100
    assert len(token.clear) * 6 >= 128
    assert token.hash == gate.hash_of(token.clear)
    assert token.clear not in token.sealed + token.hash
    assert gate.reveal_token(Kind.LINK, row, token.sealed) == token.clear
    for kind, other in ((Kind.REQUEST, row), (Kind.LINK, uuid4())):
        with pytest.raises(UnreadableSecret):
            gate.reveal_token(kind, other, token.sealed)


def test_guesses_run_out_per_source_and_asking_costs_nothing() -> None:
    for _try in range(50):
        assert gate.may_guess(Kind.LINK, "192.0.2.1")
    for _try in range(30):
        gate.count_miss(Kind.LINK, "192.0.2.1")
    assert not gate.may_guess(Kind.LINK, "192.0.2.1")
    assert gate.may_guess(Kind.LINK, "192.0.2.2")
    assert gate.may_guess(Kind.REQUEST, "192.0.2.1")
    for number in range(30):
        gate.count_miss(Kind.LINK, f"2001:db8:0:1::{number:x}")
    assert not gate.may_guess(Kind.LINK, "2001:db8:0:1:ffff::1")
    assert gate.may_guess(Kind.LINK, "2001:db8:0:2::1")


def test_tries_of_a_password_run_out_for_the_row_and_for_the_source() -> None:
    row, other = uuid4(), uuid4()
    tries = [gate.may_try_password(Kind.LINK, row, f"198.51.100.{number}") for number in range(12)]
    assert tries == [True] * 10 + [False] * 2
    assert gate.may_try_password(Kind.LINK, other, "198.51.100.77")
    tries = [gate.may_try_password(Kind.LINK, uuid4(), "203.0.113.9") for _number in range(12)]
    assert tries == [True] * 10 + [False] * 2


def test_made_passwords_are_strong_and_weak_ones_are_told() -> None:
    strength = Strength(12, 3)
    made = {gate.new_password(strength) for _time in range(50)}
    assert len(made) == 50
    assert not any(gate.weaknesses(one, strength) for one in made)
    assert len(gate.new_password(Strength(40, 1))) >= 40
    assert len(gate.weaknesses("short", strength)) == 2
    assert gate.weaknesses("password1", Strength(4, 1))
    assert gate.weaknesses("x" * 5000, strength)
    hashed = gate.hash_password("Right-one-7")
    assert gate.is_password("Right-one-7", hashed)
    assert not gate.is_password("wrong", hashed)
    with mock.patch("sharing.gate.check_password", side_effect=AssertionError("hashed")):
        assert not gate.is_password("x" * 5000, hashed)


def test_a_proof_holds_for_one_row_until_its_stamp_changes_or_its_time_is_over() -> None:
    row, stamp, visit = uuid4(), gate.stamp_of("password", "token"), gate.new_visit()
    proof = gate.make_proof(Kind.LINK, row, stamp, visit)
    assert gate.visit_of(Kind.LINK, row, stamp, proof) == visit
    assert gate.visit_of(Kind.LINK, uuid4(), stamp, proof) is None
    assert gate.visit_of(Kind.REQUEST, row, stamp, proof) is None
    assert gate.visit_of(Kind.LINK, row, gate.stamp_of("other", "token"), proof) is None
    assert gate.visit_of(Kind.LINK, row, stamp, proof[:-2] + "xx") is None
    odd = signing.dumps({"a": 1}, salt="sharing.gate.proof")
    assert gate.visit_of(Kind.LINK, row, stamp, odd) is None
    with mock.patch("sharing.gate.PROOF_LIFE", timedelta(seconds=-1)):
        assert gate.visit_of(Kind.LINK, row, stamp, proof) is None
    ticket = gate.make_ticket(Kind.LINK, row, visit)
    assert gate.is_ticket(Kind.LINK, row, ticket, visit)
    assert not gate.is_ticket(Kind.LINK, row, ticket)
    assert not gate.is_ticket(Kind.LINK, row, proof, visit)


def test_logs_tell_which_token_it_was_and_not_the_token() -> None:
    token = gate.make_token(Kind.LINK, uuid4()).clear
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(OneLine())
    handler.handle(logging.makeLogRecord({"msg": "Not Found: %s", "args": (f"/l/{token}/open/",), "name": "x"}))
    assert token not in written.getvalue()
    assert f"/l/({gate.hash_of(token)[:12]})/open/" in written.getvalue()
