"""The people of the matrix of rights, and the world they are let into: one of everything, each with a word of its own.

top (shared with ABOVE) / mid / low (shared with most) / below / deep
                              / side (shared with SIBLING) / sidedoc
attic / lone, and what lies in the trash, are nobody's but the owner's.
"""

import io
import re
from dataclasses import dataclass, field
from datetime import timedelta

from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from accounts.actions import add_member, ask_for_room, invite, make_user, remove_member
from accounts.actors import Actor
from accounts.models import Group, Role, User
from documents import previews, uploads
from documents.actions.documents import star_document
from documents.actions.folders import make_folder
from documents.actions.rules import Deed, make_rule
from documents.actions.saved_views import save_view
from documents.actions.topics import make_topic, tag_documents
from documents.actions.trash import trash_document, trash_folder
from documents.actions.versions import note_version
from documents.identity import identity
from documents.models import (
    Document,
    FilingRun,
    FilingSuggestion,
    Folder,
    JobRun,
    Page,
    PendingDeletion,
    Reading,
    StrayObject,
    UpkeepRun,
)
from documents.search.index import index_document
from documents.uploads import store_stream
from sharing.access import Level
from sharing.actions import Terms, make_link, share, share_view, withdraw_share, write_comment
from sharing.actions.emergency import name_contact
from sharing.actions.handing import offer
from sharing.actions.requests import Terms as RequestTerms
from sharing.actions.requests import make_request
from sharing.models import AuditEvent, LinkLevel, ReceivedFile, Share, ShareLink
from sharing.tests.linking import LOOKING, token_of

CANARY = "DVCANARY"
WORD = "zebra"  # in every text and name, to be looked for
PASSWORD = "correct horse battery staple"
SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
LETTER = b"Content-Disposition: attachment; filename=bill.txt\n\npaper"
ABSENT = "00000000-0000-4000-8000-000000000000"

# Key, and the head of its column.
PEOPLE = {
    "anonymous": "anon",
    "pending": "pend",
    "disabled": "disa",
    "stranger": "stra",
    "former": "form",
    "sibling": "sibl",
    "above": "abov",
    "viewer": "view",
    "commenter": "comm",
    "member": "memb",
    "editor": "edit",
    "manager": "mana",
    "owner": "ownr",
    "admin": "admn",
    "link_view": "lvie",
    "link_download": "ldow",
    "link_upload": "lupl",
    "link_edit": "ledi",
    "link_expired": "lexp",
}
LINKS = ("link_view", "link_download", "link_upload", "link_edit", "link_expired")
LEGEND = """\
anon  nobody signed in
pend  the password given, the second step not; would be an editor
disa  a session of a disabled person, who was an editor
stra  signed in, no relation to what the address names
form  an editor whose share was withdrawn and who was taken out of the group
sibl  a viewer of a folder beside
abov  a viewer of the folder two levels above
view  a viewer of the folder that the document lies in
comm  may comment there
memb  a viewer there by a group
edit  may edit there
mana  may manage there
ownr  the owner
admn  runs the server
lvie ldow lupl ledi   holders of a link to that folder: to look only, to download, to upload only, to add and replace
lexp  holds a link that is over

"in" leads to signing in. "-": not played, since another column stands for it there: one member at the admin's pages,
one holder of a link outside of links."""


@dataclass
class World:
    """Who is there, what the parameters of addresses stand for, and who may see which word."""

    people: dict[str, Client] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    # Where an address means something else to one person: the token of his link.
    theirs: dict[str, dict[str, str]] = field(default_factory=dict)
    # The stranger's own things, under the same names.
    own: dict[str, str] = field(default_factory=dict)
    # Each word of the world, and who may see it.
    seen_by: dict[str, frozenset[str]] = field(default_factory=dict)
    folders: dict[str, Folder] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    # What addresses name when they are about each of the papers.
    papers: dict[str, dict[str, str]] = field(default_factory=dict)

    # The trail's last line when all was built: what a request adds is undone with it.
    last_line: int = 0

    def values_of(self, person: str) -> dict[str, str]:
        return {**self.values, **self.theirs.get(person, {})}

    def may_see(self, person: str) -> set[str]:
        return {word for word, people in self.seen_by.items() if person in people}


def word(code: str) -> str:
    return f"{CANARY}-{code} {WORD}"


def words_in(text: str) -> set[str]:
    """Which words of the world stand in an answer."""
    return set(re.findall(rf"{CANARY}-([a-z]+)", text))


# --- Who may see what: the rules a second time, by walking up from each thing ------------------------------

PLACES = {"top": "", "mid": "top", "low": "mid", "below": "low", "side": "mid", "attic": ""}
PAPERS = {"doc": "low", "deep": "below", "sidedoc": "side", "lone": "attic"}
GIVEN = {
    "top": {"above": Level.VIEW},
    "side": {"sibling": Level.VIEW},
    "low": {
        "viewer": Level.VIEW,
        "commenter": Level.COMMENT,
        "member": Level.VIEW,
        "editor": Level.EDIT,
        "manager": Level.MANAGE,
    },
}


# What a link to a folder shows to its holders.
LINKED = {"low": frozenset({"link_view", "link_download", "link_edit"})}


def shown(place: str) -> frozenset[str]:
    """The people who see a folder and its papers: who reach it, and holders of links to it or to one above."""
    found = reach(place)
    while place:
        found |= LINKED.get(place, frozenset())
        place = PLACES[place]
    return found


def reach(place: str, at_least: Level = Level.VIEW) -> frozenset[str]:
    """The people who reach a folder: its owner, and whom it or a folder above was shared with."""
    found = {"owner"}
    while place:
        found |= {person for person, level in GIVEN.get(place, {}).items() if level >= at_least}
        place = PLACES[place]
    return frozenset(found)


# --- The world -----------------------------------------------------------------------------------------------


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="accounts.adapters.People")
    return client


def _people(world: World) -> None:
    accounts = [key for key in PEOPLE if key != "anonymous" and key not in LINKS]
    for key in [*accounts, "extra"]:
        world.users[key] = make_user(
            f"{key}-person",
            f"{key}@vault.test",
            by=Actor.system(),
            password=PASSWORD,
            role=Role.ADMIN if key == "admin" else Role.MEMBER,
            is_confirmed=True,
        )
    world.people["anonymous"] = Client()
    for key in accounts:
        if key != "pending":
            world.people[key] = sign_in(world.users[key])
    TOTP.activate(world.users["pending"], SEED)
    waiting = Client()
    told = waiting.post(reverse("account_login"), {"login": "pending-person", "password": PASSWORD})
    assert told.headers["Location"] == reverse("mfa_authenticate")
    world.people["pending"] = waiting


def _read(document: Document, text: str) -> None:
    """As if it had been read, with its pictures."""
    version = document.current_version_id
    assert version is not None
    Reading.objects.filter(pk=version).update(state="ready", kind="pdf", page_count=1)
    Page.objects.create(reading_id=version, number=1, text=text)
    for kind in ("thumbnail", "page", "copy"):
        previews.keep_object(version, kind, 1, b"RIFF", "image/webp", 1, 1)
    index_document(document.pk)


def _put(name: str, folder: Folder | None, by: Actor, data: bytes = LETTER) -> Document:
    return store_stream(name, iter([data]), folder, size_bound=len(data), by=by)


def _shares(world: World, group: Group) -> Share:
    """Every share, through its verb. The viewer's is the one that addresses name."""
    owner = Actor.for_user(world.users["owner"])
    for place, people in GIVEN.items():
        for person, level in people.items():
            receiver = group if person == "member" else world.users[person]
            made = share(world.folders[place], receiver, level, by=owner, message=word(f"message{person}"))
            world.seen_by[f"message{person}"] = reach(place, Level.MANAGE) | {person}
    for person in ("pending", "disabled", "former"):
        made = share(world.folders["low"], world.users[person], Level.EDIT, by=owner)
        if person == "former":
            withdraw_share(made, by=owner)
            remove_member(group, world.users["former"], by=owner)
    return Share.objects.get(folder=world.folders["low"], recipient=world.users["viewer"])


def build() -> World:
    """One of everything. An e-mail that is nothing but its attachment is the document."""
    world = World()
    identity()
    _people(world)
    owner = Actor.for_user(world.users["owner"])
    for place, parent in PLACES.items():
        world.folders[place] = make_folder(word(place), world.folders.get(parent), by=owner)
        world.seen_by[place] = shown(place)
    for paper, place in PAPERS.items():
        made = _put(f"{word(paper)}.eml", world.folders[place], owner)
        older = made.versions.get()
        store_stream(made.name, iter([LETTER, b"s"]), None, size_bound=99, by=owner, replaces=made)
        made.refresh_from_db()
        note_version(older, word(f"note{paper}"), by=owner)
        _read(made, word(f"text{paper}"))
        star_document(made, by=owner)
        said = write_comment(made, word(f"comment{paper}"), by=owner)
        world.documents[paper] = made
        world.papers[paper] = {
            "document_id": str(made.pk),
            "version_id": str(older.pk),
            "comment_id": str(said.pk),
            "folder_id": str(world.folders[place].pk),
        }
        world.seen_by |= {paper: shown(place), f"text{paper}": shown(place), f"comment{paper}": reach(place)}
        world.seen_by[f"note{paper}"] = reach(place, Level.EDIT)
    group = Group.objects.create(name=word("group"), name_key="group")
    for key in ("member", "former", "extra"):
        add_member(group, world.users[key], by=Actor.for_user(world.users["admin"]))
    add_member(group, world.users["owner"], by=Actor.for_user(world.users["admin"]), role="manager")
    # Whoever manages a place sees with whom it is shared, and admins see every group.
    world.seen_by["group"] = reach("low", Level.MANAGE) | {"member", "admin"}
    shared = _shares(world, group)
    doc, low = world.documents["doc"], world.folders["low"]
    alone = frozenset({"owner"})
    topic = make_topic(word("topic"), "green", by=owner)
    tag_documents([doc], topic, by=owner)
    entry = trash_document(_put(f"{word('gone')}.txt", low, owner), by=owner)
    gone = make_folder(word("goneplace"), low, by=owner)
    lost = _put(f"{word('lost')}.txt", gone, owner)
    trash_folder(gone, by=owner)
    upload = uploads.begin_upload(f"{word('upload')}.txt", 10, low, by=owner)
    view = save_view(word("view"), WORD, "", by=owner)
    view_share = share_view(view, group, by=owner)
    world.seen_by |= dict.fromkeys(("topic", "gone", "goneplace", "lost", "upload"), alone)
    world.seen_by["view"] = alone | {"member"}
    rule = make_rule(word("rule"), Deed(WORD, [topic]), by=owner)
    run = FilingRun.objects.create(user=world.users["owner"], rule=rule, rule_name=rule.name, state="done", changed=1)
    suggestion = FilingSuggestion.objects.create(user=world.users["owner"], document=doc, topic=topic)
    world.seen_by["rule"] = alone
    asked = ask_for_room(1024, word("reason"), by=owner)
    world.seen_by["reason"] = alone | {"admin"}
    invitation, link = invite("new@vault.test", "member", by=Actor.for_user(world.users["admin"]))
    world.folders["goneplace"], world.documents["lost"] = gone, lost
    world.documents["gone"] = entry.documents.get()
    for paper, place in (("gone", "low"), ("lost", "goneplace")):
        version = world.documents[paper].versions.get()
        world.papers[paper] = {
            "document_id": str(world.documents[paper].pk),
            "version_id": str(version.pk),
            "folder_id": str(world.folders[place].pk),
        }
    User.objects.filter(pk=world.users["disabled"].pk).update(is_active=False)
    world.values = {
        **world.papers["doc"],
        "view_id": str(view.pk),
        "view_share_id": str(view_share.pk),
        "topic_id": str(topic.pk),
        "entry_id": str(entry.pk),
        "upload_id": str(upload.pk),
        "share_id": str(shared.pk),
        "group_id": str(group.pk),
        "user_id": str(world.users["extra"].pk),
        "invitation_id": str(invitation.pk),
        "request_id": str(asked.pk),
        "rule_id": str(rule.pk),
        "run_id": str(run.pk),
        "suggestion_id": str(suggestion.pk),
        "page": "1",
        "number": "0",
        "ticket": _ticket(world),
        "token": link.rstrip("/").rpartition("/")[2],
        "key": "unknown",
        "uidb36": "0",
        "object_id": str(world.users["owner"].pk),
        "content_type_id": "1",
        "app_label": "accounts",
        "url": "no/such/page",
    }
    _own_things_of_the_stranger(world)
    _holders_of_links(world)
    _asked_and_offered(world)
    _for_admins(world)
    world.last_line = AuditEvent.objects.latest("id").pk
    return world


def _for_admins(world: World) -> None:
    """One of each kind that the admin's pages are about."""
    topic = make_topic("Everybody's", "green", by=Actor.for_user(world.users["admin"]), is_system=True)
    waiting = PendingDeletion.objects.create(object_key="v/waiting")
    stray = StrayObject.objects.create(object_key="v/stray", size_bytes=1, modified_at=now())
    world.values |= {
        "accounts.group": world.values["group_id"],
        "accounts.invitation": world.values["invitation_id"],
        "accounts.quotarequest": world.values["request_id"],
        "documents.document": world.values["document_id"],
        "documents.topic": str(topic.pk),
        "documents.upload": world.values["upload_id"],
        "documents.jobrun": str(JobRun.objects.create(task="documents.tasks.purge_objects").pk),
        "documents.pendingdeletion": quote(waiting.pk),
        "documents.strayobject": quote(stray.pk),
        "documents.upkeeprun": str(UpkeepRun.objects.create(kind="sweep").pk),
        "sharing.auditevent": str(AuditEvent.objects.latest("id").pk),
        "sharing.sharingpolicy": "1",
    }


def _ticket(world: World) -> str:
    """The owner's own, for his form in his session: nobody else's."""
    page = world.people["owner"].get(reverse("add_files"), {"folder": str(world.folders["low"].pk)}).content.decode()
    found = re.search(r'action="/add/([^"]+)/"', page)
    assert found is not None
    return found[1]


def _own_things_of_the_stranger(world: World) -> None:
    """His own of what addresses name, so that a second thing in a request is the only foreign one."""
    by = Actor.for_user(world.users["stranger"])
    folder = make_folder("Own zebra", None, by=by)
    document = _put("own zebra.eml", folder, by)
    older = document.versions.get()
    store_stream(document.name, iter([LETTER, b"s"]), None, size_bound=99, by=by, replaces=document)
    document.refresh_from_db()
    _read(document, "own zebra")
    group = Group.objects.create(name="Own zebra", name_key="own")
    add_member(group, world.users["stranger"], by=Actor.for_user(world.users["admin"]), role="manager")
    made = share(folder, world.users["extra"], Level.VIEW, by=by)
    own_view = save_view("Own zebra", "zebra", "", by=by)
    world.own = {
        **world.values,
        "folder_id": str(folder.pk),
        "document_id": str(document.pk),
        "version_id": str(older.pk),
        "view_id": str(own_view.pk),
        "view_share_id": str(share_view(own_view, "somebody", by=by).pk),
        "topic_id": str(make_topic("Own zebra", "green", by=by).pk),
        "entry_id": str(trash_document(_put("own gone zebra.txt", None, by), by=by).pk),
        "upload_id": str(uploads.begin_upload("own upload.txt", 10, folder, by=by).pk),
        "share_id": str(made.pk),
        "group_id": str(group.pk),
        "comment_id": str(write_comment(document, "own", by=by).pk),
    }


def _asked_and_offered(world: World) -> None:
    """A request for files with one that has come, something offered to be handed over, somebody for an emergency."""
    owner, low = Actor.for_user(world.users["owner"]), world.folders["low"]
    offered = offer(make_folder(word("offered"), None, by=owner), "commenter-person", by=owner)
    contact = name_contact("member-person", [low], 7, by=owner)
    # Whoever holds the address reads its title.
    taking, token = make_request(low, RequestTerms("Papers"), by=owner)
    by = Actor.for_link(taking.pk, taking.title, world.users["owner"], visit="visit")
    sender = uploads.Sender(word("sender"), "")
    upload = uploads.begin_requested(taking, f"{word('received')}.txt", 5, sender=sender, by=by)
    uploads.receive(upload.pk, 0, io.BytesIO(b"paper"), 5, by=by)
    row = ReceivedFile.objects.get(upload=upload)
    assert row.document is not None
    _read(row.document, word("textreceived"))
    world.seen_by["offered"] = frozenset({"owner", "commenter"})
    world.seen_by |= dict.fromkeys(("sender", "received", "textreceived"), frozenset({"owner"}))
    ids = {
        "file_request_id": str(taking.pk),
        "received_id": str(row.pk),
        "handover_id": str(offered.pk),
        "contact_id": str(contact.pk),
        "send_token": token,
        "sending_id": str(row.upload_id),
    }
    world.values |= ids
    world.own |= ids


def _holders_of_links(world: World) -> None:
    """A browser that has come in by each kind of link to the folder `low`, and the token of its address."""
    owner = Actor.for_user(world.users["owner"])
    levels = {
        "link_view": LinkLevel.VIEW,
        "link_download": LinkLevel.DOWNLOAD,
        "link_upload": LinkLevel.UPLOAD,
        "link_edit": LinkLevel.EDIT,
        "link_expired": LinkLevel.EDIT,
    }
    for person, level in levels.items():
        code = person.replace("_", "")
        link = make_link(world.folders["low"], Terms(word(code), level, message=word(f"for{code}")), by=owner)
        # Its name is its makers' own; what was said to its holder they both know.
        world.seen_by |= {code: reach("low", Level.MANAGE), f"for{code}": reach("low", Level.MANAGE) | {person}}
        token = token_of(link)
        world.theirs[person] = {"link_token": token}
        world.people[person] = Client()
        world.people[person].get(reverse("link", args=[token]), headers=LOOKING)
        if person == "link_expired":
            ShareLink.objects.filter(pk=link.pk).update(expires_at=now() - timedelta(seconds=1))
        world.values |= {"link_id": str(link.pk), "link_token": "unknown"}
    make_link(world.folders["top"], Terms(word("linktop"), LinkLevel.VIEW, message=word("forlinktop")), by=owner)
    # Whoever manages a place sees by which links it is reached, but not what was said to those who hold one from above.
    world.seen_by |= {"linktop": reach("low", Level.MANAGE), "forlinktop": reach("top", Level.MANAGE)}
    own = make_link(
        Folder.objects.get(pk=world.own["folder_id"]),
        Terms("Own", LinkLevel.VIEW),
        by=Actor.for_user(world.users["stranger"]),
    )
    world.own |= {"link_id": str(own.pk), "link_token": "unknown"}
