"""By the date that a file gives itself: found by year, month and day, counted, and shown among its facts."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import User
from documents.models import Document, Reading
from documents.search import facets_of, parse
from documents.tests.library import names, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def letters(alice_actor: Actor) -> dict[str, Document]:
    made = {}
    for name, said in (("old", (2019, 12, 31, 23, 30)), ("new", (2020, 1, 1, 0, 15)), ("newer", (2020, 5, 17, 12, 0))):
        made[name] = write(
            f"{name}.pdf", "a letter of insurance", by=alice_actor, language="de", title=f"The {name} one"
        )
        rows = Reading.objects.filter(version=made[name].current_version_id)
        rows.update(written_at=datetime(*said, tzinfo=UTC))
    made["never"] = write("never.pdf", "a letter of insurance", by=alice_actor)
    return made


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("written:2019", {"old"}), ("written:2020", {"new", "newer"}), ("written:2020-05", {"newer"}),
        ("written:2020-5-17", {"newer"}), ("written:2020-06", set()), ("insurance written:2019-12-31", {"old"}),
        ("written:2019 written:2020-05", {"old", "newer"}), ("-written:2020", {"old", "never"}),
    ],
)  # fmt: skip
def test_a_year_a_month_or_a_day_finds_what_was_written_in_it(
    line: str, expected: set[str], letters: dict[str, Document], alice_actor: Actor
) -> None:
    assert set(names(line, alice_actor)) == {f"{name}.pdf" for name in expected}


def test_hits_are_counted_by_the_year_they_were_written_in(letters: dict[str, Document], alice_actor: Actor) -> None:
    [facet] = [row for row in facets_of(parse("insurance"), alice_actor).facets if row.key == "written"]
    assert [(choice.label, choice.count, choice.line) for choice in facet.choices] == [
        ("2020", 2, "insurance written:2020"),
        ("2019", 1, "insurance written:2019"),
    ]


def test_a_page_shows_what_the_file_says_of_itself(
    letters: dict[str, Document], alice: User, client_for: Callable[[User], Client]
) -> None:
    client = client_for(alice)
    address = reverse("document", args=[letters["old"].pk])
    for answer in (client.get(address), client.get(f"{address}?pane=1", headers={"HX-Request": "true"})):
        page = answer.content.decode()
        assert "<dd><bdi>The old one</bdi></dd>" in page
        assert "<dt>Language</dt><dd>German</dd>" in page
        assert "<dt>Written</dt><dd>Dec. 31, 2019</dd>" in page
    page = client.get(reverse("find"), {"written": "2019-12", "words": "letter"}, follow=True).content.decode()
    assert 'value="2019-12"' in page
    assert "<dt>Written</dt>" not in client.get(reverse("document", args=[letters["never"].pk])).content.decode()
