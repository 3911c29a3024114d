"""Saved views: a search kept under a name, in the rail of the person who keeps it."""

import uuid
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from documents.actions.errors import NameTaken, Refused
from documents.models import SavedView
from documents.names import clean_name, name_key
from documents.search.finding import SORTS
from documents.search.grammar import parse
from sharing import access, audit
from sharing.audit import Verb

VIEWS_LIMIT = 100
LONGEST = 2000


@transaction.atomic
def save_view(name: str, line: str, sort: str, *, by: Actor, key: UUID | None = None) -> SavedView:
    """Keep a search; `key` is the id it is to have.

    Raises InvalidName, NameTaken, Refused (nothing asked for, or too many kept).
    """
    if by.active_user is None:
        raise access.NotVisible
    name, query = clean_name(name), parse(line)
    if query.is_empty:
        raise Refused(_("There is nothing to save: the search is empty."))
    if len(query.line) > LONGEST:
        raise Refused(_("This search is too long to be saved."))
    if access.own_views(by).count() >= VIEWS_LIMIT:
        raise Refused(_("You can keep %(limit)d searches. Delete one first.") % {"limit": VIEWS_LIMIT})
    view = SavedView(
        pk=key or uuid.uuid4(),
        user=by.active_user,
        name=name,
        name_key=name_key(name),
        query=query.line,
        sort=sort if sort in SORTS else "",
    )
    _save(view, is_new=True)
    tell_of_view(Verb.VIEW_SAVED, view, by)
    return view


@transaction.atomic
def rename_view(view: SavedView, name: str, *, by: Actor) -> SavedView:
    """Another name. Raises InvalidName, NameTaken, NotVisible."""
    view, name = held_view(view, by), clean_name(name)
    if name == view.name:
        return view
    before, view.name, view.name_key = view.name, name, name_key(name)
    _save(view, is_new=False)
    tell_of_view(Verb.VIEW_RENAMED, view, by, {"from": before})
    return view


@transaction.atomic
def delete_view(view: SavedView, *, by: Actor) -> None:
    """The search is kept no longer; what it finds stays. Raises NotVisible."""
    view = held_view(view, by)
    tell_of_view(Verb.VIEW_DELETED, view, by)
    view.delete()


def held_view(view: SavedView, by: Actor) -> SavedView:
    """The search, if it is the actor's own; nobody else changes it before this transaction ends. Raises NotVisible."""
    access.fetch_view(by, view.pk)
    list(SavedView.objects.select_for_update().filter(pk=view.pk))
    return access.fetch_view(by, view.pk)


def _save(view: SavedView, *, is_new: bool) -> None:
    try:
        with transaction.atomic():
            view.save(force_insert=is_new, force_update=not is_new)
    except IntegrityError as error:
        if "uq_saved_views_user_name" not in str(error):
            raise
        raise NameTaken(_("There is a saved view “%(name)s” already.") % {"name": view.name})


def tell_of_view(verb: Verb, view: SavedView, by: Actor, details: dict[str, object] | None = None) -> None:
    audit.record(
        verb,
        by=by,
        target_kind="view",
        target_id=view.pk,
        target_name=view.name,
        owner=view.user_id,
        details=details,
    )
