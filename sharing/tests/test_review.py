"""Shares that nobody has used for a year are asked about, ended or kept; those in use never."""

from collections.abc import Callable
from datetime import timedelta

from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import Group, User
from documents.models import Document, JobRun
from documents.tests.making import folders, put
from sharing import audit
from sharing.access import Level
from sharing.actions import Terms, keep_share, make_link, share
from sharing.audit import Verb
from sharing.models import AuditEvent, LinkLevel, Receipt, Share, ShareLink, SharingPolicy
from sharing.review import ask_owners, unused_links, unused_shares
from sharing.tasks import tell_of_unused

ClientFor = Callable[[User], Client]
YEAR = timedelta(days=366)


def read(document: Document, by: Actor) -> None:
    assert document.current_version is not None
    audit.record_reading(Verb.DOCUMENT_VIEWED, document.current_version, by=by)


def age() -> None:
    Share.objects.update(created_at=now() - YEAR)


def test_unused_is_what_no_receiver_has_read_since(
    alice_actor: Actor, bob: User, bob_actor: Actor, dora: User, gina_actor: Actor
) -> None:
    car, house = folders("Car", alice_actor), folders("House", alice_actor)
    bill, lease = put("bill.txt", folders("Car/Deep", alice_actor), alice_actor), put("lease.txt", house, alice_actor)
    family = Group.objects.get(name="Family")
    used = share(car, bob, Level.VIEW, by=alice_actor)
    of_group = share(house, family, Level.VIEW, by=alice_actor)
    forgotten = share(lease, dora, Level.VIEW, by=alice_actor)
    waiting = share(bill, "nobody@nowhere.test", Level.VIEW, by=alice_actor)
    assert not unused_shares(alice_actor).exists()
    age()
    assert set(unused_shares(alice_actor)) == {used, of_group, forgotten, waiting}
    assert not unused_shares(bob_actor).exists()
    read(bill, bob_actor)
    read(lease, gina_actor)
    read(lease, alice_actor)
    assert set(unused_shares(alice_actor)) == {forgotten, waiting}
    keep_share(forgotten, by=alice_actor)
    Share.objects.filter(pk=waiting.pk).update(expires_at=now() - timedelta(days=1))
    assert not unused_shares(alice_actor).exists()
    Share.objects.update(reviewed_at=now() - YEAR)
    Receipt.objects.update(last_at=now() - YEAR)
    assert set(unused_shares(alice_actor)) == {used, of_group, forgotten}
    SharingPolicy.objects.create(pk=1, review_days=1000)
    assert not unused_shares(alice_actor).exists()


def test_each_owner_is_asked_once_by_mail(alice: User, alice_actor: Actor, bob: User, bob_actor: Actor) -> None:
    for number in range(3):
        share(put(f"{number}.txt", None, alice_actor), bob, Level.VIEW, by=alice_actor)
    share(put("fresh.txt", None, bob_actor), alice, Level.VIEW, by=bob_actor)
    Share.objects.filter(shared_by=alice).update(created_at=now() - YEAR)
    assert ask_owners() == 1
    assert ask_owners() == 0
    job = JobRun.objects.get(task="sharing.tasks.tell_of_unused")
    tell_of_unused(job.arguments[0])
    (sent,) = mail.outbox
    assert sent.to == [alice.email]
    assert "3 shares and links" in sent.body
    assert AuditEvent.objects.get(action="review_asked").metadata["count"] == 3
    Share.objects.update(review_asked_at=now() - timedelta(days=100))
    assert ask_owners() == 1
    User.objects.filter(pk=alice.pk).update(is_active=False)
    Share.objects.update(review_asked_at=None)
    assert ask_owners() == 0


def test_the_review_ends_or_keeps_with_one_click(
    alice: User, bob: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    ended = share(put("a.txt", None, alice_actor), bob, Level.VIEW, by=alice_actor)
    kept = share(put("b.txt", None, alice_actor), bob, Level.VIEW, by=alice_actor)
    age()
    page, stranger = client_for(alice), client_for(bob)
    address = reverse("review_shares")
    assert "2 shares and links" in page.get(reverse("shared_by_me")).content.decode()
    assert "a.txt" in page.get(address).content.decode()
    assert "a.txt" not in stranger.get(address).content.decode()
    assert stranger.post(address, {"share": str(ended.pk), "act": "end"}).status_code == 404
    assert page.post(address, {"share": "x", "act": "end"}).status_code == 404
    assert page.post(address, {"act": "end"}).status_code == 404
    assert page.post(address, {"share": str(kept.pk), "act": "x"}).status_code == 400
    assert page.post(address, {"share": str(ended.pk), "act": "end"}).status_code == 302
    assert page.post(address, {"share": str(kept.pk), "act": "keep"}).status_code == 302
    assert list(Share.objects.all()) == [kept]
    assert "in use" in page.get(address).content.decode()


def test_links_are_reviewed_like_shares(alice: User, bob: User, alice_actor: Actor, client_for: ClientFor) -> None:
    document = put("lease.txt", None, alice_actor)
    ended, kept, used = (
        make_link(document, Terms(name, LinkLevel.VIEW), by=alice_actor) for name in ("Landlord", "Aunt", "Bank")
    )
    assert not unused_links(alice_actor).exists()
    ShareLink.objects.update(created_at=now() - YEAR)
    ShareLink.objects.filter(pk=used.pk).update(last_used_at=now())
    assert set(unused_links(alice_actor)) == {ended, kept}
    assert (ask_owners(), ask_owners()) == (1, 0)
    page, stranger, address = client_for(alice), client_for(bob), reverse("review_shares")
    assert "Landlord" in page.get(address).content.decode()
    assert stranger.post(address, {"link": str(ended.pk), "act": "end"}).status_code == 404
    assert page.post(address, {"link": str(ended.pk), "act": "end"}).status_code == 302
    assert page.post(address, {"link": str(kept.pk), "act": "keep"}).status_code == 302
    assert not unused_links(alice_actor).exists()
    ended.refresh_from_db()
    assert ended.revoked_at is not None
    assert "in use" in page.get(address).content.decode()
