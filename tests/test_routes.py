"""Every route for every kind of person has an expected answer, kept in one table that people can read (routes.txt).

A new route without a row fails. After a wanted change `DOCUVAULT_WRITE_ROUTES=1 pytest tests/test_routes.py` writes the
table anew: its diff is the change of rights, to be read before it is committed.
"""

import hashlib
import io
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.actions import ask_for_room, invite
from accounts.actors import Actor
from accounts.models import Group, Membership, User
from documents import previews, uploads
from documents.actions.folders import make_folder
from documents.actions.rules import Deed, make_rule
from documents.actions.saved_views import save_view
from documents.actions.topics import make_topic
from documents.actions.trash import trash_document
from documents.models import (
    Document,
    FilingRun,
    FilingSuggestion,
    Folder,
    Page,
    Reading,
    Topic,
    TrashEntry,
    Upload,
)
from documents.uploads import store_stream
from sharing.access import Level
from sharing.actions import Terms, make_link, write_comment
from sharing.actions.emergency import name_contact
from sharing.actions.handing import offer
from sharing.actions.requests import Terms as RequestTerms
from sharing.actions.requests import make_request
from sharing.models import FileRequest, LinkLevel, ReceivedFile, Share, ShareLink
from sharing.tests.without import replaced

TABLE = Path(__file__).with_name("routes.txt")
PEOPLE = ("anonymous", "stranger", "reader", "owner", "admin")
CANARY = "DVCANARY"
LETTER = b"Content-Disposition: attachment; filename=bill.txt\n\npaper"
ClientFor = Callable[[User], Client]


@dataclass
class World:
    """One of everything, owned by Alice and named with a word that must never reach a stranger."""

    people: dict[str, Client]
    folder: Folder
    document: Document
    topic: Topic
    entry: TrashEntry
    upload: Upload
    link: ShareLink
    values: dict[str, str]


def put(name: str, folder: Folder | None, by: Actor) -> Document:
    return store_stream(name, iter([b"paper"]), folder, size_bound=5, by=by)


def _sent(taking: FileRequest, name: str, by: Actor) -> ReceivedFile:
    """A file that a stranger has sent and that waits."""
    upload = uploads.begin_requested(taking, name, 5, sender=uploads.Sender(f"{CANARY}-sender", ""), by=by)
    uploads.receive(upload.pk, 0, io.BytesIO(b"paper"), 5, by=by)
    row = ReceivedFile.objects.get(upload=upload)
    assert row.document is not None
    _read(row.document)
    return row


def _read(document: Document) -> None:
    """As if it had been read, with its pictures."""
    assert document.current_version_id is not None
    Reading.objects.filter(pk=document.current_version_id).update(state="ready", kind="pdf", page_count=1)
    Page.objects.create(reading_id=document.current_version_id, number=1, text=CANARY)
    for kind in ("thumbnail", "page", "copy"):
        previews.keep_object(document.current_version_id, kind, 1, b"RIFF", "image/webp", 1, 1)


@pytest.fixture
def world(alice: User, bob: User, charlie: User, admin_person: User, client_for: ClientFor) -> World:
    by = Actor.for_user(alice)
    folder = make_folder(f"{CANARY}-folder", None, by=by)
    shared = Share.objects.create(
        folder=folder, recipient=bob, shared_by=alice, level=Level.VIEW, message=f"{CANARY}-message"
    )
    # An e-mail that is nothing but its attachment, so that there is one of everything.
    document = store_stream(f"{CANARY}-document.eml", iter([LETTER]), folder, size_bound=len(LETTER), by=by)
    older = document.versions.get()
    store_stream(document.name, iter([LETTER, b"s"]), None, size_bound=99, by=by, replaces=document)
    document.refresh_from_db()
    # Admins see every group by right.
    group = Group.objects.create(name="Household", name_key="household")
    Membership.objects.create(group=group, user=alice, role="manager")
    comment = write_comment(document, f"{CANARY}-comment", by=by)
    topic = make_topic(f"{CANARY}-topic", "green", by=by)
    entry = trash_document(put(f"{CANARY}-trash.txt", None, by), by=by)
    upload = uploads.begin_upload(f"{CANARY}-upload.txt", 10, folder, by=by)
    invitation, _link = invite("new@vault.test", "member", by=Actor.for_user(admin_person))
    link = make_link(folder, Terms(f"{CANARY}-link", LinkLevel.DOWNLOAD, message=f"{CANARY}-for"), by=by)
    view = save_view(f"{CANARY}-view", "paper", "", by=by)
    rule = make_rule(f"{CANARY}-rule", Deed(f"{CANARY}", [topic]), by=by)
    run = FilingRun.objects.create(user=alice, rule=rule, rule_name=rule.name, state="done", changed=1)
    FilingSuggestion.objects.create(user=alice, document=document, topic=topic)
    asked = ask_for_room(1024, f"{CANARY}-reason", by=by)
    offered = offer(make_folder(f"{CANARY}-offered", None, by=by), "nobody@nowhere.test", by=by)
    contact = name_contact("nobody@nowhere.test", [folder], 7, by=by)
    # Whoever holds the address reads its title and message.
    taking, send_token = make_request(folder, RequestTerms("Papers"), by=by)
    sender = Actor.for_link(taking.pk, taking.title, alice, visit="visit")
    sent = _sent(taking, f"{CANARY}-received.txt", sender)
    people = {
        "anonymous": Client(),
        "stranger": client_for(charlie),
        "reader": client_for(bob),
        "owner": client_for(alice),
        "admin": client_for(admin_person),
    }
    _read(document)
    values = {
        "page": "1",
        "folder_id": str(folder.pk),
        "document_id": str(document.pk),
        "version_id": str(older.pk),
        "view_id": str(view.pk),
        "rule_id": str(rule.pk),
        "run_id": str(run.pk),
        "topic_id": str(topic.pk),
        "entry_id": str(entry.pk),
        "upload_id": str(upload.pk),
        "share_id": str(shared.pk),
        "group_id": str(group.pk),
        "user_id": str(alice.pk),
        "comment_id": str(comment.pk),
        "invitation_id": str(invitation.pk),
        "request_id": str(asked.pk),
        "file_request_id": str(taking.pk),
        "received_id": str(sent.pk),
        "handover_id": str(offered.pk),
        "contact_id": str(contact.pk),
        "send_token": send_token,
        "sending_id": str(sent.upload_id),
        "ticket": "forged",
        "token": "unknown",
        "link_id": str(link.pk),
        "link_token": "unknown",
        "key": "unknown",
        "number": "0",
        "uidb36": "0",
        "object_id": str(alice.pk),
        "content_type_id": "1",
        "app_label": "accounts",
        "url": "no/such/page",
    }
    return World(people, folder, document, topic, entry, upload, link, values)


def routes() -> Iterator[str]:
    """The pattern of every address, in the order in which Django tries them."""

    def below(patterns: list[Any], prefix: str) -> Iterator[str]:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from below(pattern.url_patterns, route)
            else:
                assert isinstance(pattern, URLPattern)
                yield route

    yield from below(get_resolver().url_patterns, "/")


def address(route: str, values: dict[str, str]) -> str:
    """A route with its parameters filled in."""
    route = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: values[found[1]], route)
    route = re.sub(r"\(\?P<(\w+)>[^)]*\)", lambda found: values[found[1]], route)
    return route.replace("^", "").replace("$", "")


def body(route: str, world: World) -> dict[str, str]:
    """What a form would send to make the owner's request succeed."""
    document, folder = str(world.document.pk), str(world.folder.pk)
    known = {
        "/folders/new/": {"name": "New", "parent": folder},
        "/find/views/new/": {"name": "New", "q": "paper"},
        "/filing/rules/new/": {"name": "New", "query": "paper", "topic": str(world.topic.pk), "mode": "hand"},
        "/filing/rules/<uuid:rule_id>/change/": {
            "name": "New",
            "query": "paper",
            "topic": str(world.topic.pk),
            "mode": "hand",
        },
        "/filing/rules/<uuid:rule_id>/arrange/": {"act": "off"},
        "/selection/": {"action": "trash", "document": document},
        "/uploads/foresee/": {"folder": folder, "files": '[["a.txt", 1]]'},
        "/topics/new/": {"name": "New", "colour": "red"},
        "/room/ask/": {"amount": "5", "unit": "mb"},
        "/people/requests/<uuid:request_id>/": {"decision": "grant", "amount": "5", "unit": "mb"},
    }
    if route in known:
        return known[route]
    if route.endswith(("/rename/", "topic_id>/change/")):
        return {"name": "Renamed", "colour": "red"}
    if route.endswith("/share/"):
        return {"who": "dora", "level": "10"}
    if "/links/" in route:
        return {"name": "Landlord", "level": "10"}
    if route.startswith("/shares/"):
        return {"level": "20"}
    if "/groups/" in route:
        return {"name": "Choir", "who": "nobody", "act": "remove"}
    if route.endswith("/request/") or route.startswith("/requests/"):
        return {"title": "Papers", "act": "close"}
    if route.endswith("/hand-over/"):
        return {"who": "dora"}
    if route.startswith("/handovers/"):
        return {"act": "withdraw"}
    if route.startswith("/emergency/"):
        return {"who": "dora", "days": "7", "folder": folder, "act": "refuse"}
    if route == "/shared/review/":
        return {"share": world.values["share_id"], "act": "keep"}
    if "/comments/" in route:
        return {"text": "well"}
    if route.endswith("/received/"):
        return {"act": "leave"}
    if route.endswith("/note/"):
        return {"note": "the draft"}
    if route.endswith("/move/"):
        return {"to": ""}
    if route.endswith("/attachments/keep/"):
        return {"number": "0"}
    return {}


def fresh(client: Client) -> Client:
    """The same session in another browser: signing out in one cell must not empty the next."""
    copy = Client()
    copy.cookies.load(client.cookies.output(header="", sep=";"))
    return copy


def drain(response: Any) -> None:
    """Read a streamed answer to its end, as a browser does."""
    if response.streaming:
        b"".join(response.streaming_content)


def ask(client: Client, method: str, path: str, fields: dict[str, str]) -> Any:
    """The answer, with what it did undone."""
    client = fresh(client)
    with transaction.atomic():
        if method == "GET":
            response = client.get(path, HTTP_ACCEPT="text/html")
        else:
            response = client.post(path, fields, HTTP_ACCEPT="text/html")
        drain(response)
        transaction.set_rollback(True)
    return response


def rows(world: World) -> list[str]:
    """The table as it is: a line for each route and method, a column for each kind of person."""
    lines = []
    for route in routes():
        for method in ("GET", "POST"):
            answers = [
                str(ask(world.people[person], method, address(route, world.values), body(route, world)).status_code)
                for person in PEOPLE
            ]
            lines.append(f"{method:5}{route:76}" + "".join(f"{answer:11}" for answer in answers).rstrip())
    return lines


def test_every_route_answers_every_person_as_the_table_says(world: World) -> None:
    head = f"{'':5}{'route':76}" + "".join(f"{person:11}" for person in PEOPLE).rstrip()
    found = [head, *rows(world)]
    if os.environ.get("DOCUVAULT_WRITE_ROUTES"):
        TABLE.write_text("\n".join(found) + "\n")
    assert "\n".join(found) == TABLE.read_text().rstrip()
    assert not any("500" in line.split()[2:] for line in found[1:])


OPEN = {
    "/health", "/icons.svg", "/jsi18n/", "/account/login/", "/account/signup/", "/account/inactive/",
    "/account/confirm-email/", "/^account/confirm-email/(?P<key>[-:\\w]+)/$", "/account/password/reset/",
    "/account/password/reset/done/", "/^account/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
    "/account/password/reset/key/done/", "/join/<str:token>/", "/send/<str:send_token>/",
    "/send/<str:send_token>/uploads/<uuid:sending_id>/",
    # For whoever holds a link: with another token, one answer for all of them.
    "/l/<str:link_token>/", "/l/<str:link_token>/folders/<uuid:folder_id>/",
    "/l/<str:link_token>/folders/<uuid:folder_id>/zip/", "/l/<str:link_token>/documents/<uuid:document_id>/",
    "/l/<str:link_token>/documents/<uuid:document_id>/content/",
    "/l/<str:link_token>/documents/<uuid:document_id>/copy/",
    "/l/<str:link_token>/documents/<uuid:document_id>/download/",
    "/l/<str:link_token>/documents/<uuid:document_id>/thumbnail/",
    "/l/<str:link_token>/documents/<uuid:document_id>/pages/<int:page>/picture/",
    "/l/<str:link_token>/documents/<uuid:document_id>/pages/<int:page>/words/",
    "/l/<str:link_token>/documents/<uuid:document_id>/enclosures/<int:number>/",
}  # fmt: skip


def test_what_strangers_from_the_street_may_open_is_exactly_this(world: World) -> None:
    lines = [line.split() for line in TABLE.read_text().splitlines()[1:]]
    opened = {route for method, route, anonymous, *_rest in lines if method == "GET" and anonymous in {"200", "404"}}
    opened |= {"/health"}  # 503 here, where no worker runs
    assert opened - {"/admin/(?P<url>.*)$"} == OPEN


OWNED = (
    "documents", "versions", "folders", "topics", "document_topics", "trash_entries", "uploads", "quotas", "users",
    "shares", "share_links", "share_receptions", "file_requests", "received_files", "handovers",
    "emergency_contacts", "receipts", "comments", "stars", "invitations",
    "quota_requests", "filing_rules", "filing_runs", "filing_suggestions",
)  # fmt: skip


def fingerprint() -> str:
    """Everything that people own, as one digest."""
    digest = hashlib.sha256()
    with connection.cursor() as cursor:
        for table in OWNED:
            cursor.execute(f"SELECT coalesce(string_agg(t::text, '|' ORDER BY t::text), '') FROM {table} t")
            digest.update(str(cursor.fetchone()).encode())
    return digest.hexdigest()


def test_those_who_may_not_know_learn_nothing_and_change_nothing(world: World) -> None:
    before = fingerprint()
    for route in routes():
        for person in ("anonymous", "stranger", "admin"):
            if person == "admin" and route.startswith(("/admin/", "/people/")):
                continue
            for method in ("GET", "POST"):
                path, fields = address(route, world.values), body(route, world)
                if route == "/folders/new/" and person == "stranger":
                    fields = {"name": "New"}  # his own
                makes_own = route in {"/folders/new/", "/topics/new/", "/room/ask/"} and method == "POST"
                with transaction.atomic():
                    client = fresh(world.people[person])
                    response = client.get(path) if method == "GET" else client.post(path, fields)
                    text = b"" if response.streaming else response.content
                    assert CANARY.encode() not in text, (person, method, route)
                    assert CANARY not in str(response.headers), (person, method, route)
                    if not makes_own and person != "admin" and "account" not in route:
                        assert fingerprint() == before, (person, method, route)
                    transaction.set_rollback(True)


def test_what_is_not_there_and_what_is_not_yours_look_the_same(world: World) -> None:
    absent = "00000000-0000-4000-8000-000000000000"
    ids = (
        "folder_id",
        "document_id",
        "version_id",
        "topic_id",
        "entry_id",
        "upload_id",
        "share_id",
        "link_id",
        "comment_id",
        "group_id",
        "file_request_id",
        "received_id",
        "handover_id",
        "contact_id",
        "rule_id",
        "run_id",
    )
    nothing = {**world.values, **dict.fromkeys(ids, absent)}
    for route in routes():
        if "_id>" not in route or route.startswith("/admin/"):
            continue
        for method in ("GET", "POST"):
            theirs = ask(world.people["stranger"], method, address(route, world.values), body(route, world))
            missing = ask(world.people["stranger"], method, address(route, nothing), body(route, world))
            assert theirs.status_code == missing.status_code, route
            assert len(theirs.content) == len(missing.content), route


def test_the_checks_have_teeth(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the rules away, every route that names an object lets the stranger through: so they are what stops him."""
    replaced(monkeypatch, "level_on_document", lambda actor, document: Level.OWN)
    replaced(monkeypatch, "level_on_folder", lambda actor, folder: Level.OWN)
    replaced(monkeypatch, "visible_documents", lambda actor, at_least=Level.VIEW: Document.objects.live())
    replaced(monkeypatch, "visible_folders", lambda actor, at_least=Level.VIEW: Folder.objects.live())
    replaced(monkeypatch, "visible_topics", lambda actor: Topic.objects.all())
    replaced(monkeypatch, "own_ways", lambda actor, item: Share.objects.all())
    replaced(monkeypatch, "own_trash", lambda actor: TrashEntry.objects.all())
    replaced(monkeypatch, "charged_uploads", lambda actor: Upload.objects.all())
    replaced(monkeypatch, "own_uploads", lambda actor: Upload.objects.all())
    replaced(monkeypatch, "link_by_token", lambda token_hash: world.link)
    without_teeth = []
    for route in routes():
        if not re.search(r"<uuid:(folder|document|topic|entry|upload|share)_id>", route):
            continue
        answers = {
            ask(world.people["stranger"], method, address(route, world.values), body(route, world)).status_code
            for method in ("GET", "POST")
        }
        if answers <= {404, 405}:
            without_teeth.append(route)
    assert without_teeth == []


def test_a_change_needs_the_token_of_its_page(world: World, alice: User) -> None:
    before = fingerprint()
    for route in routes():
        path = address(route, world.values)
        strict = Client(enforce_csrf_checks=True)
        strict.cookies = fresh(world.people["owner"]).cookies
        status = strict.post(path, body(route, world)).status_code
        # An unknown address is told before the token is asked for.
        assert status in {403, 405} or (status == 404 and "unknown" in path), (route, status)
    assert fingerprint() == before


# Kept by the browser alone, which asks each time whether it still may show them.
ASKED_AGAIN = {
    "/documents/<uuid:document_id>/thumbnail/",
    "/documents/<uuid:document_id>/pages/<int:page>/picture/",
    "/received/<uuid:received_id>/picture/",
}
CACHED = {"/icons.svg"}


def test_every_answer_carries_its_headers(world: World) -> None:
    for route in routes():
        for person in ("anonymous", "owner", "admin"):
            response = fresh(world.people[person]).get(address(route, world.values), HTTP_ACCEPT="text/html")
            headers = response.headers
            policy = headers.get("Content-Security-Policy", "")
            assert "default-src 'none'" in policy, (route, person)
            assert "unsafe" not in policy, (route, person)
            assert headers.get("X-Content-Type-Options") == "nosniff", (route, person)
            assert headers.get("Referrer-Policy") in {"same-origin", "no-referrer"}, (route, person)
            assert headers.get("Cross-Origin-Opener-Policy") == "same-origin", (route, person)
            assert headers.get("X-Frame-Options") == "DENY", (route, person)
            if route in ASKED_AGAIN and response.status_code == 200:
                assert headers.get("Cache-Control") == "private, no-cache", (route, person)
            elif route not in CACHED:
                assert "no-store" in headers.get("Cache-Control", ""), (route, person)
            drain(response)


def test_a_file_sent_to_any_other_address_is_refused_and_kept_nowhere(world: World) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    from documents.storage import store

    before = {item.key for item in store().objects()}
    for route in routes():
        for person in ("anonymous", "owner", "admin"):
            path = address(route, world.values)
            if route.endswith(("/uploads/<uuid:upload_id>/", "/uploads/<uuid:sending_id>/")):
                continue  # takes bytes by PATCH alone, which its own tests send
            with transaction.atomic():
                file = SimpleUploadedFile("x.bin", b"x" * 100)
                response = fresh(world.people[person]).post(path, {"files": file, **body(route, world)})
                assert response.status_code < 500, (route, person)
                transaction.set_rollback(True)
    assert {item.key for item in store().objects()} == before


def test_an_unknown_host_is_refused(world: World) -> None:
    assert world.people["owner"].get(reverse("files"), HTTP_HOST="evil.example").status_code == 400
    forged = world.people["owner"].get(reverse("files"), HTTP_X_FORWARDED_HOST="evil.example")
    assert forged.status_code == 200
    assert b"evil.example" not in forged.content


def test_private_pages_with_a_pretty_ending_do_not_exist(world: World) -> None:
    for ending in ("x.css", ";x.js", "%0Ax.css", "x.jpg"):
        assert world.people["owner"].get(f"/documents/{world.document.pk}/{ending}").status_code == 404
