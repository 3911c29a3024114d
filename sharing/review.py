"""Shares and links nobody has used for a year (the policy's days): found by their receipts, asked about by mail."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import User
from documents.jobs import enqueue
from sharing import access, audit
from sharing.audit import Verb
from sharing.models import Share, ShareLink
from sharing.policy import policy

# How long nobody is asked once more about a share that he has not answered for.
ASKED_AGAIN = timedelta(days=90)

# One share at a time is compared with what its receivers have read since: receipts are found by reader and moment.
UNUSED = """
    SELECT s.id FROM shares s
    LEFT JOIN documents d ON d.id = s.document_id
    LEFT JOIN folders f ON f.id = s.folder_id
    WHERE (d.user_id = %s OR f.user_id = %s) AND d.trash_id IS NULL AND f.trash_id IS NULL
      AND (s.expires_at IS NULL OR s.expires_at > now())
      AND greatest(s.created_at, coalesce(s.reviewed_at, s.created_at)) < %s
      AND NOT EXISTS (
        SELECT 1 FROM receipts r JOIN documents x ON x.id = r.document_id LEFT JOIN folders xf ON xf.id = x.folder_id
        WHERE r.last_at >= %s AND (x.id = s.document_id OR xf.path @> ARRAY[s.folder_id])
          AND r.reader IN (SELECT s.recipient_id::text
                           UNION ALL SELECT m.user_id::text FROM memberships m WHERE m.group_id = s.group_id)
      )
"""


def _since() -> datetime:
    return now() - timedelta(days=policy().review_days)


def unused_shares(actor: Actor) -> QuerySet[Share]:
    """Shares of the actor's own things that nobody has used since, and that he has not said shall stay."""
    user = actor.active_user
    if user is None:
        return Share.objects.none()
    since = _since()
    return access.shares_made(actor).filter(pk__in=RawSQL(UNUSED, [user.pk, user.pk, since, since]))  # noqa: S611


def unused_links(actor: Actor) -> QuerySet[ShareLink]:
    """Open links to the actor's own things that nobody has used since, and that nobody has said shall stay."""
    user = actor.active_user
    if user is None:
        return ShareLink.objects.none()
    own = Q(document__user=user) | Q(folder__user=user)
    return access.links_holding(access.links_made(actor)).filter(own, _untouched(_since()))


def unused_count(actor: Actor) -> int:
    return unused_shares(actor).count() + unused_links(actor).count()


def _untouched(since: datetime) -> Q:
    return (
        Q(created_at__lt=since)
        & (Q(last_used_at=None) | Q(last_used_at__lt=since))
        & (Q(reviewed_at=None) | Q(reviewed_at__lt=since))
    )


def _to_be_asked() -> Q:
    return Q(review_asked_at=None) | Q(review_asked_at__lt=now() - ASKED_AGAIN)


def owners_to_ask() -> list[UUID]:
    """Who has shares old enough to be looked at, and was not asked lately."""
    since = _since()
    old = Share.objects.filter(Q(reviewed_at=None) | Q(reviewed_at__lt=since), created_at__lt=since)
    links = ShareLink.objects.filter(_untouched(since), _to_be_asked(), revoked_at=None)
    pairs = [
        *old.filter(_to_be_asked()).values_list("document__user", "folder__user").distinct(),
        *links.values_list("document__user", "folder__user").distinct(),
    ]
    found = {owner for pair in pairs for owner in pair if owner is not None}
    return sorted(User.objects.filter(pk__in=found, is_active=True).values_list("pk", flat=True))


def ask_owners() -> int:
    """Have everybody asked who has unused shares; answers how many people."""
    return sum(ask_about_unused(owner_id) for owner_id in owners_to_ask())


@transaction.atomic
def ask_about_unused(owner_id: UUID) -> bool:
    """Note that the owner is asked, and have the mail sent; False where there is nothing (any more) to ask about."""
    owner = User.objects.select_for_update().filter(pk=owner_id, is_active=True).first()
    if owner is None:
        return False
    shares = list(unused_shares(Actor.for_user(owner)).filter(_to_be_asked()).values_list("pk", flat=True))
    links = list(unused_links(Actor.for_user(owner)).filter(_to_be_asked()).values_list("pk", flat=True))
    if not shares and not links:
        return False
    Share.objects.filter(pk__in=shares).update(review_asked_at=now())
    ShareLink.objects.filter(pk__in=links).update(review_asked_at=now())
    audit.record(
        Verb.REVIEW_ASKED,
        by=Actor.job(),
        target_kind="user",
        target_id=owner.pk,
        owner=owner.pk,
        details={"count": len(shares) + len(links)},
    )
    enqueue("sharing.tasks.tell_of_unused", owner.pk)
    return True
