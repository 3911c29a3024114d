"""Ownership passes to whoever accepts it: rows, bytes, names, topics and shares at once, or nothing at all."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import Quota, User
from accounts.quota import QuotaExceeded, TooManyFiles
from documents import uploads
from documents.actions import arrivals, filing
from documents.actions.documents import star_document
from documents.actions.errors import Refused
from documents.actions.folders import rename_folder
from documents.actions.rules import Deed, make_rule
from documents.actions.topics import make_topic, tag_documents
from documents.actions.trash import restore, trash_document, trash_folder
from documents.models import (
    Document,
    DocumentTopic,
    FilingRule,
    FilingRun,
    Folder,
    Reading,
    RuleMode,
    RunState,
    SearchEntry,
    Upload,
)
from documents.tests.library import write
from documents.tests.making import at_once, folders, put
from documents.upkeep import rows
from documents.uploads import store_stream
from sharing import access
from sharing.access import Level
from sharing.actions import share, write_comment
from sharing.actions.handing import CannotHandOver, accept_offer, offer, refuse_offer, withdraw_offer
from sharing.actions.requests import Terms, make_request
from sharing.mails import tell_of_handover
from sharing.models import AuditEvent, FileRequest, Handover, Share

ClientFor = Callable[[User], Client]


def breaches() -> list[object]:
    checks = (
        rows.wrong_counters, rows.documents_beside_their_version, rows.shared_keys, rows.wrong_names_and_places,
        rows.wrong_paths, rows.untold,
    )  # fmt: skip
    return [found for check in checks for found in check()]


def used(person: User) -> tuple[int, int]:
    row = Quota.objects.get(user=person)
    return row.used_bytes, row.reserved_bytes


def test_a_folder_passes_with_all_that_hangs_on_it(
    alice: User, bob: User, dora: User, alice_actor: Actor, bob_actor: Actor, dora_actor: Actor
) -> None:
    house, deep = folders("Papers/House", alice_actor), folders("Papers/House/Deep", alice_actor)
    bill = put("bill.txt", house, alice_actor, b"first")
    store_stream("bill.txt", iter([b"second"]), None, size_bound=6, by=alice_actor, replaces=bill)
    lease = put("lease.txt", deep, alice_actor, b"lease")
    put("bill.txt", None, alice_actor, b"mine")
    folders("House", alice_actor)  # of this name there is one at both tops
    folders("House", bob_actor)
    tax = make_topic("Tax", "green", by=alice_actor)
    lost = make_topic("Mine alone", "red", by=alice_actor)
    theirs = make_topic("tax", "blue", by=bob_actor)
    own_of_dora = make_topic("Hers", "pink", by=dora_actor)
    share(house, dora, Level.EDIT, by=alice_actor)
    share(house, bob, Level.VIEW, by=alice_actor)
    tag_documents([lease], tax, by=alice_actor)
    tag_documents([lease], lost, by=alice_actor)
    tag_documents([lease], own_of_dora, by=dora_actor)
    star_document(lease, by=alice_actor)
    write_comment(lease, "well", by=dora_actor)
    thrown = trash_document(put("thrown.txt", deep, alice_actor, b"thrown"), by=alice_actor)
    thrown_folder = trash_folder(folders("Papers/House/Gone", alice_actor), by=alice_actor)
    make_request(deep, Terms("x"), by=alice_actor)
    under_way = uploads.begin_upload("late.txt", 4, house, by=alice_actor)

    made = offer(house, "bob", by=alice_actor, message="all yours")
    assert access.level_on_folder(bob_actor, house) == Level.VIEW
    taken = accept_offer(made, by=bob_actor)
    assert isinstance(taken, Folder)
    taken.refresh_from_db()
    assert (taken.name, taken.user, taken.parent) == ("House (2)", bob, None)
    assert {row.user for row in Folder.objects.filter(path__contains=[house.pk])} == {bob}
    assert {row.user for row in Document.objects.filter(folder__path__contains=[house.pk])} == {bob}
    lease.refresh_from_db()
    assert {link.topic.name for link in lease.document_topics.all()} == {"tax", "Hers"}
    assert lease.document_topics.filter(topic=theirs).exists()
    assert lease.comments.count() == 1
    assert not lease.stars.exists()
    assert Reading.objects.filter(version__document__in=[lease, bill], owner=bob).count() == 3
    assert set(SearchEntry.objects.filter(document__in=[lease, bill]).values_list("user", flat=True)) == {bob.pk}
    assert bill.versions.count() == 2
    assert used(alice) == (len(b"mine") + len(b"thrown"), 4)
    assert used(bob) == (len(b"firstsecondlease"), 0)
    # What was thrown away stays with whoever threw it away, and comes back at the top.
    for entry in (thrown, thrown_folder):
        restore(entry, by=alice_actor)
    assert Document.objects.get(name="thrown.txt").user == alice
    assert Folder.objects.get(name="Gone").user == alice
    # The old owner sees nothing, the editor edits on, and the new owner closes what was opened.
    house.refresh_from_db()
    assert access.level_on_folder(alice_actor, house) is None
    assert access.level_on_document(alice_actor, lease) is None
    assert access.level_on_document(dora_actor, lease) == Level.EDIT
    assert {(row.recipient, row.shared_by) for row in Share.objects.filter(folder=house)} == {(dora, bob)}
    assert FileRequest.objects.get().is_closed
    with pytest.raises(uploads.UploadRefused):
        uploads.receive(under_way.pk, 0, Body(b"late"), 4, by=alice_actor)  # type: ignore[arg-type]
    assert Upload.objects.get(pk=under_way.pk).state == "failed"
    told = AuditEvent.objects.filter(action__startswith="handover").values_list("action", "owner_id")
    assert set(told) == {
        ("handover_offered", alice.pk), ("handover_given", alice.pk), ("handover_taken", bob.pk),
    }  # fmt: skip
    assert breaches() == []


class Body:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, size: int = -1) -> bytes:
        part, self.data = self.data[:size], self.data[size:]
        return part


def test_a_document_passes_and_its_giver_may_go_on_reading(
    alice: User, bob: User, alice_actor: Actor, bob_actor: Actor
) -> None:
    put("a.txt", None, bob_actor)
    document = put("a.txt", folders("Car", alice_actor), alice_actor)
    put("a.txt", None, alice_actor)
    accept_offer(offer(document, "bob@vault.test", by=alice_actor, keeps_view=True), by=bob_actor)
    document.refresh_from_db()
    assert (document.name, document.user, document.folder) == ("a (2).txt", bob, None)
    assert access.level_on_document(alice_actor, document) == Level.VIEW
    assert access.level_on_document(bob_actor, document) == Level.OWN
    assert used(alice) == (5, 0)
    assert used(bob) == (10, 0)
    assert breaches() == []


def test_who_may_offer_answer_and_withdraw(
    alice: User, bob: User, alice_actor: Actor, bob_actor: Actor, charlie_actor: Actor
) -> None:
    document = put("a.txt", None, alice_actor)
    share(document, bob, Level.MANAGE, by=alice_actor)
    with pytest.raises(access.NotAllowed):
        offer(document, "charlie", by=bob_actor)
    for typed in ("", "alice"):
        with pytest.raises(CannotHandOver):
            offer(document, typed, by=alice_actor)
    made = offer(document, "bob", by=alice_actor)
    with pytest.raises(CannotHandOver, match="already"):
        offer(document, "charlie", by=alice_actor)
    for act in (accept_offer, refuse_offer, withdraw_offer):
        with pytest.raises(access.NotVisible):
            act(made, by=charlie_actor)
    with pytest.raises(access.NotVisible):
        accept_offer(made, by=alice_actor)
    with pytest.raises(access.NotVisible):
        withdraw_offer(made, by=bob_actor)
    refuse_offer(made, by=bob_actor)
    with pytest.raises(access.NotVisible):
        accept_offer(made, by=bob_actor)
    again = offer(document, "bob", by=alice_actor)
    withdraw_offer(again, by=alice_actor)
    late = offer(document, "bob", by=alice_actor)
    Handover.objects.filter(pk=late.pk).update(expires_at=now() - timedelta(minutes=1))
    with pytest.raises(access.NotVisible):
        accept_offer(late, by=bob_actor)
    # What ran out makes room; somebody who is not here is answered like anybody.
    unknown = offer(document, "nobody@nowhere.test", by=alice_actor)
    assert unknown.receiver is None
    document.refresh_from_db()
    assert document.user == alice


def test_what_does_not_fit_or_is_gone_changes_nothing(
    alice: User, bob: User, alice_actor: Actor, bob_actor: Actor
) -> None:
    folder = folders("Big", alice_actor)
    put("a.txt", folder, alice_actor, b"x" * 100)
    made = offer(folder, "bob", by=alice_actor)
    Quota.objects.filter(user=bob).update(limit_bytes=50)
    with pytest.raises(QuotaExceeded):
        accept_offer(made, by=bob_actor)
    Quota.objects.filter(user=bob).update(limit_bytes=5000, file_limit=0)
    with pytest.raises(TooManyFiles):
        accept_offer(made, by=bob_actor)
    Quota.objects.filter(user=bob).update(file_limit=None)
    assert used(alice) == (100, 0)
    assert used(bob) == (0, 0)
    folder.refresh_from_db()
    assert folder.user == alice
    entry = trash_folder(folder, by=alice_actor)
    with pytest.raises(access.NotVisible):
        accept_offer(made, by=bob_actor)
    restore(entry, by=alice_actor)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(access.NotVisible):
        accept_offer(made, by=bob_actor)
    User.objects.filter(pk=alice.pk).update(is_active=True)
    accept_offer(made, by=bob_actor)
    assert used(bob) == (100, 0)
    assert breaches() == []


@pytest.mark.django_db(transaction=True)
def test_two_who_hand_over_to_each_other_at_once(alice: User, bob: User, alice_actor: Actor, bob_actor: Actor) -> None:
    mine, theirs = folders("Mine", alice_actor), folders("Theirs", bob_actor)
    put("a.txt", mine, alice_actor, b"aaa")
    put("b.txt", theirs, bob_actor, b"bbbbb")
    first, second = offer(mine, "bob", by=alice_actor), offer(theirs, "alice", by=bob_actor)
    outcomes = at_once(
        [
            lambda: accept_offer(first, by=bob_actor),
            lambda: accept_offer(second, by=alice_actor),
            lambda: accept_offer(first, by=bob_actor),
            lambda: withdraw_offer(second, by=bob_actor),
            lambda: put("late.txt", mine, alice_actor, b"late"),
        ]
    )
    assert sum(isinstance(outcome, access.NotVisible) for outcome in outcomes[:3]) in {1, 2}
    assert not any(type(outcome).__name__ in {"OperationalError", "IntegrityError"} for outcome in outcomes)
    assert breaches() == []
    mine.refresh_from_db()
    assert mine.user == bob


def test_the_receiver_hears_once_and_only_while_it_is_open(
    alice: User, bob: User, alice_actor: Actor, bob_actor: Actor
) -> None:
    document = put("a.txt", None, alice_actor)
    made = offer(document, "bob", by=alice_actor, message="for you")
    tell_of_handover(made.pk)
    tell_of_handover(made.pk)
    (sent,) = mail.outbox
    assert sent.to == [bob.email]
    assert "for you" in sent.body
    withdraw_offer(made, by=alice_actor)
    unknown = offer(document, "nobody@nowhere.test", by=alice_actor)
    tell_of_handover(unknown.pk)
    assert len(mail.outbox) == 1


def test_the_pages_of_handing_over(
    alice: User, bob: User, charlie: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    folder = folders("Car", alice_actor)
    put("a.txt", folder, alice_actor)
    hers, his, stranger = client_for(alice), client_for(bob), client_for(charlie)
    address = reverse("hand_over_folder", args=[folder.pk])
    assert stranger.get(address).status_code == 404
    assert hers.get(address).status_code == 200
    assert hers.post(address, {"who": "alice"}).status_code == 422
    assert hers.post(address, {"who": "bob", "message": "for <b>you</b>"}).status_code == 302
    made = Handover.objects.get()
    assert "Car" in hers.get(reverse("handovers")).content.decode()
    page = his.get(reverse("handovers")).content.decode()
    assert "for &lt;b&gt;you&lt;/b&gt;" in page
    assert "Car" not in stranger.get(reverse("handovers")).content.decode()
    answer = reverse("answer_handover", args=[made.pk])
    assert stranger.post(answer, {"act": "accept"}).status_code == 404
    assert his.post(answer, {"act": "x"}).status_code == 400
    Quota.objects.filter(user=bob).update(limit_bytes=1)
    assert his.post(answer, {"act": "accept"}).headers["Location"] == reverse("handovers")
    Quota.objects.filter(user=bob).update(limit_bytes=1000)
    assert his.post(answer, {"act": "accept"}).headers["Location"] == reverse("folder", args=[folder.pk])
    assert hers.get(reverse("folder", args=[folder.pk])).status_code == 404
    assert his.get(reverse("folder", args=[folder.pk])).status_code == 200


def test_a_rule_and_its_runs_leave_alone_what_was_handed_over(
    alice: User, bob: User, alice_actor: Actor, bob_actor: Actor, client_for: ClientFor
) -> None:
    """While its changes can be undone, while they are being undone, and while it runs."""
    tax, bills = make_topic("Tax", "green", by=alice_actor), folders("Bills", alice_actor)
    make_topic("Tax", "blue", by=bob_actor)
    rule = make_rule("ACME", Deed("invoice acme", [tax], bills, RuleMode.AUTO), by=alice_actor)
    make_rule(
        "Red", Deed("invoice acme", [make_topic("Red", "red", by=alice_actor)], None, RuleMode.AUTO), by=alice_actor
    )
    given, alone, kept = (write(f"{name}.pdf", "invoice acme", by=alice_actor) for name in ("a", "b", "c"))
    soon = now() + timedelta(minutes=1)
    run = filing.begin_run(rule, by=alice_actor)
    assert filing.work_on_run(run.pk, soon)
    accept_offer(offer(alone, "bob", by=alice_actor), by=bob_actor)
    filing.undo_run(FilingRun.objects.get(pk=run.pk), by=alice_actor)
    accept_offer(offer(given, "bob", by=alice_actor, keeps_view=True), by=bob_actor)
    assert filing.work_on_undoing(run.pk, soon)
    run.refresh_from_db()
    assert (run.state, run.undone) == (RunState.UNDONE, 1)
    for document in (given, alone, kept):
        document.refresh_from_db()
    assert (given.user, alone.user, kept.user, kept.folder) == (bob, bob, alice, None)
    for document in (given, alone):
        assert [row.topic.user for row in DocumentTopic.objects.filter(document=document)] == [bob]

    running = filing.begin_run(rule, by=alice_actor)
    accept_offer(offer(bills, "bob", by=alice_actor, keeps_view=True), by=bob_actor)
    rename_folder(Folder.objects.get(pk=bills.pk), "Secret of Bob", by=bob_actor)
    assert filing.work_on_run(running.pk, soon)
    running.refresh_from_db()
    assert (running.state, running.changed) == (RunState.STOPPED, 0)
    rule = FilingRule.objects.select_related("folder").get(pk=rule.pk)
    assert rule.is_resting
    with pytest.raises(Refused):
        filing.begin_run(rule, by=alice_actor)
    page = client_for(alice).get(reverse("rule", args=[rule.pk])).content.decode()
    assert "it rests until it has another" in page
    assert "Secret of Bob" not in page
    # The rules beside it go on with what is new.
    fresh = write("new.pdf", "invoice acme", by=alice_actor)
    arrivals.let_wait(fresh.pk)
    assert arrivals.file_waiting() == 1
    assert [row.topic.name for row in DocumentTopic.objects.filter(document=fresh)] == ["Red"]
    assert breaches() == []
