"""Emergency access opens only for who was named, after he asked, when nobody refused in time; and closes at once."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import User
from documents.models import Folder
from documents.tests.making import at_once, folders, put
from sharing import access
from sharing.access import Level
from sharing.actions import share
from sharing.actions.emergency import (
    CannotName,
    ask_emergency,
    change_contact,
    grant_due,
    name_contact,
    refuse_emergency,
    remove_contact,
    withdraw_emergency,
)
from sharing.mails import tell_of_emergency
from sharing.models import AuditEvent, EmergencyContact, Share

ClientFor = Callable[[User], Client]


@pytest.fixture
def papers(alice_actor: Actor) -> Folder:
    return folders("Papers", alice_actor)


@pytest.fixture
def contact(bob: User, alice_actor: Actor, papers: Folder) -> EmergencyContact:
    return name_contact("bob", [papers], 7, by=alice_actor)


def let_pass(contact: EmergencyContact, days: float) -> None:
    row = EmergencyContact.objects.get(pk=contact.pk)
    if row.asked_at is not None:
        EmergencyContact.objects.filter(pk=row.pk).update(asked_at=row.asked_at - timedelta(days=days))
    if row.refused_at is not None:
        EmergencyContact.objects.filter(pk=row.pk).update(refused_at=row.refused_at - timedelta(days=days))


def state(contact: EmergencyContact) -> str:
    return str(EmergencyContact.objects.get(pk=contact.pk).state)


def test_it_opens_to_read_after_the_days_and_closes_at_once(
    bob: User, alice: User, alice_actor: Actor, bob_actor: Actor, papers: Folder, contact: EmergencyContact
) -> None:
    inside = put("will.txt", folders("Papers/Deep", alice_actor), alice_actor)
    elsewhere = put("diary.txt", None, alice_actor)
    assert grant_due() == 0
    ask_emergency(contact, by=bob_actor)
    asked_at = EmergencyContact.objects.get().asked_at
    ask_emergency(contact, by=bob_actor)
    assert EmergencyContact.objects.get().asked_at == asked_at
    let_pass(contact, 6.9)
    assert grant_due() == 0
    assert access.level_on_document(bob_actor, inside) is None
    let_pass(contact, 0.2)
    assert grant_due() == 1
    assert grant_due() == 0
    assert access.level_on_document(bob_actor, inside) == Level.VIEW
    assert access.level_on_document(bob_actor, elsewhere) is None
    opened = Share.objects.get()
    assert (opened.emergency, opened.level, opened.shared_by) == (contact, Level.VIEW, alice)
    told = list(AuditEvent.objects.filter(action__startswith="emergency").order_by("id"))
    assert [event.action for event in told] == ["emergency_named", "emergency_asked", "emergency_granted"]
    assert {event.owner_id for event in told} == {alice.pk}
    refuse_emergency(contact, by=alice_actor)
    assert access.level_on_document(bob_actor, inside) is None
    assert (state(contact), Share.objects.count()) == ("refused", 0)
    assert AuditEvent.objects.latest("id").action == "emergency_ended"


def test_a_refusal_in_time_holds_and_may_be_asked_again_later(
    alice_actor: Actor, bob_actor: Actor, contact: EmergencyContact
) -> None:
    ask_emergency(contact, by=bob_actor)
    refuse_emergency(contact, by=alice_actor)
    refuse_emergency(contact, by=alice_actor)
    let_pass(contact, 0.5)
    with pytest.raises(CannotName, match="tomorrow"):
        ask_emergency(contact, by=bob_actor)
    let_pass(contact, 30)
    assert grant_due() == 0
    ask_emergency(contact, by=bob_actor)
    assert state(contact) == "asked"
    withdraw_emergency(contact, by=bob_actor)
    let_pass(contact, 30)
    assert grant_due() == 0
    assert state(contact) == "named"


def test_only_the_two_of_them_may(
    alice: User, alice_actor: Actor, bob_actor: Actor, charlie_actor: Actor, papers: Folder, contact: EmergencyContact
) -> None:
    for actor in (charlie_actor, alice_actor):
        with pytest.raises(access.NotVisible):
            ask_emergency(contact, by=actor)
    for act in (refuse_emergency, remove_contact):
        with pytest.raises(access.NotVisible):
            act(contact, by=bob_actor)
    with pytest.raises(access.NotVisible):
        change_contact(contact, [papers], 1, by=bob_actor)
    theirs = folders("Theirs", charlie_actor)
    with pytest.raises(access.NotVisible):
        change_contact(contact, [theirs], 7, by=alice_actor)
    share(theirs, alice, Level.MANAGE, by=charlie_actor)
    with pytest.raises(access.NotAllowed):
        change_contact(contact, [theirs], 7, by=alice_actor)
    for typed, days in (("alice", 7), ("bob", 7), ("", 7), ("charlie", 0), ("charlie", 366)):
        with pytest.raises(CannotName):
            name_contact(typed, [papers], days, by=alice_actor)
    with pytest.raises(CannotName):
        name_contact("charlie", [], 7, by=alice_actor)
    # Whoever is not here is answered alike, and never opens anything.
    unknown = name_contact("nobody@nowhere.test", [papers], 1, by=alice_actor)
    assert unknown.person is None


def test_disabled_people_and_changed_minds(
    alice: User, bob: User, alice_actor: Actor, bob_actor: Actor, papers: Folder, contact: EmergencyContact
) -> None:
    ask_emergency(contact, by=bob_actor)
    let_pass(contact, 8)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert grant_due() == 0
    User.objects.filter(pk=bob.pk).update(is_active=True)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert grant_due() == 0  # he could not refuse
    User.objects.filter(pk=alice.pk).update(is_active=True)
    assert grant_due() == 1
    other = folders("Other", alice_actor)
    change_contact(contact, [other], 7, by=alice_actor)
    assert [row.folder for row in Share.objects.all()] == [other]
    # What is shared by hand stays when the emergency is over.
    share(other, bob, Level.EDIT, by=alice_actor)
    withdraw_emergency(contact, by=bob_actor)
    assert access.level_on_folder(bob_actor, other) == Level.EDIT
    ask_emergency(contact, by=bob_actor)
    let_pass(contact, 8)
    assert grant_due() == 1
    assert Share.objects.get(folder=other).level == Level.EDIT
    remove_contact(contact, by=alice_actor)
    assert not EmergencyContact.objects.exists()
    assert access.level_on_folder(bob_actor, other) == Level.EDIT


@pytest.mark.django_db(transaction=True)
def test_the_last_minute_is_decided_once(
    alice_actor: Actor, bob_actor: Actor, papers: Folder, contact: EmergencyContact
) -> None:
    ask_emergency(contact, by=bob_actor)
    let_pass(contact, 8)
    acts: list[Callable[[], object]] = [grant_due, grant_due, grant_due]
    acts.append(lambda: refuse_emergency(contact, by=alice_actor))
    outcomes = at_once(acts)
    assert not any(isinstance(outcome, Exception) for outcome in outcomes)
    # Whichever came first: a refusal is the last word.
    assert (state(contact), Share.objects.count()) == ("refused", 0)
    assert AuditEvent.objects.filter(action="emergency_granted").count() <= 1


def test_both_hear_of_it(
    alice: User, bob: User, alice_actor: Actor, bob_actor: Actor, contact: EmergencyContact
) -> None:
    tell_of_emergency(contact.pk)
    assert mail.outbox == []
    ask_emergency(contact, by=bob_actor)
    tell_of_emergency(contact.pk)
    (asked,) = mail.outbox
    assert asked.to == [alice.email]
    assert "Papers" in asked.body
    let_pass(contact, 8)
    grant_due()
    tell_of_emergency(contact.pk)
    assert [sent.to for sent in mail.outbox[1:]] == [[alice.email], [bob.email]]


def test_the_pages_of_emergency_access(
    alice: User, bob: User, charlie: User, alice_actor: Actor, papers: Folder, client_for: ClientFor
) -> None:
    hers, his, stranger = client_for(alice), client_for(bob), client_for(charlie)
    assert hers.get(reverse("name_contact")).status_code == 200
    assert hers.post(reverse("name_contact"), {"who": "bob", "days": "7"}).status_code == 422
    assert hers.post(reverse("name_contact"), {"who": "bob", "days": "7", "folder": str(papers.pk)}).status_code == 302
    contact = EmergencyContact.objects.get()
    turn, ask = reverse("turn_contact", args=[contact.pk]), reverse("ask_emergency", args=[contact.pk])
    change = reverse("change_contact", args=[contact.pk])
    assert hers.get(change).status_code == 200
    assert hers.post(change, {"days": "9", "folder": str(papers.pk)}).status_code == 302
    for client, address in ((stranger, turn), (stranger, ask), (his, turn), (hers, ask)):
        assert client.post(address, {"act": "ask"}).status_code == 404
    assert "alice" in his.get(reverse("emergency")).content.decode().lower()
    assert "Papers" not in his.get(reverse("emergency")).content.decode().partition("main")[2].partition("chosen-me")[2]
    assert his.post(ask, {"act": "x"}).status_code == 400
    assert his.post(ask, {"act": "ask"}).status_code == 302
    assert "asks for emergency access" in hers.get(reverse("files")).content.decode()
    assert "asks for emergency access" not in his.get(reverse("files")).content.decode()
    let_pass(contact, 10)
    grant_due()
    assert his.get(reverse("folder", args=[papers.pk])).status_code == 200
    assert "by emergency access" in hers.get(reverse("reach_folder", args=[papers.pk])).content.decode()
    assert hers.post(turn, {"act": "refuse"}).status_code == 302
    assert his.get(reverse("folder", args=[papers.pk])).status_code == 404
    assert hers.post(turn, {"act": "remove"}).status_code == 302
    assert not EmergencyContact.objects.exists()
