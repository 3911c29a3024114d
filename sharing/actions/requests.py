"""File requests: an address made for one of one's own folders, changed, closed, and given a new address."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts.actors import Actor
from documents.actions.errors import Refused
from documents.locks import lock_vault
from documents.models import Folder
from documents.uploads.requested import MOST_FILES
from sharing import access, audit, gate
from sharing.access import Level
from sharing.actions.ends import must_fit
from sharing.audit import Verb
from sharing.gate import Kind
from sharing.models_requests import FileKind, FileRequest
from sharing.policy import policy

TITLE_LIMIT, MESSAGE_LIMIT = 120, 1000
MOST_BYTES = 1 << 50
STRENGTH = gate.Strength(8, 1)
# One person's open addresses; more would be more than anybody looks after.
MOST_REQUESTS = 500


class CannotAsk(Refused):
    """What was asked for makes no sense, or the policy does not allow it."""


@dataclass(frozen=True)
class Terms:
    """What a request takes and until when. `password`: None keeps the one that is there, "" takes it away."""

    title: str
    message: str = ""
    expires_at: datetime | None = None
    max_files: int | None = None
    max_file_bytes: int | None = None
    max_total_bytes: int | None = None
    kinds: Sequence[str] = field(default_factory=list)
    is_notified: bool = True
    password: str | None = None


@transaction.atomic
def make_request(folder: Folder, terms: Terms, *, by: Actor) -> tuple[FileRequest, str]:
    """An address for files into a folder of one's own, and its token.

    Raises NotVisible, NotAllowed, CannotAsk.
    """
    access.require_folder(by, folder, Level.OWN)
    lock_vault(folder.user_id, is_shared=True)
    folder = access.fetch_folder(by, folder.pk, Level.OWN)
    if access.own_requests(by).filter(closed_at=None).count() >= MOST_REQUESTS:
        raise CannotAsk(_("You have many open requests already. Close some of them first."))
    asked = FileRequest(user_id=folder.user_id, folder=folder)
    token = _new_token(asked)
    _write(asked, terms, is_new=True)
    asked.save(force_insert=True)
    _tell(Verb.REQUEST_MADE, asked, by, {"to": folder.name, "until": _moment(asked.expires_at)})
    return asked, token


def address_token(asked: FileRequest) -> str:
    """The token once more, for a request that its owner has fetched. Raises UnreadableSecret."""
    return gate.reveal_token(Kind.REQUEST, asked.pk, asked.token_sealed)


def _new_token(asked: FileRequest) -> str:
    token = gate.make_token(Kind.REQUEST, asked.pk)
    asked.token_hash, asked.token_sealed = token.hash, token.sealed
    return token.clear


@transaction.atomic
def change_request(asked: FileRequest, terms: Terms, *, by: Actor) -> FileRequest:
    """Other terms; what has come already stays. Raises NotVisible, CannotAsk."""
    asked = _held(asked, by)
    before = {item.name: getattr(asked, item.name) for item in fields(terms) if item.name != "password"}
    password = asked.password_hash
    _write(asked, terms, is_new=False)
    changed = [name for name, value in before.items() if getattr(asked, name) != value]
    if asked.password_hash != password:
        changed.append("password")
    if changed:
        asked.save()
        _tell(Verb.REQUEST_CHANGED, asked, by, {"fields": changed, "until": _moment(asked.expires_at)})
    return asked


@transaction.atomic
def close_request(asked: FileRequest, *, by: Actor) -> FileRequest:
    """No more files from now on, those under way included; what waits goes on waiting. Raises NotVisible."""
    asked = _held(asked, by)
    if asked.closed_at is None:
        asked.closed_at = now()
        asked.save(update_fields=["closed_at"])
        _tell(Verb.REQUEST_CLOSED, asked, by)
    return asked


@transaction.atomic
def reopen_request(asked: FileRequest, *, by: Actor) -> FileRequest:
    """Take files again, at the same address. Raises NotVisible, CannotAsk."""
    asked = _held(asked, by)
    if asked.folder is None or asked.folder.trash_id is not None or asked.folder.user_id != asked.user_id:
        raise CannotAsk(_("Its folder is gone. Make a new request for another one."))
    if asked.closed_at is not None:
        asked.closed_at = None
        asked.save(update_fields=["closed_at"])
        _tell(Verb.REQUEST_REOPENED, asked, by)
    return asked


@transaction.atomic
def renew_request(asked: FileRequest, *, by: Actor) -> str:
    """A new address in place of the one before, which opens nothing any more. Raises NotVisible."""
    asked = _held(asked, by)
    token = _new_token(asked)
    asked.save(update_fields=["token_hash", "token_sealed"])
    _tell(Verb.REQUEST_RENEWED, asked, by)
    return token


def _held(asked: FileRequest, by: Actor) -> FileRequest:
    """One's own request, its row held."""
    asked = access.fetch_request(by, asked.pk)
    lock_vault(asked.user_id, is_shared=True)
    list(FileRequest.objects.select_for_update().filter(pk=asked.pk))
    return access.fetch_request(by, asked.pk)


def _write(asked: FileRequest, terms: Terms, *, is_new: bool) -> None:
    """The terms on the row. Raises CannotAsk, and the row is not saved."""
    title = " ".join(terms.title.replace("\x00", "").split())[:TITLE_LIMIT]
    if not title:
        raise CannotAsk(_("Say what it is for: a title that the senders see."))
    _must_be(terms.max_files, MOST_FILES, _("Between one and 10,000 files, or leave it empty."))
    for limit in (terms.max_file_bytes, terms.max_total_bytes):
        _must_be(limit, MOST_BYTES, _("This size makes no sense. Leave it empty for no limit."))
    if unknown := set(terms.kinds) - set(FileKind.values):
        raise CannotAsk(_("Unknown kind of file: %(kind)s.") % {"kind": sorted(unknown)[0]})
    asked.expires_at = _fitting(asked, terms.expires_at, is_new=is_new)
    asked.title, asked.message = title, terms.message.replace("\x00", "").strip()[:MESSAGE_LIMIT]
    asked.max_files, asked.max_file_bytes = terms.max_files, terms.max_file_bytes
    asked.max_total_bytes = terms.max_total_bytes
    asked.kinds = [kind for kind in FileKind.values if kind in terms.kinds]
    asked.is_notified = terms.is_notified
    if terms.password:
        if weak := gate.weaknesses(terms.password, STRENGTH):
            raise CannotAsk(" ".join(weak))
        asked.password_hash = gate.hash_password(terms.password)
    elif terms.password == "":
        asked.password_hash = ""


def _must_be(value: int | None, most: int, message: str) -> None:
    if value is not None and not 1 <= value <= most:
        raise CannotAsk(message)


def _fitting(asked: FileRequest, until: datetime | None, *, is_new: bool) -> datetime | None:
    """The end, if it lies ahead and within the policy; one that stays as it was is not asked about."""
    if not is_new and until == asked.expires_at:
        return until
    too_long = _("Things can be shared for %(days)d days at most. Choose an earlier last day.")
    must_fit(until, policy().max_days, CannotAsk, too_long)
    return until


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _tell(verb: Verb, asked: FileRequest, by: Actor, details: dict[str, Any] | None = None) -> None:
    audit.record(
        verb,
        by=by,
        target_kind="file_request",
        target_id=asked.pk,
        target_name=asked.title,
        owner=asked.user_id,
        details=details,
    )
