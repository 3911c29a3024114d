"""Shares as people see them: with names that tell no more than the policy allows, and with who has read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from accounts.actors import Actor
from accounts.models import Membership, User
from accounts.secrets import UnreadableSecret
from documents.models import Document
from docuvault.lib.connections import prepared_statements
from docuvault.lib.days import last_day
from sharing import access
from sharing.audit import link_reader
from sharing.gate import Kind, reveal_token
from sharing.models import EmergencyContact, LinkLevel, Receipt, Share, ShareLevel, ShareLink, ShareReception
from sharing.policy import policy

PEOPLE_OFFERED = 200
MEMBERS_SHOWN = 200


@dataclass(frozen=True)
class Reading:
    """What somebody has read of a thing: one opening in ten minutes counts once, as in the trail."""

    views: int
    downloads: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class Reader:
    """A person behind a share, by the name the looker may know, and what he has read."""

    person_id: UUID
    name: str
    handle: str
    since: datetime
    reading: Reading | None
    has_left: bool = False


@dataclass(frozen=True)
class ShownShare:
    """One share, ready to be shown."""

    share: Share
    name: str
    detail: str = ""
    is_waiting: bool = False
    reading: Reading | None = None
    members: list[Reader] = field(default_factory=list)

    @property
    def readers(self) -> int:
        return sum(member.reading is not None for member in self.members)

    @property
    def last_read_at(self) -> datetime | None:
        moments = [one.reading.last_at for one in self.members if one.reading is not None]
        return self.reading.last_at if self.reading is not None else max(moments, default=None)

    @property
    def last_day(self) -> date | None:
        """The last day on which it holds, in the looker's zone."""
        return last_day(self.share.expires_at)

    @property
    def level_word(self) -> str:
        return str(ShareLevel(self.share.level).label)


READINGS = """
    WITH readers AS (
        SELECT id AS share_id, document_id, folder_id, recipient_id AS person
        FROM shares WHERE id = ANY(%(shares)s) AND recipient_id IS NOT NULL
        UNION ALL
        SELECT s.id, s.document_id, s.folder_id, m.user_id
        FROM shares s JOIN memberships m ON m.group_id = s.group_id WHERE s.id = ANY(%(shares)s)
    )
    SELECT readers.share_id, readers.person, sum(r.views), sum(r.downloads), min(r.first_at), max(r.last_at)
    FROM readers
    JOIN receipts r ON r.reader = readers.person::text
    JOIN documents d ON d.id = r.document_id
    LEFT JOIN folders f ON f.id = d.folder_id
    WHERE d.id = readers.document_id OR f.path @> ARRAY[readers.folder_id]
    GROUP BY readers.share_id, readers.person
"""


def readings_of(shares: Iterable[Share]) -> dict[tuple[UUID, UUID], Reading]:
    """Who has read what of each share's thing, by share and person, in one query."""
    ids = [share.pk for share in shares]
    if not ids:
        return {}
    with prepared_statements(), connection.cursor() as cursor:
        cursor.execute(READINGS, {"shares": ids})
        return {
            (share_id, person): Reading(int(views), int(downloads), first_at, last_at)
            for share_id, person, views, downloads, first_at, last_at in cursor.fetchall()
        }


def shown_shares(shares: Sequence[Share], actor: Actor) -> list[ShownShare]:
    """Each with its name and its readers; four queries, however many there are.

    Somebody whom the sharer has typed is named once he has accepted, lest typing tell who is here.
    """
    readings = readings_of(shares)
    people = {share.recipient_id for share in shares if share.recipient_id is not None}
    receptions = ShareReception.objects.filter(share__in=[share.pk for share in shares])
    accepted = set(receptions.filter(user__in=people, accepted_at__isnull=False).values_list("share_id", "user_id"))
    left = set(receptions.filter(left_at__isnull=False).values_list("share_id", "user_id"))
    members = _members({share.group_id for share in shares if share.group_id is not None})
    is_open = actor.is_admin or policy().lists_people
    shown = []
    for share in shares:
        if share.group_id is not None and share.group is not None:
            readers = [
                Reader(
                    person.pk, person.shown_name, person.handle, since,
                    readings.get((share.pk, person.pk)), (share.pk, person.pk) in left,
                )
                for person, since in members.get(share.group_id, [])
                if person.pk != share.item.user_id
            ]  # fmt: skip
            shown.append(ShownShare(share, share.group.name, members=readers))
            continue
        person = share.recipient
        is_known = person is not None and (
            is_open or not share.typed or (share.pk, person.pk) in accepted or _is_actor(person, actor)
        )
        if person is not None and is_known:
            reading = readings.get((share.pk, person.pk))
            shown.append(ShownShare(share, person.shown_name, person.handle, reading=reading))
        else:
            reading = readings.get((share.pk, share.recipient_id)) if share.recipient_id else None
            shown.append(ShownShare(share, share.typed, is_waiting=True, reading=reading))
    return shown


def _is_actor(person: User, actor: Actor) -> bool:
    return actor.user is not None and person.pk == actor.user.pk


def _members(groups: set[UUID]) -> dict[UUID, list[tuple[User, datetime]]]:
    """The active members of each group and since when, by name, some of them where there are very many."""
    found: dict[UUID, list[tuple[User, datetime]]] = {}
    if groups:
        rows = Membership.objects.filter(group__in=groups, user__is_active=True).select_related("user")
        for row in rows.order_by("user__handle")[: MEMBERS_SHOWN * len(groups)]:
            found.setdefault(row.group_id, []).append((row.user, row.created_at))
    return found


# --- Links --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReadThrough:
    """What was read of one document through a link."""

    document: Document
    reading: Reading


@dataclass(frozen=True)
class ShownLink:
    """One link, ready to be shown to who manages it: where it stands, its address, and its receipts."""

    link: ShareLink
    path: str = ""
    is_held_back: bool = False
    documents: list[ReadThrough] = field(default_factory=list)

    @property
    def level_word(self) -> str:
        return str(LinkLevel(self.link.level).label)

    @property
    def state(self) -> str:
        """revoked, over, paused, held (its maker may not open it today), used or open."""
        link = self.link
        for name, holds in (
            ("revoked", link.revoked_at is not None),
            ("over", link.is_over),
            ("paused", link.paused_at is not None),
            ("held", self.is_held_back),
            ("used", link.is_used_up),
        ):
            if holds:
                return name
        return "open"


DOCUMENTS_READ = 20


def shown_links(links: Sequence[ShareLink], actor: Actor, *, with_documents: bool = True) -> list[ShownLink]:
    """Each with its address and receipts. The token is unsealed here alone, for who manages what it opens."""
    read: dict[str, list[ReadThrough]] = {}
    if links and with_documents:
        readers = [link_reader(link.pk) for link in links]
        receipts = Receipt.objects.filter(reader__in=readers, document__in=access.visible_documents(actor))
        for row in receipts.select_related("document").order_by("-last_at")[: DOCUMENTS_READ * len(links)]:
            reading = Reading(row.views, row.downloads, row.first_at, row.last_at)
            read.setdefault(row.reader, []).append(ReadThrough(row.document, reading))
    held = access.links_held_back(links)
    return [
        ShownLink(link, _path_of(link), link.pk in held, read.get(link_reader(link.pk), [])[:DOCUMENTS_READ])
        for link in links
    ]


def _path_of(link: ShareLink) -> str:
    """Its address without the host; nothing where it is closed for good, or its key is lost."""
    try:
        token = reveal_token(Kind.LINK, link.pk, link.token_sealed) if link.token_sealed else ""
    except UnreadableSecret:
        token = ""
    return f"/l/{token}/" if token else ""


# --- People ------------------------------------------------------------------------------------------------


def _known(actor: Actor) -> QuerySet[User]:
    user = actor.active_user
    if user is None:
        return User.objects.none()
    people = User.objects.filter(is_active=True).exclude(pk=user.pk)
    if actor.is_admin or policy().lists_people:
        return people
    accepted = ShareReception.objects.filter(share__shared_by=user, accepted_at__isnull=False)
    givers = access.shares_received(actor).values("shared_by")
    groups = Membership.objects.filter(user=user).values("group")
    return people.filter(
        Q(pk__in=accepted.values("user"))
        | Q(pk__in=givers)
        | Q(pk__in=Membership.objects.filter(group__in=groups).values("user"))
    )


def known_people(actor: Actor) -> list[User]:
    """Whom the actor may be offered: everybody, where people find one another; else those he shares things with."""
    return list(_known(actor).order_by("handle")[:PEOPLE_OFFERED])


def knows(actor: Actor, person: User) -> bool:
    """Whether the actor may learn that this person is here."""
    return _is_actor(person, actor) or _known(actor).filter(pk=person.pk).exists()


# --- What waits for somebody --------------------------------------------------------------------------

# Whether there is anything to ask the rule about. Every page asks, so it is one statement.
MAY_WAIT = """
    SELECT EXISTS (SELECT FROM shares s WHERE s.recipient_id = %(user)s AND NOT EXISTS (
               SELECT FROM share_receptions r WHERE r.share_id = s.id AND r.user_id = %(user)s
               AND (r.accepted_at IS NOT NULL OR r.hidden_at IS NOT NULL)))
           OR EXISTS (SELECT FROM handovers WHERE receiver_id = %(user)s AND state = 'offered'),
           EXISTS (SELECT FROM received_files f JOIN file_requests q ON q.id = f.request_id
                   WHERE q.user_id = %(user)s AND f.state = 'waiting'),
           EXISTS (SELECT FROM emergency_contacts WHERE user_id = %(user)s AND state = 'asked'),
           EXISTS (SELECT FROM saved_views WHERE user_id = %(user)s)
           OR EXISTS (SELECT FROM view_shares WHERE recipient_id = %(user)s)
           OR EXISTS (SELECT FROM view_shares s JOIN memberships m USING (group_id) WHERE m.user_id = %(user)s)
"""


@dataclass(frozen=True)
class Waiting:
    """What somebody is told on every page until he has answered it; and whether there are saved searches."""

    has_new_shares: bool = False
    has_files: bool = False
    emergency: EmergencyContact | None = None
    has_views: bool = False


def waiting_for(actor: Actor) -> Waiting:
    """What the rule says of each, asked only where a row gives reason to."""
    user = actor.active_user
    if user is None:
        return Waiting()
    with prepared_statements(), connection.cursor() as cursor:
        cursor.execute(MAY_WAIT, {"user": user.pk})
        shares, files, emergency, views = cursor.fetchone()
    return Waiting(
        shares and access.has_new_shares(actor),
        files and access.has_waiting_files(actor),
        access.emergency_asked(actor) if emergency else None,
        views,
    )
