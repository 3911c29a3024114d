"""The rule itself: what an actor sees as a set, and how far he may go with one thing.

Sets and single answers come from the same two conditions (`shared_folders`, `shared_documents`).
The owner may all; a share holds for a document, or for a folder and all below it, directly or
through a group, until it expires; what is in the trash is its owner's alone. The holder of a link is
nobody: he sees what the link opens (`open_link`), as long as its maker may open it, and nothing else. Rejected:
rights kept as rows per document and person, which a move of a large folder would have to rewrite.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Membership, User
from documents.models import Document, Folder
from docuvault.lib.asked_often import AskedOften
from sharing.access.levels import Level, NotAllowed, NotVisible, require_level
from sharing.access.looking import once
from sharing.models import LinkLevel, Share, ShareLink, ShareReception
from sharing.policy import policy

# --- Shares that hold for a person now ----------------------------------------------------------------


def not_over() -> Q:
    """The end of a share or a link is not reached."""
    return Q(expires_at=None) | Q(expires_at__gt=now())


def shares_for(user: User, at_least: Level) -> QuerySet[Share]:
    groups = Membership.objects.filter(user=user).values("group")
    left = ShareReception.objects.filter(share=OuterRef("pk"), user=user, left_at__isnull=False)
    return Share.objects.filter(
        Q(recipient=user) | Q(group__in=groups) & ~Exists(left),
        not_over(),
        level__gte=at_least,
    )


@dataclass(frozen=True)
class Opened:
    """What shares open to somebody: folders and how far, how far any single document, and whose all of it is."""

    folders: dict[UUID, Level]
    documents: Level | None
    owners: frozenset[UUID]

    def folders_at(self, at_least: Level) -> dict[UUID, Level]:
        return {folder: level for folder, level in self.folders.items() if level >= at_least}


@AskedOften
def _shares_of(user_id: UUID) -> QuerySet[Share, tuple[Any, ...]]:
    shares = shares_for(User(pk=user_id), Level.VIEW)
    # Of several for one folder the furthest, which comes last, holds.
    return shares.order_by("level").values_list("folder", "level", "folder__user", "document__user").distinct()


def opened_to(user: User) -> Opened:
    def ask() -> Opened:
        rows = _shares_of(user.pk)
        return Opened(
            {folder: Level(level) for folder, level, *_owners in rows if folder is not None},
            max((Level(level) for folder, level, *_owners in rows if folder is None), default=None),
            frozenset(owner for *_share, of_folder, of_document in rows if (owner := of_folder or of_document)),
        )

    return once(("opened", user.pk), ask)


@dataclass(frozen=True)
class Reach:
    """Up to where somebody's shares are followed, and what there is of them: what the rule's words depend on."""

    at_least: Level
    has_folders: bool
    has_documents: bool


def opened_at(user: User, at_least: Level) -> tuple[list[UUID], Reach]:
    """The folders that are shared with him so far, and what else his shares open."""
    if at_least >= Level.OWN:
        return [], Reach(at_least, has_folders=False, has_documents=False)
    opened = opened_to(user)
    folders = list(opened.folders_at(at_least))
    has_documents = opened.documents is not None and opened.documents >= at_least
    return folders, Reach(at_least, bool(folders), has_documents)


def shared_folders(user: User, at_least: Level) -> dict[UUID, Level]:
    """The folders that are shared with him themselves, and how far."""
    return opened_to(user).folders_at(at_least)


def shared_documents(user: User, at_least: Level) -> QuerySet[Share]:
    return shares_for(user, at_least).filter(document=OuterRef("pk"))


# --- Links that hold now ------------------------------------------------------------------------------


# What is looked at to say whether a link is open.
LINK_RELATED = ("document__user", "folder__user", "made_by")


def is_open(link: ShareLink) -> bool:
    """Whether holding this link opens anything: its time, its maker's rights of today, and the policy."""
    if link.revoked_at is not None or link.paused_at is not None or link.is_over or link.item.trash_id is not None:
        return False
    return not links_held_back([link])


def links_held_back(links: Sequence[ShareLink]) -> set[UUID]:
    """Those whose makers may not open today what they lead to, and all where the policy makes no links.

    With what is a disabled person's, too.
    """
    if links and not policy().allows_links:
        return {link.pk for link in links}
    held: set[UUID] = set()
    of_makers: dict[UUID, list[ShareLink]] = {}
    for link in links:
        if not link.made_by.is_active or not link.item.user.is_active:
            held.add(link.pk)
        elif link.made_by_id != link.item.user_id:
            of_makers.setdefault(link.made_by_id, []).append(link)
    for theirs in of_makers.values():
        maker = Actor.for_user(theirs[0].made_by)
        documents = [link.document_id for link in theirs if link.document_id is not None]
        folders = [link.folder_id for link in theirs if link.folder_id is not None]
        manages: set[UUID] = set()
        if documents:
            manages |= set(visible_documents(maker, Level.MANAGE).filter(pk__in=documents).values_list("pk", flat=True))
        if folders:
            manages |= set(visible_folders(maker, Level.MANAGE).filter(pk__in=folders).values_list("pk", flat=True))
        held |= {link.pk for link in theirs if link.item.pk not in manages}
    return held


def links_open(links: Sequence[ShareLink]) -> list[ShareLink]:
    """Those of these links, holding as they are, that their makers may still make."""
    held = links_held_back(links)
    return [link for link in links if link.pk not in held]


def open_link(actor: Actor) -> ShareLink | None:
    """The link by which the actor comes, as it is now; None where it opens nothing (any more)."""
    if actor.link_id is None:
        return None
    link = ShareLink.objects.select_related(*LINK_RELATED).filter(pk=actor.link_id).first()
    return link if link is not None and is_open(link) else None


def link_by_token(token_hash: str) -> ShareLink | None:
    """The link of this token, if it opens anything now."""
    link = ShareLink.objects.select_related(*LINK_RELATED).filter(token_hash=token_hash).first()
    return link if link is not None and is_open(link) else None


def shown_by(actor: Actor, at_least: Level) -> ShareLink | None:
    """The actor's link, if it shows things: whoever comes by one sees, and never more than that."""
    if actor.link_id is None or at_least > Level.VIEW:
        return None
    link = open_link(actor)
    return link if link is not None and link.shows else None


def linked_documents(link: ShareLink) -> QuerySet[Document]:
    if link.document_id is not None:
        return Document.objects.live().filter(pk=link.document_id)
    assert link.folder_id is not None
    return Document.objects.live().filter(folder__in=Folder.objects.live().at_or_below([link.folder_id]))


def linked_folders(link: ShareLink) -> QuerySet[Folder]:
    if link.folder_id is None:
        return Folder.objects.none()
    return Folder.objects.live().at_or_below([link.folder_id])


# --- Sets ---------------------------------------------------------------------------------------------


def visible_documents(actor: Actor, at_least: Level = Level.VIEW) -> QuerySet[Document]:
    """The live documents the actor may reach at this level."""
    user = actor.active_user
    if user is None:
        link = shown_by(actor, at_least)
        return linked_documents(link) if link is not None else Document.objects.none()
    return documents_within(user.pk, *opened_at(user, at_least))


def documents_within(user_id: UUID, folders: list[UUID], reach: Reach) -> QuerySet[Document]:
    """The live documents of a person, those in folders that are shared with him and those shared by themselves."""
    mine = Q(user=user_id)
    if reach.has_documents:
        mine |= Q(Exists(shared_documents(User(pk=user_id), reach.at_least)))
    if reach.has_folders:
        mine |= Q(folder__in=Folder.objects.live().at_or_below(folders))
    return Document.objects.live().filter(mine)


def visible_folders(actor: Actor, at_least: Level = Level.VIEW) -> QuerySet[Folder]:
    """The live folders the actor may reach at this level."""
    user = actor.active_user
    if user is None:
        link = shown_by(actor, at_least)
        return linked_folders(link) if link is not None else Folder.objects.none()
    return folders_within(user.pk, *opened_at(user, at_least))


def folders_within(user_id: UUID, folders: list[UUID], reach: Reach) -> QuerySet[Folder]:
    """The live folders of a person, those that are shared with him and what is below them."""
    mine = Q(user=user_id)
    if reach.has_folders:
        mine |= Q(path__shares_with=folders)
    return Folder.objects.live().filter(mine)


# --- One thing ----------------------------------------------------------------------------------------


def level_on_document(actor: Actor, document: Document) -> Level | None:
    """How far the actor may go with this document; None where he may not know of it."""
    user = actor.active_user
    if user is None:
        link = shown_by(actor, Level.VIEW)
        return Level.VIEW if link is not None and linked_documents(link).filter(pk=document.pk).exists() else None
    if document.user_id == user.pk:
        return Level.OWN
    if document.trash_id is not None:
        return None
    found = shares_for(user, Level.VIEW).filter(through_shares(document)).order_by("-level")
    level = found.values_list("level", flat=True).first()
    return Level(level) if level is not None else None


def level_on_folder(actor: Actor, folder: Folder) -> Level | None:
    """How far the actor may go with this folder and what is in it."""
    user = actor.active_user
    if user is None:
        link = shown_by(actor, Level.VIEW)
        return Level.VIEW if link is not None and linked_folders(link).filter(pk=folder.pk).exists() else None
    if folder.user_id == user.pk:
        return Level.OWN
    if folder.trash_id is not None:
        return None
    shared = shared_folders(user, Level.VIEW)
    return max((shared[key] for key in folder.path if key in shared), default=None)


def level_on(actor: Actor, item: Document | Folder) -> Level | None:
    """How far the actor may go with either."""
    return level_on_document(actor, item) if isinstance(item, Document) else level_on_folder(actor, item)


def through_shares(item: Document | Folder) -> Q:
    """Shares of this thing, and of the folders it lies in."""
    if isinstance(item, Folder):
        return Q(folder__in=item.path)
    through = Q(document=item)
    if item.folder_id is not None:
        path = Folder.objects.filter(pk=item.folder_id, trash=None).values_list("path", flat=True).first()
        through |= Q(folder__in=path or [])
    return through


def require_document(actor: Actor, document: Document, at_least: Level) -> Document:
    """The document itself, if the actor may go so far. Raises NotVisible or NotAllowed."""
    require_level(level_on_document(actor, document), at_least)
    return document


def require_folder(actor: Actor, folder: Folder, at_least: Level) -> Folder:
    """The folder itself, if the actor may go so far. Raises NotVisible or NotAllowed."""
    require_level(level_on_folder(actor, folder), at_least)
    return folder


def require_bytes(actor: Actor, *, for_viewer: bool = False) -> None:
    """Whether bytes as they were stored may leave to the actor: not by a link that is for looking only.

    `for_viewer`: as what the page's own viewer draws; a link whose downloads are counted gives it pictures instead.
    Raises NotVisible or NotAllowed.
    """
    if actor.link_id is None:
        return
    link = open_link(actor)
    if link is None:
        raise NotVisible(_("There is nothing here that you can see."))
    if not link.lets_download or (for_viewer and link.max_downloads is not None):
        raise NotAllowed(_("This link is for looking only."))


def require_adding(actor: Actor, folder: Folder) -> Folder:
    """The folder, if the actor may put files into it: who may edit, and holders of links that let them add.

    Raises NotVisible or NotAllowed.
    """
    if actor.link_id is None:
        return require_folder(actor, folder, Level.EDIT)
    link = open_link(actor)
    if link is None or not linked_folders(link).filter(pk=folder.pk).exists():
        raise NotVisible(_("There is nothing here that you can see."))
    if not link.lets_add:
        raise NotAllowed(_("You can see this, but not change it in this way."))
    return folder


def require_replacing(actor: Actor, document: Document) -> Document:
    """The document, if the actor may give it a new version. Raises NotVisible or NotAllowed."""
    if actor.link_id is None:
        return require_document(actor, document, Level.EDIT)
    require_document(actor, document, Level.VIEW)
    link = open_link(actor)
    if link is None or link.level != LinkLevel.EDIT:
        raise NotAllowed(_("You can see this, but not change it in this way."))
    return document
