"""What has come by a file request: filed where its owner wants it, or refused, and let go when nobody decides."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from accounts.actors import Actor
from documents.actions.arrivals import let_wait
from documents.actions.documents import fit_names, put_in_place
from documents.actions.topics import tag_documents
from documents.actions.trash import purge_held
from documents.jobs import KEEP_FINISHED
from documents.locks import lock_vault
from documents.models import Document, Folder, Topic, TrashEntry
from documents.names import clean_name, name_key
from documents.search import index_document
from docuvault.lib.failpoints import Failpoint, failpoint
from sharing import access, audit
from sharing.access import Level
from sharing.audit import Verb
from sharing.models_requests import FileRequest, ReceivedFile, ReceivedState

logger = logging.getLogger(__name__)


@transaction.atomic
def accept_received(
    row: ReceivedFile, folder: Folder | None, *, by: Actor, name: str = "", topics: Sequence[Topic] = ()
) -> Document:
    """File it: into a folder of one's own vault or its top, under topics, under another name where one is given.

    A name that is taken is numbered. Raises NotVisible (also where it was decided already), InvalidName.
    """
    (row,) = _held([row], by)
    document = row.document
    assert document is not None
    if name and (wanted := clean_name(name)) != document.name:
        document.name, document.name_key = wanted, name_key(wanted)
        document.save(update_fields=["name", "name_key", "updated_at"])
        index_document(document.pk)
    _file([row], _own(folder, by), by)
    for topic in topics:
        tag_documents([document], topic, by=by)
    return document


@transaction.atomic
def accept_all_received(asked: FileRequest, folder: Folder | None, *, by: Actor) -> list[Document]:
    """File all that waits in a request now. Raises NotVisible."""
    asked = access.fetch_request(by, asked.pk)
    lock_vault(asked.user_id)
    rows = _held(list(asked.received.filter(state=ReceivedState.WAITING)), by)
    _file(rows, _own(folder, by), by)
    return [row.document for row in rows if row.document is not None]


@transaction.atomic
def refuse_received(rows: Sequence[ReceivedFile], *, by: Actor) -> int:
    """Let go of them: the bytes are gone, and the space is free again. Answers how many. Raises NotVisible."""
    held = _held(rows, by)
    _let_go(held, ReceivedState.REFUSED, Verb.FILE_REFUSED, by)
    return len(held)


def expire_received(limit: int = 200) -> int:
    """Let go of what has waited for longer than the vault keeps it; answers how many files.

    A vault that fails is left for the next time, and does not keep the others waiting.
    """
    late = ReceivedFile.objects.filter(
        state=ReceivedState.WAITING, received_at__lt=now() - timedelta(days=settings.RECEIVED_DAYS)
    )
    rows = list(late.order_by("request__user", "received_at").values_list("request__user", "pk")[:limit])
    count = 0
    for owner_id in dict.fromkeys(owner for owner, _key in rows):
        try:
            count += _expire(owner_id, [key for owner, key in rows if owner == owner_id])
        except Exception:
            logger.exception("what waits for %s stays for now", owner_id)
    return count


def forget_failed() -> None:
    """Remove rows of files that never came, once their senders have heard of it."""
    ReceivedFile.objects.filter(state=ReceivedState.FAILED, created_at__lt=now() - KEEP_FINISHED).delete()


@transaction.atomic
def _expire(owner_id: UUID, keys: list[UUID]) -> int:
    lock_vault(owner_id)
    rows = _rows(keys)
    _let_go(rows, ReceivedState.EXPIRED, Verb.FILE_EXPIRED, Actor.job())
    return len(rows)


def _held(rows: Sequence[ReceivedFile], by: Actor) -> list[ReceivedFile]:
    """These of one's own files that wait, under the vault's lock. Raises NotVisible if one does not wait any more."""
    if by.active_user is None:
        raise access.NotVisible
    lock_vault(by.active_user.pk)
    wanted = {row.pk for row in rows}
    if access.own_received(by).filter(pk__in=wanted).count() != len(wanted):
        raise access.NotVisible
    held = _rows(sorted(wanted))
    if len(held) != len(wanted):
        raise access.NotVisible
    return held


def _rows(keys: Sequence[UUID]) -> list[ReceivedFile]:
    waiting = ReceivedFile.objects.select_for_update(of=("self",)).filter(pk__in=keys, state=ReceivedState.WAITING)
    return list(waiting.select_related("request", "document").order_by("received_at", "pk"))


def _own(folder: Folder | None, by: Actor) -> Folder | None:
    return None if folder is None else access.fetch_folder(by, folder.pk, Level.OWN)


def _file(rows: list[ReceivedFile], folder: Folder | None, by: Actor) -> None:
    documents = [row.document for row in rows if row.document is not None]
    if not documents:
        return
    entries = [document.trash_id for document in documents if document.trash_id is not None]
    put_in_place(documents, folder, fit_names(documents, documents[0].user_id, folder, keep_both=True))
    TrashEntry.objects.filter(pk__in=entries).delete()
    if folder is None:
        # What its owner has not given a place himself passes his rules, like anything new.
        for document in documents:
            let_wait(document.pk)
    _decide(rows, ReceivedState.ACCEPTED, Verb.FILE_ACCEPTED, by, {"to": folder.name if folder else ""})
    failpoint(Failpoint.RESTORING)


def _let_go(rows: list[ReceivedFile], state: ReceivedState, verb: Verb, by: Actor) -> None:
    if not rows:
        return
    documents = [row.document for row in rows if row.document is not None]
    entries = [document.trash_id for document in documents if document.trash_id is not None]
    _decide(rows, state, verb, by, None)
    # The row lets go of its document before that is purged: one that waits always has one.
    ReceivedFile.objects.filter(pk__in=[row.pk for row in rows]).update(document=None)
    purge_held(list(TrashEntry.objects.filter(pk__in=entries)), by)


def _decide(
    rows: list[ReceivedFile], state: ReceivedState, verb: Verb, by: Actor, details: dict[str, object] | None
) -> None:
    ReceivedFile.objects.filter(pk__in=[row.pk for row in rows]).update(state=state, decided_at=now())
    audit.record_many(
        verb,
        [
            (
                "document",
                row.document.pk,
                row.document.name,
                row.request.user_id,
                {**(details or {}), "sender": row.sender_name, "address": row.sender_email},
            )
            for row in rows
            if row.document is not None
        ],
        by=by,
    )
