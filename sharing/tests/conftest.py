"""What tests of sharing and of the trail stand on."""

import pytest

from accounts.actors import Actor
from documents.models import Document, Folder
from documents.storage import ANCHOR_PREFIX, store
from documents.tests.making import folders, put
from sharing.trail import sealing

# PostgreSQL knows one row of transactions for all its databases; those of the tests beside ours, and of
# the server's own upkeep, need not end first.
OURS_ALONE = """(
    SELECT coalesce(min(backend_xid::text::bigint), 9000000000000000000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
)"""


@pytest.fixture
def no_anchors(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bucket holds no anchors of other tests' trails, and their transactions hold back no seal."""
    asked = sealing.LAST_XACT.replace("pg_snapshot_xmin(pg_current_snapshot())::text::bigint", OURS_ALONE)
    assert asked != sealing.LAST_XACT
    monkeypatch.setattr(sealing, "LAST_XACT", asked)
    for name, _text in list(store().anchors()):
        store()._client.delete_object(Bucket=store().bucket, Key=ANCHOR_PREFIX + name)


@pytest.fixture
def paper(alice_actor: Actor) -> Document:
    return put("paper.txt", folders("Car/Insurance", alice_actor), alice_actor)


@pytest.fixture
def car(paper: Document) -> Folder:
    assert paper.folder is not None
    assert paper.folder.parent is not None
    return paper.folder.parent
