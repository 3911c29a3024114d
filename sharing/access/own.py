"""What is a person's own and nobody else's: topics, views, trash, uploads, filing, requests, and what passes on."""

from collections.abc import Callable
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts.actors import Actor, ActorKind
from accounts.models import Membership, User
from documents.models import (
    DocumentTopic,
    FilingRule,
    FilingRun,
    FilingSuggestion,
    SavedView,
    SuggestionState,
    Topic,
    TrashEntry,
    Upload,
)
from docuvault.lib.asked_often import AskedOften
from sharing.access.levels import NotAllowed, NotVisible, one_of
from sharing.access.looking import once
from sharing.access.rule import visible_documents
from sharing.models import (
    EmergencyContact,
    EmergencyState,
    FileRequest,
    Handover,
    HandoverState,
    ReceivedFile,
    ReceivedState,
    ViewShare,
)

# --- What the vault keeps for each person -------------------------------------------------------------

# So many topics are few. One more is fetched, which says whether there are more.
FEW_TOPICS = 200
FIRST_TOPICS = FEW_TOPICS + 1


def visible_topics(actor: Actor) -> QuerySet[Topic]:
    """Everybody's topics and the actor's own; never another person's."""
    user = actor.active_user
    if user is None:
        return Topic.objects.none()
    return Topic.objects.filter(Q(user=None) | Q(user=user))


@AskedOften
def _first_topics(user_id: UUID, *, rule: Callable[[Actor], QuerySet[Topic]], limit: int) -> QuerySet[Topic]:
    return rule(Actor.for_user(User(pk=user_id))).order_by("name_key", "id")[:limit]


def first_topics(actor: Actor) -> list[Topic]:
    """The first of the topics the actor may see, by name, and the same as far as a look goes."""
    user = actor.active_user
    if user is None:
        return []
    return once(("topics", user.pk), lambda: _first_topics(user.pk, rule=visible_topics, limit=FIRST_TOPICS))


def few_topics(actor: Actor) -> list[Topic] | None:
    """All topics the actor may see, by name; None where there are more than a few."""
    found = first_topics(actor)
    return found if len(found) <= FEW_TOPICS else None


def fetch_topic(actor: Actor, topic_id: UUID, *, to_change: bool = False) -> Topic:
    """A topic the actor may use, or change: his own; everybody's only as an admin."""
    topic = one_of(visible_topics(actor).filter(pk=topic_id))
    if to_change and topic.is_system and not actor.is_admin:
        raise NotAllowed(_("This topic belongs to everybody; only an admin can change it."))
    return topic


def own_views(actor: Actor) -> QuerySet[SavedView]:
    """The searches that the actor keeps under a name; nobody else's."""
    user = actor.active_user
    return SavedView.objects.filter(user=user) if user is not None else SavedView.objects.none()


def fetch_view(actor: Actor, view_id: UUID) -> SavedView:
    """One of the actor's own, which he may change and show to others."""
    return one_of(own_views(actor).filter(pk=view_id))


def visible_views(actor: Actor) -> QuerySet[SavedView]:
    """The actor's own searches, and those that others show to him or a group of his."""
    user = actor.active_user
    if user is None:
        return SavedView.objects.none()
    return SavedView.objects.filter(Q(user=user) | Exists(_views_shown_to(user).filter(view=OuterRef("pk"))))


def fetch_visible_view(actor: Actor, view_id: UUID) -> SavedView:
    return one_of(visible_views(actor).filter(pk=view_id))


def _views_shown_to(user: User) -> QuerySet[ViewShare]:
    groups = Membership.objects.filter(user=user).values("group")
    return ViewShare.objects.filter(Q(recipient=user) | Q(group__in=groups) & ~Q(left__contains=[user.pk]))


def view_shares_received(actor: Actor, view: SavedView) -> QuerySet[ViewShare]:
    """By which ways another person's search is shown to the actor."""
    user = actor.active_user
    if user is None or view.user_id == user.pk:
        return ViewShare.objects.none()
    return _views_shown_to(user).filter(view=view)


def view_shares_on(actor: Actor, view: SavedView) -> QuerySet[ViewShare]:
    """To whom a search of the actor's own is shown."""
    return ViewShare.objects.filter(view__in=own_views(actor), view_id=view.pk)


def fetch_view_share(actor: Actor, share_id: UUID) -> ViewShare:
    """One that the actor has made, of a search of his own."""
    return one_of(ViewShare.objects.filter(view__in=own_views(actor), pk=share_id).select_related("view", "group"))


def own_trash(actor: Actor) -> QuerySet[TrashEntry]:
    user = actor.active_user
    return TrashEntry.objects.thrown().filter(user=user) if user is not None else TrashEntry.objects.none()


def fetch_trash_entry(actor: Actor, entry_id: UUID) -> TrashEntry:
    return one_of(own_trash(actor).filter(pk=entry_id))


def own_uploads(actor: Actor) -> QuerySet[Upload]:
    """What the actor sends; of somebody who sends to a file request, what he has begun in this visit."""
    user = actor.active_user
    if actor.kind is ActorKind.LINK and actor.session_hash:
        sent = ReceivedFile.objects.filter(visit_hash=actor.session_hash, request__closed_at=None)
        return Upload.objects.filter(pk__in=sent.values("upload"), user__is_active=True)
    return Upload.objects.filter(actor=user) if user is not None else Upload.objects.none()


def fetch_upload(actor: Actor, upload_id: UUID) -> Upload:
    """An upload the actor himself began."""
    return one_of(own_uploads(actor).filter(pk=upload_id))


def charged_uploads(actor: Actor) -> QuerySet[Upload]:
    """What is being sent into the actor's own vault, by whomever."""
    user = actor.active_user
    return Upload.objects.filter(user=user) if user is not None else Upload.objects.none()


def fetch_charged_upload(actor: Actor, upload_id: UUID) -> Upload:
    """An upload into the actor's own vault, which he may stop whoever sends it."""
    return one_of(charged_uploads(actor).filter(pk=upload_id))


# --- Filing -------------------------------------------------------------------------------------------


def own_rules(actor: Actor) -> QuerySet[FilingRule]:
    """The rules by which the actor files; nobody else's."""
    user = actor.active_user
    return FilingRule.objects.filter(user=user) if user is not None else FilingRule.objects.none()


def fetch_rule(actor: Actor, rule_id: UUID) -> FilingRule:
    return one_of(own_rules(actor).select_related("folder").filter(pk=rule_id))


def own_runs(actor: Actor) -> QuerySet[FilingRun]:
    """What the actor's rules have done."""
    user = actor.active_user
    return FilingRun.objects.filter(user=user) if user is not None else FilingRun.objects.none()


def fetch_run(actor: Actor, run_id: UUID) -> FilingRun:
    return one_of(own_runs(actor).select_related("rule__folder").filter(pk=run_id))


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


# --- File requests ------------------------------------------------------------------------------------


def own_requests(actor: Actor) -> QuerySet[FileRequest]:
    """The addresses at which the actor takes files from outside."""
    user = actor.active_user
    return FileRequest.objects.filter(user=user) if user is not None else FileRequest.objects.none()


def fetch_request(actor: Actor, request_id: UUID) -> FileRequest:
    return one_of(own_requests(actor).select_related("folder", "user").filter(pk=request_id))


def own_received(actor: Actor) -> QuerySet[ReceivedFile]:
    """What has come by the actor's own requests."""
    return ReceivedFile.objects.filter(request__in=own_requests(actor))


def fetch_received(actor: Actor, received_id: UUID) -> ReceivedFile:
    """A file that waits in one of the actor's own requests. Raises NotVisible where it was decided already."""
    waiting = own_received(actor).filter(pk=received_id, state=ReceivedState.WAITING)
    found = waiting.select_related("request__folder", "document__current_version").first()
    if found is None or found.document is None:
        raise NotVisible
    return found


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


# --- Ownership that passes on -------------------------------------------------------------------------


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
    return one_of(open_handovers(actor).select_related(*related).filter(pk=handover_id))


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
    return one_of(rows.select_related("user", "person").filter(pk=contact_id))
