"""Renaming, moving and starring documents."""

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from documents.actions.errors import NameTaken, OtherVault
from documents.actions.folders import owner_of_place
from documents.locks import lock_vault
from documents.models import Document, Folder, Star
from documents.names import clean_name, name_key
from documents.uploads import next_free_name
from sharing import access, audit
from sharing.access import Level
from sharing.audit import Verb


@transaction.atomic
def rename_document(document: Document, name: str, *, by: Actor) -> Document:
    """Another name in the same folder. Raises InvalidName, NameTaken."""
    name = clean_name(name)
    access.require_document(by, document, Level.EDIT)
    lock_vault(document.user_id, is_shared=True)
    document = access.fetch_document(by, document.pk, Level.EDIT)
    if document.name == name:
        return document
    before = document.name
    document.name, document.name_key = name, name_key(name)
    _save(document, ["name", "name_key", "updated_at"])
    tell(Verb.DOCUMENT_RENAMED, document, by, {"from": before})
    return document


@transaction.atomic
def move_document(document: Document, to: Folder | None, *, by: Actor, keep_both: bool = False) -> Document:
    """To another folder of the same vault. Raises OtherVault, NameTaken (unless `keep_both`)."""
    access.require_document(by, document, Level.EDIT)
    lock_vault(document.user_id, is_shared=True)
    document = access.fetch_document(by, document.pk, Level.EDIT)
    to = None if to is None else access.fetch_folder(by, to.pk, Level.EDIT)
    if owner_of_place(to, by).pk != document.user_id:
        raise OtherVault(_("“%(name)s” belongs to another person's vault and stays there.") % {"name": document.name})
    if document.folder_id == (to.pk if to else None):
        return document
    source, document.folder = document.folder, to
    if keep_both:
        document.name = next_free_name(document.name, document.user_id, to)
        document.name_key = name_key(document.name)
    _save(document, ["folder", "name", "name_key", "updated_at"])
    tell(
        Verb.DOCUMENT_MOVED,
        document,
        by,
        {"from": source.name if source else "", "to": to.name if to else ""},
    )
    return document


def _save(document: Document, fields: list[str]) -> None:
    """Save, letting the unique index decide races for a name."""
    try:
        with transaction.atomic():
            document.save(update_fields=fields)
    except IntegrityError as error:
        if "uq_documents_live_folder_name" not in str(error):
            raise
        raise NameTaken(_("There is a document “%(name)s” there already.") % {"name": document.name})


@transaction.atomic
def star_document(document: Document, *, by: Actor) -> None:
    """Keep it at hand; starring twice is the same as once."""
    access.require_document(by, document, Level.VIEW)
    assert by.user is not None
    _star, is_new = Star.objects.get_or_create(user=by.user, document=document)
    if is_new:
        tell(Verb.DOCUMENT_STARRED, document, by)


@transaction.atomic
def unstar_document(document: Document, *, by: Actor) -> None:
    access.require_document(by, document, Level.VIEW)
    if Star.objects.filter(user=by.user, document=document).delete()[0]:
        tell(Verb.DOCUMENT_UNSTARRED, document, by)


def tell(verb: Verb, document: Document, by: Actor, details: dict[str, object] | None = None) -> None:
    audit.record(
        verb,
        by=by,
        target_kind="document",
        target_id=document.pk,
        target_name=document.name,
        owner=document.user_id,
        details=details,
    )
