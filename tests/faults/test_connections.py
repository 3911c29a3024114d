"""Connections to the database and to the store that break: cut, reset, silent, slow, full, answers that get lost."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from django.utils.timezone import now

from accounts.actors import Actor
from documents.actions.trash import purge, trash_document
from documents.models import Document, PendingDeletion, Upload
from documents.storage import store
from documents.tests.making import put
from docuvault.lib.failpoints import Effect, Failpoint
from tests.faults.acting import Driver, running_driver
from tests.faults.proxy import Faults, Proxy
from tests.faults.sending import ON_THE_WAY_IN, Sending
from tests.faults.upkeep import breaches, heal

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("faults")]
IN_PIECES_AND_MORE_IN_THE_SOAK = ["tus", *(pytest.param(act, marks=pytest.mark.soak) for act in ("one_pass", "whole"))]


@pytest.fixture(scope="module")
def database() -> Iterator[Proxy]:
    address = urlsplit(os.environ["DATABASE_URL"])
    proxy = Proxy(Path(unquote(address.netloc.rpartition("@")[2].partition(":")[0])) / ".s.PGSQL.5432")
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def far_store() -> Iterator[Proxy]:
    address = urlsplit(os.environ["S3_ENDPOINT_URL"])
    proxy = Proxy((str(address.hostname), int(address.port or 80)))
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def driver(
    tmp_path_factory: pytest.TempPathFactory,
    database: Proxy,
    far_store: Proxy,
    django_db_setup: None,
    django_db_blocker: Any,
) -> Iterator[Driver]:
    folder, address = tmp_path_factory.mktemp("driver"), f"http://127.0.0.1:{far_store.port}"
    with running_driver(folder, database_port=database.port, S3_ENDPOINT_URL=address) as made:
        yield made


# --- The database -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("point", "act"), ON_THE_WAY_IN)
def test_f15_the_database_gone_at_any_step_of_an_upload(
    point: Failpoint, act: str, driver: Driver, database: Proxy, alice_actor: Actor
) -> None:
    sending = Sending(act, alice_actor)
    sending.ended = driver.struck(point, Effect.HANG, act, meanwhile=database.cut, **sending.asked)
    assert sending.ended.get("status") in {None, 503}
    sending.retry(driver)
    sending.is_there_once()


@pytest.mark.parametrize("commit", range(6))
@pytest.mark.parametrize("act", IN_PIECES_AND_MORE_IN_THE_SOAK)
def test_f16_a_commit_whose_answer_is_lost(
    act: str, commit: int, driver: Driver, database: Proxy, alice_actor: Actor
) -> None:
    sending = Sending(act, alice_actor)
    with database.broken(Faults(loses_answer_to=b"COMMIT", skips=commit, times=1)):
        sending.ended = driver.act(act, **sending.asked)
    sending.retry(driver)
    sending.is_there_once()


def test_f15_a_slow_database_changes_nothing(driver: Driver, database: Proxy, alice_actor: Actor) -> None:
    sending = Sending("tus", alice_actor)
    with database.broken(Faults(delay=0.005)):
        sending.ended = driver.act("tus", **sending.asked)
    assert sending.ended.get("document")
    sending.is_there_once()


# --- The store ----------------------------------------------------------------------------------------

ANSWERS = {
    "f08_refuses": Faults(is_refusing=True),
    "f09_says_nothing": Faults(is_silent=True),
    "f10_500": Faults(status=500),
    "f10_503": Faults(status=503, code="SlowDown"),
    "f10_reset_on_the_way": Faults(cut_after_sent=1200),
    "f10_reset_in_the_answer": Faults(cut_after_answered=8),
    "f10_reset_after_a_200": Faults(cut_after_answered=20),
    "f11_full": Faults(status=507, code="InsufficientStorage"),
    "f12_answer_lost": Faults(loses_answer_to=b"PUT /"),
}


def faults(case: str, **more: Any) -> Faults:
    return Faults(**{**vars(ANSWERS[case]), **more})


@pytest.mark.parametrize("act", IN_PIECES_AND_MORE_IN_THE_SOAK)
@pytest.mark.parametrize("case", ANSWERS)
def test_f08_f12_a_store_that_stays_broken_is_told_and_leaves_nothing(
    case: str, act: str, driver: Driver, far_store: Proxy, alice_actor: Actor
) -> None:
    sending = Sending(act, alice_actor)
    before = far_store.struck
    with far_store.broken(faults(case)):
        sending.ended = driver.act(act, **sending.asked)
    assert far_store.struck > before
    assert sending.ended.get("document") is None
    if act != "one_pass":
        assert sending.ended.get("status") == (507 if case == "f11_full" else 503)
    assert not Document.objects.filter(name="paper.bin").exists()
    sending.retry(driver)
    sending.is_there_once()


@pytest.mark.parametrize("act", IN_PIECES_AND_MORE_IN_THE_SOAK)
@pytest.mark.parametrize(
    "case", ["f10_500", "f10_503", "f10_reset_on_the_way", "f10_reset_in_the_answer", "f12_answer_lost"]
)
def test_f10_f12_a_store_that_fails_once_is_asked_again_and_nobody_notices(
    case: str, act: str, driver: Driver, far_store: Proxy, alice_actor: Actor
) -> None:
    sending = Sending(act, alice_actor)
    before = far_store.struck
    with far_store.broken(faults(case, times=1)):
        sending.ended = driver.act(act, **sending.asked)
    assert far_store.struck == before + 1
    assert sending.ended.get("document")
    sending.is_there_once()


@pytest.mark.parametrize("call", [b"POST /", b"PUT /"])
@pytest.mark.parametrize("times", [1, -1])
def test_f10_a_large_object_whose_parts_or_end_fail(
    times: int, call: bytes, driver: Driver, far_store: Proxy, alice_actor: Actor
) -> None:
    sending = Sending("one_pass", alice_actor, size=9_000_000)
    with far_store.broken(Faults(status=500, only=call, times=times)):
        sending.ended = driver.act("one_pass", **sending.asked)
    assert bool(sending.ended.get("document")) == (times == 1)
    sending.retry(driver)
    sending.is_there_once()


def test_f10_a_slow_store_changes_nothing(driver: Driver, far_store: Proxy, alice_actor: Actor) -> None:
    sending = Sending("tus", alice_actor)
    with far_store.broken(Faults(delay=0.02, bytes_per_second=200_000)):
        sending.ended = driver.act("tus", **sending.asked)
    assert sending.ended.get("document")
    sending.is_there_once()


@pytest.mark.parametrize("case", ["f08_refuses", "f09_says_nothing", "f10_503", "f10_reset_in_the_answer"])
def test_f08_f10_objects_are_deleted_when_the_store_is_back(
    case: str, driver: Driver, far_store: Proxy, alice_actor: Actor
) -> None:
    for n in range(3):
        purge(trash_document(put(f"{n}", None, alice_actor), by=alice_actor), by=alice_actor)
    with far_store.broken(faults(case)):
        driver.act("job", task="documents.tasks.purge_objects", arguments=[])
    assert PendingDeletion.objects.count() == 3
    assert PendingDeletion.objects.filter(due_at__gt=now(), attempts=1).count() == 1
    heal()
    assert not list(store().objects())
    assert breaches() == []


def test_f06_a_sender_who_vanishes_between_two_requests_leaves_nothing(driver: Driver, alice_actor: Actor) -> None:
    sending = Sending("tus", alice_actor)
    driver.struck(Failpoint.PIECE_NAMED, Effect.KILL, "tus", **sending.asked)
    assert Upload.objects.filter(state="receiving").count() == 1
    heal()
    heal()
    assert Upload.objects.get(name="paper.bin").state == "expired"
    assert breaches() == []
    assert len(list(store().objects())) == 1
