"""Groups as pages: made by admins or by policy, looked after by their managers, left by whoever likes."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import Group, Membership, MembershipRole, User
from documents.tests.making import put
from sharing import access
from sharing.access import Level
from sharing.actions import share
from sharing.models import SharingPolicy

ClientFor = Callable[[User], Client]


@pytest.fixture
def family(gina: User) -> Group:
    """Gina manages it."""
    group = Group.objects.get(name="Family")
    Membership.objects.filter(user=gina).update(role=MembershipRole.MANAGER)
    return group


def test_members_make_groups_only_where_the_policy_says_so(
    alice: User, admin_person: User, client_for: ClientFor
) -> None:
    client = client_for(alice)
    assert client.post(reverse("groups"), {"name": "Choir"}).status_code == 403
    SharingPolicy.objects.create(members_make_groups=True)
    assert client.post(reverse("groups"), {"name": "Choir"}).status_code == 302
    assert Membership.objects.get(user=alice).role == MembershipRole.MANAGER
    assert client.post(reverse("groups"), {"name": "choir"}).status_code == 422
    assert client_for(admin_person).post(reverse("groups"), {"name": "Band"}).status_code == 302


def test_a_manager_adds_whom_he_knows_and_learns_of_nobody_else(
    family: Group, gina: User, gina_actor: Actor, bob: User, bob_actor: Actor, charlie: User, client_for: ClientFor
) -> None:
    share(put("paper.txt", None, bob_actor), gina, Level.VIEW, by=bob_actor)
    client, page = client_for(gina), reverse("group", args=[family.pk])
    assert client.post(page, {"who": "bob"}).status_code == 302
    client.get(page)
    answers = [client.post(page, {"who": who}) for who in ("charlie", "nobody")]
    assert {answer.status_code for answer in answers} == {422}
    assert len({len(a.content) - len(who) for a, who in zip(answers, ("charlie", "nobody"), strict=True)}) == 1
    assert set(family.members.all()) == {gina, bob}


def test_a_plain_member_changes_nothing_and_a_stranger_sees_nothing(
    family: Group, gina: User, bob: User, charlie: User, client_for: ClientFor
) -> None:
    Membership.objects.create(group=family, user=bob)
    member, page = client_for(bob), reverse("group", args=[family.pk])
    assert member.get(page).status_code == 200
    hers = reverse("change_member", args=[family.pk, gina.pk])
    mine = reverse("change_member", args=[family.pk, bob.pk])
    for address, fields in ((page, {"who": "gina"}), (hers, {"act": "remove"}), (mine, {"act": "manager"})):
        assert member.post(address, fields).status_code == 403
    assert member.post(reverse("delete_group", args=[family.pk])).status_code == 403
    assert member.post(mine, {"act": "x"}).status_code == 400
    stranger = client_for(charlie)
    assert stranger.get(page).status_code == 404
    assert stranger.post(mine, {"act": "remove"}).status_code == 404
    assert family.memberships.count() == 2


def test_a65_who_leaves_or_is_taken_out_sees_nothing_from_the_next_request(
    family: Group, gina: User, bob: User, dora: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    paper = put("paper.txt", None, alice_actor)
    share(paper, family, Level.VIEW, by=alice_actor)
    for person in (bob, dora):
        Membership.objects.create(group=family, user=person)
    leaver, put_out, page = client_for(bob), client_for(dora), reverse("document", args=[paper.pk])
    assert leaver.get(page).status_code == put_out.get(page).status_code == 200
    assert leaver.post(reverse("change_member", args=[family.pk, bob.pk]), {"act": "remove"}).status_code == 302
    client_for(gina).post(reverse("change_member", args=[family.pk, dora.pk]), {"act": "remove"})
    assert leaver.get(page).status_code == put_out.get(page).status_code == 404
    assert access.level_on_document(Actor.for_user(gina), paper) == Level.VIEW
    client_for(gina).post(reverse("delete_group", args=[family.pk]))
    assert access.level_on_document(Actor.for_user(gina), paper) is None
