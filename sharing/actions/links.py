"""Links: ways in for whoever holds an address. Makers make, change, pause and close them; holders come in by them.

A holder may look (pages drawn by the vault, no bytes), or look and download, or only put files in, or look, download,
put new files in and give documents new versions. He never renames, moves, throws away or shares, and old versions
are not his to see.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts.actors import Actor
from documents.actions.errors import Refused
from documents.locks import lock_vault
from documents.models import Document, Folder, Version
from sharing import access, audit, gate
from sharing.access import NotVisible
from sharing.actions.ends import last_moment, must_fit, within_own
from sharing.actions.shares import MESSAGE_LIMIT, CannotShare, held_item
from sharing.audit import Verb
from sharing.gate import Kind, Strength
from sharing.models import LinkLevel, ShareLink, SharingPolicy
from sharing.policy import policy

NAME_LIMIT = 120
COUNT_LIMIT = 1_000_000
LINKS_LIMIT = 50  # to one thing, not counting those closed for good
UPLOADS_LIMIT = 1_000  # files through one link


class LinkClosed(NotVisible):
    """The link opens nothing (any more), or nothing to one more."""


@dataclass(frozen=True)
class Terms:
    """What a link is to be. `password`: None leaves it as it is, "" takes it away."""

    name: str
    level: LinkLevel
    until: datetime | None = None
    password: str | None = None
    max_opens: int | None = None
    max_downloads: int | None = None
    message: str = ""


def strength() -> Strength:
    """The least that a password of a link must be."""
    now_holds = policy()
    return Strength(now_holds.link_password_length, now_holds.link_password_kinds)


@transaction.atomic
def make_link(item: Document | Folder, terms: Terms, *, by: Actor) -> ShareLink:
    """A link to a document, or to a folder with all below it, now and later.

    Raises NotVisible, NotAllowed, CannotShare.
    """
    item = held_item(item, by)
    assert by.user is not None
    if ShareLink.objects.filter(**_of(item), revoked_at=None).count() >= LINKS_LIMIT:
        raise CannotShare(_("There are %(count)d links to this already. Close one first.") % {"count": LINKS_LIMIT})
    key = uuid.uuid4()
    token = gate.make_token(Kind.LINK, key)
    link = ShareLink(
        pk=key,
        **_of(item),
        made_by=by.user,
        token_hash=token.hash,
        token_sealed=token.sealed,
        **_given(item, terms, by, None),
    )
    link.save(force_insert=True)
    _tell(Verb.LINK_MADE, link, by)
    return link


@transaction.atomic
def change_link(link: ShareLink, terms: Terms, *, by: Actor) -> ShareLink:
    """Other terms; whoever came in with a password that is changed has to give the new one.

    Raises NotVisible, NotAllowed, CannotShare.
    """
    link = _held_link(link, by)
    if link.revoked_at is not None:
        raise CannotShare(_("This link is closed for good. Make a new one."))
    given = _given(link.item, terms, by, link)
    changed = [name for name, value in given.items() if getattr(link, name) != value]
    if changed:
        for name in changed:
            setattr(link, name, given[name])
        link.save(update_fields=changed)
        _tell(Verb.LINK_CHANGED, link, by, fields=[name.removesuffix("_hash") for name in changed])
    return link


@transaction.atomic
def pause_link(link: ShareLink, *, by: Actor, resumes: bool = False) -> ShareLink:
    """Close it for a while, or open it again. Raises NotVisible, CannotShare."""
    link = _held_link(link, by)
    if link.revoked_at is not None:
        raise CannotShare(_("This link is closed for good. Make a new one."))
    if (link.paused_at is None) != resumes:
        link.paused_at = None if resumes else now()
        link.save(update_fields=["paused_at"])
        _tell(Verb.LINK_RESUMED if resumes else Verb.LINK_PAUSED, link, by)
    return link


@transaction.atomic
def revoke_link(link: ShareLink, *, by: Actor) -> ShareLink:
    """Close it for good, from the next request on; its receipts stay. Raises NotVisible."""
    link = _held_link(link, by)
    if link.revoked_at is None:
        link.revoked_at = now()
        link.token_sealed = ""
        link.save(update_fields=["revoked_at", "token_sealed"])
        _tell(Verb.LINK_REVOKED, link, by)
    return link


@transaction.atomic
def keep_link(link: ShareLink, *, by: Actor) -> ShareLink:
    """Say that a link which nobody uses is to stay: it is not asked about for another while. Raises NotVisible."""
    link = _held_link(link, by)
    link.reviewed_at = now()
    link.save(update_fields=["reviewed_at"])
    _tell(Verb.LINK_KEPT, link, by)
    return link


# --- Those who hold one ------------------------------------------------------------------------------------


@transaction.atomic
def enter_by_link(*, by: Actor) -> ShareLink:
    """One opening, if there is one left: many at once take no more than there are. Raises LinkClosed."""
    link = access.open_link(by)
    if link is None:
        raise LinkClosed
    _take(link, Q(max_opens=None) | Q(opens__lt=F("max_opens")), opens=F("opens") + 1)
    _tell(Verb.LINK_OPENED, link, by)
    return link


@transaction.atomic
def download_by_link(version: Version | None = None, *, by: Actor) -> None:
    """One download, if there is one left; the same version again within ten minutes is the same download.

    Raises LinkClosed. What was downloaded is told with the bytes.
    """
    link = access.open_link(by)
    if link is None:
        raise LinkClosed
    if version is not None and not audit.mark_reading("link_download", version, by=by):
        return
    _take(link, Q(max_downloads=None) | Q(downloads__lt=F("max_downloads")), downloads=F("downloads") + 1)


@transaction.atomic
def upload_by_link(*, by: Actor) -> None:
    """One file more, if the link takes one. Raises LinkClosed, Refused."""
    link = access.open_link(by)
    if link is None or not link.lets_add:
        raise LinkClosed
    try:
        _take(link, Q(uploads__lt=UPLOADS_LIMIT), uploads=F("uploads") + 1)
    except LinkClosed:
        raise Refused(_("This link takes no more files."))


def refuse_password(link: ShareLink, *, by: Actor) -> None:
    """Tell of a wrong password; what was typed is not kept."""
    item = link.item
    audit.record_apart(
        Verb.LINK_PASSWORD_FAILED,
        by=by,
        **audit.about(item),
        details={"to": link.name},
    )


def _take(link: ShareLink, has_left: Q, **counted: Any) -> None:
    """Count by a filtered update: those who wait for the row see what is left then. Raises LinkClosed."""
    moment = now()
    rows = access.links_holding(ShareLink.objects.filter(has_left, pk=link.pk))
    first = Coalesce("first_opened_at", moment)
    if not rows.update(last_used_at=moment, first_opened_at=first, **counted):
        raise LinkClosed


# --- What the verbs have in common --------------------------------------------------------------------------


def _of(item: Document | Folder) -> dict[str, Any]:
    return {"document": item} if isinstance(item, Document) else {"folder": item}


def _held_link(link: ShareLink, by: Actor) -> ShareLink:
    """The link under locks. Raises NotVisible where it has gone, or the right to it."""
    found = access.fetch_link(by, link.pk)
    lock_vault(found.item.user_id, is_shared=True)
    list(ShareLink.objects.select_for_update().filter(pk=found.pk))
    return access.fetch_link(by, found.pk)


def _given(item: Document | Folder, terms: Terms, by: Actor, before: ShareLink | None) -> dict[str, Any]:
    """The columns of these terms, each looked at. Raises CannotShare."""
    allowed = policy()
    if not allowed.allows_links:
        raise CannotShare(_("This vault makes no links. Ask an admin, or share with people who have an account."))
    if terms.level == LinkLevel.UPLOAD and isinstance(item, Document):
        raise CannotShare(_("Files are put into a folder. Make this link to a folder."))
    is_same_end = before is not None and before.expires_at == terms.until
    return {
        "name": _text(terms.name, NAME_LIMIT) or _("Link"),
        "message": _text(terms.message, MESSAGE_LIMIT),
        "level": terms.level,
        "expires_at": terms.until if is_same_end else _fitting(terms.until, item, allowed, by),
        "password_hash": _password(terms, allowed, before),
        "max_opens": _count(terms.max_opens, before.opens if before else 0),
        "max_downloads": _count(terms.max_downloads, before.downloads if before else 0),
    }


def _text(text: str, limit: int) -> str:
    return " ".join(text.replace("\x00", "").split())[:limit]


def _password(terms: Terms, allowed: SharingPolicy, before: ShareLink | None) -> str:
    """The hash of the password. Raises CannotShare."""
    there = before.password_hash if before is not None else ""
    if terms.password is None:
        if not there and before is None and allowed.links_need_password:
            raise CannotShare(_("Each link needs a password here."))
        return there
    if not terms.password:
        if allowed.links_need_password:
            raise CannotShare(_("Each link needs a password here."))
        return ""
    if wrong := gate.weaknesses(terms.password, Strength(allowed.link_password_length, allowed.link_password_kinds)):
        raise CannotShare(wrong[0])
    return gate.hash_password(terms.password)


def _count(wanted: int | None, already: int) -> int | None:
    """A limit that makes sense. Raises CannotShare."""
    if wanted is None:
        return None
    if not 1 <= wanted <= COUNT_LIMIT:
        raise CannotShare(_("A limit is between 1 and %(limit)d; or leave it empty.") % {"limit": COUNT_LIMIT})
    if wanted < already:
        raise CannotShare(
            _("This has happened %(count)d times already: the limit cannot be lower.") % {"count": already}
        )
    return wanted


def _fitting(until: datetime | None, item: Document | Folder, allowed: SharingPolicy, by: Actor) -> datetime | None:
    """The end, if it lies ahead and within the policy; never after the maker's own. Raises CannotShare."""
    longest, shortest = allowed.link_max_days, allowed.link_min_days
    too_long = _("A link lasts for %(days)d days at most here. Choose an earlier last day.")
    must_fit(until, longest, CannotShare, too_long)
    # The last day counts in full, so the end of the last of so many days is in time whatever the hour is now.
    if shortest is not None and until is not None and until < last_moment(shortest) - timedelta(hours=1):
        raise CannotShare(
            _("A link lasts for %(days)d days at least here. Choose a later last day.") % {"days": shortest}
        )
    return within_own(until, item, by)


def _tell(verb: Verb, link: ShareLink, by: Actor, **more: Any) -> None:
    item = link.item
    terms = {
        "to": link.name,
        "level": LinkLevel(link.level).name.lower(),
        "until": link.expires_at.isoformat() if link.expires_at else None,
    }
    audit.record(
        verb,
        by=by,
        **audit.about(item),
        details={"to": link.name} if verb == Verb.LINK_OPENED else {**terms, **more},
    )
