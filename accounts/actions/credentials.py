"""Passwords: change, reset, and send somebody the way to a new one."""

from django.db import transaction
from django.db.models import F

from accounts import mails
from accounts.actions.rights import only_admins
from accounts.actions.sessions import end_sessions
from accounts.actors import Actor
from accounts.models import User
from sharing import audit


def _set_password(user: User, password: str, verb: audit.Verb, by: Actor) -> None:
    user.set_password(password)
    user.save(update_fields=["password"])
    end_sessions(user)
    _tell(verb, user, by)


def _tell(verb: audit.Verb, user: User | None, by: Actor) -> None:
    if user is None:
        audit.record(verb, by=by, target_kind="user", result="unknown")
        return
    audit.record(verb, by=by, target_kind="user", target_id=user.pk, target_name=user.handle, owner=user.pk)


@transaction.atomic
def change_password(user: User, password: str, *, by: Actor) -> None:
    """A new password for one who is signed in. Every other session ends; the caller keeps his own."""
    _set_password(user, password, audit.Verb.PASSWORD_CHANGED, by)


@transaction.atomic
def reset_password(user: User, password: str, *, by: Actor) -> None:
    """A new password for one who came by a reset link. Every session and every link ends."""
    _set_password(user, password, audit.Verb.PASSWORD_RESET, by)


@transaction.atomic
def note_reset_asked(user: User | None, *, by: Actor) -> None:
    """Somebody asked for a reset link: older ones end. Of an unknown address nothing is kept."""
    if user is not None:
        _end_reset_links(user)
    _tell(audit.Verb.PASSWORD_RESET_ASKED, user, by)


def _end_reset_links(user: User) -> None:
    User.objects.filter(pk=user.pk).update(reset_epoch=F("reset_epoch") + 1)
    user.refresh_from_db(fields=["reset_epoch"])


@transaction.atomic
def send_reset(user: User, *, by: Actor) -> None:
    """An admin sends the way to a new password; the person is signed out everywhere."""
    only_admins(by)
    person = User.objects.select_for_update().get(pk=user.pk)
    _end_reset_links(person)
    end_sessions(person)
    _tell(audit.Verb.PASSWORD_RESET_SENT, person, by)
    transaction.on_commit(lambda: mails.send_reset_link(person))
