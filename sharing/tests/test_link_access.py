"""What a link opens: the set, the single answer, HTTP and a naive second implementation agree; and when it closes."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import transaction
from django.utils.timezone import now
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts.actions import disable_user, enable_user
from accounts.actors import Actor
from accounts.models import User
from documents.actions.documents import move_document, rename_document
from documents.actions.folders import make_folder, move_folder
from documents.actions.topics import make_topic
from documents.actions.trash import purge, trash_document, trash_folder
from documents.models import Document, Folder
from documents.tests.making import put
from sharing import access
from sharing.access import Level, NotAllowed, NotVisible
from sharing.actions import make_link, pause_link, revoke_link, share, withdraw_share, write_comment
from sharing.actions.links import Terms
from sharing.gate import Kind, make_token
from sharing.models import LinkLevel, Share, ShareLink, SharingPolicy
from sharing.tests.linking import Holder, holder_of, link_to, token_of
from sharing.tests.test_access import World, build, drawn, naive_level

VIEW, DOWNLOAD, UPLOAD, EDIT = LinkLevel.VIEW, LinkLevel.DOWNLOAD, LinkLevel.UPLOAD, LinkLevel.EDIT


def draw_links(data: st.DataObject, world: World) -> list[ShareLink]:
    links = []
    for number in range(data.draw(st.integers(1, 4))):
        item: Folder | Document = data.draw(st.sampled_from([*world.folders, *world.documents]))  # type: ignore[assignment]
        levels = [VIEW, DOWNLOAD, EDIT, *([UPLOAD] if isinstance(item, Folder) else [])]
        past, ahead = now() - timedelta(seconds=1), now() + timedelta(days=1)
        link = ShareLink(
            document=item if isinstance(item, Document) else None,
            folder=item if isinstance(item, Folder) else None,
            made_by=data.draw(st.sampled_from(world.people)),
            level=data.draw(st.sampled_from(levels)),
            name=f"L{number}",
            expires_at=data.draw(st.sampled_from([None, ahead, ahead, past])),
            paused_at=data.draw(st.sampled_from([None, None, None, past])),
            revoked_at=data.draw(st.sampled_from([None, None, None, past])),
        )
        token = make_token(Kind.LINK, link.pk)
        link.token_hash, link.token_sealed = token.hash, token.sealed
        link.save(force_insert=True)
        links.append(link)
    return links


def chain_of(item: Document | Folder) -> set[UUID]:
    """The thing and all above it, by walking parents one by one."""
    found = {item.pk}
    at = item.folder if isinstance(item, Document) else item.parent
    while at is not None:
        found.add(at.pk)
        at = at.parent
    return found


def naive_reach(world: World, link: ShareLink, item: Document | Folder) -> bool:
    """Whether the link leads to it and its maker may open it today, by the rules once more."""
    is_closed = link.revoked_at or link.paused_at or (link.expires_at and link.expires_at <= now())
    root = link.document or link.folder
    assert root is not None
    maker = next(person for person in world.people if person.pk == link.made_by_id)
    owner = next(person for person in world.people if person.pk == root.user_id)
    if is_closed or root.trash_id or item.trash_id or not owner.is_active:
        return False
    return root.pk in chain_of(item) and naive_level(world, maker, root) >= Level.MANAGE


@drawn(20)
def test_links_in_generated_trees_open_what_the_rules_say_in_sets_and_single_answers(data: st.DataObject) -> None:
    links_open_what_the_rules_say(data)


@pytest.mark.soak
@drawn(400)
def test_links_in_many_generated_trees_open_what_the_rules_say(data: st.DataObject) -> None:
    links_open_what_the_rules_say(data)


def links_open_what_the_rules_say(data: st.DataObject) -> None:
    with transaction.atomic():
        world = build(data)
        for link in draw_links(data, world):
            actor = holder_of(link)
            documents = set(access.visible_documents(actor).values_list("pk", flat=True))
            in_folders = set(access.visible_folders(actor).values_list("pk", flat=True))
            items: list[Document | Folder] = [*world.documents, *world.folders]
            for item in items:
                reached = naive_reach(world, link, item)
                is_seen = reached and link.level != UPLOAD
                assert (access.level_on(actor, item) is not None) == is_seen
                assert (item.pk in documents | in_folders) == is_seen
                if isinstance(item, Folder):
                    adds = reached and link.level in {UPLOAD, EDIT}
                    assert _lets(lambda: access.fetch_folder_to_add(actor, item.pk)) == adds  # noqa: B023
                else:
                    replaces = reached and link.level == EDIT
                    assert _lets(lambda: access.fetch_document_to_replace(actor, item.pk)) == replaces  # noqa: B023
            for level in (Level.COMMENT, Level.EDIT, Level.MANAGE, Level.OWN):
                assert not access.visible_documents(actor, level).exists()
                assert not access.visible_folders(actor, level).exists()
        transaction.set_rollback(True)


@pytest.mark.django_db
@settings(
    max_examples=3,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # pages are too slow to look for the smallest world
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_pages_of_links_in_generated_trees_say_what_the_rules_say(data: st.DataObject) -> None:
    """What a holder is answered at each address, which links a person manages, on the same drawn worlds."""
    with transaction.atomic():
        world = build(data)
        links = draw_links(data, world)
        items: list[Document | Folder] = [*world.documents, *world.folders]
        for number, link in enumerate(links):
            holder = Holder(link, address=f"192.0.2.{number + 1}")
            for item in items:
                is_seen = naive_reach(world, link, item) and link.level != UPLOAD
                name = "link_document" if isinstance(item, Document) else "link_folder"
                assert holder.get(name, item.pk).status_code == (200 if is_seen else 404), (name, link.level)
            root = link.document or link.folder
            assert root is not None
            first = holder.get().status_code
            assert first in ({200, 302} if naive_reach(world, link, root) else {404})
            forged = Holder(link, address=f"192.0.2.{number + 1}")
            forged.token = forged.token[::-1]
            assert forged.get().status_code == 404
        for person in world.people:
            actor = Actor.for_user(User.objects.get(pk=person.pk))
            made = set(access.links_made(actor).values_list("pk", flat=True))
            assert made == {link.pk for link in links if naive_is_listed(world, person, link)}
            for link in links:
                assert _lets(lambda: access.fetch_link(actor, link.pk)) == naive_manages(world, person, link)  # noqa: B023
        transaction.set_rollback(True)


def naive_manages(world: World, person: User, link: ShareLink) -> bool:
    """Whether the person may change and close this link."""
    root = link.document or link.folder
    assert root is not None
    return root.trash_id is None and naive_level(world, person, root) >= Level.MANAGE


def naive_is_listed(world: World, person: User, link: ShareLink) -> bool:
    """Whether it is on the person's list of links: to what is his own, or made by him to what he still manages."""
    root = link.document or link.folder
    assert root is not None
    return naive_manages(world, person, link) and person.pk in {root.user_id, link.made_by_id}


def _lets(act: Callable[[], object]) -> bool:
    try:
        act()
    except (NotVisible, NotAllowed):
        return False
    return True


def test_what_lists_say_is_what_http_says(car: Folder, paper: Document, alice_actor: Actor) -> None:
    outside = put("outside.txt", make_folder("Other", None, by=alice_actor), alice_actor)
    later = put("later.txt", None, alice_actor)
    inner = paper.folder
    assert inner is not None
    things: list[Document | Folder] = [car, inner, paper, outside, later]
    for link in (
        link_to(car, by=alice_actor),
        link_to(inner, VIEW, by=alice_actor),
        link_to(paper, EDIT, by=alice_actor),
    ):
        holder, actor = Holder(link), holder_of(link)
        holder.come()
        for item in things:
            name = "link_document" if isinstance(item, Document) else "link_folder"
            assert (holder.get(name, item.pk).status_code == 200) == (access.level_on(actor, item) is not None)
    # What comes into a folder later is in its link.
    link = ShareLink.objects.get(folder=car)
    move_document(later, inner, by=alice_actor)
    assert Holder(link).get("link_document", later.pk).status_code == 200
    assert b"later.txt" in Holder(link).get("link_folder", inner.pk).content


def test_a_holder_is_nobody_and_does_nothing_but_what_the_link_lets_him(
    car: Folder, paper: Document, alice_actor: Actor, bob: User
) -> None:
    holder = holder_of(link_to(car, EDIT, by=alice_actor))
    assert access.fetch_document(holder, paper.pk) == paper
    for empty in (
        access.own_trash(holder), access.own_uploads(holder), access.visible_topics(holder), access.own_views(holder),
        access.visible_events(holder), access.shares_made(holder), access.shares_received(holder),
        access.links_made(holder), access.visible_groups(holder),
    ):  # fmt: skip
        assert not empty.exists()
    assert access.vaults_seen(holder) == []
    assert not access.documents_in(holder, None).exists()
    forbidden: list[Callable[[], object]] = [
        lambda: rename_document(paper, "x", by=holder),
        lambda: move_document(paper, None, by=holder),
        lambda: trash_document(paper, by=holder),
        lambda: trash_folder(car, by=holder),
        lambda: make_folder("x", car, by=holder),
        lambda: share(paper, bob, Level.VIEW, by=holder),
        lambda: make_link(paper, Terms("x", VIEW), by=holder),
        lambda: write_comment(paper, "x", by=holder),
        lambda: make_topic("x", "red", by=holder),
        lambda: access.fetch_place(holder, car.pk, Level.EDIT),
    ]
    for act in forbidden:
        with pytest.raises((NotAllowed, NotVisible)):
            act()


def test_a75_a68_a_link_ends_with_its_makers_right_on_the_next_request(
    car: Folder, paper: Document, alice: User, alice_actor: Actor, dora: User, dora_actor: Actor, admin_actor: Actor
) -> None:
    given = share(car, dora, Level.MANAGE, by=alice_actor)
    link = link_to(paper, by=dora_actor)
    holder = Holder(link)
    holder.come()

    def opens() -> bool:
        status = holder.get("link_download", paper.pk).status_code
        assert status in {200, 404}
        assert (holder.get().status_code == 200) == (status == 200)
        assert access.visible_documents(holder_of(link)).exists() == (status == 200)
        return bool(status == 200)

    assert opens()
    for level in (Level.EDIT, Level.VIEW):
        Share.objects.filter(pk=given.pk).update(level=level)
        assert not opens()
    Share.objects.filter(pk=given.pk).update(level=Level.MANAGE)
    assert opens()
    Share.objects.filter(pk=given.pk).update(expires_at=now() - timedelta(seconds=1))
    assert not opens()
    Share.objects.filter(pk=given.pk).update(expires_at=None)
    for person in (dora, alice):
        disable_user(person, by=admin_actor)
        assert not opens()
        enable_user(person, by=admin_actor)
        assert opens()
    # Moved out of what she manages, it is no longer hers to open.
    move_document(paper, None, by=alice_actor)
    assert not opens()
    move_document(Document.objects.get(pk=paper.pk), car, by=alice_actor)
    assert opens()
    withdraw_share(Share.objects.get(pk=given.pk), by=alice_actor)
    assert not opens()


def test_a75_trash_purge_pause_and_the_policy_close_it(
    car: Folder, paper: Document, alice: User, alice_actor: Actor, admin_actor: Actor
) -> None:
    link = link_to(car, by=alice_actor)
    actor = holder_of(link)
    for closing, opening in (
        (lambda: pause_link(link, by=alice_actor), lambda: pause_link(link, by=alice_actor, resumes=True)),
        (
            lambda: SharingPolicy.objects.update_or_create(pk=1, defaults={"allows_links": False}),
            lambda: SharingPolicy.objects.update(allows_links=True),
        ),
    ):
        assert access.visible_documents(actor).exists()
        closing()
        assert access.level_on_document(actor, paper) is None
        assert not access.visible_documents(actor).exists()
        opening()
    entry = trash_document(paper, by=alice_actor)
    assert access.level_on_document(actor, Document.objects.get(pk=paper.pk)) is None
    purge(entry, by=alice_actor)
    assert access.visible_folders(actor).count() == 2
    trash_folder(car, by=alice_actor)
    assert not access.visible_folders(actor).exists()
    assert access.link_by_token(link.token_hash) is None


def test_a73_a_link_to_a_folder_opens_nothing_beside_above_or_before(
    car: Folder, paper: Document, alice_actor: Actor
) -> None:
    inner = paper.folder
    assert inner is not None
    holder = Holder(link_to(inner, by=alice_actor))
    holder.come()
    beside = put("beside.txt", car, alice_actor)
    older = paper.versions.get()
    put_again(paper, alice_actor)
    thrown = put("thrown.txt", inner, alice_actor)
    trash_document(thrown, by=alice_actor)
    moved = put("moved.txt", inner, alice_actor)
    assert holder.get("link_document", moved.pk).status_code == 200
    move_document(moved, car, by=alice_actor)
    for key in (beside.pk, thrown.pk, moved.pk):
        for name in ("link_document", "link_content", "link_download", "link_thumbnail"):
            assert holder.get(name, key).status_code == 404, name
        for name in ("link_page_picture", "link_page_words", "link_enclosure"):
            assert holder.get(name, key, 1).status_code == 404, name
    for name in ("link_folder", "link_zip"):
        assert holder.get(name, car.pk).status_code == 404
    for name in ("link_document", "link_content", "link_download", "link_thumbnail"):
        answer = holder.client.get(holder.at(name, paper.pk), {"version": str(older.pk)})
        assert answer.status_code == 404, name
    page = holder.get("link_folder", inner.pk).content.decode()
    assert "Car" not in page
    assert "beside" not in page
    assert "thrown" not in page
    # Moved with its folder, it stays in the link.
    move_folder(inner, None, by=alice_actor)
    assert holder.get("link_document", paper.pk).status_code == 200


def put_again(paper: Document, by: Actor) -> None:
    from documents.uploads import store_stream

    store_stream(paper.name, iter([b"newer"]), None, size_bound=5, by=by, replaces=paper)


def test_a76_a_link_holds_until_the_exact_moment_and_not_at_it(paper: Document, alice_actor: Actor) -> None:
    link = link_to(paper, by=alice_actor)
    for moment, is_open in ((now() + timedelta(seconds=30), True), (now(), False), (now() - timedelta(days=1), False)):
        ShareLink.objects.filter(pk=link.pk).update(expires_at=moment)
        assert (access.link_by_token(link.token_hash) is not None) == is_open
    revoke_link(ShareLink.objects.get(pk=link.pk), by=alice_actor)
    assert token_of(link)  # as it was given out; it opens nothing
    assert access.link_by_token(link.token_hash) is None
