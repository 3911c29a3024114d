"""check_vault: each invariant broken on purpose, found, and put right where that is safe."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from accounts.actors import Actor
from accounts.models import User
from documents import uploads
from documents.actions.trash import trash_document, trash_folder
from documents.models import (
    Document,
    UpkeepRun,
    Version,
)
from documents.storage import ObjectStore, StoredObject, store
from documents.tests.making import folders, put
from documents.upkeep.checking import check_vault
from documents.upkeep.findings import INVARIANTS, Report

BY = Actor.command()


@pytest.fixture(autouse=True)
def own_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bucket is shared by the tests of a process: only what this test puts is seen."""
    listed = ObjectStore.objects
    before = {item.key for item in store().objects()}

    def objects(self: ObjectStore, prefix: str = "", after: str = "") -> Iterator[StoredObject]:
        return (item for item in listed(self, prefix, after) if item.key not in before)

    monkeypatch.setattr(ObjectStore, "objects", objects)


def check(is_repair: bool = False, *, share: float = 1.0, hours: float = 24, canaries: tuple[str, ...] = ()) -> Report:
    return check_vault(is_repair=is_repair, share=share, grace=timedelta(hours=hours), by=BY, canaries=canaries)


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def found(report: Report) -> list[tuple[str, str]]:
    return sorted((breach.invariant, breach.target) for breach in report.breaches)


@pytest.fixture
def busy(alice: User, bob: User, alice_actor: Actor, bob_actor: Actor) -> Document:
    """A vault in which much has happened; the document is Alice's, in a folder, with two versions."""
    place = folders("Taxes/2026", alice_actor)
    document = put("a.pdf", place, alice_actor, b"first")
    upload = uploads.begin_upload("a.pdf", 6, place, by=alice_actor, replaces=document)
    uploads.receive(upload.pk, 0, __import__("io").BytesIO(b"second"), 6, by=alice_actor)
    trash_document(put("b", None, alice_actor), by=alice_actor)
    put("in", folders("Old/er", alice_actor), alice_actor)
    trash_folder(folders("Old", alice_actor), by=alice_actor)
    put("c", None, bob_actor, b"")
    uploads.begin_upload("under way", 10, None, by=bob_actor)
    document.refresh_from_db()
    return document


def test_a_vault_that_is_well_is_clean_in_every_invariant(busy: Document) -> None:
    report = check()
    assert found(report) == []
    assert report.is_clean
    assert {item.id for item in INVARIANTS} - report.looked_at.keys() == {"I11", "I12"}
    assert report.figures["versions"] == report.figures["read"] == Version.objects.count()
    run = UpkeepRun.objects.get(kind="check")
    assert (run.breaches, run.repaired, run.failure) == (0, 0, "")
    assert run.bytes_read == report.figures["bytes_read"] > 0
    assert run.finished_at is not None
