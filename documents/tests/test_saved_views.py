"""A search is kept under a name, in the rail of its keeper alone."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import User
from documents.actions.errors import NameTaken, Refused
from documents.actions.saved_views import delete_view, rename_view, save_view
from documents.models import SavedView
from sharing.access import NotVisible
from sharing.models import AuditEvent

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]


def test_a_search_is_saved_found_in_the_rail_renamed_and_deleted_and_told(alice: User, client_for: ClientFor) -> None:
    client = client_for(alice)
    response = client.post(reverse("save_view"), {"name": "Taxes", "q": "tax  TYPE:pdf", "sort": "newest"})
    view = SavedView.objects.get()
    assert response.status_code == 302
    assert (view.name, view.query, view.sort) == ("Taxes", "tax type:pdf", "newest")
    assert "Taxes" in client.get(reverse("files")).content.decode()
    led = client.get(reverse("saved_view", args=[view.pk]))
    assert led["Location"] == f"{reverse('find')}?q=tax+type%3Apdf&view={view.pk}&sort=newest"
    client.post(reverse("rename_view", args=[view.pk]), {"name": "Duties"})
    client.post(reverse("delete_view", args=[view.pk]))
    assert not SavedView.objects.exists()
    told = AuditEvent.objects.filter(target_kind="view").order_by("id").values_list("action", "target_name")
    assert list(told) == [("view_saved", "Taxes"), ("view_renamed", "Duties"), ("view_deleted", "Duties")]


def test_what_cannot_be_saved_is_refused_with_a_reason(alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    save_view("Taxes", "tax", "", by=alice_actor)
    with pytest.raises(NameTaken):
        save_view("TAXES", "duty", "", by=alice_actor)
    with pytest.raises(Refused):
        save_view("Nothing", " -- ", "", by=alice_actor)
    answer = client_for(alice).post(reverse("save_view"), {"name": "taxes", "q": "duty"})
    assert answer.status_code == 422
    assert "already" in answer.content.decode()
    assert AuditEvent.objects.filter(action="view_saved").count() == 1


def test_nobody_else_sees_renames_or_deletes_it(
    alice_actor: Actor, charlie: User, charlie_actor: Actor, client_for: ClientFor
) -> None:
    view = save_view("Taxes", "tax", "", by=alice_actor)
    client = client_for(charlie)
    for name in ("saved_view", "rename_view", "delete_view"):
        assert client.get(reverse(name, args=[view.pk])).status_code == 404
    for act in (lambda: rename_view(view, "X", by=charlie_actor), lambda: delete_view(view, by=charlie_actor)):
        with pytest.raises(NotVisible):
            act()
    assert "Taxes" not in client.get(reverse("find")).content.decode()
    view.refresh_from_db()
    assert view.name == "Taxes"
