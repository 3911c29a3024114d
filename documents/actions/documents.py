"""Renaming, moving and starring documents.

A change of name or place holds the vault's lock alone: names are then read, compared and written
without anybody in between. Adding files shares the lock, so its end waits for a change and a
change waits for it.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.actors import Actor
from documents.actions.errors import ChangedMeanwhile, NameTaken, OtherVault
from documents.actions.folders import owner_of_place
from documents.jobs import learn_soon
from documents.locks import lock_vault
from documents.models import Document, FilingChange, Folder, Star
from documents.names import clean_name, free_name, name_key
from documents.search import index_document, index_documents
from sharing import access, audit
from sharing.access import Level
from sharing.audit import Verb

NAMED_CLASHES = 3


@transaction.atomic
def rename_document(document: Document, name: str, *, by: Actor, known: str | None = None) -> Document:
    """Another name in the same folder. `known` is the name that was shown to whoever asks.

    Raises InvalidName, NameTaken, ChangedMeanwhile.
    """
    name = clean_name(name)
    access.require_document(by, document, Level.EDIT)
    lock_vault(document.user_id)
    document = access.fetch_document(by, document.pk, Level.EDIT)
    if document.name == name:
        return document
    if known is not None and document.name != known:
        raise ChangedMeanwhile(document.name, name)
    key = name_key(name)
    neighbours = Document.objects.live().owned_by(document.user_id).in_folder(document.folder)
    if neighbours.filter(name_key=key).exclude(pk=document.pk).exists():
        raise NameTaken(_clash([name]))
    before, document.name, document.name_key = document.name, name, key
    document.save(update_fields=["name", "name_key", "updated_at"])
    index_document(document.pk)
    _tell(Verb.DOCUMENT_RENAMED, document, by, document.user_id, {"from": before})
    return document


def move_document(document: Document, to: Folder | None, *, by: Actor, keep_both: bool = False) -> Document:
    """To another folder of the same vault. Raises OtherVault, NameTaken (unless `keep_both`)."""
    return move_documents([document], to, by=by, keep_both=keep_both)[0]


@transaction.atomic
def move_documents(
    documents: Sequence[Document], to: Folder | None, *, by: Actor, keep_both: bool = False, rule: str = ""
) -> list[Document]:
    """All of them to another folder of their vault, or none; by a rule of this name, where one does it.

    Raises OtherVault, and NameTaken naming the clashes (unless `keep_both` numbers them).
    """
    wanted = [document.pk for document in documents]
    for owner in sorted(access.owners_of(access.fetch_documents(by, wanted, Level.EDIT))):
        lock_vault(owner)
    rows = access.fetch_documents(by, wanted, Level.EDIT)
    to = None if to is None else access.fetch_folder(by, to.pk, Level.EDIT)
    owner_id = owner_of_place(to, by).pk
    for row in rows:
        if row.user_id != owner_id:
            raise OtherVault(_("“%(name)s” belongs to another person's vault and stays there.") % {"name": row.name})
    moving = [row for row in rows if row.folder_id != (to.pk if to else None)]
    sources = {row.pk: row.name for row in Folder.objects.filter(documents__in=moving)}
    places = [sources[row.folder_id] if row.folder_id else "" for row in moving]
    put_in_place(moving, to, fit_names(moving, owner_id, to, keep_both=keep_both))
    audit.record_many(
        Verb.DOCUMENT_MOVED,
        [
            (
                "document",
                row.pk,
                row.name,
                owner_id,
                {"from": place, "to": to.name if to else "", **({"rule": rule} if rule else {})},
            )
            for row, place in zip(moving, places, strict=True)
        ],
        by=by,
    )
    if moving:
        learn_soon(by)
    return rows


def fit_names(rows: Sequence[Document], owner_id: UUID, folder: Folder | None, *, keep_both: bool) -> set[UUID]:
    """Give each a name that is free in the folder, under the vault's lock; answers which changed.

    Without `keep_both` a clash raises NameTaken, naming the first few.
    """
    there = Document.objects.live().owned_by(owner_id).in_folder(folder).exclude(pk__in=[row.pk for row in rows])
    taken = set(there.filter(name_key__in={row.name_key for row in rows}).values_list("name_key", flat=True))
    clashes, seen = [], set(taken)
    for row in rows:
        if row.name_key in seen:
            clashes.append(row)
        seen.add(row.name_key)
    if not clashes:
        return set()
    if not keep_both:
        raise NameTaken(_clash([row.name for row in clashes]))
    clashing = {row.pk for row in clashes}
    # A number must not take the name of another that comes along.
    taken = set(there.values_list("name_key", flat=True)) | {row.name_key for row in rows if row.pk not in clashing}
    for row in clashes:
        row.name = free_name(row.name, taken)
        row.name_key = name_key(row.name)
        taken.add(row.name_key)
    return clashing


def put_in_place(rows: Sequence[Document], folder: Folder | None, renamed: set[UUID]) -> None:
    """Write the folder, the names that changed, and that the rows are live."""
    moment = now()
    for row in rows:
        row.folder, row.trash, row.updated_at = folder, None, moment
        if row.pk in renamed:
            row.save(update_fields=["folder", "name", "name_key", "trash", "updated_at"])
    kept = [row.pk for row in rows if row.pk not in renamed]
    if kept:
        Document.objects.filter(pk__in=kept).update(folder=folder, trash=None, updated_at=moment)
    index_documents(renamed)
    # What a rule moved and somebody moves now stays where he puts it, whatever is undone.
    FilingChange.objects.filter(document__in=list(rows), topic=None, is_past=False).update(is_past=True)


def _clash(names: Sequence[str]) -> str:
    """Which names are taken, the first few of them by name."""
    shown = " ".join(f"“{name}”" for name in names[:NAMED_CLASHES])
    if len(names) == 1:
        return _("There is a document %(name)s there already.") % {"name": shown}
    left = len(names) - NAMED_CLASHES
    if left <= 0:
        return _("There are documents of these names there already: %(names)s.") % {"names": shown}
    return ngettext(
        "There are documents of these names there already: %(names)s and %(count)d more.",
        "There are documents of these names there already: %(names)s and %(count)d more.",
        left,
    ) % {"names": shown, "count": left}


@transaction.atomic
def star_document(document: Document, *, by: Actor) -> None:
    """Keep it at hand; starring twice is the same as once. Each person's own, and so is its trail."""
    document = _held(document, by)
    assert by.user is not None
    _star, is_new = Star.objects.get_or_create(user=by.user, document=document)
    if is_new:
        _tell(Verb.DOCUMENT_STARRED, document, by, by.user.pk)


@transaction.atomic
def unstar_document(document: Document, *, by: Actor) -> None:
    document = _held(document, by)
    assert by.user is not None
    if Star.objects.filter(user=by.user, document=document).delete()[0]:
        _tell(Verb.DOCUMENT_UNSTARRED, document, by, by.user.pk)


def _held(document: Document, by: Actor) -> Document:
    """Seen, and not purged before this transaction ends."""
    access.require_document(by, document, Level.VIEW)
    lock_vault(document.user_id, is_shared=True)
    return access.fetch_document(by, document.pk)


def _tell(verb: Verb, document: Document, by: Actor, owner_id: UUID, details: dict[str, object] | None = None) -> None:
    audit.record(
        verb,
        by=by,
        target_kind="document",
        target_id=document.pk,
        target_name=document.name,
        owner=owner_id,
        details=details,
    )
