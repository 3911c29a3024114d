"""The steps of an export and an import, and a small vault that has to come through them."""

from accounts.actors import Actor
from documents.actions.topics import make_topic, tag_documents
from documents.actions.trash import trash_document
from documents.tests.exports import again
from documents.tests.making import folders, put
from docuvault.lib.failpoints import Failpoint

ON_THE_WAY_OUT = [point for point in Failpoint if point.startswith(("export.", "import."))]


def make_a_vault(by: Actor) -> None:
    """Two papers, one with a past and a topic, and one in the trash."""
    twice = again(put("twice.txt", folders("Car/Deep", by), by, b"first"), b"second", by)
    tag_documents([twice], make_topic("Tax", "green", by=by), by=by)
    put("empty", None, by, b"")
    trash_document(put("old.txt", folders("Car", by), by), by=by)
