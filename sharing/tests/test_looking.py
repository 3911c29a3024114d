"""One look: within an answer that changes nothing the rule is asked once; verbs and later answers ask anew."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.actors import Actor
from accounts.models import User
from documents.actions.folders import make_folder
from sharing import access
from sharing.access import Level
from sharing.actions import share
from sharing.models import Share

pytestmark = pytest.mark.django_db


def test_within_a_look_what_is_shared_is_asked_for_once(
    alice: User, bob: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    folder = make_folder("Car", None, by=Actor.for_user(alice))
    share(folder, bob, Level.VIEW, by=Actor.for_user(alice))
    with access.one_look():
        assert list(access.visible_folders(Actor.for_user(bob))) == [folder]
        with django_assert_num_queries(1):  # of the folders alone
            assert list(access.visible_folders(Actor.for_user(bob))) == [folder]
        assert access.level_on_folder(Actor.for_user(bob), folder) == Level.VIEW
        with django_assert_num_queries(0):
            assert access.level_on_folder(Actor.for_user(bob), folder) == Level.VIEW
        # Another person, or another level, is another question.
        assert list(access.visible_folders(Actor.for_user(bob), Level.EDIT)) == []
        assert access.vaults_seen(Actor.for_user(alice)) == [alice.pk]
        assert access.vaults_seen(Actor.for_user(bob)) == [bob.pk, alice.pk]
    Share.objects.all().delete()
    assert list(access.visible_folders(Actor.for_user(bob))) == []


def test_what_is_no_longer_shared_is_gone_with_the_next_answer(alice: User, bob: User, client: Client) -> None:
    folder = make_folder("Car", None, by=Actor.for_user(alice))
    share(folder, bob, Level.VIEW, by=Actor.for_user(alice))
    client.force_login(bob, backend="accounts.adapters.People")
    page = reverse("folder", args=[folder.pk])
    assert client.get(page).status_code == 200
    Share.objects.all().delete()
    assert client.get(page).status_code == 404
