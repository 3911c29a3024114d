"""Who may see what: the set, the single answer and a naive second implementation agree on generated worlds."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts.actions import make_user
from accounts.actors import Actor
from accounts.models import Group, Membership, User
from documents.actions.documents import rename_document, star_document
from documents.actions.topics import make_topic, tag_documents
from documents.actions.trash import trash_document
from documents.models import Document, Folder, TrashEntry
from documents.names import name_key
from sharing import access
from sharing.access import Level, NotAllowed, NotVisible
from sharing.actions import share
from sharing.models import Share


@dataclass
class World:
    """People, a group, folders, documents and shares, as drawn."""

    people: list[User] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)
    members: set[tuple[object, object]] = field(default_factory=set)


LEVELS = [Level.VIEW, Level.COMMENT, Level.EDIT, Level.MANAGE]


def build(data: st.DataObject) -> World:
    world = World()
    for n in range(3):
        world.people.append(make_user(f"p{n}", f"p{n}@vault.test", by=Actor.system()))
    groups = [Group.objects.create(name=f"G{n}", name_key=f"g{n}") for n in range(2)]
    for group in groups:
        for person in world.people:
            if data.draw(st.booleans()):
                Membership.objects.create(group=group, user=person)
                world.members.add((group.pk, person.pk))
    for n in range(data.draw(st.integers(0, 6))):
        parent = data.draw(st.sampled_from([None, *world.folders]))
        owner = parent.user if parent else data.draw(st.sampled_from(world.people))
        folder = Folder(user=owner, parent=parent, name=f"F{n}", name_key=f"f{n}")
        folder.path = [*(parent.path if parent else []), folder.pk]
        if parent is not None and parent.trash_id:
            folder.trash = parent.trash
        elif data.draw(st.integers(0, 5)) == 0:
            folder.trash = TrashEntry.objects.create(user=owner, kind="folder", name=f"F{n}")
        folder.save()
        world.folders.append(folder)
    for n in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.sampled_from([None, *world.folders]))
        owner = place.user if place else data.draw(st.sampled_from(world.people))
        trash = place.trash if place is not None else None
        if trash is None and data.draw(st.integers(0, 5)) == 0:
            trash = TrashEntry.objects.create(user=owner, kind="document", name=f"D{n}")
        world.documents.append(
            Document.objects.create(user=owner, folder=place, name=f"D{n}", name_key=name_key(f"D{n}"), trash=trash)
        )
    seen = set()
    for _ in range(data.draw(st.integers(0, 7))):
        item: Folder | Document = data.draw(st.sampled_from([*world.folders, *world.documents]))  # type: ignore[assignment]
        receiver = data.draw(st.sampled_from([*world.people, *groups]))
        key = (item.pk, receiver.pk)
        if key in seen:
            continue
        seen.add(key)
        world.shares.append(
            Share.objects.create(
                document=item if isinstance(item, Document) else None,
                folder=item if isinstance(item, Folder) else None,
                recipient=receiver if isinstance(receiver, User) else None,
                group=receiver if isinstance(receiver, Group) else None,
                shared_by=item.user,
                level=data.draw(st.sampled_from(LEVELS)),
                expires_at=data.draw(st.sampled_from([None, now() + timedelta(days=1), now() - timedelta(seconds=1)])),
            )
        )
    if data.draw(st.integers(0, 4)) == 0:
        User.objects.filter(pk=world.people[2].pk).update(is_active=False)
        world.people[2].is_active = False
    return world


def naive_level(world: World, person: User, item: Document | Folder) -> int:
    """The rules once more, by walking parents one by one; 0 where nothing is seen."""
    if not person.is_active:
        return 0
    if item.user_id == person.pk:
        return Level.OWN
    if item.trash_id is not None:
        return 0
    chain: list[object] = [item.pk]
    at = item.folder if isinstance(item, Document) else item.parent
    while at is not None:
        chain.append(at.pk)
        at = at.parent
    best = 0
    for row in world.shares:
        holds = row.recipient_id == person.pk or (row.group_id, person.pk) in world.members
        is_alive = row.expires_at is None or row.expires_at > now()
        if holds and is_alive and (row.document_id or row.folder_id) in chain:
            best = max(best, row.level)
    return best


def drawn(examples: int) -> Callable[[Callable[[st.DataObject], None]], Any]:
    """A test of so many worlds that hypothesis draws."""

    def make(test: Callable[[st.DataObject], None]) -> Any:
        wanted = settings(
            max_examples=examples,
            deadline=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
        )
        return pytest.mark.django_db(wanted(given(data=st.data())(test)))

    return make


@drawn(30)
def test_set_single_answer_and_naive_rules_agree(data: st.DataObject) -> None:
    all_agree(data)


@pytest.mark.soak
@drawn(600)
def test_set_single_answer_and_naive_rules_agree_on_many_worlds(data: st.DataObject) -> None:
    all_agree(data)


def all_agree(data: st.DataObject) -> None:
    with transaction.atomic():
        world = build(data)
        for person in world.people:
            actor = Actor.for_user(User.objects.get(pk=person.pk))
            for level in (*LEVELS, Level.OWN):
                seen_documents = set(access.visible_documents(actor, level).values_list("pk", flat=True))
                seen_folders = set(access.visible_folders(actor, level).values_list("pk", flat=True))
                for document in world.documents:
                    expected = naive_level(world, person, document)
                    assert (access.level_on_document(actor, document) or 0) == expected
                    assert (document.pk in seen_documents) == (expected >= level and document.trash_id is None)
                for folder in world.folders:
                    expected = naive_level(world, person, folder)
                    assert (access.level_on_folder(actor, folder) or 0) == expected
                    assert (folder.pk in seen_folders) == (expected >= level and folder.trash_id is None)
        transaction.set_rollback(True)


@pytest.mark.django_db
@settings(
    max_examples=3,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # pages are too slow to look for the smallest world
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_pages_agree_with_the_naive_rules(client_for: Callable[[User], Client], data: st.DataObject) -> None:
    """What is asked for by address, and what lists tell, on the same drawn worlds."""
    with transaction.atomic():
        world = build(data)
        User.objects.update(is_active=True)
        clients = [client_for(person) for person in world.people]
        User.objects.filter(pk__in=[person.pk for person in world.people if not person.is_active]).update(
            is_active=False
        )
        for person, client in zip(world.people, clients, strict=True):
            items: list[Document | Folder] = [*world.documents, *world.folders]
            for item in items:
                level = naive_level(world, person, item)
                is_document, is_there = isinstance(item, Document), item.trash_id is None
                page = reverse("document" if is_document else "folder", args=[item.pk])
                sheet = reverse("share_document" if is_document else "share_folder", args=[item.pk])
                form = reverse("rename_document" if is_document else "rename_folder", args=[item.pk])
                for address, needed in ((page, Level.VIEW), (form, Level.EDIT), (sheet, Level.MANAGE)):
                    expected = 404 if not is_there or level == 0 else 403 if level < needed else 200
                    if not person.is_active:
                        expected = 302  # to signing in
                    assert client.get(address).status_code == expected, (address, level)
            if person.is_active:
                own = {d.name for d in world.documents if d.trash_id is None and d.user_id == person.pk}
                told = set(re.findall(r"<bdi>(D\d)</bdi>", in_main(client, "recent")))
                assert told == own  # what others share is under "Shared with me"
                given = {
                    (row.document or row.folder).name  # type: ignore[union-attr]
                    for row in world.shares
                    if naive_holds(world, person, row)
                }
                told = set(re.findall(r"<bdi>([DF]\d)</bdi>", in_main(client, "shared_with_me")))
                assert told == given
        transaction.set_rollback(True)


def in_main(client: Client, page: str) -> str:
    """A page without the rail beside it, which names the folders at the top of one's own."""
    return client.get(reverse(page)).content.decode().partition("<main")[2]


def naive_holds(world: World, person: User, row: Share) -> bool:
    """Whether this share is one of those on the person's list of what others have shared."""
    item = row.document or row.folder
    assert item is not None
    is_his = row.recipient_id == person.pk or (row.group_id, person.pk) in world.members
    is_alive = row.expires_at is None or row.expires_at > now()
    return is_his and is_alive and item.trash_id is None and item.user_id != person.pk


@pytest.fixture
def paper(alice: User) -> Document:
    return Document.objects.create(user=alice, name="Paper", name_key="paper")


def test_what_may_not_be_known_looks_like_what_does_not_exist(paper: Document, bob_actor: Actor) -> None:
    import uuid

    for key in (paper.pk, uuid.uuid4()):
        with pytest.raises(NotVisible):
            access.fetch_document(bob_actor, key)


def test_what_is_seen_but_not_allowed_is_told_so(paper: Document, alice: User, bob: User, bob_actor: Actor) -> None:
    Share.objects.create(document=paper, recipient=bob, shared_by=alice, level=Level.VIEW)
    assert access.fetch_document(bob_actor, paper.pk) == paper
    with pytest.raises(NotAllowed):
        access.fetch_document(bob_actor, paper.pk, Level.EDIT)


def test_of_many_one_that_is_hidden_hides_all(paper: Document, alice_actor: Actor, bob: User, bob_actor: Actor) -> None:
    own = Document.objects.create(user=bob, name="Own", name_key="own")
    assert access.fetch_documents(bob_actor, [own.pk]) == [own]
    with pytest.raises(NotVisible):
        access.fetch_documents(bob_actor, [own.pk, paper.pk])


def test_an_admin_reads_nobodys_papers(paper: Document, admin_actor: Actor) -> None:
    assert not access.visible_documents(admin_actor).exists()
    with pytest.raises(NotVisible):
        access.fetch_document(admin_actor, paper.pk)


def test_leaving_the_group_ends_access_at_once(paper: Document, alice: User, gina: User, gina_actor: Actor) -> None:
    group = Group.objects.get(name="Family")
    Share.objects.create(document=paper, group=group, shared_by=alice, level=Level.VIEW)
    assert access.fetch_document(gina_actor, paper.pk) == paper
    Membership.objects.filter(user=gina).delete()
    with pytest.raises(NotVisible):
        access.fetch_document(gina_actor, paper.pk)


def test_nobody_is_somebody_without_an_account(paper: Document) -> None:
    for actor in (Actor.anonymous(), Actor.job(None), Actor.command(None), Actor.system()):
        assert not access.visible_documents(actor).exists()
        assert not access.visible_folders(actor).exists()
        assert not access.visible_topics(actor).exists()
        assert not access.own_trash(actor).exists()
        assert not access.own_uploads(actor).exists()
        assert not access.visible_events(actor).exists()
        assert access.level_on_document(actor, paper) is None


def test_the_trash_is_its_owners_alone(
    paper: Document, alice: User, alice_actor: Actor, bob: User, bob_actor: Actor
) -> None:
    Share.objects.create(document=paper, recipient=bob, shared_by=alice, level=Level.MANAGE)
    entry = trash_document(paper, by=alice_actor)
    paper.refresh_from_db()
    assert access.level_on_document(bob_actor, paper) is None
    for act in (
        lambda: access.fetch_document(bob_actor, paper.pk),
        lambda: access.fetch_trash_entry(bob_actor, entry.pk),
        lambda: access.fetch_document(alice_actor, paper.pk),
    ):
        with pytest.raises(NotVisible):
            act()
    assert access.fetch_trash_entry(alice_actor, entry.pk) == entry


def test_a_share_ends_when_it_expires_and_when_the_account_is_disabled(
    paper: Document, alice: User, bob: User, bob_actor: Actor
) -> None:
    shared = Share.objects.create(document=paper, recipient=bob, shared_by=alice, level=Level.VIEW)
    for moment, is_seen in ((now() + timedelta(minutes=1), True), (now() - timedelta(seconds=1), False), (None, True)):
        Share.objects.filter(pk=shared.pk).update(expires_at=moment)
        assert (access.level_on_document(bob_actor, paper) is not None) == is_seen
        assert access.visible_documents(bob_actor).exists() == is_seen
    bob.is_active = False
    bob.save()
    disabled = Actor.for_user(User.objects.get(pk=bob.pk))
    assert access.level_on_document(disabled, paper) is None
    assert not access.visible_documents(disabled).exists()


def test_what_a_recipient_does_for_himself_is_not_the_owners_business(
    paper: Document, alice: User, alice_actor: Actor, bob: User, bob_actor: Actor
) -> None:
    Share.objects.create(document=paper, recipient=bob, shared_by=alice, level=Level.EDIT)
    tag_documents([paper], make_topic("Suspicious", "red", by=bob_actor), by=bob_actor)
    star_document(paper, by=bob_actor)
    rename_document(paper, "Renamed", by=bob_actor)
    star_document(paper, by=alice_actor)

    def told(actor: Actor) -> list[str]:
        return sorted(access.events_of(actor, paper).values_list("action", flat=True))

    assert told(alice_actor) == ["document_renamed", "document_starred"]
    assert told(bob_actor) == ["document_renamed", "document_starred", "document_tagged"]
    assert not access.visible_events(alice_actor).filter(details__contains="Suspicious").exists()


def test_nobody_shares_more_than_he_has_or_what_he_may_not(
    paper: Document, alice: User, alice_actor: Actor, bob: User, bob_actor: Actor, dora: User, gina: User
) -> None:
    family = Group.objects.get(name="Family")
    for level in (Level.VIEW, Level.EDIT):
        assert share(paper, bob, level, by=alice_actor).level == level
        with pytest.raises(NotAllowed):
            share(paper, dora, Level.VIEW, by=bob_actor)
    share(paper, bob, Level.MANAGE, by=alice_actor)
    share(paper, family, Level.COMMENT, by=bob_actor)
    for receiver, level in ((dora, Level.OWN), (alice, Level.VIEW)):
        with pytest.raises(NotAllowed):
            share(paper, receiver, level, by=bob_actor)
    assert Share.objects.filter(document=paper).count() == 2
    assert access.level_on_document(Actor.for_user(gina), paper) == Level.COMMENT
    with pytest.raises(NotVisible):
        share(paper, bob, Level.VIEW, by=Actor.for_user(dora))
