"""The matrix in other states: what lies deeper, beside, at nobody else's place, and in the trash; and lists, exactly.

What is to be answered is not written down a second time: in each state every person stands in some column of
rights.txt. Lists hold exactly what a naive second reading of the rules says (`reach` in tests/rights/cast.py).
`make test` asks one of the people at each address, in turn; `make soak` all of them.
"""

import re
from zlib import crc32

import pytest

from sharing.access import Level
from tests.rights.asking import ask, known_routes, methods
from tests.rights.cast import LINKS, PAPERS, PEOPLE, PLACES, World, reach
from tests.test_rights_table import kept

# Paper: who asks, and in which column of the table he stands there.
STATES = {
    "deep": {"viewer": "viewer", "above": "above", "editor": "editor", "former": "stranger", "owner": "owner"},
    "sidedoc": {"sibling": "viewer", "above": "above", "viewer": "stranger", "manager": "stranger", "owner": "owner"},
    "lone": {"manager": "stranger", "above": "stranger", "member": "stranger", "owner": "owner"},
}
NAMED = re.compile(r"<uuid:(folder|document|version|comment)_id>")
# About the share of this very thing, which a thing below it does not have.
OF_THE_THING_ITSELF = ("/received/",)


def about_papers(world: World) -> list[str]:
    found = [route for route in known_routes(world) if NAMED.search(route) and "_token>" not in route]
    return [*found, "/selection/", "/folders/new/", "/uploads/foresee/"]


def in_turn(people: tuple[str, ...], *cell: str, is_whole: bool) -> list[str]:
    """All of them, or one: another one at each address."""
    return list(people) if is_whole else [people[crc32(repr(cell).encode()) % len(people)]]


def elsewhere(world: World, paper: str, *, is_whole: bool) -> list[tuple[str, ...]]:
    """Where the answer about this paper is not that of the column its asker stands in, or tells him too much."""
    table, values, wrong = kept(), {**world.values, **world.papers[paper]}, []
    for route in about_papers(world):
        for method in methods(route):
            row = table[route, method]
            if route.endswith(OF_THE_THING_ITSELF) or row["owner"] == "405":
                continue
            for person in in_turn(tuple(STATES[paper]), paper, route, method, is_whole=is_whole):
                answer = ask(world, person, method, route, values=values)
                if answer.status != row[STATES[paper][person]] or not answer.words <= world.may_see(person):
                    wrong.append((method, route, person, answer.status, *answer.words))
    return wrong


@pytest.mark.parametrize("paper", STATES)
def test_what_lies_elsewhere_is_answered_by_the_same_rights(matrix: World, paper: str) -> None:
    assert elsewhere(matrix, paper, is_whole=False) == []


def in_trash(world: World, paper: str, *, is_whole: bool) -> list[tuple[str, ...]]:
    """Where what was thrown away is answered otherwise than to a stranger, or can be told or changed."""
    table, values, wrong = kept(), {**world.values, **world.papers[paper]}, []
    for route in known_routes(world):
        of_thing = "<uuid:document_id>" in route or ("<uuid:folder_id>" in route and paper == "lost")
        if not of_thing or "comment_id" in route or "_token>" in route:
            continue
        for method in methods(route):
            stranger = table[route, method]["stranger"]
            if stranger == "405":
                continue
            for person in in_turn(("viewer", "manager", "owner"), paper, route, method, is_whole=is_whole):
                answer = ask(world, person, method, route, values=values)
                if answer.status != stranger or answer.words or answer.touched:
                    wrong.append((method, route, person, answer.status, *answer.words, *answer.touched))
    return wrong


@pytest.mark.parametrize("paper", ["gone", "lost"])
def test_what_lies_in_the_trash_is_there_for_nobody(matrix: World, paper: str) -> None:
    assert in_trash(matrix, paper, is_whole=False) == []


@pytest.mark.soak
def test_every_person_in_every_state(matrix: World) -> None:
    assert [wrong for paper in STATES for wrong in elsewhere(matrix, paper, is_whole=True)] == []
    assert [wrong for paper in ("gone", "lost") for wrong in in_trash(matrix, paper, is_whole=True)] == []


def papers(*at: str, at_least: Level = Level.VIEW) -> dict[str, frozenset[str]]:
    return {paper: reach(place, at_least) for paper, place in PAPERS.items() if not at or place in at}


def places(*names: str) -> dict[str, frozenset[str]]:
    return {name: reach(name) for name in (names or PLACES)}


OWNER = frozenset({"owner"})
SHARED = {"top": {"above"}, "side": {"sibling"}, "low": {"viewer", "commenter", "member", "editor", "manager"}}
# List: of which words it tells, and who is to be told of each.
LISTS: dict[str, dict[str, frozenset[str]]] = {
    "/files/": {"top": OWNER, "attic": OWNER, "low": frozenset(), "doc": frozenset(), "lone": frozenset()},
    "/files/<uuid:folder_id>/": {
        **places("top", "mid", "low", "below"),
        **papers("low"),
        **dict.fromkeys(("deep", "gone", "goneplace", "side"), frozenset()),
    },
    "/recent/": dict.fromkeys(PAPERS, OWNER),
    "/starred/": dict.fromkeys(PAPERS, OWNER),
    "/find/": {**papers(), **{f"text{paper}": people for paper, people in papers().items()}, "gone": frozenset()},
    # The rail names the folders at the top of one's own.
    "/shared/": {place: frozenset(people) for place, people in SHARED.items() if place != "top"},
    "/shared/by-me/": dict.fromkeys(("top", "side", "low"), OWNER) | {"mid": frozenset(), "lone": frozenset()},
    "/shared/links/": dict.fromkeys(
        ("linkview", "linkdownload", "linkupload", "linkedit", "linkexpired", "linktop"), OWNER
    ),
    "/topics/": {"topic": OWNER},
    "/trash/": dict.fromkeys(("gone", "goneplace"), OWNER) | {"doc": frozenset()},
    "/space/": {"upload": OWNER},
    "/groups/": {"group": frozenset({"owner", "member", "admin"})},
    "/folders/pick/": {place: reach(place, Level.EDIT) for place in PLACES},
    "/documents/<uuid:document_id>/": {"doc": reach("low"), "commentdoc": reach("low"), "commentdeep": frozenset()},
}
SIGNED_IN = tuple(person for person in PEOPLE if person not in {"anonymous", "pending", "disabled", *LINKS})


@pytest.mark.parametrize("route", LISTS)
def test_a_list_holds_exactly_what_its_reader_may_see(matrix: World, route: str) -> None:
    expected = LISTS[route]
    # Of lists of one's own somebody is told all or nothing.
    is_own = set(expected.values()) <= {OWNER, frozenset()} and "<" not in route
    for person in ("owner", "stranger", "manager") if is_own else SIGNED_IN:
        told = ask(matrix, person, "GET", route).words & expected.keys()
        assert told == {word for word, people in expected.items() if person in people}, person
