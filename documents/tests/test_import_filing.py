"""Rules and kept searches leave with an export and come in with it: switched off, once, and never on trust."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from accounts.actors import Actor
from accounts.models import User
from documents.actions import arrivals
from documents.actions.rules import Deed, make_rule, switch_rule
from documents.actions.saved_views import rename_view, save_view
from documents.actions.topics import make_topic, tag_documents
from documents.actions.trash import trash_folder
from documents.models import Document, DocumentTopic, FilingRule, FilingSuggestion, RuleMode, SavedView, TopicReason
from documents.tests.exports import edited, exported, taken_in
from documents.tests.library import read
from documents.tests.making import folders, put


@pytest.fixture
def out(alice: User, alice_actor: Actor, tmp_path: Path) -> Path:
    """Alice's export: one invoice that a rule has filed, one that she moved elsewhere, and a search she keeps."""
    bills, car = folders("Bills", alice_actor), folders("Car", alice_actor)
    tax = make_topic("Tax", "green", by=alice_actor)
    rule = make_rule("ACME", Deed("invoice", [tax], bills, RuleMode.AUTO), by=alice_actor)
    filed = put("invoice one.txt", bills, alice_actor, b"one")
    put("invoice two.txt", car, alice_actor, b"two")
    tag_documents([filed], tax, by=alice_actor)
    DocumentTopic.objects.update(reason=TopicReason.RULE, rule=rule)
    save_view("Bills of ACME", "invoice in:Bills", "name", by=alice_actor)
    exported(tmp_path / "out", alice)
    return tmp_path / "out"


def filing_json(root: Path) -> Path:
    return root / "alice" / "filing.json"


def read_and_looked_at(*documents: Document) -> None:
    """As the reader does."""
    for document in documents:
        read(document, "an invoice of ACME")
        arrivals.let_wait(document.pk)
    while arrivals.file_waiting():
        pass


def test_rules_and_searches_come_along_and_the_rules_are_switched_off(
    out: Path, bob: User, capsys: pytest.CaptureFixture[str]
) -> None:
    told = json.loads(filing_json(out).read_text())
    assert told["format"] == 1
    assert [(rule["name"], rule["query"], rule["mode"], rule["is_on"]) for rule in told["rules"]] == [
        ("ACME", "invoice", "auto", True)
    ]
    call_command("import", str(out), owner="bob")
    assert "Rules of filing that came in: 1, switched off. Saved views: 1." in capsys.readouterr().out
    rule = FilingRule.objects.get(user=bob)
    assert (rule.name, rule.query, rule.mode, rule.moves, rule.is_on) == ("ACME", "invoice", "auto", True, False)
    assert rule.folder is not None
    assert (rule.folder.name, rule.folder.user) == ("Bills", bob)
    assert [topic.user for topic in rule.topics.all()] == [bob]
    # Why a topic is there: by the rule of the same name, which is Bob's own now.
    link = DocumentTopic.objects.get(document__user=bob)
    assert (link.reason, link.rule) == (TopicReason.RULE, rule)
    assert SavedView.objects.filter(user=bob).values_list("name", "query", "sort").get() == (
        "Bills of ACME", "invoice in:Bills", "name",
    )  # fmt: skip


def test_what_comes_in_stays_where_it_was_filed_until_the_rule_is_switched_on(
    out: Path, bob: User, bob_actor: Actor
) -> None:
    taken_in(out, bob)
    read_and_looked_at(*Document.objects.filter(user=bob))
    places = dict(Document.objects.filter(user=bob).values_list("name", "folder__name"))
    assert places == {"invoice one.txt": "Bills", "invoice two.txt": "Car"}
    assert not FilingSuggestion.objects.filter(user=bob).exists()
    switch_rule(FilingRule.objects.get(user=bob), True, by=bob_actor)
    late = put("invoice three.txt", None, bob_actor, b"three")
    read_and_looked_at(late)
    late.refresh_from_db()
    assert late.folder is not None
    assert late.folder.name == "Bills"


def test_a_second_time_doubles_nothing_also_what_was_renamed(out: Path, bob: User, bob_actor: Actor) -> None:
    first = taken_in(out, bob)
    assert (first.rules, first.views, first.refused) == (1, 1, [])
    rename_view(SavedView.objects.get(user=bob), "Mine", by=bob_actor)
    FilingRule.objects.filter(user=bob).update(name="Other", name_key="other")
    again = taken_in(out, bob)
    assert (again.rules, again.views, again.refused) == (0, 0, [])
    assert FilingRule.objects.get(user=bob).name == "Other"
    assert SavedView.objects.get(user=bob).name == "Mine"


def test_at_home_and_beside_equal_ones_nothing_is_doubled_and_other_ones_are_numbered(
    out: Path, alice: User, bob: User, bob_actor: Actor
) -> None:
    home = taken_in(out, alice)
    assert (home.rules, home.views, FilingRule.objects.filter(user=alice).count()) == (0, 0, 1)
    save_view("bills of acme", "invoice in:Bills", "", by=bob_actor)
    make_rule("ACME", Deed("something else", [make_topic("Tax", "red", by=bob_actor)]), by=bob_actor)
    taken = taken_in(out, bob)
    assert (taken.rules, taken.views) == (1, 0)
    assert list(FilingRule.objects.filter(user=bob).order_by("name").values_list("name", "query")) == [
        ("ACME", "something else"), ("ACME (2)", "invoice"),
    ]  # fmt: skip


def test_a_rule_whose_folder_is_gone_rests_as_it_did(
    alice: User, alice_actor: Actor, bob: User, tmp_path: Path
) -> None:
    gone = folders("Gone", alice_actor)
    make_rule("Moves", Deed("letter", [], gone), by=alice_actor)
    trash_folder(gone, by=alice_actor)
    exported(tmp_path / "out", alice)
    taken = taken_in(tmp_path / "out", bob)
    assert (taken.rules, taken.refused) == (1, [])
    assert FilingRule.objects.get(user=bob).is_resting


def test_an_export_of_before_has_no_rules_and_comes_in_all_the_same(out: Path, bob: User) -> None:
    sums = out / "SHA256SUMS"
    sums.write_text("".join(line for line in sums.read_text().splitlines(True) if "filing.json" not in line))
    filing_json(out).unlink()
    record = next(path for path in out.glob("*/records/*/*.json") if "invoice one" in path.read_text())
    edited(record, lambda found: found["topics"][0].pop("rule"))
    taken = taken_in(out, bob)
    assert (taken.added, taken.rules, taken.refused) == (2, 0, [])
    link = DocumentTopic.objects.get(document__user=bob)
    assert (link.reason, link.rule) == (TopicReason.RULE, None)


WRONG: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda told: told.update(format=2), "it is of a later version, format 2"),
    (lambda told: told.update(format="1"), "format"),
    (lambda told: told.pop("rules"), "rules"),
    (lambda told: told["rules"][0].update(query=["x"]), "query"),
    (lambda told: told["rules"][0].update(folder="../.."), "folder"),
    (lambda told: told["rules"][0].update(topics="Tax"), "topics"),
    (lambda told: told["rules"][0].update(query=""), "Say which documents are meant"),
    (lambda told: told["rules"][0].update(query="x " * 1500), "Only the first 1000 characters"),
    (lambda told: told["rules"][0].update(name="a\nb"), "cannot be kept"),
    (lambda told: told["rules"][0].update(topics=[], folder=None, moves=False), "Choose at least one topic"),
    (lambda told: told["views"][0].update(query=""), "nothing to save"),
    (lambda told: told["views"][0].update(name="x" * 300), "long"),
]


def test_rules_that_lie_are_refused_in_words_and_the_documents_come(out: Path, bob: User) -> None:
    kept, sums = filing_json(out).read_text(), (out / "SHA256SUMS").read_text()
    for change, why in WRONG:
        filing_json(out).write_text(kept)
        (out / "SHA256SUMS").write_text(sums)
        edited(filing_json(out), change)
        taken = taken_in(out, bob)
        assert why in " ".join(said for _path, said in taken.refused), taken.refused
        assert Document.objects.filter(user=bob).count() == 2
        FilingRule.objects.filter(user=bob).delete()
        SavedView.objects.filter(user=bob).delete()
    # Nothing that is not what its checksum says is looked into.
    filing_json(out).write_text(kept.replace("ACME", "EVIL"))
    (out / "SHA256SUMS").write_text(sums)
    taken = taken_in(out, bob)
    assert [path for path, _why in taken.refused] == ["alice/filing.json"]
    assert hashlib.sha256(filing_json(out).read_bytes()).hexdigest() not in sums
    assert not FilingRule.objects.filter(user=bob).exists()
