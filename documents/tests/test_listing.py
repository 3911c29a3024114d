"""Pages of a list: every row once, in order, at the same cost wherever the page lies."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import User
from documents.actions.documents import star_document
from documents.actions.topics import make_topic, tag_documents
from documents.listing import SORTS, BadCursor, Order, page_of
from documents.models import Document, Folder
from documents.names import name_key
from documents.storage import new_key
from documents.tests.making import folders
from docuvault.lib.roles import migration_role
from sharing import access
from sharing.access import Level
from sharing.actions import share

BEGINNING = datetime(2024, 2, 29, 23, 59, 50, tzinfo=UTC)
ClientFor = Callable[[User], Client]


def fill(owner: User, folder: Folder | None, count: int, prefix: str = "n") -> list[Document]:
    """Documents without bytes, several of each size and type."""
    return Document.objects.bulk_create(
        [
            Document(
                user=owner,
                folder=folder,
                name=f"{prefix}{n:05}.txt",
                name_key=name_key(f"{prefix}{n:05}.txt"),
                object_key=new_key(),
                size_bytes=n % 97,
                created_at=BEGINNING + timedelta(seconds=n // 3),
                content_type=f"text/{n % 3}",
            )
            for n in range(count)
        ]
    )


def walk(
    rows: Callable[[], QuerySet[Document]], order: Order, between: Callable[[int], None] = lambda page: None
) -> list[Document]:
    found: list[Document] = []
    after, number = "", 0
    while True:
        page = page_of(rows(), order, after=after, size=10)
        found += page.rows
        if not page.after:
            return found
        after, number = page.after, number + 1
        between(number)


@pytest.mark.parametrize("sort", SORTS)
def test_every_row_comes_once_and_in_order_also_among_equals(sort: str, alice: User, alice_actor: Actor) -> None:
    fill(alice, None, 95)
    order = SORTS[sort]
    found = walk(lambda: access.documents_in(alice_actor, None), order)
    assert len({row.pk for row in found}) == len(found) == 95
    keys = [(getattr(row, order.column), row.pk) for row in found]
    assert keys == sorted(keys, reverse=order.is_descending)


@pytest.mark.parametrize("sort", SORTS)
def test_what_comes_or_goes_meanwhile_moves_no_other_row_off_its_page(
    sort: str, alice: User, alice_actor: Actor
) -> None:
    there = {row.pk for row in fill(alice, None, 60)}

    def change(page: int) -> None:
        fill(alice, None, 3, prefix=f"m{page}-")
        fill(alice, None, 3, prefix=f"o{page}-")
        gone = Document.objects.filter(name__startswith="n").order_by("?").first()
        assert gone is not None
        there.discard(gone.pk)
        gone.delete()

    found = [row.pk for row in walk(lambda: access.documents_in(alice_actor, None), SORTS[sort], change)]
    assert len(found) == len(set(found))
    assert there <= set(found)


@pytest.mark.parametrize("cursor", ["x", "e30", "W10", "WzEsMl0", "WyIiLCIiXQ", "é", "WyJcdTAwMDAiLCJhIl0", "A" * 5000])
def test_a_cursor_that_is_not_ours_is_refused(cursor: str, alice_actor: Actor) -> None:
    for order in SORTS.values():
        with pytest.raises(BadCursor):
            page_of(access.documents_in(alice_actor, None), order, after=cursor)


PAGES = ["files", "folder", "topic", "starred", "recent", "find", "trash", "space"]


def test_the_number_of_statements_does_not_grow_with_the_list(
    alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    client, car, topic = client_for(alice), folders("Car", alice_actor), make_topic("Tax", "green", by=alice_actor)
    addresses = {name: reverse(name) for name in PAGES if name not in {"folder", "topic"}} | {
        "folder": reverse("folder", args=[car.pk]),
        "topic": reverse("topic", args=[topic.pk]),
        "find": reverse("find") + "?q=txt",
    }
    counts: dict[str, list[int]] = {name: [] for name in PAGES}
    for count in (2, 40):
        rows = [*fill(alice, car, count, f"c{count}-"), *fill(alice, None, count, f"d{count}-")]
        tag_documents(rows, topic, by=alice_actor)
        for row in rows:
            star_document(row, by=alice_actor)
        for n in range(count):
            folders(f"Car/F{count}-{n}", alice_actor)
            folders(f"G{count}-{n}", alice_actor)
        for name in PAGES:
            client.get(addresses[name])
            with CaptureQueriesContext(connection) as asked:
                assert client.get(addresses[name]).status_code == 200
            counts[name].append(len(asked))
    # Where little is found, words that are near are looked for too: fewer rows may cost more.
    few, many = counts.pop("find")
    assert many <= few
    assert {name: few for name, (few, _many) in counts.items()} == {name: many for name, (_few, many) in counts.items()}


def test_a_reader_of_shared_things_costs_no_more_for_many(
    alice: User, alice_actor: Actor, bob: User, client_for: ClientFor
) -> None:
    client, counts = client_for(bob), []
    for count in (2, 30):
        for n in range(count):
            place = folders(f"S{count}-{n}/Inner", alice_actor)
            row = fill(alice, place, 1, f"p{count}-{n}-")[0]
            share(row if n % 2 else place, bob, Level.VIEW, by=alice_actor)
        client.get(reverse("find") + "?q=txt")
        with CaptureQueriesContext(connection) as asked:
            assert client.get(reverse("find") + "?q=txt").status_code == 200
        counts.append(len(asked))
    assert counts[1] <= counts[0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_in_folder", [False, True])
def test_a_page_in_the_middle_of_a_large_folder_is_a_short_walk_of_an_index(
    is_in_folder: bool, alice: User, alice_actor: Actor
) -> None:
    place = folders("Car", alice_actor) if is_in_folder else None
    fill(alice, place, 5000)
    with migration_role(), connection.cursor() as cursor:
        cursor.execute("ANALYZE documents")
    for sort in ("name", "-name", "-created", "size"):
        nodes = list(_nodes_of(_plan_of_the_middle(alice_actor, place, sort)))
        assert any(node["Node Type"].startswith("Index") for node in nodes), (sort, nodes)
        assert not any(node["Node Type"] in {"Sort", "Seq Scan"} for node in nodes), (sort, nodes)
        assert max(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in nodes) <= 1000, sort


def _plan_of_the_middle(by: Actor, place: Folder | None, sort: str) -> dict[str, Any]:
    first = page_of(access.documents_in(by, place), SORTS[sort], size=2500, within="folder_id")
    with CaptureQueriesContext(connection) as asked:
        page_of(access.documents_in(by, place), SORTS[sort], after=first.after, size=25, within="folder_id")
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + asked[-1]["sql"])
        plan: dict[str, Any] = cursor.fetchone()[0][0]["Plan"]
    return plan


def _nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes_of(below)
