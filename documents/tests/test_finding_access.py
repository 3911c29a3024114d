"""Nobody finds, counts or guesses what he may not see: hits, facets, suggestions and likeness start from one rule."""

import random
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import User
from documents.actions.saved_views import save_view
from documents.actions.topics import make_topic, tag_documents
from documents.actions.trash import trash_document
from documents.models import Document, Folder
from documents.search import facets_of, meant, more_like, parse
from documents.tests.library import found, names, write
from documents.tests.making import folders
from sharing import access
from sharing.access import Level
from sharing.models import Share

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]
# No two of them are near each other: with few hits near words would come along.
WORDS = ["acorn", "birch", "cedar", "delta", "ember"]


@pytest.fixture
def secrets(alice: User, alice_actor: Actor) -> Document:
    """Alice's own, with words that must reach nobody else; and her topic, folder and saved search."""
    place = folders("Canaryfolder", alice_actor)
    document = write("canaryname.pdf", "the canarytext stands here", by=alice_actor, folder=place, language="sv")
    tag_documents([document], make_topic("Canarytopic", "red", by=alice_actor), by=alice_actor)
    save_view("Canaryview", "canarytext", "", by=alice_actor)
    return document


def test_a54_search_counts_facets_suggestions_and_likeness_hold_nothing_of_others(
    secrets: Document, charlie: User, charlie_actor: Actor, client_for: ClientFor
) -> None:
    mine = write("mine.pdf", "the canarytex stands here too, and the canarytexts", by=charlie_actor)
    client = client_for(charlie)
    for line in (
        "canarytext",
        "canary*",
        "canaryname",
        "topic:Canarytopic",
        "in:Canaryfolder",
        "lang:sv",
        "canarytxet",
    ):
        assert secrets.pk not in found(line, charlie_actor, is_near=True).ids
        for address in (
            f"{reverse('find')}?q={line}",
            f"{reverse('find')}?q={line}&near=1",
            f"{reverse('find_facets')}?q={line}",
        ):
            text = client.get(address).content.decode()
            text = text.replace(line.rpartition(":")[2], "")  # what was typed is said back
            assert not re.search("canaryname|Canaryfolder|Canarytopic|Canaryview|Swedish", text)
        box = client.get(reverse("find"), {"q": line, "box": "1"}, headers={"HX-Request": "true"}).content.decode()
        assert not re.search("canaryname|Canaryfolder|Canarytopic|Canaryview", box.replace(line.rpartition(":")[2], ""))
    assert facets_of(parse("canarytext"), charlie_actor).count == 0 or mine.name in names("canarytext", charlie_actor)
    assert secrets not in more_like(mine, charlie_actor)


def test_a57_other_peoples_topics_folders_and_views_are_not_offered_while_typing(
    secrets: Document, charlie: User, client_for: ClientFor
) -> None:
    box = client_for(charlie).get(reverse("find"), {"q": "Canary", "box": "1"}, headers={"HX-Request": "true"})
    assert "anary" not in box.content.decode().replace("q=Canary", "")


def test_a117_what_others_own_does_not_change_the_answer(
    secrets: Document, alice_actor: Actor, charlie_actor: Actor
) -> None:
    """Nor near words, nor what may have been meant, nor stop words of languages that only others use."""
    write("mine.pdf", "alder birch", by=charlie_actor)
    before = [
        (line, names(line, charlie_actor), meant(parse(line), charlie_actor)) for line in ("canarytexd", "och birch")
    ]
    write("more.pdf", "canarytexd och canarytexx birch", by=alice_actor, language="sv")
    after = [
        (line, names(line, charlie_actor), meant(parse(line), charlie_actor)) for line in ("canarytexd", "och birch")
    ]
    assert before == after


def test_a_recipient_never_matches_the_owners_own_topics(
    secrets: Document, alice: User, bob: User, bob_actor: Actor
) -> None:
    Share.objects.create(document=secrets, recipient=bob, shared_by=alice, level=Level.VIEW)
    assert names("canarytext", bob_actor) == ["canaryname.pdf"]
    for line in ("Canarytopic", "topic:Canarytopic", "in:Canaryfolder", "canarytext Canarytopic"):
        assert names(line, bob_actor) == []
    assert [facet.key for facet in facets_of(parse("canarytext topic:x"), bob_actor).facets] == []
    facets = facets_of(parse("canarytext"), bob_actor).facets
    assert not any("anary" in choice.label for facet in facets for choice in facet.choices)


def test_what_lies_in_the_trash_is_not_found(secrets: Document, alice_actor: Actor) -> None:
    trash_document(secrets, by=alice_actor)
    assert names("canarytext", alice_actor) == []
    assert facets_of(parse("canarytext"), alice_actor).count == 0


def test_a_share_that_has_run_out_finds_nothing(secrets: Document, alice: User, bob: User, bob_actor: Actor) -> None:
    Share.objects.create(
        document=secrets, recipient=bob, shared_by=alice, level=Level.VIEW, expires_at=now() - timedelta(seconds=1)
    )
    assert names("canarytext", bob_actor) == []


def test_hits_are_what_a_naive_look_at_every_document_gives_on_made_worlds(
    alice: User, bob: User, dora: User, gina: User
) -> None:
    """A second way to the same answer: each document that the single rule opens, its words compared here."""
    chance = random.Random(11)
    people = [alice, bob, dora, gina]
    places: dict[object, list[Folder]] = {}
    texts: dict[object, set[str]] = {}
    for person in people:
        by = Actor.for_user(person)
        places[person.pk] = [folders(path, by) for path in ("One", "One/Two", "Three")]
        for n in range(6):
            words = set(chance.sample(WORDS, 3))
            document = write(
                f"{person.handle}{n}.txt", " ".join(sorted(words)), by=by, language=chance.choice(["", "en"]),
                folder=chance.choice([None, *places[person.pk]]),
            )  # fmt: skip
            texts[document.pk] = words
            if chance.random() < 0.15:
                trash_document(document, by=by)
    for _n in range(8):
        owner, receiver = chance.sample(people, 2)
        document = chance.choice(list(Document.objects.filter(user=owner)))
        target = {"document": document} if chance.random() < 0.5 else {"folder": chance.choice(places[owner.pk])}
        Share.objects.get_or_create(**target, recipient=receiver, defaults={"shared_by": owner, "level": Level.VIEW})
    for person in people:
        actor = Actor.for_user(person)
        seen = {row.pk for row in Document.objects.live() if access.level_on_document(actor, row) is not None}
        for line, wanted, unwanted in (
            ("acorn", {"acorn"}, set()), ("acorn birch", {"acorn", "birch"}, set()),
            ("cedar -delta", {"cedar"}, {"delta"}), ("-ember", set(), {"ember"}),
        ):  # fmt: skip
            naive = {key for key in seen if wanted <= texts[key] and not unwanted & texts[key]}
            for sort in ("best", "newest", "name", "size"):
                assert set(found(line, actor, sort=sort, size=100).ids) == naive, (person.handle, line, sort)
            assert facets_of(parse(line), actor).count == len(naive)


def test_the_number_of_statements_does_not_grow_with_the_hits(
    alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    client, counts = client_for(alice), []
    for count in (6, 12):
        for n in range(count):
            write(f"s{count}-{n}.txt", "sameword here", by=alice_actor)
        client.get(reverse("find") + "?q=sameword")
        with CaptureQueriesContext(connection) as asked:
            assert client.get(reverse("find") + "?q=sameword").status_code == 200
        counts.append(len(asked))
        with CaptureQueriesContext(connection) as asked:
            client.get(reverse("find_facets") + "?q=sameword")
        counts.append(len(asked))
    assert counts[:2] == counts[2:]
