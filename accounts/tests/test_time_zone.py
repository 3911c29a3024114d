"""Times are in the person's zone: the chosen one, else the browser's; nonsense keeps the server's."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import User
from documents.actions.folders import make_folder

ClientFor = Callable[[User], Client]


def offset_shown(client: Client) -> str:
    page = client.get(reverse("files")).content.decode()
    return page.partition('<time datetime="')[2][:25][-6:]


def test_the_chosen_zone_wins_over_the_browsers(alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    make_folder("Car", None, by=alice_actor)
    client = client_for(alice)
    assert offset_shown(client) == "+00:00"
    client.cookies["time_zone"] = quote("Asia/Kolkata", safe="")
    assert offset_shown(client) == "+05:30"
    User.objects.filter(pk=alice.pk).update(time_zone="Asia/Kathmandu")
    assert offset_shown(client) == "+05:45"


@pytest.mark.parametrize(
    "zone", ["../../etc/passwd", "/etc/passwd", "America", "x" * 3000, "%00", "\u202e", "UTC/../x"]
)
def test_nonsense_from_the_browser_keeps_the_servers_zone(
    zone: str, alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    make_folder("Car", None, by=alice_actor)
    client = client_for(alice)
    client.cookies["time_zone"] = quote(zone)
    assert offset_shown(client) == "+00:00"
