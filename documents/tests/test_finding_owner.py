"""By whose it is: one's own, and those of whoever shares; of others it is not told whether there is such a person."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import User
from documents.search import facets_of, find_documents, parse
from documents.tests.library import names, write
from sharing.access import Level
from sharing.actions import share

pytestmark = pytest.mark.django_db


@pytest.fixture
def shared(alice: User, alice_actor: Actor, bob: User, bob_actor: Actor, charlie_actor: Actor) -> None:
    """Bob has one letter, and sees one of Alice's two; Charlie's he does not see."""
    User.objects.filter(pk=alice.pk).update(display_name="Alice Ámbar")
    write("own.pdf", "a letter of insurance", by=bob_actor)
    opened = write("opened.pdf", "a letter of insurance", by=alice_actor)
    write("closed.pdf", "a letter of insurance", by=alice_actor)
    write("strange.pdf", "a letter of insurance", by=charlie_actor)
    share(opened, bob, Level.VIEW, by=alice_actor)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("owner:me", {"own"}), ("owner:alice", {"opened"}), ("owner:ALICE letter", {"opened"}),
        ('owner:"alice Ámbar"', {"opened"}), ("owner:me owner:alice", {"own", "opened"}), ("-owner:me", {"opened"}),
        ("owner:bob", {"own"}), ("owner:charlie", set()), ("owner:nobody", set()),
    ],
)  # fmt: skip
def test_an_owner_finds_what_one_may_see_of_his(line: str, expected: set[str], shared: None, bob_actor: Actor) -> None:
    assert set(names(line, bob_actor)) == {f"{name}.pdf" for name in expected}


def test_who_shares_nothing_is_told_like_nobody(shared: None, bob_actor: Actor) -> None:
    said = [find_documents(parse(f"owner:{name}"), bob_actor).problems for name in ("charlie", "nobody")]
    assert [problem.message for problem in said[0]] == [problem.message for problem in said[1]] != []


def test_hits_are_counted_by_owner(shared: None, bob_actor: Actor, alice_actor: Actor) -> None:
    [facet] = [row for row in facets_of(parse("insurance"), bob_actor).facets if row.key == "owner"]
    assert {(choice.label, choice.count, choice.line) for choice in facet.choices} == {
        ("Me", 1, "insurance owner:me"),
        ("Alice Ámbar", 1, "insurance owner:alice"),
    }
    assert "owner" not in {row.key for row in facets_of(parse("insurance"), alice_actor).facets}


def test_the_form_offers_those_who_share(
    shared: None, alice: User, bob: User, client_for: Callable[[User], Client]
) -> None:
    def page(who: User, **fields: str) -> str:
        return client_for(who).get(reverse("find"), {"words": "letter", **fields}, follow=True).content.decode()

    assert '<option value="alice" selected>Alice Ámbar</option>' in page(bob, owner="alice")
    assert "charlie" not in page(bob, owner="alice")
    assert 'name="owner"' not in page(alice)
    assert '<option value="nobody" selected>nobody</option>' in page(bob, owner="nobody")
    assert '<option value="xx" selected>xx</option>' in page(bob, lang="xx")


def test_a_hit_says_whose_it_is_and_not_that_it_lies_among_ones_own(
    shared: None, alice: User, bob: User, client_for: Callable[[User], Client]
) -> None:
    def page(who: User, line: str) -> str:
        answer = client_for(who).get(reverse("find"), {"q": line}).content.decode()
        return answer[answer.index('class="hits"') : answer.index('class="find-facets"')]

    found = page(bob, "owner:alice")
    assert "<bdi>Alice Ámbar</bdi>" in found
    assert '<span class="where">Files</span>' not in found
    for who, line in ((bob, "owner:me"), (alice, "letter")):
        assert 'class="where whose"' not in page(who, line)
        assert '<span class="where">Files</span>' in page(who, line)
