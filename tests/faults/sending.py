"""A file that is sent while something breaks: asked for again as its sender would, and there once in the end."""

from dataclasses import dataclass
from typing import Any

from accounts.actors import Actor
from accounts.models import Quota
from documents.models import Document
from documents.storage import store
from documents.tests.making import put
from docuvault.lib.failpoints import Failpoint
from sharing.models import AuditEvent
from tests.faults.acting import Driver, Ended
from tests.faults.driver import bytes_of
from tests.faults.upkeep import breaches, heal

CHUNKS = 3
SEED = 7
STEPS: dict[str, list[Failpoint]] = {
    "one_pass": [
        Failpoint.UPLOAD_BEGINNING,
        Failpoint.UPLOAD_BEGUN,
        Failpoint.CHUNK_WRITTEN,
        Failpoint.STREAM_WRITTEN,
        Failpoint.UPLOAD_FILING,
        Failpoint.UPLOAD_FILED,
    ],
    "whole": [Failpoint.WHOLE_PUT, Failpoint.WHOLE_FILING, Failpoint.WHOLE_FILED],
    "tus": [
        Failpoint.UPLOAD_BEGINNING,
        Failpoint.UPLOAD_BEGUN,
        Failpoint.PIECE_NOTED,
        Failpoint.PIECE_PUT,
        Failpoint.PIECE_NAMING,
        Failpoint.PIECE_NAMED,
        Failpoint.UPLOAD_FINISHING,
        Failpoint.PIECE_COPIED,
        Failpoint.UPLOAD_ASSEMBLED,
        Failpoint.UPLOAD_FILING,
        Failpoint.UPLOAD_FILED,
    ],
}
ON_THE_WAY_IN = [(point, act) for act, points in STEPS.items() for point in points]


@dataclass
class Sending:
    """One file of Alice's on one of the ways in, and a bystander that nothing may touch."""

    act: str
    by: Actor
    size: int = 3000
    ended: Ended | None = None

    def __post_init__(self) -> None:
        put("bystander.txt", None, self.by)

    @property
    def asked(self) -> dict[str, Any]:
        asked: dict[str, Any] = {"who": "alice", "name": "paper.bin", "seed": SEED, "size": self.size}
        if self.act != "one_pass":
            asked["key"] = "the same"
        if self.act == "tus":
            asked["chunk"] = self.size // CHUNKS
        return asked

    def retry(self, driver: Driver) -> None:
        """What the sender does: a person looks whether it is there, a client asks with its key or its address."""
        wanted = Document.objects.filter(name="paper.bin")
        told = self.ended
        assert told is not None
        if told.get("document"):
            assert str(wanted.get().pk) == told.get("document")
        assert wanted.count() <= 1
        if self.act == "one_pass" and wanted.exists():
            return
        again = {"url": told.get("url") or ""} if self.act == "tus" else {}
        answer = driver.act(self.act, **self.asked, **again)
        assert answer.get("error") is None
        assert answer.get("status") is None

    def is_there_once(self) -> None:
        """After all that runs by itself has run."""
        heal()
        assert breaches() == []
        document = Document.objects.get(name="paper.bin")
        assert not Document.objects.exclude(name__in=["paper.bin", "bystander.txt"]).exists()
        assert b"".join(store().open(document.object_key)) == bytes_of(SEED, self.size)
        assert AuditEvent.objects.filter(action="document_added").count() == 2
        assert Quota.objects.get(user=self.by.user).used_bytes == self.size + len(b"paper")
