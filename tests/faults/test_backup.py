"""F37: a backup or a restoration that is struck at any step: run again it is whole, with all that was acknowledged."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings

from accounts.actors import Actor
from documents.actions.trash import purge, trash_document
from documents.models import Document
from documents.storage import ObjectStore
from documents.tests.making import folders, put
from documents.upkeep.manifests import OBJECTS, generations, read_list
from documents.upkeep.places import PlaceUnusable, place_at
from documents.uploads import Sender, begin_requested
from docuvault.lib.failpoints import Effect, Failpoint
from sharing.actions.requests import Terms, make_request
from sharing.tests.test_file_requests import send, visitor
from tests.emptying import drop_database
from tests.faults.acting import KILLED_AND_MORE_IN_THE_SOAK, Driver
from tests.faults.upkeep import breaches, heal

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("faults")]

IN_A_BACKUP = [
    Failpoint.BACKUP_DUMPED,
    Failpoint.BACKUP_OBJECT_COPIED,
    Failpoint.BACKUP_ENDING,
    Failpoint.BACKUP_PRUNING,
]
IN_A_RESTORE = [Failpoint.RESTORE_COMMITTING, Failpoint.RESTORE_COMMITTED, Failpoint.RESTORE_OBJECT_PUT]


@pytest.fixture
def papers(alice_actor: Actor) -> None:
    """Two documents, one thrown away and one deleted for good: its object waits for its deletion."""
    put("a.txt", folders("Car", alice_actor), alice_actor)
    trash_document(put("thrown.txt", None, alice_actor), by=alice_actor)
    purge(trash_document(put("gone.txt", None, alice_actor), by=alice_actor), by=alice_actor)


@pytest.fixture
def vault() -> Iterator[str]:
    """The name of a database without tables, and of a bucket without objects."""
    name = f"restored_{secrets.token_hex(4)}"
    address = os.environ["DATABASE_MIGRATE_URL"]
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield name
        drop_database(connection, name)


def objects_in(folder: Path) -> list[str]:
    """The keys of the newest whole backup, each read and compared."""
    place = place_at(str(folder))
    whole, _begun = generations(place)
    found = list(read_list(place, whole[-1]))
    for item in found:
        data = b"".join(place.read(OBJECTS + item.key))
        assert (len(data), hashlib.sha256(data).hexdigest()) == (item.size_bytes, item.sha256)
    return [item.key for item in found]


@pytest.mark.parametrize("effect", KILLED_AND_MORE_IN_THE_SOAK)
@pytest.mark.parametrize("point", IN_A_BACKUP)
def test_f37_a_backup_struck_at_any_step_is_no_backup_and_the_next_one_is_whole(
    point: Failpoint, effect: Effect, driver: Driver, papers: None, tmp_path: Path, alice_actor: Actor
) -> None:
    asked: dict[str, Any] = {"place": str(tmp_path / "backup"), "keep": 1}
    (tmp_path / "backup").mkdir()
    before = driver.act("back_up", **asked).get("generation")
    late = put("later.txt", None, alice_actor)
    driver.struck(point, effect, "back_up", meanwhile=heal, **asked)
    whole, _begun = generations(place_at(asked["place"]))
    if effect is not Effect.HANG and point is not Failpoint.BACKUP_PRUNING:
        assert whole == [before]
        assert late.object_key not in objects_in(tmp_path / "backup")
    heal()
    assert breaches() == []
    again = driver.act("back_up", **asked)
    assert again.get("error") is None
    assert generations(place_at(asked["place"])) == ([again.get("generation")], [])
    assert set(objects_in(tmp_path / "backup")) == set(Document.objects.values_list("object_key", flat=True))
    kept = {path.name for path in (tmp_path / "backup" / "objects").rglob("*") if path.is_file()}
    assert kept == {key.rpartition("/")[2] for key in objects_in(tmp_path / "backup")}


@pytest.mark.parametrize("effect", KILLED_AND_MORE_IN_THE_SOAK)
@pytest.mark.parametrize("point", IN_A_RESTORE)
def test_f37_a_restoration_struck_at_any_step_is_whole_when_it_is_run_again(
    point: Failpoint, effect: Effect, driver: Driver, papers: None, tmp_path: Path, vault: str
) -> None:
    place = tmp_path / "backup"
    place.mkdir()
    assert driver.act("back_up", place=str(place)).get("error") is None
    ended = driver.struck(point, effect, "restore_into", place=str(place), vault=vault)
    if effect is not Effect.HANG:
        assert ended.get("documents") is None
        ended = driver.act("restore_into", place=str(place), vault=vault)
    assert ended.get("error") is None
    assert ended.get("lost") == 0
    assert ended.get("breaches") == []
    assert ended.get("documents") == 2
    assert ended.get("copied") + ended.get("there") == 2
    heal()
    assert breaches() == []


def test_a_backup_in_a_bucket_of_its_own_restores_like_one_in_a_folder(
    driver: Driver, papers: None, vault: str, alice_actor: Actor
) -> None:
    name = f"kept-{secrets.token_hex(4)}"
    address = f"s3://{name}/office/vault"
    with pytest.raises(PlaceUnusable, match="there is no such bucket"):
        list(place_at(address).sizes("generations/"))
    with pytest.raises(PlaceUnusable, match="the vault's own bucket"):
        place_at(f"s3://{settings.S3_BUCKET}/backup")
    keys = {"access_key": settings.S3_ACCESS_KEY_ID, "secret_key": settings.S3_SECRET_ACCESS_KEY}
    ObjectStore(endpoint_url=settings.S3_ENDPOINT_URL, bucket=name, **keys).make_bucket()
    put("large.bin", None, alice_actor, os.urandom(9_000_000))  # more than one part
    assert driver.act("back_up", place=address).get("copied") == 3
    # The next one takes what is new, also after one that was killed on its way.
    put("later.txt", None, alice_actor)
    driver.struck(Failpoint.BACKUP_OBJECT_COPIED, Effect.KILL, "back_up", place=address)
    again = driver.act("back_up", place=address)
    assert (again.get("error"), again.get("copied")) == (None, 0)
    assert {found.split("/")[0] for found, _size in place_at(f"s3://{name}").sizes("office/")} == {"office"}
    ended = driver.act("restore_into", place=address, vault=vault)
    assert (ended.get("error"), ended.get("lost"), ended.get("breaches")) == (None, 0, [])
    assert (ended.get("documents"), ended.get("copied")) == (4, 4)


def test_what_waits_by_a_file_request_is_restored_and_what_was_arriving_leaves_its_place_free(
    driver: Driver, tmp_path: Path, vault: str, alice_actor: Actor
) -> None:
    asked, _token = make_request(folders("Inbox", alice_actor), Terms("Bills", max_files=2), by=alice_actor)
    send(asked, "bill.pdf", b"%PDF-1.4 the bill")
    begin_requested(asked, "half.pdf", 4_000_000, sender=Sender("", ""), by=visitor(asked, "other"))
    place = tmp_path / "backup"
    place.mkdir()
    assert driver.act("back_up", place=str(place)).get("error") is None
    ended = driver.act("restore_into", place=str(place), vault=vault)
    assert (ended.get("error"), ended.get("lost"), ended.get("breaches"), ended.get("copied")) == (None, 0, [], 1)
    found = driver.act("accept_all_in", vault=vault)
    assert (found.get("error"), found.get("states"), found.get("taken")) == (None, ["waiting"], 1)
    assert (found.get("filed"), found.get("visible")) == ({"bill.pdf": "%PDF-1.4 the bill"}, [True])
    assert found.get("breaches") == []
