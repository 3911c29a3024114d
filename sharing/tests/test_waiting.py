"""What every page tells somebody that waits for him: the rule's own answers, in one statement where nothing does."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actors import Actor
from accounts.models import User
from documents.tests.making import folders, put
from sharing import access
from sharing.access import Level
from sharing.actions import share
from sharing.actions.emergency import ask_emergency, name_contact, refuse_emergency
from sharing.actions.handing import offer, refuse_offer
from sharing.actions.received import refuse_received
from sharing.actions.receiving import accept_shared
from sharing.actions.requests import Terms, make_request
from sharing.listing import Waiting, waiting_for
from sharing.tests.test_file_requests import send


def told(actor: Actor) -> Waiting:
    """As the pages tell it; the same as the rule says where nothing keeps it from being asked."""
    found = waiting_for(actor)
    assert found == Waiting(
        access.has_new_shares(actor), access.has_waiting_files(actor), access.emergency_asked(actor)
    )
    return found


def test_a_share_is_new_until_it_is_answered_and_so_is_an_offer(
    alice_actor: Actor, bob: User, bob_actor: Actor
) -> None:
    assert told(bob_actor) == Waiting()
    paper = put("a.txt", None, alice_actor)
    share(paper, "bob", Level.VIEW, by=alice_actor)
    assert told(bob_actor) == Waiting(has_new_shares=True)
    assert told(alice_actor) == Waiting()
    accept_shared(paper, by=bob_actor)
    assert told(bob_actor) == Waiting()
    offered = offer(put("b.txt", None, alice_actor), "bob", by=alice_actor)
    assert told(bob_actor) == Waiting(has_new_shares=True)
    refuse_offer(offered, by=bob_actor)
    assert told(bob_actor) == Waiting()


def test_a_received_file_waits_for_who_asked_for_it(alice_actor: Actor, bob_actor: Actor) -> None:
    asked, _token = make_request(folders("In", alice_actor), Terms("Papers"), by=alice_actor)
    row = send(asked)
    assert told(alice_actor) == Waiting(has_files=True)
    assert told(bob_actor) == Waiting()
    refuse_received([row], by=alice_actor)
    assert told(alice_actor) == Waiting()


def test_who_asks_for_emergency_access_is_told_until_he_is_refused(
    bob: User, alice_actor: Actor, bob_actor: Actor
) -> None:
    contact = name_contact("bob", [folders("Papers", alice_actor)], 7, by=alice_actor)
    ask_emergency(contact, by=bob_actor)
    assert told(alice_actor).emergency == contact
    assert told(bob_actor) == Waiting()
    refuse_emergency(contact, by=alice_actor)
    assert told(alice_actor) == Waiting()


@pytest.mark.parametrize("who", ["somebody", "nobody"])
def test_where_nothing_waits_one_statement_says_so(who: str, alice_actor: Actor) -> None:
    actor = alice_actor if who == "somebody" else Actor.system()
    with CaptureQueriesContext(connection) as asked:
        assert waiting_for(actor) == Waiting()
    assert len(asked) == (1 if who == "somebody" else 0)
