"""The pages of filing: what waits, its answers, the rules' forms, and what of all that others are not told."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import User
from documents.actions import filing
from documents.actions.rules import Deed, make_rule
from documents.actions.topics import make_topic, tag_documents
from documents.models import Document, DocumentTopic, FilingRule, FilingRun, FilingSuggestion, Topic
from documents.tests.library import write
from documents.tests.making import folders
from sharing.access import Level
from sharing.actions import share

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]


@pytest.fixture
def tax(alice_actor: Actor) -> Topic:
    return make_topic("Tax", "green", by=alice_actor)


def suggest(document: Document, topic: Topic, user: User, **more: object) -> FilingSuggestion:
    return FilingSuggestion.objects.create(user=user, document=document, topic=topic, **more)


def page(client: Client, name: str, *arguments: object, **parameters: str) -> str:
    answer = client.get(reverse(name, args=arguments), parameters)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_list_shows_what_is_suggested_and_everything_unfiled(
    alice: User, alice_actor: Actor, bob: User, bob_actor: Actor, tax: Topic, client_for: ClientFor
) -> None:
    client, bills = client_for(alice), folders("Bills", alice_actor)
    assert "Nothing is suggested" in page(client, "to_file")
    assert "Everything is filed" in page(client, "to_file", all="1")
    one, bare = (write(name, "x", by=alice_actor) for name in ("one.pdf", "bare.pdf"))
    filed = write("filed.pdf", "x", by=alice_actor, folder=bills)
    theirs = write("theirs.pdf", "x", by=bob_actor)
    share(theirs, alice, Level.VIEW, by=bob_actor)
    suggest(one, tax, alice, because="invoice, <b>acme</b>")
    suggest(theirs, tax, alice)
    suggest(bare, tax, bob)
    FilingSuggestion.objects.create(user=alice, document=one, folder=bills)
    first = page(client, "to_file")
    assert "one.pdf" in first
    assert "theirs.pdf" in first
    assert "invoice, &lt;b&gt;acme&lt;/b&gt;" in first
    assert "bare.pdf" not in first
    everything = page(client, "to_file", all="1")
    assert "bare.pdf" in everything
    assert "filed.pdf" not in everything
    assert filed.name not in first
    # What is so by now is no suggestion any more.
    tag_documents([theirs], tax, by=alice_actor)
    assert "theirs.pdf" not in page(client, "to_file")
    assert client.get(reverse("to_file"), {"after": "x"}).status_code == 400


def test_answers_are_given_by_plain_forms_and_by_scripts_and_dismissing_can_be_taken_back(
    alice: User, alice_actor: Actor, tax: Topic, client_for: ClientFor
) -> None:
    client, document = client_for(alice), write("a.pdf", "x", by=alice_actor)
    car = make_topic("Car", "red", by=alice_actor)
    first, second = suggest(document, tax, alice), suggest(document, car, alice)
    address = reverse("answer_suggestions", args=[document.pk])
    answer = client.post(address, {"suggestion": str(first.pk), "next": reverse("to_file")})
    assert (answer.status_code, answer["Location"]) == (302, reverse("to_file"))
    assert DocumentTopic.objects.get().reason == "suggestion"
    told = client.post(address, {"dismiss": "1"}, headers={"HX-Request": "true"})
    assert "undo_url" in told["HX-Trigger"]
    second.refresh_from_db()
    assert second.state == "dismissed"
    client.post(f"{address}?again=1&suggestion={second.pk}")
    second.refresh_from_db()
    assert second.state == "open"
    shown = page(client, "document", document.pk)
    assert "accepted suggestion" in shown
    assert "Put Car on it" in shown
    client.post(address)
    assert set(DocumentTopic.objects.values_list("topic__name", flat=True)) == {"Tax", "Car"}
    assert "not suggested any more" in client.post(address, follow=True).content.decode()
    assert client.post(address, {"suggestion": "nonsense"}).status_code == 404


def test_a_topic_says_why_it_is_there_and_tells_others_no_rules_name(
    alice: User, alice_actor: Actor, bob: User, admin_actor: Actor, client_for: ClientFor
) -> None:
    everybodys = make_topic("Household", "red", by=admin_actor, is_system=True)
    document = write("a.pdf", "invoice", by=alice_actor)
    rule = make_rule("Hushhush", Deed("invoice", [everybodys]), by=alice_actor)
    run = filing.begin_run(rule, by=alice_actor)
    filing.work_on_run(run.pk, now() + timedelta(minutes=1))
    share(document, bob, Level.MANAGE, by=alice_actor)
    own, theirs = (page(client_for(person), "document", document.pk) for person in (alice, bob))
    assert "by the rule" in own
    assert "Hushhush" in own
    assert "added by a rule" in theirs
    assert "Household" in theirs
    assert "Hushhush" not in theirs


def test_a_rule_is_made_looked_at_run_and_undone_by_its_forms(
    alice: User, alice_actor: Actor, tax: Topic, client_for: ClientFor
) -> None:
    client, bills = client_for(alice), folders("Bills", alice_actor)
    document = write("bill.pdf", "invoice of ACME", by=alice_actor)
    assert "invoice ACME" in page(client, "make_rule", q="invoice ACME")
    fields = {"name": "ACME", "query": "invoice  ACME", "topic": str(tax.pk), "folder": str(bills.pk), "mode": "hand"}
    for wrong, word in (
        ({"query": "type:banana"}, "type:banana"), ({"query": ""}, "Say which documents"),
        ({"name": " "}, "name"), ({"topic": "", "folder": ""}, "has to do something"), ({"mode": "x"}, "valid choice"),
    ):  # fmt: skip
        answer = client.post(reverse("make_rule"), {**fields, **wrong})
        assert answer.status_code == 422
        assert word in answer.content.decode()
    assert client.post(reverse("make_rule"), {**fields, "topic": "zzz"}).status_code == 404
    made = client.post(reverse("make_rule"), fields)
    rule = FilingRule.objects.get()
    assert (made["Location"], rule.query) == (reverse("rule", args=[rule.pk]), "invoice ACME")
    assert "File 1 document now" in page(client, "rule", rule.pk)
    assert not DocumentTopic.objects.exists()
    client.post(reverse("run_rule", args=[rule.pk]))
    run = FilingRun.objects.get()
    assert "hx-trigger" in page(client, "run", run.pk)
    filing.work_on_run(run.pk, now() + timedelta(minutes=1))
    assert "of which 1 is so already" in page(client, "rule", rule.pk)
    assert "Take back 1 document" in page(client, "undo_run", run.pk)
    client.post(reverse("undo_run", args=[run.pk]))
    filing.work_on_undoing(run.pk, now() + timedelta(minutes=1))
    document.refresh_from_db()
    assert (document.folder, DocumentTopic.objects.count()) == (None, 0)
    assert "1 taken back" in page(client, "rule", rule.pk)

    arrange = reverse("arrange_rule", args=[rule.pk])
    client.post(arrange, {"act": "copy"})
    assert FilingRule.objects.count() == 2
    for act, status in (("up", 302), ("down", 302), ("off", 302), ("on", 302), ("burn", 400)):
        assert client.post(arrange, {"act": act}).status_code == status
    client.post(reverse("change_rule", args=[rule.pk]), {**fields, "name": "Acme Ltd", "mode": "auto"})
    rule.refresh_from_db()
    assert (rule.name, rule.mode) == ("Acme Ltd", "auto")
    client.post(reverse("delete_rule", args=[rule.pk]))
    assert FilingRule.objects.count() == 1


def test_where_more_people_would_see_it_the_look_ahead_says_so(
    alice: User, alice_actor: Actor, bob: User, client_for: ClientFor
) -> None:
    bills = folders("Bills", alice_actor)
    share(bills, bob, Level.VIEW, by=alice_actor)
    rule = make_rule("ACME", Deed("invoice", [], bills), by=alice_actor)
    assert "Bob will see it." in page(client_for(alice), "rule", rule.pk)
    assert "Bob will see it." in page(client_for(alice), "make_rule")


def test_the_number_of_statements_does_not_grow_with_what_is_listed(
    alice: User, alice_actor: Actor, tax: Topic, client_for: ClientFor
) -> None:
    client, counts = client_for(alice), []
    for count in (4, 8):
        for n in range(count):
            suggest(write(f"{count}-{n}.txt", "x", by=alice_actor), tax, alice)
            make_rule(f"{count}-{n}", Deed(f"x{n}", [tax]), by=alice_actor)
        for name in ("to_file", "rules"):
            client.get(reverse(name))
            with CaptureQueriesContext(connection) as asked:
                client.get(reverse(name))
            counts.append(len(asked))
    assert counts[:2] == counts[2:]
