"""What people do with what others have shared with them: accept it, put it away, leave it, come back.

Nothing here touches the file: it is its owner's.
"""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import User
from documents.jobs import enqueue
from documents.locks import lock_vault
from documents.models import Document, Folder
from sharing import access, audit
from sharing.audit import Verb
from sharing.models import Share, ShareReception, ViewShare

# How long a share waits for somebody to come: an address may pass to another person one day.
WAITING = timedelta(days=30)


@transaction.atomic
def accept_shared(item: Document | Folder, *, by: Actor) -> None:
    """Say yes to it: from now on the sharer sees by name who it is. Raises NotVisible."""
    shares = _own_ways(item, by)
    if _note(shares, by, accepted_at=now()):
        _tell(Verb.SHARE_ACCEPTED, item, by, item.user_id)


@transaction.atomic
def hide_shared(item: Document | Folder, *, by: Actor) -> None:
    """Off one's own list. It stays reachable, and can be shown again. Raises NotVisible."""
    shares = _own_ways(item, by)
    if _note(shares, by, hidden_at=now()):
        _tell(Verb.SHARE_HIDDEN, item, by, by.user.pk if by.user else None)


@transaction.atomic
def show_shared(item: Document | Folder, *, by: Actor) -> None:
    """Back on the list."""
    shares = _own_ways(item, by)
    hidden = ShareReception.objects.filter(share__in=shares, user=by.user, hidden_at__isnull=False)
    if hidden.update(hidden_at=None):
        _tell(Verb.SHARE_SHOWN, item, by, by.user.pk if by.user else None)


@transaction.atomic
def leave_shared(item: Document | Folder, *, by: Actor) -> None:
    """Give up one's own ways to it, from the next request on: the others of a group keep theirs. Raises NotVisible."""
    shares = _own_ways(item, by)
    through_groups = [share for share in shares if share.group_id is not None]
    _note(through_groups, by, left_at=now())
    Share.objects.filter(pk__in=[share.pk for share in shares if share.group_id is None]).delete()
    _tell(Verb.SHARE_LEFT, item, by, item.user_id)


@transaction.atomic
def rejoin_shared(item: Document | Folder, *, by: Actor) -> None:
    """Come back to what is still shared with one's group. Raises NotVisible."""
    lock_vault(item.user_id, is_shared=True)
    shares = list(access.shares_left(by).filter(_of(item)))
    if not shares:
        raise access.NotVisible
    ShareReception.objects.filter(share__in=shares, user=by.user).update(left_at=None)
    _tell(Verb.SHARE_REJOINED, item, by, item.user_id)


@transaction.atomic
def receive_waiting(user: User, address: str, *, by: Actor) -> int:
    """Give a person who has just proved an e-mail address what others have shared with it; answers how much."""
    waiting = Share.objects.select_related("document", "folder").filter(
        Q(expires_at=None) | Q(expires_at__gt=now()),
        recipient=None,
        group=None,
        typed_key=address.lower(),
        created_at__gt=now() - WAITING,
    )
    count = 0
    for share in waiting.select_for_update(of=("self",)):
        there = Share.objects.filter(recipient=user, document=share.document, folder=share.folder)
        if share.item.user_id == user.pk or there.exists():
            continue
        share.recipient = user
        share.save(update_fields=["recipient"])
        _tell(Verb.SHARE_ARRIVED, share.item, by, share.item.user_id)
        enqueue("sharing.tasks.tell_of_share", share.pk)
        count += 1
    seen = ViewShare.objects.filter(
        recipient=None, group=None, typed_key=address.lower(), created_at__gt=now() - WAITING
    )
    seen.exclude(view__user=user).update(recipient=user)
    return count


def _of(item: Document | Folder) -> Q:
    return Q(document=item) if isinstance(item, Document) else Q(folder=item)


def _own_ways(item: Document | Folder, by: Actor) -> list[Share]:
    """The shares of this very thing that hold for the actor. Raises NotVisible where there is none."""
    lock_vault(item.user_id, is_shared=True)
    shares = list(access.own_ways(by, item).order_by("pk"))
    if not shares:
        raise access.NotVisible
    return shares


def _note(shares: list[Share], by: Actor, **moments: object) -> int:
    """Write a moment where none stands yet; answers at how many shares."""
    assert by.user is not None
    ShareReception.objects.bulk_create(
        [ShareReception(share=share, user=by.user) for share in shares], ignore_conflicts=True
    )
    unset = {f"{name}__isnull": True for name in moments}
    return ShareReception.objects.filter(share__in=shares, user=by.user, **unset).update(**moments)


def _tell(verb: Verb, item: Document | Folder, by: Actor, owner: UUID | None) -> None:
    audit.record(verb, by=by, **audit.about(item, owner))
