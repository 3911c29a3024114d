"""Who reaches a thing and why, person by person; and who more would see it somewhere else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.actors import Actor
from documents.models import Document, Folder
from documents.names import shown_name
from sharing import access
from sharing.access import Level
from sharing.listing import Reading, ShownLink, ShownShare, shown_links, shown_shares
from sharing.models import LinkLevel, Share, ShareLevel, ShareLink

RELATED = ("document", "folder", "recipient", "group", "shared_by")
SHARES_SHOWN = 500
NAMED = 3


@dataclass(frozen=True)
class Way:
    """One share by which somebody comes, since when."""

    row: ShownShare
    since: datetime


@dataclass
class Person:
    """Somebody who reaches it, with every way he comes by. One who has not accepted is named as he was typed."""

    name: str
    detail: str = ""
    is_waiting: bool = False
    reading: Reading | None = None
    ways: list[Way] = field(default_factory=list)

    @property
    def level_word(self) -> str:
        return str(ShareLevel(max(way.row.share.level for way in self.ways)).label)


def who_reaches(actor: Actor, item: Document | Folder) -> list[Person]:
    """Everybody but the owner who reaches it now, by name. For who manages it."""
    shares = access.holding(access.shares_on(actor, item)).select_related(*RELATED).order_by("created_at", "pk")
    people: dict[UUID, Person] = {}
    for row in shown_shares(list(shares[:SHARES_SHOWN]), actor):
        share = row.share
        if share.group_id is None:
            # What waits is not joined with anybody: that would tell who it is.
            key = share.pk if row.is_waiting or share.recipient_id is None else share.recipient_id
            person = people.setdefault(key, Person(row.name, row.detail, row.is_waiting, row.reading))
            person.ways.append(Way(row, share.created_at))
            continue
        for member in row.members:
            if not member.has_left:
                person = people.setdefault(member.person_id, Person(member.name, member.handle, False, member.reading))
                person.ways.append(Way(row, max(share.created_at, member.since)))
    return sorted(people.values(), key=lambda person: (person.is_waiting, person.name.casefold()))


def links_reaching(actor: Actor, item: Document | Folder) -> list[ShownLink]:
    """The links by which whoever holds them reaches it now, the newest first. For who manages it."""
    links = access.links_holding(access.links_on(actor, item)).select_related(*access.LINK_RELATED)
    rows = shown_links(list(links.order_by("-created_at", "pk")[:SHARES_SHOWN]), actor)
    return [row for row in rows if row.state in {"open", "used"}]


# --- What if it lay there --------------------------------------------------------------------------------


def mark_audiences(actor: Actor, places: Sequence[Folder], items: Iterable[Document | Folder] = ()) -> None:
    """Say of each place who would see the things there that does not see them now (`audience`, "" for nobody).

    For the owner's eyes: in somebody else's vault nothing is said, where things stay within that vault anyway.
    """
    own = [place for place in places if actor.user is not None and place.user_id == actor.user.pk]
    shares = access.holding(access.shares_along(actor, own)).select_related(*RELATED).order_by("created_at", "pk")
    rows = shown_shares(list(shares[:SHARES_SHOWN]), actor)
    links = _links_that_show(actor, own)
    known = _who_sees_all(actor, list(items))
    for place in places:
        here = [row for row in rows if row.share.folder_id in place.path and _receiver(row.share) not in known]
        through = [link for link in links if link.folder_id in place.path and link.pk not in known]
        place.audience = _in_words(here, through)  # type: ignore[attr-defined]


def _receiver(share: Share) -> object:
    return share.recipient_id or share.group_id or share.typed_key


def _links_that_show(actor: Actor, folders: Sequence[Folder]) -> list[ShareLink]:
    """The links that show what lies in these folders, now."""
    links = access.links_holding(access.links_along(actor, folders)).exclude(level=LinkLevel.UPLOAD)
    found = list(links.select_related(*access.LINK_RELATED).order_by("created_at", "pk")[:SHARES_SHOWN])
    return access.links_open(found)


def _who_sees_all(actor: Actor, items: list[Document | Folder]) -> set[object]:
    """Who sees each of these things already, of those that are the actor's own."""
    seen: set[object] | None = None
    for item in items:
        if access.level_on(actor, item) != Level.OWN:
            return set()
    folders = [item if isinstance(item, Folder) else item.folder for item in items]
    known_folders = [folder for folder in folders if folder is not None]
    above = list(access.holding(access.shares_along(actor, known_folders)))
    links = _links_that_show(actor, known_folders)
    direct = list(access.holding(access.shares_of_documents(actor, [i for i in items if isinstance(i, Document)])))
    for item, folder in zip(items, folders, strict=True):
        path = folder.path if folder is not None else []
        mine = {_receiver(share) for share in above if share.folder_id in path}
        mine |= {_receiver(share) for share in direct if share.document_id == item.pk}
        mine |= {link.pk for link in links if link.folder_id in path}
        seen = mine if seen is None else seen & mine
    return seen or set()


def _in_words(rows: list[ShownShare], links: list[ShareLink]) -> str:
    """Bob, 3 people of Family and whoever holds the link "Landlord" will see it."""
    words, told = [], set()
    for row in rows:
        if _receiver(row.share) in told:
            continue
        told.add(_receiver(row.share))
        if row.share.group_id is not None:
            count = len(row.members)
            words.append(
                ngettext("%(count)d person of %(group)s", "%(count)d people of %(group)s", count)
                % {"count": count, "group": row.name}
            )
        else:
            words.append(row.name)
    words += [_("whoever holds the link “%(name)s”") % {"name": shown_name(link.name)} for link in links]
    if not words:
        return ""
    if len(words) > NAMED:
        more = len(words) - NAMED
        words = [*words[:NAMED], ngettext("%(count)d more", "%(count)d more", more) % {"count": more}]
    return _("%(who)s will see it.") % {"who": get_text_list(words, _("and"))}
