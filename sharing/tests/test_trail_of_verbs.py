"""Every verb tells the trail in the transaction of what it did: if it cannot be told, it is not done.

The table below holds one act for each verb of documents and sharing; a verb without a line fails.
Triggers on the tables note which transaction touched them, so a change without its line is found
whichever way it was made.
"""

import inspect
import io
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from django.db import connection
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import Group, Membership, User
from conftest import person
from documents import uploads
from documents.actions import documents as document_verbs
from documents.actions import filing as filing_verbs
from documents.actions import folders as folder_verbs
from documents.actions import reading as reading_verbs
from documents.actions import rules as rule_verbs
from documents.actions import saved_views as saved_view_verbs
from documents.actions import selection
from documents.actions import suggestions as suggestion_verbs
from documents.actions import topics as topic_verbs
from documents.actions import trash as trash_verbs
from documents.actions import versions as version_verbs
from documents.models import (
    Document,
    FilingRule,
    FilingRun,
    FilingSuggestion,
    Folder,
    SavedView,
    Topic,
    TrashEntry,
    Version,
)
from documents.tests.exports import exported, taken_in
from documents.tests.making import folders, put
from documents.uploads import store_stream
from docuvault.lib.roles import migration_role
from sharing import audit
from sharing.access import Level
from sharing.actions import comments as comment_verbs
from sharing.actions import emergency as emergency_verbs
from sharing.actions import handing as handing_verbs
from sharing.actions import links as link_verbs
from sharing.actions import received as received_verbs
from sharing.actions import receiving as receiving_verbs
from sharing.actions import requests as request_verbs
from sharing.actions import shares as sharing_verbs
from sharing.actions import view_shares as view_share_verbs
from sharing.actions.requests import Terms
from sharing.models import (
    AuditEvent,
    Comment,
    EmergencyContact,
    FileRequest,
    Handover,
    LinkLevel,
    ReceivedFile,
    Share,
    ShareLink,
    ShareReception,
    ViewShare,
)
from tests.emptying import Emptier, Rows

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = (
    "folders", "documents", "versions", "topics", "document_topics", "stars", "trash_entries", "shares", "readings",
    "share_receptions", "comments", "sharing_policy", "file_requests", "received_files",
    "handovers", "emergency_contacts", "emergency_folders", "share_links",
    "filing_rules", "filing_runs", "filing_suggestions", "saved_views", "view_shares",
)  # fmt: skip


@dataclass
class World:
    """What the acts below need: two folders, some documents, a topic, and two things in the trash."""

    by: Actor
    other: User
    car: Folder
    home: Folder
    a: Document
    b: Document
    elsewhere: Document
    tagged: Document
    topic: Topic
    thrown: TrashEntry
    thrown_folder: TrashEntry
    older: Version
    twin: Document
    thrown_twin: TrashEntry
    shared: Share
    received: Document
    hidden: Document
    left: Document
    comment: Comment
    link: ShareLink
    asked: FileRequest
    closed: FileRequest
    waiting: ReceivedFile
    offered: Handover
    incoming: Handover
    contact: EmergencyContact
    chosen: EmergencyContact
    rule: FilingRule
    running: FilingRun
    ended: FilingRun
    to_file: Document
    dismissed: FilingSuggestion
    view: SavedView
    shown: ViewShare
    others_view: SavedView


@pytest.fixture(scope="module")
def made() -> list[tuple[World, Rows]]:
    """The world once it was made, with all its rows: the tests that follow have them put back."""
    return []


@pytest.fixture
def world(made: list[tuple[World, Rows]], transactional_db: None) -> World:
    ground = Emptier()
    try:
        if made:
            ground.put_back(made[0][1])
        else:
            world = made_world()
            made.append((world, ground.copied()))
        return deepcopy(made[0][0])
    finally:
        ground.close()


def made_world() -> World:
    alice, bob, gina = (person(name) for name in ("alice", "bob", "gina"))
    alice_actor, bob_actor = Actor.for_user(alice), Actor.for_user(bob)
    family = Group.objects.create(name="Family", name_key="family")
    for member in (gina, alice):
        Membership.objects.create(group=family, user=member)
    car, home = folders("Car", alice_actor), folders("Home", alice_actor)
    a, b, tagged, gone = (put(name, car, alice_actor) for name in ("a.txt", "b.txt", "tagged.txt", "gone.txt"))
    topic = topic_verbs.make_topic("Tax", "green", by=alice_actor)
    topic_verbs.tag_documents([tagged], topic, by=alice_actor)
    document_verbs.star_document(tagged, by=alice_actor)
    put("in.txt", folders("Old", alice_actor), alice_actor)
    thrown_folder = trash_verbs.trash_folder(Folder.objects.get(name="Old"), by=alice_actor)
    thrown = trash_verbs.trash_document(gone, by=alice_actor)
    elsewhere = put("elsewhere.txt", None, alice_actor, b"elsewhere")
    older = elsewhere.versions.get()
    elsewhere = store_stream("elsewhere.txt", iter([b"new"]), None, size_bound=3, by=alice_actor, replaces=elsewhere)
    twin = put("twin.txt", None, alice_actor, b"new")
    lost = trash_verbs.trash_document(put("lost.txt", None, alice_actor, b"new"), by=alice_actor)
    shared = sharing_verbs.share(b, bob, Level.VIEW, by=alice_actor)
    received, hidden, left = (put(f"{name}.txt", None, bob_actor) for name in ("received", "hidden", "left"))
    for document in (received, hidden, left):
        sharing_verbs.share(document, family, Level.COMMENT, by=bob_actor)
    ShareReception.objects.create(share=hidden.shares.get(), user=alice, hidden_at=now())
    ShareReception.objects.create(share=left.shares.get(), user=alice, left_at=now())
    comment = comment_verbs.write_comment(elsewhere, "mine", by=alice_actor)
    deed = rule_verbs.Deed("paper", [topic])
    rule = rule_verbs.make_rule("Tax", deed, by=alice_actor)
    second = rule_verbs.make_rule("Second", deed, by=alice_actor)
    running = FilingRun.objects.create(user=alice, rule=second, rule_name="Second", state="running")
    ended = FilingRun.objects.create(user=alice, rule=rule, rule_name="Tax", state="done")
    to_file = put("to-file.txt", None, alice_actor)
    FilingSuggestion.objects.create(user=alice, document=to_file, topic=topic)
    FilingSuggestion.objects.create(user=alice, document=to_file, folder=car)
    dismissed = FilingSuggestion.objects.create(user=alice, document=to_file, folder=home, state="dismissed")
    things = car, home, a, b, elsewhere, tagged, topic, thrown, thrown_folder, older, twin, lost
    link = link_verbs.make_link(b, link_verbs.Terms("Landlord", LinkLevel.VIEW), by=alice_actor)
    shares = shared, received, hidden, left, comment, link
    asked, _token = request_verbs.make_request(home, Terms("Papers"), by=alice_actor)
    closed, _token = request_verbs.make_request(home, Terms("Older"), by=alice_actor)
    request_verbs.close_request(closed, by=alice_actor)
    sender = Actor.for_link(asked.pk, asked.title, alice, visit="visit")
    upload = uploads.begin_requested(asked, "sent.txt", 4, sender=uploads.Sender("Sam"), by=sender)
    uploads.receive(upload.pk, 0, io.BytesIO(b"sent"), 4, by=sender)
    waiting = ReceivedFile.objects.get()
    offered = handing_verbs.offer(home, "bob", by=alice_actor)
    incoming = handing_verbs.offer(put("incoming.txt", None, bob_actor), "alice", by=bob_actor)
    contact = emergency_verbs.name_contact("bob", [car], 7, by=alice_actor)
    chosen = emergency_verbs.name_contact("alice", [folders("Bob", bob_actor)], 7, by=bob_actor)
    emergency_verbs.ask_emergency(contact, by=bob_actor)
    handed = offered, incoming, contact, chosen
    view = saved_view_verbs.save_view("Taxes", "tax", "", by=alice_actor)
    shown = view_share_verbs.share_view(view, "bob", by=alice_actor)
    others_view = saved_view_verbs.save_view("Bob's", "tax", "", by=bob_actor)
    view_share_verbs.share_view(others_view, family, by=bob_actor)
    return World(
        alice_actor, bob, *things, *shares, asked, closed, waiting, *handed,
        rule=rule, running=running, ended=ended, to_file=to_file, dismissed=dismissed,
        view=view, shown=shown, others_view=others_view,
    )  # fmt: skip


Act = Callable[[World], object]
ACTS: dict[str, tuple[Act, list[str]]] = {
    "make_folder": (lambda w: folder_verbs.make_folder("New", w.car, by=w.by), ["folder_made"]),
    "ensure_folder_path": (
        lambda w: folder_verbs.ensure_folder_path(["x", "y"], w.car, by=w.by),
        ["folder_made", "folder_made"],
    ),
    "rename_folder": (lambda w: folder_verbs.rename_folder(w.car, "Auto", by=w.by), ["folder_renamed"]),
    "move_folder": (lambda w: folder_verbs.move_folder(w.car, w.home, by=w.by), ["folder_moved"]),
    "rename_document": (lambda w: document_verbs.rename_document(w.a, "c.txt", by=w.by), ["document_renamed"]),
    "move_document": (lambda w: document_verbs.move_document(w.a, None, by=w.by), ["document_moved"]),
    "move_documents": (
        lambda w: document_verbs.move_documents([w.a, w.b], None, by=w.by),
        ["document_moved", "document_moved"],
    ),
    "star_document": (lambda w: document_verbs.star_document(w.a, by=w.by), ["document_starred"]),
    "unstar_document": (lambda w: document_verbs.unstar_document(w.tagged, by=w.by), ["document_unstarred"]),
    "move_items": (
        lambda w: selection.move_items([w.elsewhere], [w.home], w.car, by=w.by),
        ["document_moved", "folder_moved"],
    ),
    "trash_items": (
        lambda w: selection.trash_items([w.a, w.b], [w.home], by=w.by),
        ["document_trashed", "document_trashed", "folder_trashed"],
    ),
    "trash_document": (lambda w: trash_verbs.trash_document(w.a, by=w.by), ["document_trashed"]),
    "trash_documents": (
        lambda w: trash_verbs.trash_documents([w.a, w.b], by=w.by),
        ["document_trashed", "document_trashed"],
    ),
    "trash_folder": (lambda w: trash_verbs.trash_folder(w.car, by=w.by), ["folder_trashed"]),
    "restore": (lambda w: trash_verbs.restore(w.thrown, by=w.by), ["document_restored"]),
    "restore_entries": (
        lambda w: trash_verbs.restore_entries([w.thrown, w.thrown_folder], by=w.by),
        ["document_restored", "folder_restored"],
    ),
    "purge": (lambda w: trash_verbs.purge(w.thrown_folder, by=w.by), ["document_purged", "folder_purged"]),
    "empty_trash": (
        lambda w: trash_verbs.empty_trash(by=w.by),
        ["document_purged", "document_purged", "document_purged", "folder_purged", "trash_emptied"],
    ),
    "make_topic": (lambda w: topic_verbs.make_topic("Car", "red", by=w.by), ["topic_made"]),
    "change_topic": (lambda w: topic_verbs.change_topic(w.topic, "Taxes", "red", by=w.by), ["topic_changed"]),
    "delete_topic": (lambda w: topic_verbs.delete_topic(w.topic, by=w.by), ["topic_deleted"]),
    "tag_documents": (
        lambda w: topic_verbs.tag_documents([w.a, w.b, w.tagged], w.topic, by=w.by),
        ["document_tagged", "document_tagged"],
    ),
    "untag_documents": (
        lambda w: topic_verbs.untag_documents([w.a, w.tagged], w.topic, by=w.by),
        ["document_untagged"],
    ),
    "note_version": (lambda w: version_verbs.note_version(w.older, "sent", by=w.by), ["version_noted"]),
    "promote_version": (lambda w: version_verbs.promote_version(w.older, by=w.by), ["version_promoted"]),
    "delete_version": (lambda w: version_verbs.delete_version(w.older, by=w.by), ["version_deleted"]),
    "drop_older_versions": (lambda w: version_verbs.drop_older_versions(w.elsewhere, by=w.by), ["version_deleted"]),
    "give_to": (lambda w: version_verbs.give_to(w.twin, w.a, by=w.by), ["document_purged", "version_added"]),
    "drop_twin": (lambda w: version_verbs.drop_twin(w.twin, w.elsewhere, by=w.by), ["document_purged"]),
    "keep_one": (lambda w: version_verbs.keep_one(w.elsewhere, by=w.by), ["document_purged"]),
    "restore_instead": (
        lambda w: version_verbs.restore_instead(w.twin, w.thrown_twin.documents.get(), by=w.by),
        ["document_purged", "document_restored"],
    ),
    "read_again": (lambda w: reading_verbs.read_again(w.a, by=w.by), ["reading_asked"]),
    "share": (lambda w: sharing_verbs.share(w.car, w.other, Level.VIEW, by=w.by), ["share_made"]),
    "change_share": (lambda w: sharing_verbs.change_share(w.shared, Level.EDIT, None, by=w.by), ["share_changed"]),
    "withdraw_share": (lambda w: sharing_verbs.withdraw_share(w.shared, by=w.by), ["share_withdrawn"]),
    "keep_share": (lambda w: sharing_verbs.keep_share(w.shared, by=w.by), ["share_kept"]),
    "accept_shared": (lambda w: receiving_verbs.accept_shared(w.received, by=w.by), ["share_accepted"]),
    "hide_shared": (lambda w: receiving_verbs.hide_shared(w.received, by=w.by), ["share_hidden"]),
    "show_shared": (lambda w: receiving_verbs.show_shared(w.hidden, by=w.by), ["share_shown"]),
    "leave_shared": (lambda w: receiving_verbs.leave_shared(w.received, by=w.by), ["share_left"]),
    "rejoin_shared": (lambda w: receiving_verbs.rejoin_shared(w.left, by=w.by), ["share_rejoined"]),
    "make_link": (
        lambda w: link_verbs.make_link(w.car, link_verbs.Terms("Garage", LinkLevel.UPLOAD), by=w.by),
        ["link_made"],
    ),
    "change_link": (
        lambda w: link_verbs.change_link(w.link, link_verbs.Terms("Flat", LinkLevel.EDIT), by=w.by),
        ["link_changed"],
    ),
    "pause_link": (lambda w: link_verbs.pause_link(w.link, by=w.by), ["link_paused"]),
    "revoke_link": (lambda w: link_verbs.revoke_link(w.link, by=w.by), ["link_revoked"]),
    "write_comment": (lambda w: comment_verbs.write_comment(w.a, "hello", by=w.by), ["comment_made"]),
    "change_comment": (lambda w: comment_verbs.change_comment(w.comment, "other", by=w.by), ["comment_changed"]),
    "delete_comment": (lambda w: comment_verbs.delete_comment(w.comment, by=w.by), ["comment_deleted"]),
    "make_request": (lambda w: request_verbs.make_request(w.car, Terms("New"), by=w.by), ["request_made"]),
    "change_request": (
        lambda w: request_verbs.change_request(w.asked, Terms("Other"), by=w.by),
        ["request_changed"],
    ),
    "close_request": (lambda w: request_verbs.close_request(w.asked, by=w.by), ["request_closed"]),
    "reopen_request": (lambda w: request_verbs.reopen_request(w.closed, by=w.by), ["request_reopened"]),
    "renew_request": (lambda w: request_verbs.renew_request(w.asked, by=w.by), ["request_renewed"]),
    "accept_received": (lambda w: received_verbs.accept_received(w.waiting, w.car, by=w.by), ["file_accepted"]),
    "accept_all_received": (lambda w: received_verbs.accept_all_received(w.asked, None, by=w.by), ["file_accepted"]),
    "refuse_received": (
        lambda w: received_verbs.refuse_received([w.waiting], by=w.by),
        ["document_purged", "file_refused"],
    ),
    "keep_link": (lambda w: link_verbs.keep_link(w.link, by=w.by), ["link_kept"]),
    "offer": (lambda w: handing_verbs.offer(w.car, "bob", by=w.by), ["handover_offered"]),
    "withdraw_offer": (lambda w: handing_verbs.withdraw_offer(w.offered, by=w.by), ["handover_withdrawn"]),
    "refuse_offer": (lambda w: handing_verbs.refuse_offer(w.incoming, by=w.by), ["handover_refused"]),
    "accept_offer": (
        lambda w: handing_verbs.accept_offer(w.incoming, by=w.by),
        ["handover_given", "handover_taken"],
    ),
    "name_contact": (lambda w: emergency_verbs.name_contact("gina", [w.car], 3, by=w.by), ["emergency_named"]),
    "change_contact": (
        lambda w: emergency_verbs.change_contact(w.contact, [w.home], 3, by=w.by),
        ["emergency_changed"],
    ),
    "remove_contact": (lambda w: emergency_verbs.remove_contact(w.contact, by=w.by), ["emergency_removed"]),
    "ask_emergency": (lambda w: emergency_verbs.ask_emergency(w.chosen, by=w.by), ["emergency_asked"]),
    "withdraw_emergency": (
        lambda w: emergency_verbs.withdraw_emergency(emergency_verbs.ask_emergency(w.chosen, by=w.by), by=w.by),
        ["emergency_asked", "emergency_withdrawn"],
    ),
    "refuse_emergency": (lambda w: emergency_verbs.refuse_emergency(w.contact, by=w.by), ["emergency_refused"]),
    "make_rule": (lambda w: rule_verbs.make_rule("New", rule_verbs.Deed("x", [w.topic]), by=w.by), ["rule_made"]),
    "change_rule": (
        lambda w: rule_verbs.change_rule(w.rule, "Other", rule_verbs.Deed("x", [w.topic]), by=w.by),
        ["rule_changed"],
    ),
    "copy_rule": (lambda w: rule_verbs.copy_rule(w.rule, by=w.by), ["rule_made"]),
    "delete_rule": (lambda w: rule_verbs.delete_rule(w.rule, by=w.by), ["rule_deleted"]),
    "switch_rule": (lambda w: rule_verbs.switch_rule(w.rule, False, by=w.by), ["rule_changed"]),
    "shift_rule": (lambda w: rule_verbs.shift_rule(w.rule, False, by=w.by), ["rule_changed"]),
    "begin_run": (lambda w: filing_verbs.begin_run(w.rule, by=w.by), ["rule_run"]),
    "stop_run": (lambda w: filing_verbs.stop_run(w.running, by=w.by), ["rule_stopped"]),
    "undo_run": (lambda w: filing_verbs.undo_run(w.ended, by=w.by), ["rule_undone"]),
    "accept_suggestions": (
        lambda w: suggestion_verbs.accept_suggestions(w.to_file, by=w.by),
        ["document_moved", "document_tagged"],
    ),
    "dismiss_suggestions": (
        lambda w: suggestion_verbs.dismiss_suggestions(w.to_file, by=w.by),
        ["suggestion_dismissed"],
    ),
    "suggest_again": (
        lambda w: suggestion_verbs.suggest_again(w.to_file, [w.dismissed.pk], by=w.by),
        ["suggestion_reopened"],
    ),
    "save_view": (lambda w: saved_view_verbs.save_view("New", "x", "", by=w.by), ["view_saved"]),
    "rename_view": (lambda w: saved_view_verbs.rename_view(w.view, "Other", by=w.by), ["view_renamed"]),
    "delete_view": (lambda w: saved_view_verbs.delete_view(w.view, by=w.by), ["view_deleted"]),
    "share_view": (lambda w: view_share_verbs.share_view(w.view, "gina", by=w.by), ["view_shared"]),
    "withdraw_view_share": (lambda w: view_share_verbs.withdraw_view_share(w.shown, by=w.by), ["view_unshared"]),
    "leave_view": (lambda w: view_share_verbs.leave_view(w.others_view, by=w.by), ["view_left"]),
    "store_stream": (lambda w: put("new.txt", w.car, w.by), ["document_added"]),
}
MODULES = (
    folder_verbs, document_verbs, selection, topic_verbs, trash_verbs, version_verbs, sharing_verbs, receiving_verbs,
    comment_verbs, link_verbs, reading_verbs, request_verbs, received_verbs, saved_view_verbs, view_share_verbs,
    handing_verbs, emergency_verbs, rule_verbs, filing_verbs, suggestion_verbs,
)  # fmt: skip


def verbs_of(module: ModuleType) -> set[str]:
    """The public functions of a module of verbs that act for somebody."""
    return {
        name
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if not name.startswith("_")
        and function.__module__ == module.__name__
        and (by := inspect.signature(function).parameters.get("by"))
        and by.kind is by.KEYWORD_ONLY
    }


# They read, or tell of no one vault; the others have tests of their own, those of a link's holder among its pages.
APART = {
    "find_folder_path", "twins_of", "receive_waiting", "change_policy", "enter_by_link", "download_by_link",
    "upload_by_link", "refuse_password", "retry_failed",
    "preview", "runs_of", "suggestions_for",
}  # fmt: skip


def test_every_verb_is_in_the_table() -> None:
    there = set().union(*(verbs_of(module) for module in MODULES))
    assert there - APART == set(ACTS) - {uploads.store_stream.__name__}


NOTE = """
    CREATE TABLE touched (xact bigint NOT NULL, place text NOT NULL);
    CREATE FUNCTION note_touch() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO touched VALUES (pg_current_xact_id()::text::bigint, TG_TABLE_NAME);
        RETURN NULL;
    END
    $$;
"""


@pytest.fixture
def touched(world: World) -> Iterator[Callable[[], set[tuple[int, str]]]]:
    """Which transactions have changed which tables since the world was made."""
    with migration_role(), connection.cursor() as cursor:
        cursor.execute(NOTE)
        for table in TABLES:
            cursor.execute(
                f"CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION note_touch()"
            )

    def ask() -> set[tuple[int, str]]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT DISTINCT xact, place FROM touched")
            return set(cursor.fetchall())

    yield ask
    with migration_role(), connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION note_touch() CASCADE")
        cursor.execute("DROP TABLE touched")


@pytest.mark.parametrize("name", ACTS)
def test_a_verb_tells_what_it_did_in_its_own_transaction_or_does_it_not(
    name: str, world: World, touched: Callable[[], set[tuple[int, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    act, expected = ACTS[name]
    last = AuditEvent.objects.latest("id").pk
    if name != "store_stream":  # its upload stands before the bytes; it has a test of its own
        with monkeypatch.context() as full:
            full.setattr(audit, "record", cannot_be_told)
            full.setattr(audit, "record_many", cannot_be_told)
            with pytest.raises(ArithmeticError):
                act(deepcopy(world))
        assert not touched()
    act(world)
    told = AuditEvent.objects.filter(pk__gt=last)
    assert sorted(event.action for event in told) == expected
    changes = touched()
    assert changes, "the act has changed nothing"
    assert {xact for xact, _place in changes} <= {event.xact for event in told}
    assert all(event.actor_id == world.by.user.pk and event.owner_id for event in told)  # type: ignore[union-attr]


def cannot_be_told(*args: object, **kwargs: object) -> None:
    raise ArithmeticError


def test_bytes_whose_arrival_cannot_be_told_are_no_document(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "record", cannot_be_told)
    with pytest.raises(ArithmeticError):
        ACTS["store_stream"][0](world)
    assert not Document.objects.filter(name="new.txt").exists()


def test_an_export_and_an_import_tell_in_the_transactions_of_what_they_did(
    world: World,
    touched: Callable[[], set[tuple[int, str]]],
    admin_actor: Actor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = admin_actor  # keeps nothing yet
    assert other.user is not None
    topic_verbs.tag_documents(
        [put("in.txt", folders("Place", other), other)], topic_verbs.make_topic("Theirs", "red", by=other), by=other
    )
    trash_verbs.trash_document(put("thrown.txt", None, other), by=other)
    last = AuditEvent.objects.latest("id").pk
    exported(tmp_path, other.user)
    made = AuditEvent.objects.get(pk__gt=last)
    assert (made.action, made.owner_id, made.metadata["documents"]) == ("export_made", other.user.pk, 2)
    before, last = touched(), made.pk

    with monkeypatch.context() as full:
        full.setattr(audit, "record", cannot_be_told)
        with pytest.raises(ArithmeticError):
            taken_in(tmp_path, world.by.user)  # type: ignore[arg-type]
    assert touched() == before
    taken_in(tmp_path, world.by.user)  # type: ignore[arg-type]
    told = AuditEvent.objects.filter(pk__gt=last)
    assert sorted(event.action for event in told) == [
        "document_added", "document_added", "document_tagged", "document_trashed", "export_taken_in", "folder_made",
        "topic_made",
    ]  # fmt: skip
    assert {xact for xact, _place in touched() - before} <= {event.xact for event in told}
    assert all(event.owner_id == world.by.user.pk for event in told)  # type: ignore[union-attr]
