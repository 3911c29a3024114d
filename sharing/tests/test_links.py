"""Links as their makers make them: terms, policy, changing, pausing and closing, and what the sheet shows."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import localdate, now

from accounts.actions.keys import KeysMissing, check_keys, forget_unreadable
from accounts.actors import Actor
from accounts.models import User
from documents.models import Document, Folder
from documents.tests.making import put
from sharing import gate
from sharing.access import Level, NotAllowed, NotVisible
from sharing.actions import change_link, make_link, pause_link, revoke_link, share
from sharing.actions.links import LINKS_LIMIT, Terms
from sharing.actions.shares import CannotShare
from sharing.models import AuditEvent, LinkLevel, ShareLink, SharingPolicy
from sharing.reach import links_reaching, mark_audiences
from sharing.tests.linking import holder_of, link_to, token_of

ClientFor = Callable[[User], Client]
DOWNLOAD, VIEW, UPLOAD, EDIT = LinkLevel.DOWNLOAD, LinkLevel.VIEW, LinkLevel.UPLOAD, LinkLevel.EDIT


def test_several_links_to_one_thing_are_told_and_kept_as_hashes(paper: Document, alice_actor: Actor) -> None:
    links = [
        link_to(paper, level, name=name, by=alice_actor, password=password)
        for name, level, password in (("Landlord", VIEW, None), ("Tax", DOWNLOAD, "Blue-horse-77"), ("", EDIT, ""))
    ]
    assert [link.name for link in ShareLink.objects.order_by("created_at")] == ["Landlord", "Tax", "Link"]
    text = repr(list(ShareLink.objects.values())) + repr(list(AuditEvent.objects.values()))
    for link in links:
        token = token_of(link)
        assert gate.hash_of(token) == link.token_hash
        assert token not in text
    assert "Blue-horse-77" not in text
    told = AuditEvent.objects.filter(action="link_made").order_by("id")
    assert [event.metadata["level"] for event in told] == ["view", "download", "edit"]


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"until": now() - timedelta(seconds=1)}, "ahead"),
        ({"until": datetime(9999, 12, 31, tzinfo=UTC)}, "too far"),
        ({"max_opens": 0}, "between 1"),
        ({"max_downloads": 10**7}, "between 1"),
        ({"password": "short"}, "at least 10"),
        ({"password": "alllowercase"}, "2 of these"),
        ({"password": "Password123"}, "Many people"),
        ({"level": UPLOAD}, "folder"),
    ],
)
def test_a76_nonsense_makes_no_link_and_says_why(
    paper: Document, alice_actor: Actor, terms: dict[str, object], words: str
) -> None:
    with pytest.raises(CannotShare, match=words):
        make_link(paper, Terms(**{"name": "x", "level": VIEW, **terms}), by=alice_actor)  # type: ignore[arg-type]
    assert not ShareLink.objects.exists()
    assert not AuditEvent.objects.filter(action__startswith="link_").exists()


def test_the_policy_of_the_admins_holds_for_links(paper: Document, alice_actor: Actor) -> None:
    SharingPolicy.objects.create(
        links_need_password=True, link_password_length=14, link_password_kinds=3, link_min_days=2, link_max_days=30
    )
    day = localdate()
    good: dict[str, Any] = {"until": _end(day + timedelta(days=10)), "password": "Long-enough-77"}
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"password": None}, "needs a password"),
        ({"password": ""}, "needs a password"),
        ({"password": "Short-7"}, "14"),
        ({"password": "only-small-letters"}, "3 of these"),
        ({"until": None}, "30 days at most"),
        ({"until": _end(day + timedelta(days=31))}, "30 days at most"),
        ({"until": _end(day + timedelta(days=1))}, "2 days at least"),
    )
    for wrong, words in cases:
        with pytest.raises(CannotShare, match=words):
            link_to(paper, by=alice_actor, **{**good, **wrong})
    link = link_to(paper, by=alice_actor, **good)
    with pytest.raises(CannotShare, match="needs a password"):
        change_link(link, Terms("x", VIEW, good["until"], password=""), by=alice_actor)
    assert not gate.weaknesses(gate.new_password(gate.Strength(14, 3)), gate.Strength(14, 3))
    SharingPolicy.objects.update(allows_links=False)
    with pytest.raises(CannotShare, match="makes no links"):
        link_to(paper, by=alice_actor, **good)


def _end(day: object) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)  # type: ignore[attr-defined]


def test_only_who_manages_a_thing_makes_and_changes_its_links(
    paper: Document, alice_actor: Actor, bob: User, bob_actor: Actor, dora: User, dora_actor: Actor
) -> None:
    link = link_to(paper, by=alice_actor)
    share(paper, bob, Level.EDIT, by=alice_actor)
    share(paper, dora, Level.MANAGE, by=alice_actor, until=now() + timedelta(days=3))
    with pytest.raises(NotAllowed):
        link_to(paper, by=bob_actor)
    for act in (revoke_link, pause_link):
        with pytest.raises(NotVisible):
            act(link, by=bob_actor)
    with pytest.raises(NotAllowed):
        link_to(paper, by=holder_of(link))
    # Nobody gives for longer than he has.
    hers = link_to(paper, by=dora_actor, until=now() + timedelta(days=30))
    assert hers.expires_at is not None
    assert hers.expires_at < now() + timedelta(days=4)
    pause_link(link, by=dora_actor)
    assert ShareLink.objects.get(pk=link.pk).paused_at is not None


def test_changing_pausing_and_closing_are_told_once_and_closed_is_for_good(paper: Document, alice_actor: Actor) -> None:
    link = link_to(paper, by=alice_actor, max_opens=5)
    terms = Terms("Landlord", DOWNLOAD, max_opens=5)
    change_link(link, terms, by=alice_actor)
    change_link(link, Terms("Flat", EDIT, password="Blue-horse-77", max_opens=2), by=alice_actor)
    for resumes in (False, False, True, True):
        pause_link(link, by=alice_actor, resumes=resumes)
    ShareLink.objects.filter(pk=link.pk).update(opens=2)
    with pytest.raises(CannotShare, match="2 times already"):
        change_link(link, Terms("Flat", EDIT, max_opens=1), by=alice_actor)
    revoke_link(link, by=alice_actor)
    revoke_link(link, by=alice_actor)
    with pytest.raises(CannotShare, match="for good"):
        change_link(link, terms, by=alice_actor)
    with pytest.raises(CannotShare, match="for good"):
        pause_link(link, by=alice_actor)
    told = AuditEvent.objects.filter(action__startswith="link_").order_by("id")
    assert [event.action for event in told] == [
        "link_made", "link_changed", "link_paused", "link_resumed", "link_revoked",
    ]  # fmt: skip
    assert told[1].metadata["fields"] == ["name", "level", "password", "max_opens"]
    assert ShareLink.objects.get(pk=link.pk).token_sealed == ""


def test_there_is_an_end_to_how_many_links_one_thing_has(paper: Document, alice: User, alice_actor: Actor) -> None:
    made = [
        ShareLink(document=paper, made_by=alice, token_hash=f"{number:064}", name=str(number))
        for number in range(LINKS_LIMIT)
    ]
    ShareLink.objects.bulk_create(made)
    with pytest.raises(CannotShare, match="already"):
        link_to(paper, by=alice_actor)


def test_the_form_makes_a_link_and_shows_address_and_password_once(
    car: Folder, alice: User, client_for: ClientFor
) -> None:
    client = client_for(alice)
    address = reverse("make_folder_link", args=[car.pk])
    form = client.get(address).content.decode()
    assert 'name="password"' in form
    asked = {"name": "Landlord", "level": "20", "protect": "new", "password": "Blue-horse-77", "max_opens": "3"}
    page = client.post(address, asked)
    link = ShareLink.objects.get()
    assert page.status_code == 200
    assert token_of(link) in page.content.decode()
    assert "Blue-horse-77" in page.content.decode()
    again = client.get(reverse("share_folder", args=[car.pk])).content.decode()
    assert token_of(link) in again
    assert "Blue-horse-77" not in again
    assert gate.is_password("Blue-horse-77", link.password_hash)
    # As a fragment it is the sheet in its dialog; kept, the password stays.
    kept = client.post(
        reverse("change_link", args=[link.pk]),
        {"name": "Flat", "level": "10", "protect": "keep", "password": "whatever"},
        headers={"HX-Request": "true"},
    )
    assert b"data-changed" in kept.content
    link.refresh_from_db()
    assert (link.name, link.level, link.max_opens) == ("Flat", VIEW, None)
    assert gate.is_password("Blue-horse-77", link.password_hash)


@pytest.mark.parametrize(
    "wrong",
    [
        {"level": "99"}, {"level": "[10]"}, {"until": "2020-01-01"}, {"until": "9999-12-31"}, {"until": "yesterday"},
        {"max_opens": "-1"}, {"max_downloads": "1e9"}, {"protect": "new", "password": ""}, {"name": "x" * 121},
        {"protect": "new", "password": "x" * 2000},
    ],
)  # fmt: skip
def test_a64_a_form_of_nonsense_is_refused_in_words_and_changes_nothing(
    paper: Document, alice: User, client_for: ClientFor, wrong: dict[str, str]
) -> None:
    answer = client_for(alice).post(
        reverse("make_document_link", args=[paper.pk]), {"name": "x", "level": "10", **wrong}
    )
    assert answer.status_code == 422
    assert b"message-error" in answer.content
    assert not ShareLink.objects.exists()


def test_a63_fields_that_the_form_has_not_are_not_taken(paper: Document, alice: User, client_for: ClientFor) -> None:
    extra = {"opens": "-5", "token_hash": "0" * 64, "made_by": str(paper.pk), "revoked_at": "2020-01-01"}
    client_for(alice).post(reverse("make_document_link", args=[paper.pk]), {"name": "x", "level": "10", **extra})
    link = ShareLink.objects.get()
    assert (link.opens, link.made_by_id, link.revoked_at) == (0, alice.pk, None)
    assert link.token_hash != "0" * 64


def test_a80_every_link_that_opens_a_thing_stands_on_its_owners_pages_and_is_closed_there(
    car: Folder, paper: Document, alice: User, alice_actor: Actor, dora: User, dora_actor: Actor, client_for: ClientFor
) -> None:
    share(car, dora, Level.MANAGE, by=alice_actor)
    made = [
        link_to(car, name="Zone", by=alice_actor),
        link_to(paper, EDIT, name="Yard", by=dora_actor),
        link_to(car, UPLOAD, name="Xylo", by=dora_actor),
    ]
    client = client_for(alice)
    for address in (
        reverse("share_document", args=[paper.pk]),
        reverse("reach_document", args=[paper.pk]),
        reverse("shared_by_link"),
    ):
        page = client.get(address).content.decode()
        assert all(link.name in page for link in made), address
    assert [row.link.name for row in links_reaching(alice_actor, car)] == ["Xylo", "Zone"]
    assert b"holds one of its 3 links" in client.get(reverse("document", args=[paper.pk])).content
    # Dora sees hers as long as she manages, and not what is not hers.
    assert b"Yard" in client_for(dora).get(reverse("shared_by_link")).content
    for link in made:
        answer = client.post(reverse("revoke_link", args=[link.pk]), {"next": reverse("shared_by_link")})
        assert (answer.status_code, answer.headers["Location"]) == (302, reverse("shared_by_link"))
    assert not links_reaching(alice_actor, paper)
    assert ShareLink.objects.filter(revoked_at=None).count() == 0


def test_moving_into_a_linked_folder_says_who_would_see_it(car: Folder, paper: Document, alice_actor: Actor) -> None:
    link_to(car, name="Landlord", by=alice_actor)
    link_to(car, UPLOAD, name="Neighbour", by=alice_actor)
    pause_link(link_to(car, name="Sleeper", by=alice_actor), by=alice_actor)
    loose = put("loose.txt", None, alice_actor)
    mark_audiences(alice_actor, [car], [loose])
    assert car.audience == "whoever holds the link “Landlord” will see it."  # type: ignore[attr-defined]
    mark_audiences(alice_actor, [car], [paper])
    assert car.audience == ""  # type: ignore[attr-defined]


def test_the_sheet_costs_the_same_however_many_links_there_are(
    car: Folder, alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    client = client_for(alice)
    counts = []
    for more in (1, 12):
        for number in range(more):
            link_to(car, name=f"Link {number}", by=alice_actor)
        for address in (reverse("share_folder", args=[car.pk]), reverse("shared_by_link")):
            client.get(address)
            with CaptureQueriesContext(connection) as asked:
                client.get(address)
            counts.append(len(asked))
    assert counts[:2] == counts[2:]


def test_addresses_that_no_key_opens_are_counted_and_forgotten_and_the_links_stay(
    paper: Document, alice_actor: Actor, admin_actor: Actor
) -> None:
    link = link_to(paper, by=alice_actor)
    assert check_keys() == 1
    ShareLink.objects.filter(pk=link.pk).update(token_sealed=link.token_sealed.replace("1:", "1:gone", 1))
    with pytest.raises(KeysMissing):
        check_keys()
    forget_unreadable(by=admin_actor)
    assert check_keys() == 0
    assert ShareLink.objects.get(pk=link.pk).token_hash == link.token_hash


def test_admins_set_the_policy_for_links_beside_that_for_shares(admin_person: User, client_for: ClientFor) -> None:
    client = client_for(admin_person)
    address = reverse("admin:sharing_sharingpolicy_change", args=[1])
    wanted = {
        "allows_links": "on", "links_need_password": "on", "link_password_length": "12", "link_password_kinds": "3",
        "link_default_days": "7", "link_min_days": "1", "link_max_days": "30", "review_days": "365",
    }  # fmt: skip
    assert b"By link" in client.get(address).content
    assert client.post(address, wanted).status_code == 302
    row = SharingPolicy.objects.get()
    assert (row.links_need_password, row.link_password_length, row.link_max_days) == (True, 12, 30)
    assert AuditEvent.objects.get(action="policy_changed").metadata["fields"]
    for wrong in ({"link_max_days": "3"}, {"link_password_kinds": "5"}, {"link_min_days": "0"}):
        assert client.post(address, {**wanted, **wrong}).status_code == 200
    assert SharingPolicy.objects.get().link_max_days == 30
