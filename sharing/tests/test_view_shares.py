"""A saved search shown to others: its words, never what its owner finds; and taken back, and left."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import Group, Membership, User
from documents.actions.errors import Refused
from documents.actions.saved_views import delete_view, rename_view, save_view
from documents.models import SavedView
from documents.tests.library import write
from sharing import access
from sharing.access import NotVisible
from sharing.actions import leave_view, receive_waiting, share_view, view_shares, withdraw_view_share
from sharing.actions.shares import CannotShare
from sharing.models import AuditEvent, ViewShare

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]


@pytest.fixture
def view(alice_actor: Actor) -> SavedView:
    return save_view("Taxes", "canary", "newest", by=alice_actor)


@pytest.fixture
def family(alice: User, bob: User, dora: User) -> Group:
    group = Group.objects.create(name="Family", name_key="family")
    for user in (alice, bob, dora):
        Membership.objects.create(group=group, user=user)
    return group


def seen(user: User) -> list[str]:
    return [view.name for view in access.visible_views(Actor.for_user(user)).order_by("name_key")]


def test_whom_it_is_shared_with_finds_by_it_what_he_may_see_himself(
    view: SavedView, alice_actor: Actor, bob: User, bob_actor: Actor, client_for: ClientFor
) -> None:
    write("hers.pdf", "canary", by=alice_actor)
    write("his.pdf", "canary", by=bob_actor)
    client = client_for(bob)
    assert client.get(reverse("saved_view", args=[view.pk])).status_code == 404
    assert "Taxes" not in client.get(reverse("files")).content.decode()
    share_view(view, "@Bob", by=alice_actor)
    assert seen(bob) == ["Taxes"]
    assert "Taxes" in client.get(reverse("files")).content.decode()
    start = client.get(reverse("find")).content.decode()
    assert "Saved searches of others" in start
    assert "Alice" in start
    box = client.get(reverse("find"), {"q": "taxe", "box": "1"}, headers={"HX-Request": "true"}).content.decode()
    assert reverse("saved_view", args=[view.pk]) in box
    page = client.get(reverse("saved_view", args=[view.pk]), follow=True).content.decode()
    assert "his.pdf" in page
    assert "hers.pdf" not in page


def test_it_is_its_owners_alone_to_rename_share_on_and_delete(
    view: SavedView, alice_actor: Actor, bob: User, bob_actor: Actor, client_for: ClientFor
) -> None:
    made = share_view(view, "bob", by=alice_actor)
    client = client_for(bob)
    for name in ("rename_view", "delete_view", "share_view"):
        assert client.get(reverse(name, args=[view.pk])).status_code == 404
    assert client.post(reverse("withdraw_view_share", args=[made.pk])).status_code == 404
    for act in (
        lambda: share_view(view, "dora", by=bob_actor),
        lambda: withdraw_view_share(made, by=bob_actor),
        lambda: delete_view(view, by=bob_actor),
    ):
        with pytest.raises(NotVisible):
            act()
    rename_view(view, "Duties", by=alice_actor)
    assert seen(bob) == ["Duties"]
    delete_view(view, by=alice_actor)
    assert seen(bob) == []


def test_a_group_sees_it_until_it_is_withdrawn_and_each_may_leave_it(
    view: SavedView, family: Group, alice_actor: Actor, bob: User, dora: User, charlie: User, client_for: ClientFor
) -> None:
    made = share_view(view, family, by=alice_actor)
    assert (seen(bob), seen(dora), seen(charlie)) == (["Taxes"], ["Taxes"], [])
    share_view(view, "bob", by=alice_actor)
    assert client_for(bob).post(reverse("leave_view", args=[view.pk])).status_code == 302
    assert (seen(bob), seen(dora)) == ([], ["Taxes"])
    assert "Taxes" not in client_for(bob).get(reverse("files")).content.decode()
    with pytest.raises(NotVisible):
        leave_view(view, by=Actor.for_user(bob))
    Membership.objects.filter(user=dora).delete()
    assert seen(dora) == []
    Membership.objects.create(group=family, user=dora)
    withdraw_view_share(made, by=alice_actor)
    assert seen(dora) == []


def test_nobody_leaves_his_own_and_nobody_is_shown_his_own_twice(
    view: SavedView, family: Group, alice: User, alice_actor: Actor
) -> None:
    share_view(view, family, by=alice_actor)
    assert seen(alice) == ["Taxes"]
    with pytest.raises(NotVisible):
        leave_view(view, by=alice_actor)
    assert ViewShare.objects.count() == 1


def test_what_is_typed_is_answered_alike_whether_the_person_is_here_or_not(
    view: SavedView, alice: User, charlie: User, client_for: ClientFor
) -> None:
    client = client_for(alice)
    pages = []
    for who in ("charlie", "nobody-at-all"):
        answer = client.post(reverse("share_view", args=[view.pk]), {"who": who}, headers={"HX-Request": "true"})
        assert answer.status_code == 200
        share = ViewShare.objects.get(view=view)
        text = re.sub(r'value="\w{64}"', "", answer.content.decode())
        pages.append(text.replace(who, "WHO").replace(str(share.pk), "ID"))
        assert (share.recipient == charlie) == (who == "charlie")
        withdraw_view_share(share, by=Actor.for_user(alice))
    assert pages[0] == pages[1]


def test_twice_is_once_and_what_makes_no_sense_is_refused(
    view: SavedView, alice: User, alice_actor: Actor, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert share_view(view, "bob", by=alice_actor) == share_view(view, " @BOB ", by=alice_actor)
    for typed in ("", "  ", "\x00", "@", "alice"):
        with pytest.raises(CannotShare):
            share_view(view, typed, by=alice_actor)
    monkeypatch.setattr(view_shares, "SHARES_LIMIT", 1)
    with pytest.raises(Refused, match="1 people"):
        share_view(view, "dora", by=alice_actor)
    for fields in ({}, {"who": ""}, {"group": "x"}, {"who": "bob", "group": str(view.pk)}, {"who": "alice"}):
        answer = client_for(alice).post(reverse("share_view", args=[view.pk]), fields)
        assert answer.status_code == 422
    assert client_for(alice).post(reverse("share_view", args=[view.pk]), {"group": str(view.pk)}).status_code == 404
    assert ViewShare.objects.count() == 1


def test_it_waits_for_whoever_proves_the_address_some_days(
    view: SavedView, alice_actor: Actor, charlie: User, dora: User
) -> None:
    share_view(view, "New@Vault.test", by=alice_actor)
    share_view(view, "old@vault.test", by=alice_actor)
    ViewShare.objects.filter(typed_key="old@vault.test").update(created_at=now() - timedelta(days=31))
    receive_waiting(charlie, "new@vault.test", by=Actor.for_user(charlie))
    receive_waiting(dora, "old@vault.test", by=Actor.for_user(dora))
    assert (seen(charlie), seen(dora)) == (["Taxes"], [])


def test_each_act_is_told_with_what_the_owner_knew(
    view: SavedView, alice: User, alice_actor: Actor, bob_actor: Actor, client_for: ClientFor
) -> None:
    made = share_view(view, "bob@vault.test", by=alice_actor)
    withdraw_view_share(made, by=alice_actor)
    share_view(view, "bob", by=alice_actor)
    leave_view(view, by=bob_actor)
    told = AuditEvent.objects.filter(action__in=("view_shared", "view_unshared", "view_left")).order_by("id")
    assert [(row.action, row.actor_name, row.metadata.get("to")) for row in told] == [
        ("view_shared", "alice", "bob@vault.test"),
        ("view_unshared", "alice", "bob@vault.test"),
        ("view_shared", "alice", "bob"),
        ("view_left", "bob", None),
    ]
    activity = client_for(alice).get(reverse("my_activity")).content.decode()
    assert "shared the saved search" in activity


def test_a_row_names_one_receiver(view: SavedView, family: Group, bob: User) -> None:
    for wrong in (
        {},
        {"recipient": bob},
        {"group": family, "typed_key": "bob"},
        {"group": family, "recipient": bob},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            ViewShare.objects.create(view=view, **wrong)
    ViewShare.objects.create(view=view, group=family)
    with pytest.raises(IntegrityError), transaction.atomic():
        ViewShare.objects.create(view=view, group=family)
