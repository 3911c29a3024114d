"""Saved searches shown to others: the words of a search. Each finds by them what he may see himself."""

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Group
from documents.actions.errors import Refused
from documents.actions.saved_views import held_view, tell_of_view
from documents.models import SavedView
from sharing import access
from sharing.actions.shares import CannotShare, find_person, typed_key, typed_text
from sharing.audit import Verb
from sharing.models import ViewShare

SHARES_LIMIT = 100


@transaction.atomic
def share_view(view: SavedView, receiver: Group | str, *, by: Actor) -> ViewShare:
    """Show a search of one's own to a group, or to whom somebody typed, who is answered for alike if he is not here.

    Raises NotVisible, CannotShare, Refused.
    """
    view = held_view(view, by)
    group = receiver if isinstance(receiver, Group) else None
    typed = typed_text(receiver) if isinstance(receiver, str) else ""
    if group is None and not typed_key(typed):
        raise CannotShare(_("Say with whom: a handle or an e-mail address."))
    person = find_person(typed) if group is None else None
    if person is not None and person.pk == view.user_id:
        raise CannotShare(_("That is yourself: you can see it already."))
    there = ViewShare.objects.filter(view=view)
    found = there.filter(group=group, typed_key=typed_key(typed)).first()
    if found is not None:
        return found
    if there.count() >= SHARES_LIMIT:
        raise Refused(_("A search can be shared with %(limit)d people and groups.") % {"limit": SHARES_LIMIT})
    made = ViewShare.objects.create(view=view, recipient=person, group=group, typed=typed, typed_key=typed_key(typed))
    tell_of_view(Verb.VIEW_SHARED, view, by, {"to": made.receiver})
    return made


@transaction.atomic
def withdraw_view_share(share: ViewShare, *, by: Actor) -> None:
    """From the next request on it is not shown there any more. Raises NotVisible."""
    view = held_view(access.fetch_view_share(by, share.pk).view, by)
    share = access.fetch_view_share(by, share.pk)
    tell_of_view(Verb.VIEW_UNSHARED, view, by, {"to": share.receiver})
    share.delete()


@transaction.atomic
def leave_view(view: SavedView, *, by: Actor) -> None:
    """Take another person's search off one's list; others of a group keep it. Raises NotVisible."""
    view = access.fetch_visible_view(by, view.pk)
    shares = list(access.view_shares_received(by, view).select_for_update(of=("self",)).order_by("pk"))
    if by.user is None or not shares:
        raise access.NotVisible
    for share in shares:
        if share.group_id is None:
            share.delete()
        else:
            share.left = [*share.left, by.user.pk]
            share.save(update_fields=["left"])
    tell_of_view(Verb.VIEW_LEFT, view, by)
