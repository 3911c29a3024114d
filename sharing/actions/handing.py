"""Ownership that passes to another person, who must accept: rows, bytes, shares and all, in one transaction.

Both vaults are held alone meanwhile, the one with the smaller id first, so nothing is added, moved or purged in
between. What hangs on the things goes along: versions, comments, receipts, shares, links. Topics of everybody's stay;
the giver's own become the receiver's of the same name, or are left out.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, Sum
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts import quota
from accounts.actors import Actor
from accounts.models import User
from documents.actions.documents import fit_names
from documents.actions.errors import Refused
from documents.actions.folders import rebase
from documents.jobs import enqueue
from documents.locks import lock_vault
from documents.models import (
    LIVE_UPLOAD_STATES,
    Document,
    DocumentTopic,
    Folder,
    Reading,
    Star,
    Topic,
    Upload,
    Version,
)
from documents.names import free_name, name_key
from documents.search import index_documents
from docuvault.lib.failpoints import Failpoint, failpoint
from sharing import access, audit
from sharing.access import Level
from sharing.actions.shares import MESSAGE_LIMIT, TYPED_LIMIT, find_person, typed_key
from sharing.audit import Verb
from sharing.models import Share, ShareLink
from sharing.models_handing import EmergencyContact, Handover, HandoverState
from sharing.models_requests import FileRequest

OFFER_LIFE = timedelta(days=30)
BATCH = 500


class CannotHandOver(Refused):
    """It cannot pass to this person, or not now."""


@transaction.atomic
def offer(item: Document | Folder, typed: str, *, by: Actor, message: str = "", keeps_view: bool = False) -> Handover:
    """Offer it to somebody as his own. Raises NotVisible, NotAllowed, CannotHandOver."""
    _require_own(item, by)
    lock_vault(item.user_id, is_shared=True)
    item = access.fetch_document(by, item.pk) if isinstance(item, Document) else access.fetch_folder(by, item.pk)
    _require_own(item, by)
    typed = " ".join(typed.replace("\x00", "").split())[:TYPED_LIMIT]
    if not typed_key(typed):
        raise CannotHandOver(_("Say to whom: a handle or an e-mail address."))
    person = find_person(typed)
    if person is not None and person.pk == item.user_id:
        raise CannotHandOver(_("It is yours already."))
    # An offer that ran out makes room for the next.
    Handover.objects.filter(_of(item), state=HandoverState.OFFERED, expires_at__lte=now()).update(
        state=HandoverState.WITHDRAWN, decided_at=now()
    )
    try:
        with transaction.atomic():
            made = Handover.objects.create(
                document=item if isinstance(item, Document) else None,
                folder=item if isinstance(item, Folder) else None,
                giver=item.user,
                receiver=person,
                typed=typed,
                message=message.replace("\x00", "").strip()[:MESSAGE_LIMIT],
                keeps_view=keeps_view,
                expires_at=now() + OFFER_LIFE,
            )
    except IntegrityError:
        raise CannotHandOver(_("It is offered to somebody already. Withdraw that offer first.")) from None
    _tell(Verb.HANDOVER_OFFERED, made, by, item.user_id, {"to": typed})
    # Also for nobody: how long this takes must not tell.
    enqueue("sharing.tasks.tell_of_handover", made.pk)
    return made


@transaction.atomic
def withdraw_offer(handover: Handover, *, by: Actor) -> None:
    """Take an offer back that nobody has answered. Raises NotVisible."""
    held = _held(handover, by, as_receiver=False)
    _decide(held, HandoverState.WITHDRAWN)
    _tell(Verb.HANDOVER_WITHDRAWN, held, by, held.giver_id, {"to": held.typed})


@transaction.atomic
def refuse_offer(handover: Handover, *, by: Actor) -> None:
    """Say no. Raises NotVisible."""
    held = _held(handover, by, as_receiver=True)
    _decide(held, HandoverState.REFUSED)
    _tell(Verb.HANDOVER_REFUSED, held, by, held.giver_id, {"to": held.typed})


def accept_offer(handover: Handover, *, by: Actor) -> Document | Folder:
    """Take it over: into the top of one's own vault, under a free name, with all that hangs on it.

    Raises NotVisible, CannotHandOver, QuotaExceeded, TooManyFiles; then nothing has changed.
    """
    with transaction.atomic():
        receiver = by.active_user
        if receiver is None:
            raise access.NotVisible
        for owner in sorted({handover.giver_id, receiver.pk}):
            lock_vault(owner)
        held = _held(handover, by, as_receiver=True)
        item = held.item
        if not held.giver.is_active or item.user_id != held.giver_id or item.trash_id is not None:
            raise CannotHandOver(_("It is not theirs to give any more."))
        taken = _Taking(held, receiver).take()
        _decide(held, HandoverState.ACCEPTED)
        details = {"documents": taken.documents, "size_bytes": taken.size_bytes}
        _tell(Verb.HANDOVER_GIVEN, held, by, held.giver_id, {**details, "to": receiver.handle})
        _tell(Verb.HANDOVER_TAKEN, held, by, receiver.pk, {**details, "from": held.giver.handle})
        failpoint(Failpoint.RESTORING)
    return item


class _Taking:
    """One taking over, both vaults held."""

    def __init__(self, handover: Handover, receiver: User) -> None:
        self.item, self.giver, self.receiver = handover.item, handover.giver, receiver
        self.keeps_view = handover.keeps_view
        self.documents, self.size_bytes = 0, 0

    def take(self) -> "_Taking":
        folders, documents = self._leave_trash(), self._documents()
        self.documents = len(documents)
        versions = Version.objects.filter(document__in=documents)
        self.size_bytes = versions.aggregate(size=Sum("size_bytes"))["size"] or 0
        self._place()
        Folder.objects.filter(pk__in=folders).update(user=self.receiver)
        Document.objects.filter(pk__in=documents).update(user=self.receiver)
        Reading.objects.filter(version__document__in=documents).update(owner=self.receiver)
        self._map_topics(documents)
        self._settle_access(folders, documents)
        for start in range(0, len(documents), BATCH):
            index_documents(documents[start : start + BATCH])
        # The giver's row first where his id is the smaller one: quotas are taken in one order.
        steps = {self.giver.pk: self._free, self.receiver.pk: self._use}
        for key in sorted(steps):
            steps[key]()
        return self

    def _free(self) -> None:
        quota.free(self.giver.pk, self.size_bytes)

    def _use(self) -> None:
        quota.take(self.receiver.pk, self.size_bytes)

    def _leave_trash(self) -> list[UUID]:
        """The live folders that go. What was thrown away out of them stays in the giver's trash, at the top."""
        if isinstance(self.item, Document):
            return []
        inside = Folder.objects.filter(path__contains=[self.item.pk])
        in_live = Document.objects.filter(folder__in=inside.filter(trash=None).values("pk"), trash__isnull=False)
        in_live.update(folder=None)
        for thrown in list(inside.filter(trash__isnull=False, parent__trash=None)):
            rebase(thrown, None)
        return list(inside.filter(trash=None).values_list("pk", flat=True))

    def _documents(self) -> list[UUID]:
        if isinstance(self.item, Document):
            return [self.item.pk]
        live = Document.objects.live().filter(folder__path__contains=[self.item.pk])
        return list(live.order_by("pk").values_list("pk", flat=True))

    def _place(self) -> None:
        """The thing itself at the top of the receiver's vault, under a free name.

        Name and owner come first or together with the place: the name may be taken at the giver's own top.
        """
        if isinstance(self.item, Document):
            fit_names([self.item], self.receiver.pk, None, keep_both=True)
            self.item.folder, self.item.user = None, self.receiver
            self.item.save(update_fields=["user", "folder", "name", "name_key", "updated_at"])
            return
        there = Folder.objects.live().owned_by(self.receiver.pk).in_folder(None)
        self.item.name = free_name(self.item.name, set(there.values_list("name_key", flat=True)))
        self.item.name_key, self.item.user = name_key(self.item.name), self.receiver
        self.item.save(update_fields=["user", "name", "name_key", "updated_at"])
        rebase(self.item, None)

    def _map_topics(self, documents: list[UUID]) -> None:
        """Everybody's stay; the giver's own become the receiver's of the same name, or are left out."""
        own = DocumentTopic.objects.filter(document__in=documents, topic__user=self.giver).select_related("topic")
        names = {link.topic.name_key for link in own}
        theirs = {
            topic.name_key: topic
            for topic in Topic.objects.filter(name_key__in=names).filter(Q(user=self.receiver) | Q(user=None))
        }
        mapped = [
            DocumentTopic(
                document_id=link.document_id,
                topic=theirs[link.topic.name_key],
                added_by=link.added_by,
                reason=link.reason,
            )
            for link in own
            if link.topic.name_key in theirs
        ]
        DocumentTopic.objects.bulk_create(mapped, ignore_conflicts=True, batch_size=BATCH)
        DocumentTopic.objects.filter(document__in=documents, topic__user=self.giver).delete()

    def _settle_access(self, folders: list[UUID], documents: list[UUID]) -> None:
        here = Q(folder__in=folders) | Q(document__in=documents)
        # Nobody shares with himself; what the giver has opened is the receiver's to close from now on.
        Share.objects.filter(here, recipient=self.receiver).delete()
        Share.objects.filter(here, emergency__isnull=False).delete()
        Share.objects.filter(here, shared_by=self.giver).update(shared_by=self.receiver)
        ShareLink.objects.filter(here, made_by=self.giver).update(made_by=self.receiver)
        Handover.objects.filter(here, state=HandoverState.OFFERED).exclude(
            Q(document=self.item.pk) | Q(folder=self.item.pk)
        ).update(state=HandoverState.WITHDRAWN, decided_at=now())
        FileRequest.objects.filter(folder__in=folders).update(closed_at=now(), folder=None)
        for contact in EmergencyContact.objects.filter(folders__in=folders).distinct():
            contact.folders.remove(*contact.folders.filter(pk__in=folders))
        # Who sends something hither hears at its end that the folder is gone: the space was promised by the giver.
        under_way = Upload.objects.filter(state__in=LIVE_UPLOAD_STATES)
        under_way.filter(folder__in=folders).update(folder=None, to_root=False)
        under_way.filter(replaces__in=documents).update(replaces=None)
        if self.keeps_view:
            Share.objects.get_or_create(
                document=self.item if isinstance(self.item, Document) else None,
                folder=self.item if isinstance(self.item, Folder) else None,
                recipient=self.giver,
                defaults={"level": Level.VIEW, "shared_by": self.receiver},
            )
        else:
            Star.objects.filter(document__in=documents, user=self.giver).delete()


def weight_of(item: Document | Folder) -> tuple[int, int]:
    """How many bytes it takes with all its versions, and how many documents that are."""
    documents = Document.objects.live()
    documents = (
        documents.filter(pk=item.pk)
        if isinstance(item, Document)
        else documents.filter(folder__path__contains=[item.pk])
    )
    size = Version.objects.filter(document__in=documents.values("pk")).aggregate(size=Sum("size_bytes"))["size"]
    return size or 0, documents.count()


def openings_of(item: Document | Folder) -> int:
    """How many shares and links there are on it, and on what lies in it."""
    here = _of(item)
    if isinstance(item, Folder):
        here |= Q(folder__path__contains=[item.pk]) | Q(document__folder__path__contains=[item.pk])
    return Share.objects.filter(here).count() + ShareLink.objects.filter(here, revoked_at=None).count()


# --- What the verbs have in common --------------------------------------------------------------------------


def _of(item: Document | Folder) -> Q:
    return Q(document=item) if isinstance(item, Document) else Q(folder=item)


def _require_own(item: Document | Folder, by: Actor) -> None:
    if isinstance(item, Document):
        access.require_document(by, item, Level.OWN)
    else:
        access.require_folder(by, item, Level.OWN)


def _held(handover: Handover, by: Actor, *, as_receiver: bool) -> Handover:
    """An offer that is open, held. Raises NotVisible where it was answered or ran out."""
    list(Handover.objects.select_for_update().filter(pk=handover.pk))
    held = access.fetch_handover(by, handover.pk)
    is_receiver = by.user is not None and held.receiver_id == by.user.pk
    if is_receiver != as_receiver:
        raise access.NotVisible
    return held


def _decide(handover: Handover, state: HandoverState) -> None:
    handover.state, handover.decided_at = state, now()
    handover.save(update_fields=["state", "decided_at"])


def _tell(verb: Verb, handover: Handover, by: Actor, owner: UUID, details: dict[str, Any]) -> None:
    item = handover.item
    audit.record(
        verb,
        by=by,
        **audit.about(item, owner),
        details=details,
    )
