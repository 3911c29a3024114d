"""Questions put into words once: they answer as the queryset would, for other values, people, moments and rules."""

from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries

from accounts.actors import Actor
from accounts.models import User
from documents.actions.folders import make_folder
from documents.models import Document, Folder
from documents.tests.making import put
from docuvault.lib import asked_often
from docuvault.lib.asked_often import MOST_SHAPES, AskedOften
from sharing import access
from sharing.access import Level
from sharing.actions import share
from sharing.models import Share
from sharing.tests.without import replaced

pytestmark = pytest.mark.django_db
NAMES = ["100%", "1000", "a_b", "axb", "back\\slash", "Ärger", "plain"]


def counted(build: Callable[..., QuerySet[Any, Any]]) -> tuple[AskedOften[Any], list[int]]:
    calls: list[int] = []

    def counting(*values: Any, **shape: Any) -> QuerySet[Any, Any]:
        calls.append(1)
        return build(*values, **shape)

    return AskedOften(counting), calls


def test_the_words_are_made_once_and_answer_for_every_value(alice: User, bob: User) -> None:
    for user in (alice, bob):
        for name in NAMES:
            make_folder(name, None, by=Actor.for_user(user))

    def build(user_id: UUID, text: str, *, is_beginning: bool) -> QuerySet[Folder]:
        way = "startswith" if is_beginning else "contains"
        return Folder.objects.filter(user=user_id, **{f"name_key__{way}": text}).order_by("name_key")

    asked, calls = counted(build)
    for user in (alice, bob):
        for text in ("%", "_", "\\", "0", "är", "%s", "a", "'", "nowhere"):
            for is_beginning in (True, False):
                wanted = list(build(user.pk, text, is_beginning=is_beginning))
                assert asked(user.pk, text, is_beginning=is_beginning) == wanted, text
    assert len(calls) == 2


def test_a_list_is_one_value_however_long_it_is(alice: User) -> None:
    folders = [make_folder(name, None, by=Actor.for_user(alice)) for name in NAMES]
    inner = make_folder("inner", folders[0], by=Actor.for_user(alice))
    by_id, calls = counted(lambda ids: Folder.objects.filter(pk__any_of=ids))
    below, _calls = counted(lambda ids: Folder.objects.live().at_or_below(ids))
    theirs, _calls = counted(lambda ids: Folder.objects.filter(user__any_of=ids))
    for ids in ([], [folders[1].pk], [folder.pk for folder in folders[:3]], [uuid4()]):
        assert {row.pk for row in by_id(ids)} == {row.pk for row in Folder.objects.filter(pk__in=ids)}
    assert len(calls) == 1
    assert set(below([folders[0].pk])) == {folders[0], inner}
    assert below([]) == []
    assert len(theirs([alice.pk, uuid4()])) == len(NAMES) + 1
    assert theirs([]) == []


def test_rows_come_with_what_was_asked_of_them(
    alice: User, alice_actor: Actor, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    outer = make_folder("outer", None, by=alice_actor)
    make_folder("inner", outer, by=alice_actor)
    document = put("letter.txt", outer, alice_actor)
    below = Folder.objects.filter(parent=OuterRef("pk"))
    folders, _calls = counted(lambda key: Folder.objects.filter(user=key).annotate(has_more=Exists(below)))
    documents, _calls = counted(lambda key: Document.objects.filter(pk=key).select_related("folder", "current_version"))
    names, _calls = counted(lambda key: Folder.objects.filter(user=key).order_by("name").values_list("name", flat=True))
    pairs, _calls = counted(lambda key: Folder.objects.filter(user=key).order_by("name").values_list("name", "parent"))
    for _turn in range(2):
        assert {row.name: row.has_more for row in folders(alice.pk)} == {"outer": True, "inner": False}
        with django_assert_num_queries(1):
            (row,) = documents(document.pk)
            assert row.folder == outer
            assert row.current_version is not None
            assert row.current_version.sha256 == document.sha256
        assert names(alice.pk) == ["inner", "outer"]
        assert pairs(alice.pk) == [("inner", outer.pk), ("outer", None)]
    row.name = "renamed.txt"
    row.save(update_fields=["name"])
    assert Document.objects.get(pk=document.pk).name == "renamed.txt"


def test_the_moment_is_that_of_the_asking(
    alice: User, bob: User, alice_actor: Actor, bob_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder("Car", None, by=alice_actor)
    share(folder, bob, Level.VIEW, by=alice_actor)
    Share.objects.update(expires_at=now() + timedelta(hours=1))
    assert access.vaults_seen(bob_actor) == [bob.pk, alice.pk]
    assert access.has_new_shares(bob_actor)
    monkeypatch.setattr(asked_often, "now", lambda: now() + timedelta(hours=2))
    assert access.vaults_seen(bob_actor) == [bob.pk]
    assert not access.has_new_shares(bob_actor)


def test_a_value_that_does_not_come_up_is_told(alice: User) -> None:
    """It would stand in the words for everybody."""
    upper = AskedOften(lambda text: Folder.objects.filter(name_key=text.upper()))
    with pytest.raises(ValueError, match="not found again"):
        upper("car")
    one_each = AskedOften(lambda ids: Folder.objects.filter(pk__in=ids))
    with pytest.raises(ValueError, match="not found again"):
        one_each([alice.pk])


def test_what_would_be_left_out_is_told(alice: User) -> None:
    with pytest.raises(ValueError, match="left out"):
        AskedOften(lambda key: Folder.objects.filter(user=key).prefetch_related("documents"))(alice.pk)


def test_shapes_without_end_are_not_kept(alice: User) -> None:
    asked = AskedOften(lambda key, limit: Folder.objects.filter(user=key)[:limit])
    for limit in range(1, 3 * MOST_SHAPES):
        asked(alice.pk, limit=limit)
        assert len(asked._said) <= MOST_SHAPES


@pytest.mark.django_db(transaction=True)
def test_each_thread_asks_over_its_own_connection() -> None:
    asked = AskedOften(lambda key: User.objects.filter(pk=key).values_list("handle", flat=True))
    assert asked(uuid4()) == []
    connection.close()
    seen: list[object] = []

    def ask() -> None:
        seen.append(asked(uuid4()))
        seen.append(connection.connection)
        connection.close()

    thread = Thread(target=ask)
    thread.start()
    thread.join()
    assert seen[0] == []
    assert seen[1] is not None
    assert connection.connection is None


# --- Of what somebody may reach -----------------------------------------------------------------------


@access.asked_of_documents
def names_of_documents(rows: QuerySet[Document], *owners: list[UUID]) -> QuerySet[Document, str]:
    rows = rows.filter(user__any_of=owners[0]) if owners else rows
    return rows.order_by("name_key").values_list("name", flat=True)


@access.asked_of_folders
def names_of_folders(rows: QuerySet[Folder], text: str) -> QuerySet[Folder, str]:
    return rows.filter(name_key__contains=text).order_by("name_key").values_list("name", flat=True)


def test_of_everybody_it_answers_what_the_rule_answers(
    alice: User, bob: User, dora: User, alice_actor: Actor, bob_actor: Actor
) -> None:
    """Nothing shared, a folder, a document, both, and each further than another: other words, the same answers."""
    top = make_folder("top", None, by=alice_actor)
    inner = make_folder("inner", top, by=alice_actor)
    for place in (None, top, inner):
        put(f"alice {place.name if place else 'loose'}.txt", place, alice_actor)
    put("bob.txt", None, bob_actor)
    loose = Document.objects.get(name="alice loose.txt")
    nobody = Actor.anonymous()

    def compared() -> list[list[str]]:
        said = []
        for actor in (alice_actor, bob_actor, Actor.for_user(dora), nobody):
            for level in Level:
                mine = sorted(access.visible_documents(actor, level).values_list("name", flat=True))
                assert names_of_documents(actor, at_least=level) == mine
                theirs = [row.name for row in access.visible_documents(actor, level) if row.user_id == alice.pk]
                assert names_of_documents(actor, [alice.pk], at_least=level) == sorted(theirs)
                folders = access.visible_folders(actor, level).filter(name_key__contains="n")
                assert names_of_folders(actor, "n", at_least=level) == sorted(row.name for row in folders)
                said.append(mine)
        return said

    before = compared()
    share(inner, bob, Level.EDIT, by=alice_actor)
    with_folder = compared()
    share(loose, bob, Level.VIEW, by=alice_actor)
    with_both = compared()
    Share.objects.filter(folder=inner).delete()
    assert len({str(said) for said in (before, with_folder, with_both, compared())}) == 4


def test_words_are_those_of_the_rule_that_holds(
    alice_actor: Actor, bob_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("alice.txt", None, alice_actor)
    make_folder("inner", None, by=alice_actor)
    assert names_of_documents(bob_actor) == names_of_folders(bob_actor, "n") == []
    ours = Document.objects.filter
    replaced(monkeypatch, "documents_within", lambda user_id, *_reach: ours(user__isnull=False).exclude(pk=user_id))
    replaced(monkeypatch, "folders_within", lambda user_id, *_reach: Folder.objects.exclude(pk=user_id))
    assert names_of_documents(bob_actor) == ["alice.txt"]
    assert names_of_folders(bob_actor, "n") == ["inner"]
