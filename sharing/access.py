"""Who may see what, and how far: the one place that answers.

Sets and single answers come from the same two conditions (`_shared_folders`, `_shared_documents`).
The owner may all; a share holds for a document, or for a folder and all below it, directly or
through a group, until it expires; what is in the trash is its owner's alone. The holder of a link is
nobody: he sees what the link opens (`open_link`), as long as its maker may open it, and nothing else. Rejected:
rights kept as rows per document and person, which a move of a large folder would have to rewrite.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import IntEnum
from typing import TypeVar
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet
from django.http import Http404
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts.actors import Actor, ActorKind
from accounts.models import Group, Membership, User
from documents.models import (
    Document,
    DocumentTopic,
    FilingRule,
    FilingRun,
    FilingSuggestion,
    Folder,
    SavedView,
    SuggestionState,
    Topic,
    TrashEntry,
    Upload,
)
from sharing.models import (
    AuditEvent,
    Comment,
    EmergencyContact,
    EmergencyState,
    FileRequest,
    Handover,
    HandoverState,
    LinkLevel,
    ReceivedFile,
    ReceivedState,
    Share,
    ShareLevel,
    ShareLink,
    ShareReception,
)
from sharing.policy import policy


class Level(IntEnum):
    """How far a right goes; each level holds those below it."""

    VIEW = ShareLevel.VIEW
    COMMENT = ShareLevel.COMMENT
    EDIT = ShareLevel.EDIT
    MANAGE = ShareLevel.MANAGE
    OWN = 50


class NotVisible(Http404):
    """The actor may not know that it exists."""


class NotAllowed(PermissionDenied):
    """The actor sees it, but may not do this."""


Row = TypeVar("Row", bound=Model)


# --- Shares that hold for a person now ------------------------------------------------------------


def _shares_for(user: User, at_least: Level) -> QuerySet[Share]:
    groups = Membership.objects.filter(user=user).values("group")
    left = ShareReception.objects.filter(share=OuterRef("pk"), user=user, left_at__isnull=False)
    return Share.objects.filter(
        Q(recipient=user) | Q(group__in=groups) & ~Exists(left),
        Q(expires_at=None) | Q(expires_at__gt=now()),
        level__gte=at_least,
    )


def _shared_folders(user: User, at_least: Level) -> list[UUID]:
    return list(_shares_for(user, at_least).exclude(folder=None).values_list("folder", flat=True).distinct())


def _shared_documents(user: User, at_least: Level) -> QuerySet[Share]:
    return _shares_for(user, at_least).filter(document=OuterRef("pk"))


# --- Links that hold now ------------------------------------------------------------------------------------


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


def _shown_by(actor: Actor, at_least: Level) -> ShareLink | None:
    """The actor's link, if it shows things: whoever comes by one sees, and never more than that."""
    if actor.link_id is None or at_least > Level.VIEW:
        return None
    link = open_link(actor)
    return link if link is not None and link.shows else None


def _linked_documents(link: ShareLink) -> QuerySet[Document]:
    if link.document_id is not None:
        return Document.objects.live().filter(pk=link.document_id)
    assert link.folder_id is not None
    return Document.objects.live().filter(folder__in=Folder.objects.live().at_or_below([link.folder_id]))


def _linked_folders(link: ShareLink) -> QuerySet[Folder]:
    if link.folder_id is None:
        return Folder.objects.none()
    return Folder.objects.live().at_or_below([link.folder_id])


def link_by_token(token_hash: str) -> ShareLink | None:
    """The link of this token, if it opens anything now."""
    link = ShareLink.objects.select_related(*LINK_RELATED).filter(token_hash=token_hash).first()
    return link if link is not None and is_open(link) else None


# --- Sets ---------------------------------------------------------------------------------------------


def visible_documents(actor: Actor, at_least: Level = Level.VIEW) -> QuerySet[Document]:
    """The live documents the actor may reach at this level."""
    user = actor.active_user
    if user is None:
        link = _shown_by(actor, at_least)
        return _linked_documents(link) if link is not None else Document.objects.none()
    mine: Q = Q(user=user)
    if at_least < Level.OWN:
        mine |= Q(Exists(_shared_documents(user, at_least)))
        if folders := _shared_folders(user, at_least):
            mine |= Q(folder__in=Folder.objects.live().at_or_below(folders))
    return Document.objects.live().filter(mine)


def visible_folders(actor: Actor, at_least: Level = Level.VIEW) -> QuerySet[Folder]:
    """The live folders the actor may reach at this level."""
    user = actor.active_user
    if user is None:
        link = _shown_by(actor, at_least)
        return _linked_folders(link) if link is not None else Folder.objects.none()
    mine = Q(user=user)
    if at_least < Level.OWN and (folders := _shared_folders(user, at_least)):
        mine |= Q(path__overlap=folders)
    return Folder.objects.live().filter(mine)


def vaults_seen(actor: Actor) -> list[UUID]:
    """Whose vaults hold something that the actor may see: his own first, then those shared from."""
    user = actor.active_user
    if user is None:
        return []
    shared = _shares_for(user, Level.VIEW).values_list("document__user", "folder__user").distinct()
    return [user.pk, *sorted({owner for pair in shared for owner in pair if owner is not None} - {user.pk})]


def own_views(actor: Actor) -> QuerySet[SavedView]:
    """The searches that the actor keeps under a name; nobody else's."""
    user = actor.active_user
    return SavedView.objects.filter(user=user) if user is not None else SavedView.objects.none()


def own_rules(actor: Actor) -> QuerySet[FilingRule]:
    """The rules by which the actor files; nobody else's."""
    user = actor.active_user
    return FilingRule.objects.filter(user=user) if user is not None else FilingRule.objects.none()


def own_runs(actor: Actor) -> QuerySet[FilingRun]:
    """What the actor's rules have done."""
    user = actor.active_user
    return FilingRun.objects.filter(user=user) if user is not None else FilingRun.objects.none()


def own_suggestions(actor: Actor) -> QuerySet[FilingSuggestion]:
    """What is suggested to the actor and he has not answered, of what he may see and use now and is not so already."""
    user = actor.active_user
    if user is None:
        return FilingSuggestion.objects.none()
    usable = Q(topic__in=visible_topics(actor)) | Q(folder__user=user, folder__trash=None, document__user=user)
    there = DocumentTopic.objects.filter(document=OuterRef("document"), topic=OuterRef("topic"))
    rows = FilingSuggestion.objects.filter(
        usable, user=user, state=SuggestionState.OPEN, document__in=visible_documents(actor)
    )
    return rows.exclude(folder__isnull=False, document__folder=F("folder")).exclude(Exists(there))


def documents_in(actor: Actor, folder: Folder | None) -> QuerySet[Document]:
    """The live documents right in a folder the actor has fetched, or at the top of his own vault."""
    user = actor.active_user
    if user is None:
        return visible_documents(actor).filter(folder=folder) if folder is not None else Document.objects.none()
    owner = user.pk if folder is None else folder.user_id
    return Document.objects.live().filter(user_id=owner, folder=folder)


def folders_in(actor: Actor, folder: Folder | None) -> QuerySet[Folder]:
    """The live folders right in a folder the actor has fetched, or at the top of his own vault."""
    user = actor.active_user
    if user is None:
        return visible_folders(actor).filter(parent=folder) if folder is not None else Folder.objects.none()
    owner = user.pk if folder is None else folder.user_id
    return Folder.objects.live().filter(user_id=owner, parent=folder)


def visible_ancestors(actor: Actor, folder: Folder | None) -> list[Folder]:
    """The folders above (and this one), top first, as far up as the actor may see."""
    if folder is None:
        return []
    above = {f.pk: f for f in visible_folders(actor).filter(pk__in=folder.path)}
    return [above[key] for key in folder.path if key in above]


def visible_topics(actor: Actor) -> QuerySet[Topic]:
    """Everybody's topics and the actor's own; never another person's."""
    user = actor.active_user
    if user is None:
        return Topic.objects.none()
    return Topic.objects.filter(Q(user=None) | Q(user=user))


def own_trash(actor: Actor) -> QuerySet[TrashEntry]:
    user = actor.active_user
    return TrashEntry.objects.thrown().filter(user=user) if user is not None else TrashEntry.objects.none()


def own_uploads(actor: Actor) -> QuerySet[Upload]:
    """What the actor sends; of somebody who sends to a file request, what he has begun in this visit."""
    user = actor.active_user
    if actor.kind is ActorKind.LINK and actor.session_hash:
        sent = ReceivedFile.objects.filter(visit_hash=actor.session_hash, request__closed_at=None)
        return Upload.objects.filter(pk__in=sent.values("upload"), user__is_active=True)
    return Upload.objects.filter(actor=user) if user is not None else Upload.objects.none()


def charged_uploads(actor: Actor) -> QuerySet[Upload]:
    """What is being sent into the actor's own vault, by whomever."""
    user = actor.active_user
    return Upload.objects.filter(user=user) if user is not None else Upload.objects.none()


def own_requests(actor: Actor) -> QuerySet[FileRequest]:
    """The addresses at which the actor takes files from outside."""
    user = actor.active_user
    return FileRequest.objects.filter(user=user) if user is not None else FileRequest.objects.none()


def own_received(actor: Actor) -> QuerySet[ReceivedFile]:
    """What has come by the actor's own requests."""
    return ReceivedFile.objects.filter(request__in=own_requests(actor))


def open_handovers(actor: Actor) -> QuerySet[Handover]:
    """Offers of ownership that the actor has made or been made, and nobody has answered."""
    user = actor.active_user
    if user is None:
        return Handover.objects.none()
    offers = Handover.objects.filter(state=HandoverState.OFFERED, expires_at__gt=now())
    mine = Q(giver=user) | Q(receiver=user, giver__is_active=True)
    # Of what has changed hands or was thrown away meanwhile, nothing is on offer.
    owned = Q(document__user=F("giver")) | Q(folder__user=F("giver"))
    return offers.filter(mine, owned, document__trash=None, folder__trash=None)


def fetch_handover(actor: Actor, handover_id: UUID) -> Handover:
    related = ("document__folder", "folder", "giver", "receiver")
    return _found(open_handovers(actor).select_related(*related).filter(pk=handover_id))


def own_emergency_contacts(actor: Actor) -> QuerySet[EmergencyContact]:
    """Whom the actor has chosen for emergencies."""
    user = actor.active_user
    return EmergencyContact.objects.filter(user=user) if user is not None else EmergencyContact.objects.none()


def emergency_asked(actor: Actor) -> EmergencyContact | None:
    """What runs against the actor at the moment: the request for emergency access that opens first."""
    asked = own_emergency_contacts(actor).filter(state=EmergencyState.ASKED, person__isnull=False)
    return min(asked.select_related("person"), key=lambda row: row.grants_at or now(), default=None)


def chosen_for_emergencies(actor: Actor) -> QuerySet[EmergencyContact]:
    """Who has chosen the actor."""
    user = actor.active_user
    return EmergencyContact.objects.filter(person=user) if user is not None else EmergencyContact.objects.none()


def fetch_emergency_contact(actor: Actor, contact_id: UUID, *, as_chosen: bool = False) -> EmergencyContact:
    """One that the actor has named or, `as_chosen`, of whom he is the chosen one. Raises NotVisible."""
    rows = chosen_for_emergencies(actor) if as_chosen else own_emergency_contacts(actor)
    return _found(rows.select_related("user", "person").filter(pk=contact_id))


def has_waiting_files(actor: Actor) -> bool:
    """Whether something has come by the actor's requests that he has not decided about."""
    return own_received(actor).filter(state=ReceivedState.WAITING).exists()


def open_request(token_hash: str) -> FileRequest | None:
    """The request at this address, if it takes files now; None for every reason alike."""
    found = FileRequest.objects.select_related("user", "folder").filter(token_hash=token_hash).first()
    return found if found is not None and found.is_open else None


def sent_in_visit(actor: Actor, asked: FileRequest) -> QuerySet[ReceivedFile]:
    """What somebody without an account has sent to this request in his visit; nothing that others sent."""
    if actor.kind is not ActorKind.LINK or not actor.session_hash:
        return ReceivedFile.objects.none()
    return asked.received.filter(visit_hash=actor.session_hash)


def visible_events(actor: Actor) -> QuerySet[AuditEvent]:
    """What the actor did himself, and what was done to what is his. Admins read all in the admin."""
    user = actor.active_user
    if user is None:
        return AuditEvent.objects.none()
    return AuditEvent.objects.filter(Q(owner_id=user.pk) | Q(actor_id=user.pk)).order_by("-id")


def events_of(actor: Actor, item: Document | Folder) -> QuerySet[AuditEvent]:
    """The trail of one thing: its owner reads what concerns his vault, others what they did themselves.

    What a recipient does for himself alone (a star, a topic of his own) concerns his own vault.
    """
    return visible_events(actor).filter(target_id=str(item.pk))


# --- What is shared, and with whom -------------------------------------------------------------------


def shares_on(actor: Actor, item: Document | Folder) -> QuerySet[Share]:
    """Every share by which this thing is opened: on itself and on the folders above. For who manages it."""
    _require(level_on(actor, item), Level.MANAGE)
    folders = item.path if isinstance(item, Folder) else item.folder.path if item.folder else []
    through = Q(folder__in=folders)
    return Share.objects.filter(through | Q(document=item) if isinstance(item, Document) else through)


def holding(shares: QuerySet[Share]) -> QuerySet[Share]:
    """Those of these shares that have not ended."""
    return shares.filter(Q(expires_at=None) | Q(expires_at__gt=now()))


def shares_along(actor: Actor, folders: Sequence[Folder]) -> QuerySet[Share]:
    """The shares of these folders and of those above, in the actor's own vault."""
    along = {key for folder in folders for key in folder.path}
    return Share.objects.filter(folder__in=along, folder__user=actor.active_user) if along else Share.objects.none()


def shares_of_documents(actor: Actor, documents: Sequence[Document]) -> QuerySet[Share]:
    """The shares of these very documents, of the actor's own."""
    return Share.objects.filter(document__in=list(documents), document__user=actor.active_user)


def _of_live_items(shares: QuerySet[Share]) -> QuerySet[Share]:
    # A share names one of the two; the other join finds nothing, which counts as live.
    return shares.filter(document__trash=None, folder__trash=None)


def shares_received(actor: Actor) -> QuerySet[Share]:
    """What others have opened to the actor and holds now, one share for each thing: the one that goes furthest."""
    user = actor.active_user
    if user is None:
        return Share.objects.none()
    furthest = _of_live_items(_shares_for(user, Level.VIEW)).exclude(Q(document__user=user) | Q(folder__user=user))
    furthest = furthest.order_by("document_id", "folder_id", "-level", "pk").distinct("document_id", "folder_id")
    return Share.objects.filter(pk__in=furthest.values("pk"))


def has_new_shares(actor: Actor) -> bool:
    """Whether something was shared with the actor himself that he has not answered yet."""
    user = actor.active_user
    if user is None:
        return False
    answered = ShareReception.objects.filter(
        Q(accepted_at__isnull=False) | Q(hidden_at__isnull=False), share=OuterRef("pk"), user=user
    )
    mine = Share.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now()), recipient=user)
    if _of_live_items(mine.exclude(Exists(answered))).exists():
        return True
    return open_handovers(actor).filter(receiver=user).exists()


def own_ways(actor: Actor, item: Document | Folder) -> QuerySet[Share]:
    """The shares of this very thing that hold for the actor: his own, and those with his groups. None of his things."""
    user = actor.active_user
    if user is None or item.trash_id is not None or item.user_id == user.pk:
        return Share.objects.none()
    of_item = Q(document=item) if isinstance(item, Document) else Q(folder=item)
    return _shares_for(user, Level.VIEW).filter(of_item)


def shares_left(actor: Actor) -> QuerySet[Share]:
    """Shares with a group of the actor's that he himself has left and may come back to."""
    user = actor.active_user
    if user is None:
        return Share.objects.none()
    left = ShareReception.objects.filter(user=user, left_at__isnull=False).values("share")
    groups = Membership.objects.filter(user=user).values("group")
    shares = Share.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now()), pk__in=left, group__in=groups)
    return _of_live_items(shares)


def shares_made(actor: Actor) -> QuerySet[Share]:
    """What the actor has opened to others: everything of his own, and what he has shared on and still manages."""
    user = actor.active_user
    if user is None:
        return Share.objects.none()
    managed = Q(folder__path__overlap=_shared_folders(user, Level.MANAGE))
    managed |= Q(Exists(_shares_for(user, Level.MANAGE).filter(document=OuterRef("document"))))
    own = Q(document__user=user) | Q(folder__user=user)
    return _of_live_items(Share.objects.filter(own | Q(shared_by=user) & managed))


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


def _of_live_links(links: QuerySet[ShareLink]) -> QuerySet[ShareLink]:
    return links.filter(document__trash=None, folder__trash=None)


def links_on(actor: Actor, item: Document | Folder) -> QuerySet[ShareLink]:
    """Every link by which this thing is opened: to itself and to the folders above. For who manages it."""
    _require(level_on(actor, item), Level.MANAGE)
    folders = item.path if isinstance(item, Folder) else item.folder.path if item.folder else []
    through = Q(folder__in=folders)
    return ShareLink.objects.filter(through | Q(document=item) if isinstance(item, Document) else through)


def links_holding(links: QuerySet[ShareLink]) -> QuerySet[ShareLink]:
    """Those of these links that nobody has closed and whose time is not over. Their makers' rights are asked apart."""
    return links.filter(Q(expires_at=None) | Q(expires_at__gt=now()), revoked_at=None, paused_at=None)


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
    managed = Q(folder__path__overlap=_shared_folders(user, Level.MANAGE))
    managed |= Q(document__folder__path__overlap=_shared_folders(user, Level.MANAGE))
    managed |= Q(Exists(_shares_for(user, Level.MANAGE).filter(document=OuterRef("document"))))
    own = Q(document__user=user) | Q(folder__user=user)
    return _of_live_links(ShareLink.objects.filter(own | Q(made_by=user) & managed))


def fetch_link(actor: Actor, link_id: UUID) -> ShareLink:
    """A link to something the actor manages. Raises NotVisible."""
    rows = ShareLink.objects.select_related("document__folder", *LINK_RELATED)
    found = rows.filter(pk=link_id).first()
    if found is None or found.item.trash_id is not None or (level_on(actor, found.item) or 0) < Level.MANAGE:
        raise NotVisible
    return found


def manages_until(actor: Actor, item: Document | Folder) -> datetime | None:
    """When the actor's own right to manage this ends, if it does: nobody gives for longer than he has."""
    user = actor.active_user
    if user is None or item.user_id == user.pk:
        return None
    ends = list(_shares_for(user, Level.MANAGE).filter(_through(item)).values_list("expires_at", flat=True))
    return None if None in ends or not ends else max(end for end in ends if end is not None)


def visible_groups(actor: Actor) -> QuerySet[Group]:
    """The actor's own groups; all of them for an admin."""
    user = actor.active_user
    if user is None:
        return Group.objects.none()
    return Group.objects.all() if actor.is_admin else Group.objects.filter(memberships__user=user)


def fetch_group(actor: Actor, group_id: UUID) -> Group:
    return _found(visible_groups(actor).filter(pk=group_id))


def fetch_comment(actor: Actor, document: Document, comment_id: UUID) -> Comment:
    """A comment on a document the actor has fetched. Raises NotVisible."""
    return _found(Comment.objects.select_related("author").filter(document=document, pk=comment_id))


# --- One thing ---------------------------------------------------------------------------------------------


def level_on_document(actor: Actor, document: Document) -> Level | None:
    """How far the actor may go with this document; None where he may not know of it."""
    user = actor.active_user
    if user is None:
        link = _shown_by(actor, Level.VIEW)
        return Level.VIEW if link is not None and _linked_documents(link).filter(pk=document.pk).exists() else None
    if document.user_id == user.pk:
        return Level.OWN
    if document.trash_id is not None:
        return None
    return _highest(_shares_for(user, Level.VIEW).filter(_through(document)))


def level_on_folder(actor: Actor, folder: Folder) -> Level | None:
    """How far the actor may go with this folder and what is in it."""
    user = actor.active_user
    if user is None:
        link = _shown_by(actor, Level.VIEW)
        return Level.VIEW if link is not None and _linked_folders(link).filter(pk=folder.pk).exists() else None
    if folder.user_id == user.pk:
        return Level.OWN
    if folder.trash_id is not None:
        return None
    return _highest(_shares_for(user, Level.VIEW).filter(_through(folder)))


def level_on(actor: Actor, item: Document | Folder) -> Level | None:
    """How far the actor may go with either."""
    return level_on_document(actor, item) if isinstance(item, Document) else level_on_folder(actor, item)


def _through(item: Document | Folder) -> Q:
    """Shares of this thing, and of the folders it lies in."""
    if isinstance(item, Folder):
        return Q(folder__in=item.path)
    through = Q(document=item)
    if item.folder_id is not None:
        path = Folder.objects.filter(pk=item.folder_id, trash=None).values_list("path", flat=True).first()
        through |= Q(folder__in=path or [])
    return through


def _highest(shares: QuerySet[Share]) -> Level | None:
    found = shares.order_by("-level").values_list("level", flat=True).first()
    return Level(found) if found is not None else None


def require_document(actor: Actor, document: Document, at_least: Level) -> Document:
    """The document itself, if the actor may go so far. Raises NotVisible or NotAllowed."""
    _require(level_on_document(actor, document), at_least)
    return document


def require_folder(actor: Actor, folder: Folder, at_least: Level) -> Folder:
    """The folder itself, if the actor may go so far. Raises NotVisible or NotAllowed."""
    _require(level_on_folder(actor, folder), at_least)
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
    if link is None or not _linked_folders(link).filter(pk=folder.pk).exists():
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


def _found(rows: QuerySet[Row]) -> Row:
    """The one of these rows, among what the actor may see. Raises NotVisible."""
    row = rows.first()
    if row is None:
        raise NotVisible
    return row


def _require(level: Level | None, at_least: Level) -> None:
    if level is None:
        raise NotVisible(_("There is nothing here that you can see."))
    if level < at_least:
        raise NotAllowed(_("You can see this, but not change it in this way."))


def fetch_document(actor: Actor, document_id: UUID, at_least: Level = Level.VIEW) -> Document:
    """A live document by id. Raises NotVisible or NotAllowed."""
    document = Document.objects.live().select_related("folder").filter(pk=document_id).first()
    if document is None:
        raise NotVisible
    return require_document(actor, document, at_least)


def fetch_folder_to_add(actor: Actor, folder_id: UUID) -> Folder:
    """A live folder by id, for putting files into it. Raises NotVisible or NotAllowed."""
    folder = Folder.objects.live().filter(pk=folder_id).first()
    if folder is None:
        raise NotVisible
    return require_adding(actor, folder)


def fetch_document_to_replace(actor: Actor, document_id: UUID) -> Document:
    """A live document by id, for giving it a new version. Raises NotVisible or NotAllowed."""
    document = Document.objects.live().select_related("folder").filter(pk=document_id).first()
    if document is None:
        raise NotVisible
    return require_replacing(actor, document)


def fetch_folder(actor: Actor, folder_id: UUID, at_least: Level = Level.VIEW) -> Folder:
    """A live folder by id. Raises NotVisible or NotAllowed."""
    folder = Folder.objects.live().filter(pk=folder_id).first()
    if folder is None:
        raise NotVisible
    return require_folder(actor, folder, at_least)


def fetch_place(actor: Actor, folder_id: UUID | None, at_least: Level = Level.VIEW) -> Folder | None:
    """A folder by id, or the top of the actor's own vault for None."""
    return None if folder_id is None else fetch_folder(actor, folder_id, at_least)


def fetch_documents(actor: Actor, ids: Iterable[UUID], at_least: Level = Level.VIEW) -> list[Document]:
    """All of these documents or none: one that may not be seen refuses the whole."""
    return _all_of(set(ids), visible_documents(actor, at_least), visible_documents(actor))


def fetch_folders(actor: Actor, ids: Iterable[UUID], at_least: Level = Level.VIEW) -> list[Folder]:
    """All of these folders or none."""
    return _all_of(set(ids), visible_folders(actor, at_least), visible_folders(actor))


def _all_of(ids: set[UUID], allowed: QuerySet[Row], visible: QuerySet[Row]) -> list[Row]:
    if not ids:
        return []
    found = list(allowed.filter(pk__in=ids))
    if len(found) != len(ids):
        if visible.filter(pk__in=ids).count() == len(ids):
            raise NotAllowed(_("You may not do this with everything you have chosen."))
        raise NotVisible
    return found


def fetch_topic(actor: Actor, topic_id: UUID, *, to_change: bool = False) -> Topic:
    """A topic the actor may use, or change: his own; everybody's only as an admin."""
    topic = visible_topics(actor).filter(pk=topic_id).first()
    if topic is None:
        raise NotVisible
    if to_change and topic.is_system and not actor.is_admin:
        raise NotAllowed(_("This topic belongs to everybody; only an admin can change it."))
    return topic


def fetch_trash_entry(actor: Actor, entry_id: UUID) -> TrashEntry:
    return _found(own_trash(actor).filter(pk=entry_id))


def fetch_upload(actor: Actor, upload_id: UUID) -> Upload:
    """An upload the actor himself began."""
    return _found(own_uploads(actor).filter(pk=upload_id))


def fetch_charged_upload(actor: Actor, upload_id: UUID) -> Upload:
    """An upload into the actor's own vault, which he may stop whoever sends it."""
    return _found(charged_uploads(actor).filter(pk=upload_id))


def fetch_request(actor: Actor, request_id: UUID) -> FileRequest:
    return _found(own_requests(actor).select_related("folder", "user").filter(pk=request_id))


def fetch_received(actor: Actor, received_id: UUID) -> ReceivedFile:
    """A file that waits in one of the actor's own requests. Raises NotVisible where it was decided already."""
    waiting = own_received(actor).filter(pk=received_id, state=ReceivedState.WAITING)
    found = waiting.select_related("request__folder", "document__current_version").first()
    if found is None or found.document is None:
        raise NotVisible
    return found


def fetch_view(actor: Actor, view_id: UUID) -> SavedView:
    return _found(own_views(actor).filter(pk=view_id))


def fetch_rule(actor: Actor, rule_id: UUID) -> FilingRule:
    return _found(own_rules(actor).select_related("folder").filter(pk=rule_id))


def fetch_run(actor: Actor, run_id: UUID) -> FilingRun:
    return _found(own_runs(actor).select_related("rule__folder").filter(pk=run_id))


def require_admin(actor: Actor) -> None:
    """Raises NotAllowed for anybody but an admin (and the command line acting for no one)."""
    if actor.kind in {ActorKind.COMMAND, ActorKind.SYSTEM} and actor.user is None:
        return
    if not actor.is_admin:
        raise NotAllowed(_("Only an admin can do this."))


ACTIVE = "SELECT 1 FROM users WHERE id = %s AND is_active"


def require_still_active(actor: Actor) -> None:
    """The account (or the link) again, in the transaction that acts for it. Raises NotVisible."""
    if actor.link_id is not None and open_link(actor) is not None:
        return
    if actor.user is not None:
        with connection.cursor() as cursor:
            cursor.execute(ACTIVE, [actor.user.pk])
            if cursor.fetchone() is not None:
                return
    raise NotVisible(_("There is nothing here that you can see."))


def owners_of(rows: Sequence[Document | Folder]) -> set[UUID]:
    """Whose vaults these things lie in."""
    return {row.user_id for row in rows}
