"""Topics: one's own are nobody else's business; everybody's are the admins' to change."""

import pytest

from accounts.actors import Actor
from accounts.models import User
from documents.actions.errors import NameTaken, Refused
from documents.actions.topics import change_topic, delete_topic, make_topic, tag_documents, untag_documents
from documents.models import DocumentTopic, Topic
from documents.tests.making import put
from sharing.access import NotAllowed, NotVisible, visible_topics
from sharing.models import AuditEvent, Share, ShareLevel


def test_names_are_unique_for_each_person_and_for_everybody(
    alice_actor: Actor, bob_actor: Actor, admin_actor: Actor
) -> None:
    make_topic("Tax", "green", by=alice_actor)
    make_topic("tax", "red", by=bob_actor)
    make_topic("TAX", "blue", by=admin_actor, is_system=True)
    for actor, is_system in ((alice_actor, False), (admin_actor, True)):
        with pytest.raises(NameTaken):
            make_topic("tAx", "pink", by=actor, is_system=is_system)
    assert Topic.objects.count() == 3


def test_only_admins_make_and_change_what_is_everybodys(alice_actor: Actor, admin_actor: Actor) -> None:
    with pytest.raises(NotAllowed):
        make_topic("Tax", "green", by=alice_actor, is_system=True)
    topic = make_topic("Tax", "green", by=admin_actor, is_system=True)
    for act in (
        lambda: change_topic(topic, "Mine", "red", by=alice_actor),
        lambda: delete_topic(topic, by=alice_actor),
    ):
        with pytest.raises(NotAllowed):
            act()
    assert change_topic(topic, "Taxes", "red", by=admin_actor).colour == "red"


def test_a_colour_is_one_of_ours(alice_actor: Actor) -> None:
    with pytest.raises(Refused):
        make_topic("Tax", "javascript:", by=alice_actor)


def test_putting_a_topic_on_twice_is_once_and_taking_it_off_too(alice_actor: Actor) -> None:
    topic = make_topic("Tax", "green", by=alice_actor)
    rows = [put(f"{n}.txt", None, alice_actor) for n in range(3)]
    assert tag_documents(rows[:2], topic, by=alice_actor) == 2
    assert tag_documents(rows, topic, by=alice_actor) == 1
    assert untag_documents(rows[:1], topic, by=alice_actor) == 1
    assert untag_documents(rows[:1], topic, by=alice_actor) == 0
    assert DocumentTopic.objects.count() == 2
    assert AuditEvent.objects.filter(action="document_tagged").count() == 3


def test_a_recipient_files_under_topics_that_the_owner_never_sees(
    alice: User, alice_actor: Actor, bob: User, bob_actor: Actor, admin_actor: Actor
) -> None:
    document = put("a.txt", None, alice_actor)
    Share.objects.create(document=document, recipient=bob, shared_by=alice, level=ShareLevel.VIEW)
    secret = make_topic("Suspicious", "red", by=bob_actor)
    tag_documents([document], secret, by=bob_actor)
    assert secret not in visible_topics(alice_actor)
    assert not AuditEvent.objects.filter(owner_id=alice.pk, action="document_tagged").exists()
    system = make_topic("Tax", "green", by=admin_actor, is_system=True)
    with pytest.raises(NotAllowed):
        tag_documents([document], system, by=bob_actor)
    with pytest.raises(NotVisible):
        tag_documents([document], secret, by=alice_actor)


def test_deleting_a_topic_keeps_the_documents(alice_actor: Actor) -> None:
    topic = make_topic("Tax", "green", by=alice_actor)
    document = put("a.txt", None, alice_actor)
    tag_documents([document], topic, by=alice_actor)
    delete_topic(topic, by=alice_actor)
    document.refresh_from_db()
    assert not DocumentTopic.objects.exists()
