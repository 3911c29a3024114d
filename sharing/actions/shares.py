"""Opening what is one's own to others: how far, for how long, and closing it again.

What is typed is answered alike whether the person is here or not: the share is kept either way, shown as it was
typed until it is accepted, and one for nobody waits (sharing/policy.py may let people find one another).
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Group, User
from documents.actions.errors import Refused
from documents.jobs import enqueue
from documents.locks import lock_vault
from documents.models import Document, Folder
from sharing import access, audit
from sharing.access import Level, NotAllowed
from sharing.actions.ends import must_fit, within_own
from sharing.audit import Verb
from sharing.models import Share, SharingPolicy
from sharing.policy import may_invite, policy

MESSAGE_LIMIT = 1000
TYPED_LIMIT = 254


class CannotShare(Refused):
    """What was asked for makes no sense, or the policy does not allow it."""


def find_person(typed: str) -> User | None:
    """The active person with exactly this handle or e-mail address."""
    key = typed_key(typed)
    return User.objects.filter(Q(handle__iexact=key) | Q(email__iexact=key), is_active=True).first() if key else None


def typed_text(typed: str) -> str:
    return " ".join(typed.replace("\x00", "").split())[:TYPED_LIMIT]


def typed_key(typed: str) -> str:
    return " ".join(typed.replace("\x00", "").split()).removeprefix("@").lower()[:TYPED_LIMIT]


@transaction.atomic
def share(
    item: Document | Folder,
    receiver: User | Group | str,
    level: Level,
    *,
    by: Actor,
    until: datetime | None = None,
    message: str = "",
    is_inviting: bool = False,
) -> Share:
    """Open a document, or a folder with all below it, to a person or a group; or change how far.

    A receiver as text is what somebody typed. Nobody gives more than he has, nor for longer, and nobody gives
    ownership. Raises NotVisible, NotAllowed, CannotShare.
    """
    item = held_item(item, by)
    typed = ""
    if isinstance(receiver, str):
        typed = typed_text(receiver)
        if not typed_key(typed):
            raise CannotShare(_("Say with whom: a handle or an e-mail address."))
        person = find_person(typed)
    else:
        person = receiver if isinstance(receiver, User) else None
    group = receiver if isinstance(receiver, Group) else None
    assert by.user is not None
    if person is not None and person.pk == by.user.pk:
        raise CannotShare(_("That is yourself: you can see it already."))
    if level > min(_level(item, by), Level.MANAGE) or (person is not None and person.pk == item.user_id):
        raise NotAllowed(_("You cannot share this so."))
    until = _fitting(until, item, by)
    receivers = _receivers(item, person, group, typed)
    # What is opened by hand stays when an emergency is over.
    given = {"level": level, "shared_by": by.user, "expires_at": until, "emergency": None}
    found, is_new = Share.objects.get_or_create(
        **receivers,
        document=item if isinstance(item, Document) else None,
        folder=item if isinstance(item, Folder) else None,
        defaults={
            **given,
            "typed": typed,
            "typed_key": typed_key(typed),
            "message": message.replace("\x00", "").strip()[:MESSAGE_LIMIT],
            "is_inviting": is_inviting and "@" in typed and may_invite(by),
        },
    )
    if not is_new:
        _change(found, given, by)
        return found
    _tell(Verb.SHARE_MADE, found, by)
    # For a person whom nobody knows as well: how long this takes must not tell.
    enqueue("sharing.tasks.tell_of_share", found.pk)
    return found


def _receivers(item: Document | Folder, person: User | None, group: Group | None, typed: str) -> dict[str, Any]:
    """What identifies a share of this item: the person or group, or the words of one that waits.

    Two ways of naming one person (handle and address) must not fall together before the person has
    accepted: that would tell who they are.
    """
    if person is not None and typed and not policy().lists_people:
        there = Share.objects.filter(
            recipient=person,
            document=item if isinstance(item, Document) else None,
            folder=item if isinstance(item, Folder) else None,
        ).exclude(typed_key__in=["", typed_key(typed)])
        if there.exclude(receptions__user=person, receptions__accepted_at__isnull=False).exists():
            person = None
    if person is None and group is None:
        return {"recipient": None, "group": None, "typed_key": typed_key(typed)}
    return {"recipient": person, "group": group}


@transaction.atomic
def change_share(share: Share, level: Level, until: datetime | None, *, by: Actor) -> Share:
    """How far and until when. Raises NotVisible, NotAllowed, CannotShare."""
    share, item = _held_share(share, by)
    if level > min(_level(item, by), Level.MANAGE):
        raise NotAllowed(_("You cannot share this so."))
    end = until if until == share.expires_at else _fitting(until, item, by)
    _change(share, {"level": level, "expires_at": end}, by)
    return share


def _change(share: Share, given: dict[str, Any], by: Actor) -> None:
    before = share.level, share.expires_at
    for name, value in given.items():
        setattr(share, name, value)
    share.save(update_fields=list(given))
    if (share.level, share.expires_at) != before:
        _tell(Verb.SHARE_CHANGED, share, by)


@transaction.atomic
def withdraw_share(share: Share, *, by: Actor, with_those_passed_on: bool = False) -> int:
    """Close it again, from the next request on; answers how many shares that were.

    `with_those_passed_on`: and what its recipient has shared on, of this thing and of what lies in it.
    """
    share, item = _held_share(share, by)
    doomed = [share]
    if with_those_passed_on and share.recipient_id is not None:
        doomed += _passed_on(item, share.recipient_id)
    for one in doomed:
        _tell(Verb.SHARE_WITHDRAWN, one, by)
    Share.objects.filter(pk__in=[one.pk for one in doomed]).delete()
    return len(doomed)


def _passed_on(item: Document | Folder, person_id: UUID) -> list[Share]:
    made = Share.objects.filter(shared_by=person_id).select_related("document", "folder", "recipient", "group")
    if isinstance(item, Document):
        return list(made.filter(document=item))
    below = Q(folder__path__contains=[item.pk]) | Q(document__folder__path__contains=[item.pk])
    return list(made.filter(below))


@transaction.atomic
def keep_share(share: Share, *, by: Actor) -> Share:
    """Say that a share which nobody uses is to stay: it is not asked about for another while."""
    share, _item = _held_share(share, by)
    share.reviewed_at = now()
    share.save(update_fields=["reviewed_at"])
    _tell(Verb.SHARE_KEPT, share, by)
    return share


@transaction.atomic
def change_policy(wanted: SharingPolicy, *, by: Actor) -> SharingPolicy:
    """What holds for shares from now on; those that exist keep their end."""
    access.require_admin(by)
    before = policy()
    names = [field.name for field in SharingPolicy._meta.fields if field.name != "id"]
    changed = [name for name in names if getattr(before, name) != getattr(wanted, name)]
    if changed:
        SharingPolicy.objects.update_or_create(pk=1, defaults={name: getattr(wanted, name) for name in names})
        audit.record(Verb.POLICY_CHANGED, by=by, target_kind="policy", details={"fields": changed})
    return policy()


# --- What the verbs have in common --------------------------------------------------------------------


def held_item(item: Document | Folder, by: Actor) -> Document | Folder:
    """The thing, which nobody purges before this transaction ends, if the actor may share it."""
    _level(item, by)
    lock_vault(item.user_id, is_shared=True)
    # Once more: what is purged meanwhile cannot be shared.
    found = access.fetch_document(by, item.pk) if isinstance(item, Document) else access.fetch_folder(by, item.pk)
    _level(found, by)
    return found


def _held_share(share: Share, by: Actor) -> tuple[Share, Document | Folder]:
    """The share, and what it opens, under locks. Raises NotVisible where it has gone."""
    found = access.fetch_share(by, share.pk)
    lock_vault(found.item.user_id, is_shared=True)
    list(Share.objects.select_for_update().filter(pk=found.pk))
    found = access.fetch_share(by, found.pk)
    return found, found.item


def _level(item: Document | Folder, by: Actor) -> Level:
    """How far the actor may go, if it is far enough to share."""
    if isinstance(item, Document):
        access.require_document(by, item, Level.MANAGE)
        level = access.level_on_document(by, item)
    else:
        access.require_folder(by, item, Level.MANAGE)
        level = access.level_on_folder(by, item)
    assert level is not None
    return level


def _fitting(until: datetime | None, item: Document | Folder, by: Actor) -> datetime | None:
    """The end, if it lies ahead and within the policy; never after the giver's own. Raises CannotShare."""
    too_long = _("Things can be shared for %(days)d days at most. Choose an earlier last day.")
    must_fit(until, policy().max_days, CannotShare, too_long)
    return within_own(until, item, by)


def _tell(verb: Verb, share: Share, by: Actor) -> None:
    item = share.item
    audit.record(
        verb,
        by=by,
        **audit.about(item),
        details={
            "to": receiver_in_words(share),
            "level": Level(share.level).name.lower(),
            "until": share.expires_at.isoformat() if share.expires_at else None,
        },
    )


def receiver_in_words(share: Share) -> str:
    """With whom, as the sharer said it: the trail tells no more than he knew."""
    if share.group is not None:
        return share.group.name
    return share.typed or (share.recipient.handle if share.recipient is not None else "")
