"""What is opened to others: shares and links on a thing, made by somebody, received by somebody, and one by its id."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.actors import Actor
from accounts.models import Membership, User
from documents.models import Document, Folder
from docuvault.lib.asked_often import AskedOften
from sharing.access.levels import Level, NotVisible, Row, require_level
from sharing.access.own import open_handovers
from sharing.access.rule import LINK_RELATED, level_on, not_over, shared_folders, shares_for, through_shares
from sharing.models import Share, ShareLink, ShareReception


def _leading_to(item: Document | Folder) -> Q:
    """What is opened on the thing itself, or on a folder above it."""
    if isinstance(item, Folder):
        return Q(folder__in=item.path)
    return Q(document=item) | Q(folder__in=item.folder.path if item.folder else [])


def _of_live_items(rows: QuerySet[Row]) -> QuerySet[Row]:
    # Each names one of the two; the other join finds nothing, which counts as live.
    return rows.filter(document__trash=None, folder__trash=None)


def _opened_by(user: User, maker: str) -> Q:
    """Whatever is opened of the person's own, by whomever; and what he has opened himself and still manages."""
    folders = list(shared_folders(user, Level.MANAGE))
    managed = Q(folder__path__overlap=folders) | Q(document__folder__path__overlap=folders)
    managed |= Q(Exists(shares_for(user, Level.MANAGE).filter(document=OuterRef("document"))))
    return Q(document__user=user) | Q(folder__user=user) | Q(**{maker: user}) & managed


# --- Shares -------------------------------------------------------------------------------------------


def shares_on(actor: Actor, item: Document | Folder) -> QuerySet[Share]:
    """Every share by which this thing is opened: on itself and on the folders above. For who manages it."""
    require_level(level_on(actor, item), Level.MANAGE)
    return Share.objects.filter(_leading_to(item))


def holding(shares: QuerySet[Share]) -> QuerySet[Share]:
    """Those of these shares that have not ended."""
    return shares.filter(not_over())


def shares_along(actor: Actor, folders: Sequence[Folder]) -> QuerySet[Share]:
    """The shares of these folders and of those above, in the actor's own vault."""
    along = {key for folder in folders for key in folder.path}
    return Share.objects.filter(folder__in=along, folder__user=actor.active_user) if along else Share.objects.none()


def shares_of_documents(actor: Actor, documents: Sequence[Document]) -> QuerySet[Share]:
    """The shares of these very documents, of the actor's own."""
    return Share.objects.filter(document__in=list(documents), document__user=actor.active_user)


def shares_received(actor: Actor) -> QuerySet[Share]:
    """What others have opened to the actor and holds now, one share for each thing: the one that goes furthest."""
    user = actor.active_user
    if user is None:
        return Share.objects.none()
    furthest = _of_live_items(shares_for(user, Level.VIEW)).exclude(Q(document__user=user) | Q(folder__user=user))
    furthest = furthest.order_by("document_id", "folder_id", "-level", "pk").distinct("document_id", "folder_id")
    return Share.objects.filter(pk__in=furthest.values("pk"))


@AskedOften
def _new_shares(user_id: UUID) -> QuerySet[Share, tuple[Any, ...]]:
    answered = ShareReception.objects.filter(
        Q(accepted_at__isnull=False) | Q(hidden_at__isnull=False), share=OuterRef("pk"), user=user_id
    )
    mine = Share.objects.filter(not_over(), recipient=user_id)
    return _of_live_items(mine.exclude(Exists(answered))).values_list("pk")[:1]


def has_new_shares(actor: Actor) -> bool:
    """Whether something was shared with the actor himself that he has not answered yet."""
    user = actor.active_user
    if user is None:
        return False
    return bool(_new_shares(user.pk)) or open_handovers(actor).filter(receiver=user).exists()


def own_ways(actor: Actor, item: Document | Folder) -> QuerySet[Share]:
    """The shares of this very thing that hold for the actor: his own, and those with his groups. None of his things."""
    user = actor.active_user
    if user is None or item.trash_id is not None or item.user_id == user.pk:
        return Share.objects.none()
    of_item = Q(document=item) if isinstance(item, Document) else Q(folder=item)
    return shares_for(user, Level.VIEW).filter(of_item)


def has_own_way(actor: Actor, folder: Folder) -> bool:
    """Whether this very folder is shared with the actor, who may then leave it."""
    user = actor.active_user
    if user is None or folder.trash_id is not None or folder.user_id == user.pk:
        return False
    return folder.pk in shared_folders(user, Level.VIEW)


def shares_left(actor: Actor) -> QuerySet[Share]:
    """Shares with a group of the actor's that he himself has left and may come back to."""
    user = actor.active_user
    if user is None:
        return Share.objects.none()
    left = ShareReception.objects.filter(user=user, left_at__isnull=False).values("share")
    groups = Membership.objects.filter(user=user).values("group")
    shares = Share.objects.filter(not_over(), pk__in=left, group__in=groups)
    return _of_live_items(shares)


def shares_made(actor: Actor) -> QuerySet[Share]:
    """What the actor has opened to others: everything of his own, and what he has shared on and still manages."""
    user = actor.active_user
    if user is None:
        return Share.objects.none()
    return _of_live_items(Share.objects.filter(_opened_by(user, "shared_by")))


def fetch_share(actor: Actor, share_id: UUID) -> Share:
    """A share of something the actor manages. Raises NotVisible."""
    share = Share.objects.select_related("document__folder", "folder", "recipient", "group", "shared_by").filter(
        pk=share_id
    )
    found = share.first()
    if found is None or found.item.trash_id is not None:
        raise NotVisible
    if (level_on(actor, found.item) or 0) < Level.MANAGE:
        raise NotVisible
    return found


def manages_until(actor: Actor, item: Document | Folder) -> datetime | None:
    """When the actor's own right to manage this ends, if it does: nobody gives for longer than he has."""
    user = actor.active_user
    if user is None or item.user_id == user.pk:
        return None
    ends = list(shares_for(user, Level.MANAGE).filter(through_shares(item)).values_list("expires_at", flat=True))
    return None if None in ends or not ends else max(end for end in ends if end is not None)


# --- Links --------------------------------------------------------------------------------------------


def links_on(actor: Actor, item: Document | Folder) -> QuerySet[ShareLink]:
    """Every link by which this thing is opened: to itself and to the folders above. For who manages it."""
    require_level(level_on(actor, item), Level.MANAGE)
    return ShareLink.objects.filter(_leading_to(item))


def links_holding(links: QuerySet[ShareLink]) -> QuerySet[ShareLink]:
    """Those of these links that nobody has closed and whose time is not over. Their makers' rights are asked apart."""
    return links.filter(not_over(), revoked_at=None, paused_at=None)


def links_along(actor: Actor, folders: Sequence[Folder]) -> QuerySet[ShareLink]:
    """The links to these folders and to those above, in the actor's own vault."""
    along = {key for folder in folders for key in folder.path}
    mine = ShareLink.objects.filter(folder__in=along, folder__user=actor.active_user)
    return mine if along else ShareLink.objects.none()


def links_made(actor: Actor) -> QuerySet[ShareLink]:
    """Links to everything of the actor's own, by whomever, and those he has made to what he still manages."""
    user = actor.active_user
    if user is None:
        return ShareLink.objects.none()
    return _of_live_items(ShareLink.objects.filter(_opened_by(user, "made_by")))


def fetch_link(actor: Actor, link_id: UUID) -> ShareLink:
    """A link to something the actor manages. Raises NotVisible."""
    rows = ShareLink.objects.select_related("document__folder", *LINK_RELATED)
    found = rows.filter(pk=link_id).first()
    if found is None or found.item.trash_id is not None or (level_on(actor, found.item) or 0) < Level.MANAGE:
        raise NotVisible
    return found
