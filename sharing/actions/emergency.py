"""Emergency access: somebody names a person and folders; that person asks; unless he is refused in time he may read.

What opens is an ordinary share to read, marked with the contact it comes from: it shows, ends and is told of like every
share. Time does not run while the owner's account is disabled, since he could not refuse.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import DurationField, ExpressionWrapper, F, Value
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts.actors import Actor
from documents.actions.errors import Refused
from documents.jobs import enqueue
from documents.locks import lock_vault
from documents.models import Folder
from sharing import access, audit
from sharing.access import Level
from sharing.actions.ends import last_moment
from sharing.actions.shares import TYPED_LIMIT, find_person, typed_key
from sharing.audit import Verb
from sharing.models import Share
from sharing.models_handing import EmergencyContact, EmergencyState
from sharing.policy import policy

logger = logging.getLogger(__name__)

MOST_CONTACTS, MOST_FOLDERS, LONGEST_WAIT = 20, 50, 365
# After a refusal nobody asks again at once.
REST = timedelta(days=1)


class CannotName(Refused):
    """What was asked for makes no sense, or not now."""


@transaction.atomic
def name_contact(typed: str, folders: Sequence[Folder], wait_days: int, *, by: Actor) -> EmergencyContact:
    """Choose a person who may ask to read these folders. Answered alike whether the person is here or not.

    Raises CannotName, NotVisible, NotAllowed.
    """
    user = by.active_user
    if user is None:
        raise access.NotVisible
    typed = " ".join(typed.replace("\x00", "").split())[:TYPED_LIMIT]
    if not typed_key(typed):
        raise CannotName(_("Say whom: a handle or an e-mail address."))
    person = find_person(typed)
    if person is not None and person.pk == user.pk:
        raise CannotName(_("That is yourself."))
    rows = _own_folders(folders, by)
    _must_wait(wait_days)
    lock_vault(user.pk, is_shared=True)
    if access.own_emergency_contacts(by).count() >= MOST_CONTACTS:
        raise CannotName(_("You have named many people already. Remove somebody first."))
    try:
        with transaction.atomic():
            contact = EmergencyContact.objects.create(
                user=user, person=person, typed=typed, typed_key=typed_key(typed), wait_days=wait_days
            )
    except IntegrityError:
        raise CannotName(_("You have named this person already.")) from None
    contact.folders.set(rows)
    _tell(Verb.EMERGENCY_NAMED, contact, by, {"to": typed, "count": len(rows), "wanted": wait_days})
    return contact


@transaction.atomic
def change_contact(
    contact: EmergencyContact, folders: Sequence[Folder], wait_days: int, *, by: Actor
) -> EmergencyContact:
    """Other folders, another time of waiting. What is open follows the folders. Raises NotVisible, CannotName."""
    held = _held(contact, by)
    rows = _own_folders(folders, by)
    _must_wait(wait_days)
    before = {folder.pk for folder in held.folders.all()}
    if before == {row.pk for row in rows} and held.wait_days == wait_days:
        return held
    held.wait_days = wait_days
    held.save(update_fields=["wait_days"])
    held.folders.set(rows)
    if held.state == EmergencyState.GRANTED:
        held.shares.exclude(folder__in=rows).delete()
        _open(held, [row for row in rows if row.pk not in before])
    _tell(Verb.EMERGENCY_CHANGED, held, by, {"to": held.typed, "count": len(rows), "wanted": wait_days})
    return held


@transaction.atomic
def remove_contact(contact: EmergencyContact, *, by: Actor) -> None:
    """Not chosen any more, from the next request on; what was open is closed. Raises NotVisible."""
    held = _held(contact, by)
    _tell(Verb.EMERGENCY_REMOVED, held, by, {"to": held.typed, "count": held.shares.count()})
    held.delete()


@transaction.atomic
def ask_emergency(contact: EmergencyContact, *, by: Actor) -> EmergencyContact:
    """The chosen one asks: the time begins to run, and the owner hears of it. Asking twice is asking once.

    Raises NotVisible, CannotName.
    """
    held = _held(contact, by, as_chosen=True)
    if held.state in {EmergencyState.ASKED, EmergencyState.GRANTED}:
        return held
    if held.state == EmergencyState.REFUSED and held.refused_at is not None and held.refused_at > now() - REST:
        raise CannotName(_("You were refused a short while ago. Ask again tomorrow."))
    if not held.user.is_active:
        raise CannotName(_("This account is disabled; its owner could not refuse. Please talk to an admin."))
    held.state, held.asked_at = EmergencyState.ASKED, now()
    held.save(update_fields=["state", "asked_at"])
    until = held.grants_at
    _tell(Verb.EMERGENCY_ASKED, held, by, {"to": held.typed, "until": until.isoformat() if until else None})
    enqueue("sharing.tasks.tell_of_emergency", held.pk)
    return held


@transaction.atomic
def withdraw_emergency(contact: EmergencyContact, *, by: Actor) -> None:
    """The chosen one does not need it (any more): nothing runs, and what was open is closed. Raises NotVisible."""
    held = _held(contact, by, as_chosen=True)
    if held.state in {EmergencyState.ASKED, EmergencyState.GRANTED}:
        _end(held, EmergencyState.NAMED)
        _tell(Verb.EMERGENCY_WITHDRAWN, held, by, {"to": held.typed})


@transaction.atomic
def refuse_emergency(contact: EmergencyContact, *, by: Actor) -> None:
    """The owner says no, in time or afterwards: what was open is closed. Raises NotVisible."""
    held = _held(contact, by)
    if held.state == EmergencyState.ASKED:
        verb = Verb.EMERGENCY_REFUSED
    elif held.state == EmergencyState.GRANTED:
        verb = Verb.EMERGENCY_ENDED
    else:
        return
    held.refused_at = now()
    _end(held, EmergencyState.REFUSED)
    _tell(verb, held, by, {"to": held.typed})


def grant_due(limit: int = 100) -> int:
    """Open what was asked for and not refused in time; answers for how many. Bears repetition, and two at once."""
    wait = ExpressionWrapper(F("wait_days") * Value(timedelta(days=1)), output_field=DurationField())
    due = EmergencyContact.objects.filter(
        state=EmergencyState.ASKED, user__is_active=True, person__is_active=True
    ).annotate(due_at=F("asked_at") + wait)
    count = 0
    for owner_id, key in list(due.filter(due_at__lte=now()).order_by("asked_at").values_list("user", "pk")[:limit]):
        try:
            count += _grant(owner_id, key)
        except Exception:
            logger.exception("emergency access %s stays closed for now", key)
    return count


@transaction.atomic
def _grant(owner_id: UUID, key: UUID) -> bool:
    lock_vault(owner_id, is_shared=True)
    rows = EmergencyContact.objects.select_for_update(of=("self",)).select_related("user", "person")
    held = rows.filter(pk=key, state=EmergencyState.ASKED, user__is_active=True, person__is_active=True).first()
    if held is None or held.grants_at is None or held.grants_at > now():
        return False
    held.state, held.granted_at = EmergencyState.GRANTED, now()
    held.save(update_fields=["state", "granted_at"])
    _open(held, list(held.folders.filter(trash=None, user_id=owner_id)))
    enqueue("sharing.tasks.tell_of_emergency", held.pk)
    return True


def _open(held: EmergencyContact, folders: Sequence[Folder]) -> None:
    """A share to read for each; where one is there already it stays as it is."""
    longest = policy().max_days
    for folder in folders:
        _share, is_new = Share.objects.get_or_create(
            folder=folder,
            recipient=held.person,
            defaults={
                "level": Level.VIEW,
                "shared_by": held.user,
                "emergency": held,
                "expires_at": last_moment(longest) if longest is not None else None,
            },
        )
        audit.record(
            Verb.EMERGENCY_GRANTED,
            by=Actor.job(held.person),
            target_kind="folder",
            target_id=folder.pk,
            target_name=folder.name,
            owner=held.user_id,
            details={"to": held.typed, "added": is_new},
        )


def _end(held: EmergencyContact, state: EmergencyState) -> None:
    held.shares.all().delete()
    held.state, held.asked_at, held.granted_at = state, None, None
    held.save(update_fields=["state", "asked_at", "granted_at", "refused_at"])


def _held(contact: EmergencyContact, by: Actor, *, as_chosen: bool = False) -> EmergencyContact:
    access.fetch_emergency_contact(by, contact.pk, as_chosen=as_chosen)
    lock_vault(contact.user_id, is_shared=True)
    list(EmergencyContact.objects.select_for_update().filter(pk=contact.pk))
    return access.fetch_emergency_contact(by, contact.pk, as_chosen=as_chosen)


def _own_folders(folders: Sequence[Folder], by: Actor) -> list[Folder]:
    if not folders:
        raise CannotName(_("Choose at least one folder."))
    if len(folders) > MOST_FOLDERS:
        raise CannotName(_("Choose %(count)d folders at most.") % {"count": MOST_FOLDERS})
    return access.fetch_folders(by, [folder.pk for folder in folders], Level.OWN)


def _must_wait(days: int) -> None:
    if not 1 <= days <= LONGEST_WAIT:
        raise CannotName(_("Between 1 and %(days)d days of waiting.") % {"days": LONGEST_WAIT})


def _tell(verb: Verb, contact: EmergencyContact, by: Actor, details: dict[str, Any]) -> None:
    audit.record(
        verb,
        by=by,
        target_kind="emergency_contact",
        target_id=contact.pk,
        target_name=contact.typed,
        owner=contact.user_id,
        details=details,
    )
