"""How good finding is, on a set with known answers; and that what one may not see changes neither answer nor effort."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actors import Actor
from accounts.models import User
from bench.finding import file_half, fill
from bench.quality import letters, measured, questions
from documents.models import Document
from documents.search import facets_of, find_documents, index_documents, parse
from documents.search.places import ask
from documents.tests.library import found, write
from documents.tests.making import folders, put
from sharing.models import Share, ShareLevel

pytestmark = pytest.mark.django_db


def test_what_is_asked_for_stands_among_the_first_ten_and_high(alice: User, alice_actor: Actor) -> None:
    names = fill(alice)
    asked = questions(letters())

    def find(line: str) -> list[str]:
        return [names[key] for key in find_documents(parse(line), alice_actor).ids]

    quality = measured(asked, find)
    assert quality.count > 200
    assert quality.recall >= 0.95, quality.worst
    assert quality.reciprocal >= 0.9, quality.worst
    # The measure itself has teeth.
    assert measured(asked, lambda line: []).recall == 0
    assert measured(asked, lambda line: [f"scan {n:03d}.pdf" for n in range(10)]).recall < 0.2


def test_what_is_filed_by_kind_and_sender_is_suggested_for_the_rest(alice: User) -> None:
    filed = file_half(alice, fill(alice))
    assert filed.expected == 200
    assert filed.right >= 150, filed
    assert filed.wrong <= 8, filed


def effort(line: str, actor: Actor) -> int:
    """How many entries and words PostgreSQL takes in its hands for a line, by the indexes that finding goes by."""

    def rows_of(node: dict[str, Any]) -> int:
        own = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        # An index and the table it leads to hold the same rows; which of the ways is taken is no matter.
        return max(int(own), sum(rows_of(child) for child in node.get("Plans", [])))

    assert actor.user is not None
    asked, total = ask(parse(line), actor, is_near=True), 0
    (vault,) = asked.vaults
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        places: list[tuple[str, list[Any]]] = [
            (
                "SELECT 1 FROM search_entries WHERE user_id = %s AND vector @@ %s::tsquery",
                [vault, asked.words.whole],
            ),
            ("SELECT 1 FROM search_words WHERE user_id = %s AND word LIKE %s", [vault, f"%{line[:5]}%"]),
        ]
        for sql, parameters in places:
            cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + sql, parameters)
            plan = cursor.fetchone()[0]
            plan = json.loads(plan) if isinstance(plan, str) else plan
            total += rows_of(plan[0]["Plan"])
        cursor.execute("SET LOCAL enable_seqscan = on")
    return total


PIECES = """
    INSERT INTO search_pieces (document_id, number, start, vector)
    SELECT id, n, 0, to_tsvector('simple', 'the golden anchor of page ' || n)
    FROM documents, generate_series(1, 50) AS n WHERE user_id = %s
"""


@pytest.mark.parametrize("sort", ["best", "name"])
def test_a117_for_a_phrase_nobody_elses_pages_are_looked_through(
    alice_actor: Actor, bob: User, bob_actor: Actor, sort: str
) -> None:
    for n in range(60):
        put(f"theirs {n}.pdf", None, bob_actor)
    mine = write("mine.pdf", "the golden anchor " * 5000, "of page", by=alice_actor)
    with connection.cursor() as cursor:
        cursor.execute(PIECES, [bob.pk])
        with CaptureQueriesContext(connection) as asked:
            assert found('"golden anchor"', alice_actor, sort=sort).ids == [mine.pk]
        # Where they could be joined, a planner who takes the phrase for rare would do that, and read them all.
        cursor.execute("SET LOCAL enable_nestloop = off")
        plans = []
        for query in asked:
            if "search_pieces" in query["sql"]:
                cursor.execute("EXPLAIN " + query["sql"])
                plans.append("\n".join(line for (line,) in cursor.fetchall()))
    assert plans
    assert all("uq_search_pieces_place" in plan and "Seq Scan on search_pieces" not in plan for plan in plans)


@pytest.mark.parametrize("line", ["anchor", '"golden anchor"'])
def test_a117_for_a_word_nobody_elses_documents_are_looked_through(
    alice: User, alice_actor: Actor, bob: User, bob_actor: Actor, line: str
) -> None:
    """Nor all that a folder holds which is shared: each document is looked up for its entry."""
    car = folders("Car", bob_actor)
    theirs = write("theirs.pdf", "the golden anchor", by=bob_actor)
    Document.objects.filter(pk=theirs.pk).update(folder=car)
    Share.objects.create(folder=car, recipient=alice, shared_by=bob, level=ShareLevel.VIEW)
    mine = write("mine.pdf", "the golden anchor", by=alice_actor)
    with connection.cursor() as cursor:
        with CaptureQueriesContext(connection) as asked:
            assert set(found(line, alice_actor).ids) == {mine.pk, theirs.pk}
        cursor.execute("SET LOCAL enable_nestloop = off")
        plans = []
        for query in asked:
            if "added_at DESC" in query["sql"]:
                cursor.execute("EXPLAIN " + query["sql"])
                plans.append("\n".join(text for (text,) in cursor.fetchall()))
    assert len(plans) == 2  # his own vault, and the other
    assert all("Nested Loop" in plan and "Join" not in plan for plan in plans), plans


def test_a117_what_may_not_be_seen_is_in_no_hit_count_facet_or_effort(
    alice: User, alice_actor: Actor, bob: User, bob_actor: Actor
) -> None:
    """Bob sees one letter of Alice's: whether she has two hundred more that say the same makes no difference."""
    mine = fill(bob, "mine ")
    shared = Document.objects.create(
        user=alice, name="shared.pdf", name_key="shared.pdf", object_key="0" * 32, sha256="0" * 64,
        content_type="application/pdf",
    )  # fmt: skip
    index_documents([shared.pk])
    Share.objects.create(document=shared, recipient=bob, shared_by=alice, level=ShareLevel.VIEW)
    lines = [question.line for question in questions(letters())[::12]]

    def answers() -> list[tuple[object, ...]]:
        return [
            (
                tuple(found(line, bob_actor, size=100).ids),
                facets_of(parse(line), bob_actor).count,
                tuple(
                    (f.key, tuple((c.label, c.count) for c in f.choices))
                    for f in facets_of(parse(line), bob_actor).facets
                ),
            )
            for line in lines
        ]

    Share.objects.all().delete()
    before, work = answers(), [effort(line, bob_actor) for line in lines]
    theirs = fill(alice, "secret ")
    assert answers() == before
    assert [effort(line, bob_actor) for line in lines] == work
    Share.objects.create(document=shared, recipient=bob, shared_by=alice, level=ShareLevel.VIEW)
    assert answers() == before
    seen = {key for line in lines for key in found(line, bob_actor, size=100, is_near=True).ids}
    assert not seen & set(theirs)
    assert seen <= set(mine) | {shared.pk}
