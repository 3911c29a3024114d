"""Rules: looked at before they run, kept to what is their person's own, undone to the letter, and told."""

from datetime import timedelta

import pytest
from django.utils.timezone import localdate, now

from accounts.actors import Actor
from accounts.models import User
from documents import jobs
from documents.actions import arrivals, filing
from documents.actions.documents import move_document
from documents.actions.errors import NameTaken, Refused
from documents.actions.rules import Deed, change_rule, copy_rule, delete_rule, make_rule, shift_rule, switch_rule
from documents.actions.topics import delete_topic, make_topic, tag_documents, untag_documents
from documents.actions.trash import purge, trash_folder
from documents.models import (
    Document,
    DocumentTopic,
    FilingLook,
    FilingRule,
    FilingRun,
    FilingSuggestion,
    Folder,
    JobRun,
    RuleMode,
    Topic,
)
from documents.tests.library import write
from documents.tests.making import folders, put
from sharing.access import NotAllowed, NotVisible
from sharing.models import AuditEvent, Share, ShareLevel

pytestmark = pytest.mark.django_db


@pytest.fixture
def tax(alice_actor: Actor) -> Topic:
    return make_topic("Tax", "green", by=alice_actor)


@pytest.fixture
def bills(alice_actor: Actor) -> Folder:
    return folders("Bills", alice_actor)


@pytest.fixture
def rule(alice_actor: Actor, tax: Topic, bills: Folder) -> FilingRule:
    return make_rule("ACME", Deed("invoice ACME", [tax], bills), by=alice_actor)


def run_now(rule: FilingRule, by: Actor) -> FilingRun:
    run = filing.begin_run(rule, by=by)
    assert filing.work_on_run(run.pk, now() + timedelta(minutes=1))
    run.refresh_from_db()
    return run


def undo_now(run: FilingRun, by: Actor) -> FilingRun:
    filing.undo_run(run, by=by)
    assert filing.work_on_undoing(run.pk, now() + timedelta(minutes=1))
    run.refresh_from_db()
    return run


def read_and_filed(*documents: Document) -> None:
    """As the reader does when a reading has ended."""
    for document in documents:
        arrivals.let_wait(document.pk)
    while arrivals.file_waiting():
        pass


def topics_of(document: Document) -> set[str]:
    return set(DocumentTopic.objects.filter(document=document).values_list("topic__name", flat=True))


def place_of(document: Document) -> str:
    document.refresh_from_db()
    return document.folder.name if document.folder else ""


def test_a_run_does_what_the_look_ahead_said_and_undoing_takes_back_just_that(
    alice_actor: Actor, bob_actor: Actor, rule: FilingRule, tax: Topic, bills: Folder
) -> None:
    attic = folders("Attic", alice_actor)
    fresh = write("fresh.pdf", "an invoice from Acme", by=alice_actor)
    old = write("old.pdf", "invoices of ACME", by=alice_actor, folder=attic)
    so = write("so.pdf", "invoice acme", by=alice_actor, folder=bills)
    half = write("half.pdf", "invoice acme", by=alice_actor, folder=bills)
    clash = write("half.pdf", "invoice acme twice", by=alice_actor)
    other = write("other.pdf", "invoice of another", by=alice_actor)
    theirs = write("theirs.pdf", "invoice acme", by=bob_actor)
    tag_documents([so], tax, by=alice_actor)

    ahead = filing.preview(rule, by=alice_actor)
    assert (ahead.total, ahead.already, ahead.to_change) == (5, 1, 4)
    by_id = {row.document.pk: row for row in ahead.rows}
    assert (by_id[fresh.pk].topics, by_id[fresh.pk].is_moved) == ([tax], True)
    assert by_id[so.pk].is_so_already
    assert (by_id[clash.pk].is_in_the_way, by_id[clash.pk].topics) == (True, [tax])
    assert not DocumentTopic.objects.exclude(document=so).exists()

    run = run_now(rule, alice_actor)
    assert (run.state, run.total, run.seen, run.changed, run.left) == ("done", 5, 5, 4, 1)
    assert [topics_of(row) for row in (fresh, old, so, half, clash)] == [{"Tax"}] * 5
    assert [place_of(row) for row in (fresh, old, half, clash)] == ["Bills", "Bills", "Bills", ""]
    assert (topics_of(other), topics_of(theirs), place_of(theirs)) == (set(), set(), "")
    link = DocumentTopic.objects.get(document=fresh)
    assert (link.reason, link.rule, link.run, link.added_by) == ("rule", rule, run, alice_actor.user)
    again = filing.preview(rule, by=alice_actor)
    assert (again.total, again.already) == (5, 4)

    # What somebody changes afterwards is his.
    move_document(old, attic, by=alice_actor)
    move_document(old, bills, by=alice_actor)
    untag_documents([half], tax, by=alice_actor)
    tag_documents([half], tax, by=alice_actor)
    undone = undo_now(run, alice_actor)
    assert (undone.state, undone.undone) == ("undone", 3)
    assert (topics_of(fresh), place_of(fresh)) == (set(), "")
    assert (topics_of(old), place_of(old)) == (set(), "Bills")
    assert (topics_of(so), topics_of(half), topics_of(clash)) == ({"Tax"}, {"Tax"}, set())
    with pytest.raises(Refused):
        filing.undo_run(undone, by=alice_actor)

    told = AuditEvent.objects.filter(actor_id=alice_actor.user.pk)  # type: ignore[union-attr]
    assert list(told.filter(target_kind="rule").order_by("id").values_list("action", flat=True)) == [
        "rule_made", "rule_run", "rule_undone",
    ]  # fmt: skip
    moved = told.filter(action="document_moved", target_id=str(fresh.pk)).order_by("id")
    assert [(row.metadata["to"], row.metadata["rule"]) for row in moved] == [("Bills", "ACME"), ("", "ACME")]
    assert told.get(action="document_tagged", target_id=str(fresh.pk)).metadata["rule"] == "ACME"


def test_a_run_goes_on_where_it_broke_off_and_stops_when_told(
    alice_actor: Actor, rule: FilingRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filing, "BATCH", 2)
    rows = [write(f"{n}.pdf", "invoice acme", by=alice_actor) for n in range(5)]
    run = filing.begin_run(rule, by=alice_actor)
    with pytest.raises(Refused):
        filing.begin_run(rule, by=alice_actor)
    with pytest.raises(Refused):
        change_rule(rule, "Other", Deed("x", list(rule.topics.all())), by=alice_actor)
    assert not filing.work_on_run(run.pk, now())  # its time is over after one batch
    run.refresh_from_db()
    assert (run.state, run.seen, run.percent) == ("running", 2, 40)
    assert sum(bool(topics_of(row)) for row in rows) == 2
    filing.stop_run(run, by=alice_actor)
    assert filing.work_on_run(run.pk, now() + timedelta(minutes=1))
    assert sum(bool(topics_of(row)) for row in rows) == 2
    whole = run_now(rule, alice_actor)
    assert (whole.seen, whole.changed) == (5, 3)
    assert undo_now(run, alice_actor).undone == 2


def test_the_jobs_run_and_undo(alice_actor: Actor, rule: FilingRule) -> None:
    document = write("a.pdf", "invoice acme", by=alice_actor)
    run = filing.begin_run(rule, by=alice_actor)
    job = JobRun.objects.get(task="documents.tasks.run_rule")
    jobs.run(str(job.pk))
    assert topics_of(document) == {"Tax"}
    run.refresh_from_db()
    filing.undo_run(run, by=alice_actor)
    jobs.run(str(JobRun.objects.get(task="documents.tasks.undo_run").pk))
    run.refresh_from_db()
    assert (topics_of(document), run.state) == (set(), "undone")
    assert not JobRun.objects.filter(state="failed").exists()


def test_new_documents_pass_the_rules_that_are_automatic_once_and_in_order(
    alice: User, alice_actor: Actor, rule: FilingRule, tax: Topic, bills: Folder
) -> None:
    attic, money = folders("Attic", alice_actor), make_topic("Money", "red", by=alice_actor)
    first = write("by-hand.pdf", "invoice acme", by=alice_actor)
    read_and_filed(first)
    assert not FilingLook.objects.exists(), "nobody has a rule that looks at new documents"
    assert topics_of(first) == set()
    change_rule(rule, "ACME", Deed("invoice ACME", [tax], bills, RuleMode.AUTO), by=alice_actor)
    make_rule("All invoices", Deed("invoice", [money], attic, RuleMode.AUTO), by=alice_actor)
    make_rule("Taxed", Deed("topic:Tax", [money], None, RuleMode.AUTO), by=alice_actor)
    both, one = (
        write(name, text, by=alice_actor) for name, text in (("both.pdf", "invoice acme"), ("one.pdf", "invoice"))
    )
    strange = write("strange.pdf", "letter", by=alice_actor)
    read_and_filed(both, one, strange)
    assert (topics_of(both), place_of(both)) == ({"Tax", "Money"}, "Bills")
    assert (topics_of(one), place_of(one)) == ({"Money"}, "Attic")
    assert (topics_of(strange), place_of(strange)) == (set(), "")
    by_itself = FilingRun.objects.get(rule=rule)
    assert (by_itself.day, by_itself.changed, by_itself.state) == (localdate(), 1, "done")
    assert FilingRun.objects.filter(rule__name="Taxed").count() == 0, "what it would do was done already"

    # Taken off by hand it stays off, however often the document is read again.
    untag_documents([both], tax, by=alice_actor)
    read_and_filed(both)
    assert topics_of(both) == {"Money"}
    # The day's run is undone; what comes later on that day is another run.
    undo_now(by_itself, alice_actor)
    assert place_of(both) == ""
    later = write("later.pdf", "invoice acme", by=alice_actor)
    read_and_filed(later)
    assert place_of(later) == "Bills"
    switch_rule(FilingRule.objects.get(pk=rule.pk), False, by=alice_actor)
    off = write("off.pdf", "invoice acme", by=alice_actor)
    read_and_filed(off)
    assert (topics_of(off), place_of(off)) == ({"Money"}, "Attic")
    assert FilingLook.objects.filter(user=alice, looked_at=None).count() == 0


def test_a_rule_that_suggests_changes_nothing(alice_actor: Actor, rule: FilingRule, tax: Topic, bills: Folder) -> None:
    change_rule(rule, "ACME", Deed("invoice acme", [tax], bills, RuleMode.SUGGEST), by=alice_actor)
    new, old = (write(name, "invoice acme", by=alice_actor) for name in ("new.pdf", "old.pdf"))
    read_and_filed(new)
    assert (topics_of(new), place_of(new)) == (set(), "")
    assert FilingSuggestion.objects.filter(document=new, rule=rule, state="open").count() == 2
    run = run_now(rule, alice_actor)
    assert (run.changed, topics_of(old)) == (1, set())
    assert FilingSuggestion.objects.filter(document=old, run=run).count() == 2
    undo_now(run, alice_actor)
    assert not FilingSuggestion.objects.filter(document=old).exists()
    assert FilingSuggestion.objects.filter(document=new).count() == 2


def test_what_a_rule_cannot_be_is_refused_with_a_reason(
    alice_actor: Actor, bob_actor: Actor, charlie_actor: Actor, rule: FilingRule, tax: Topic
) -> None:
    theirs, secret = folders("Theirs", bob_actor), make_topic("Secret", "red", by=bob_actor)
    for line, topics, folder, mode, word in (
        ("", [tax], None, "hand", "words"),
        ("-- . ", [tax], None, "hand", "words"),
        ("type:banana", [tax], None, "hand", "type:banana"),
        ('"open', [tax], None, "hand", "quotation"),
        ("invoice", [], None, "hand", "topic or a folder"),
        ("invoice", [tax], None, "sometimes", "new documents"),
        (" OR ".join(f"w{n}" for n in range(60)), [tax], None, "hand", "32"),
    ):
        with pytest.raises(Refused) as refused:
            make_rule("Bad", Deed(line, topics, folder, mode), by=alice_actor)
        assert word in refused.value.message, line
    for topics, folder in (([secret], None), ([tax], theirs)):
        with pytest.raises(NotVisible):
            make_rule("Bad", Deed("invoice", topics, folder), by=alice_actor)
    alice, bob = User.objects.get(handle="alice"), User.objects.get(handle="bob")
    Share.objects.create(folder=theirs, recipient=alice, shared_by=bob, level=ShareLevel.MANAGE)
    with pytest.raises(NotAllowed):
        make_rule("Into another vault", Deed("invoice", [tax], theirs), by=alice_actor)
    with pytest.raises(NameTaken):
        make_rule("acme", Deed("invoice", [tax]), by=alice_actor)
    assert FilingRule.objects.count() == 1
    run = FilingRun.objects.create(user=alice, rule=rule, rule_name="ACME", state="done")
    for act in (
        lambda: change_rule(rule, "X", Deed("x", [tax]), by=charlie_actor),
        lambda: delete_rule(rule, by=charlie_actor),
        lambda: copy_rule(rule, by=charlie_actor),
        lambda: switch_rule(rule, False, by=charlie_actor),
        lambda: shift_rule(rule, True, by=charlie_actor),
        lambda: filing.begin_run(rule, by=charlie_actor),
        lambda: filing.stop_run(run, by=charlie_actor),
        lambda: filing.undo_run(run, by=charlie_actor),
    ):
        with pytest.raises(NotVisible):
            act()


def test_rules_are_copied_ordered_switched_and_deleted(alice_actor: Actor, rule: FilingRule, bills: Folder) -> None:
    copy = copy_rule(rule, by=alice_actor)
    third = make_rule("Third", Deed("x", list(rule.topics.all())), by=alice_actor)
    assert (copy.query, list(copy.topics.all()), copy.folder, copy.mode) == (
        rule.query, list(rule.topics.all()), bills, "hand",
    )  # fmt: skip
    assert copy.name != rule.name
    shift_rule(third, True, by=alice_actor)
    shift_rule(third, True, by=alice_actor)
    shift_rule(third, True, by=alice_actor)
    assert [row.pk for row in FilingRule.objects.order_by("position")] == [third.pk, rule.pk, copy.pk]
    switch_rule(rule, True, by=alice_actor)
    switch_rule(rule, False, by=alice_actor)
    document = write("a.pdf", "invoice acme", by=alice_actor)
    run = run_now(rule, alice_actor)
    delete_rule(rule, by=alice_actor)
    assert topics_of(document) == {"Tax"}
    link = DocumentTopic.objects.get(document=document)
    assert (link.reason, link.rule) == ("rule", None)
    run.refresh_from_db()
    assert undo_now(run, alice_actor).undone == 1, "a run can be undone without its rule"
    assert topics_of(document) == set()


def test_a_rule_without_its_folder_rests_and_one_without_its_topic_does_the_rest(
    alice_actor: Actor, rule: FilingRule, tax: Topic, bills: Folder
) -> None:
    change_rule(rule, "ACME", Deed("invoice acme", [tax], bills, RuleMode.AUTO), by=alice_actor)
    delete_topic(tax, by=alice_actor)
    document = write("a.pdf", "invoice acme", by=alice_actor)
    read_and_filed(document)
    assert (topics_of(document), place_of(document)) == (set(), "Bills")
    entry = trash_folder(bills, by=alice_actor)
    with pytest.raises(Refused):
        filing.begin_run(FilingRule.objects.get(pk=rule.pk), by=alice_actor)
    purge(entry, by=alice_actor)
    rested = FilingRule.objects.select_related("folder").get(pk=rule.pk)
    assert (rested.is_resting, rested.moves, rested.folder) == (True, True, None)
    later = write("b.pdf", "invoice acme", by=alice_actor)
    read_and_filed(later)
    assert place_of(later) == ""
    with pytest.raises(Refused):
        copy_rule(rested, by=alice_actor)


def test_a_rule_is_about_ones_own_documents_even_where_others_may_be_edited(
    alice: User, alice_actor: Actor, bob: User, bob_actor: Actor, tax: Topic
) -> None:
    shared = write("shared.pdf", "invoice acme", by=bob_actor)
    Share.objects.create(document=shared, recipient=alice, shared_by=bob, level=ShareLevel.MANAGE)
    rule = make_rule("ACME", Deed("invoice acme", [tax], None, RuleMode.AUTO), by=alice_actor)
    assert filing.preview(rule, by=alice_actor).total == 0
    assert run_now(rule, alice_actor).seen == 0
    read_and_filed(shared)
    assert topics_of(shared) == set()


def test_a_person_who_is_disabled_files_no_more(alice: User, alice_actor: Actor, rule: FilingRule, tax: Topic) -> None:
    change_rule(rule, "ACME", Deed("invoice acme", [tax], None, RuleMode.AUTO), by=alice_actor)
    document = write("a.pdf", "invoice acme", by=alice_actor)
    run = filing.begin_run(rule, by=alice_actor)
    arrivals.let_wait(document.pk)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert filing.work_on_run(run.pk, now() + timedelta(minutes=1))
    assert arrivals.file_waiting() == 1
    run.refresh_from_db()
    assert (run.state, topics_of(document)) == ("stopped", set())


def test_what_breaks_off_is_tried_again_and_given_up_in_the_end(
    alice_actor: Actor, rule: FilingRule, tax: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_rule(rule, "ACME", Deed("invoice acme", [tax], None, RuleMode.AUTO), by=alice_actor)
    document = write("a.pdf", "invoice acme", by=alice_actor)
    arrivals.let_wait(document.pk)

    def fail(*arguments: object, **options: object) -> None:
        raise ArithmeticError

    with monkeypatch.context() as broken:
        broken.setattr(filing, "apply", fail)
        with pytest.raises(ArithmeticError):
            arrivals.file_waiting()
    assert (topics_of(document), FilingRun.objects.count()) == (set(), 0)
    assert arrivals.file_waiting() == 0, "another may be at it"
    FilingLook.objects.update(claimed_at=now() - timedelta(hours=1))
    assert arrivals.file_waiting() == 1
    assert topics_of(document) == {"Tax"}
    FilingLook.objects.update(looked_at=None, attempts=arrivals.MOST_ATTEMPTS, claimed_at=None)
    assert arrivals.file_waiting() == 0


def test_a_reading_that_ends_lets_its_document_wait_for_the_rules(
    alice_actor: Actor, rule: FilingRule, tax: Topic
) -> None:
    from documents.actions.reading import _finish, _Work
    from documents.extraction.frames import Ended
    from documents.models import Reading

    change_rule(rule, "ACME", Deed("name:invoice", [tax], None, RuleMode.AUTO), by=alice_actor)
    for name, state, is_waiting in (("invoice-1.bin", "nothing", True), ("invoice-2.bin", "failed", False)):
        document = put(name, None, alice_actor)
        Reading.objects.filter(pk=document.current_version_id).update(state="reading", started_at=now())
        reading = Reading.objects.select_related("version__document").get(pk=document.current_version_id)
        _finish(_Work(reading), Ended(state))
        assert FilingLook.objects.filter(document=document).exists() == is_waiting
        arrivals.file_waiting()
        assert (topics_of(document) == {"Tax"}) == is_waiting
