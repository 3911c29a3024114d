"""Every route for every kind of person has an expected answer, kept in one table that people can read (rights.txt).

A new route without a row fails. After a wanted change `DOCUVAULT_WRITE_RIGHTS=1 pytest -n0 tests/test_rights_table.py`
writes the table anew: its diff is the change of rights, to be read before it is committed. What a form needs so that
its owner succeeds stands in `body()` of tests/rights/asking.py, what addresses name in `build()` beside it (cast.py).
"""

import os
import re
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import pytest
from django.test import Client
from django.urls import reverse

from accounts.actors import Actor
from documents.models import Document
from tests.rights.asking import Answer, address, ask, body, fresh, known_routes, methods, plays, routes
from tests.rights.cast import ABSENT, LEGEND, PEOPLE, World

TABLE = Path(__file__).with_name("rights.txt")
WIDTH = 76
IS_WRITTEN = bool(os.environ.get("DOCUVAULT_WRITE_RIGHTS"))
Key = tuple[str, str]
Cells = dict[Key, dict[str, Answer]]
Statuses = dict[Key, dict[str, str]]


def line(method: str, route: str, answers: dict[str, str]) -> str:
    return f"{method:8}{route:{WIDTH}} " + "".join(f"{answers.get(person, '-'):5}" for person in PEOPLE).rstrip()


def head() -> list[str]:
    legend = [f"# {text}".rstrip() for text in LEGEND.splitlines()]
    return [*legend, "", f"{'':8}{'route':{WIDTH}} " + "".join(f"{short:5}" for short in PEOPLE.values()).rstrip()]


def kept() -> Statuses:
    """The table as it is written down."""
    found = {}
    for text in TABLE.read_text().splitlines()[len(head()) :]:
        method, route, *answers = text.split()
        found[route, method] = dict(zip(PEOPLE, answers, strict=True))
    return found


def at_borders(key: Key, row: dict[str, str]) -> set[str]:
    """Whom `make test` asks of a row: nobody, a stranger, and both sides of each step to the owner's answer.

    The owner, the admin, and somebody between: at some addresses each. `make soak` asks them all.
    """
    there, number = [person for person in PEOPLE if row[person] != "-"], crc32(repr(key).encode())
    found = {"anonymous", "stranger"}
    if key[0].startswith("/admin/"):
        found |= {"admin", "owner"} if row["admin"] != "200" or number % 2 else {"owner"}
    elif row["owner"] != "405":
        found |= {"pending", "disabled", ("owner", "admin")[number % 2]}
        found |= {there[number % len(there)]} if number % 3 == 0 else set()
        is_by_link = "<str:link_token>" in key[0]
        for before, after in pairwise(there if is_by_link else there[: there.index("owner") + 1]):
            is_step = row[before] != row[after] and row["owner"] in {row[before], row[after]}
            found |= {before, after} if is_step else set()
    return found & set(there)


def play(world: World, *, is_whole: bool) -> Cells:
    """What each person is answered by each method of each route."""
    table, found = kept(), {}
    for route in known_routes(world):
        for method in methods(route):
            row = table.get((route, method))
            asked = set(PEOPLE) if is_whole or row is None else at_borders((route, method), row)
            found[route, method] = {
                person: ask(world, person, method, route)
                for person in PEOPLE
                if person in asked and plays(person, route)
            }
    return found


@pytest.fixture(scope="module")
def cells(matrix: World) -> Cells:
    return play(matrix, is_whole=IS_WRITTEN)


def test_every_parameter_of_an_address_stands_for_something(matrix: World) -> None:
    for route in routes():
        address(route, matrix.values)


def differences(found: Statuses, there: Statuses) -> list[tuple[Key, dict[str, str]]]:
    """The rows in which a cell is not as it is written down, or one is written down that nobody plays."""
    wrong = []
    for (route, method), row in found.items():
        expected = there.get((route, method))
        if (
            expected is None
            or any(expected[person] != answer for person, answer in row.items())
            or any((expected[person] != "-") != plays(person, route) for person in PEOPLE)
        ):
            wrong.append(((route, method), row))
    return wrong


def otherwise(cells: Cells) -> list[str]:
    """What the table does not say, or says of a route that is gone."""
    found = {key: {person: answer.status for person, answer in row.items()} for key, row in cells.items()}
    there = kept()
    wrong = [
        line(method, route, row) + ("   <- no such row" if (route, method) not in there else "")
        for (route, method), row in differences(found, there)
    ]
    return [*wrong, *(f"gone: {method} {route}" for route, method in there if (route, method) not in found)]


def test_every_route_answers_every_person_as_the_table_says(cells: Cells) -> None:
    if IS_WRITTEN:
        rows = {key: {person: answer.status for person, answer in row.items()} for key, row in cells.items()}
        lines = [line(method, route, row) for (route, method), row in rows.items()]
        TABLE.write_text("\n".join([*head(), *lines]) + "\n")
    assert TABLE.read_text().splitlines()[: len(head())] == head(), "the columns have changed"
    wrong = otherwise(cells)
    print(f"\n{len({route for route, _method in cells})} routes, {sum(map(len, cells.values()))} cells")
    assert not wrong, (
        "tests/rights.txt says otherwise. If the answers below are what is wanted, write them with\n"
        "    DOCUVAULT_WRITE_RIGHTS=1 .venv/bin/pytest -n0 tests/test_rights_table.py\n"
        "and read the diff: it is the change of rights.\n" + "\n".join(wrong)
    )


MOST_QUERIES = 100  # savepoints counted; what grows with what is listed has tests of its own


def test_no_answer_takes_more_queries_than_a_page_may(cells: Cells) -> None:
    taken = [(answer.queries, *key, person) for key, row in cells.items() for person, answer in row.items()]
    print(max(taken))
    assert [one for one in taken if one[0] > MOST_QUERIES] == []


def test_nothing_ends_in_an_error_of_ours(cells: Cells) -> None:
    assert errors(cells) == []


def errors(cells: Cells) -> list[tuple[str, ...]]:
    return [
        (method, route, person)
        for (route, method), row in cells.items()
        for person, answer in row.items()
        if answer.status[0] == "5" and route != "/health"  # no worker runs here
    ]


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_every_cell_of_the_table(matrix: World) -> None:
    """Also those that lie between two that answer alike."""
    cells = play(matrix, is_whole=True)
    print(f"\n{len({route for route, _method in cells})} routes, {sum(map(len, cells.values()))} cells")
    assert (otherwise(cells), errors(cells), surplus(matrix, cells), unasked(matrix, cells)) == ([], [], [], [])
    assert learned(cells) == []


OPEN = {
    "/health", "/icons.svg", "/jsi18n/", "/account/login/", "/account/signup/", "/account/inactive/",
    "/account/confirm-email/", "/^account/confirm-email/(?P<key>[-:\\w]+)/$", "/account/password/reset/",
    "/account/password/reset/done/", "/^account/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
    "/account/password/reset/key/done/", "/join/<str:token>/",
    *(f"/send/<str:send_token>/{what}" for what in (
        "", "files/<str:ticket>/", "uploads/", "uploads/<uuid:sending_id>/", "receipt/",
    )),
    # For whoever holds a link: with another token, one answer for all of them.
    *(f"/l/<str:link_token>/{what}" for what in (
        "", "folders/<uuid:folder_id>/", "folders/<uuid:folder_id>/zip/", "folders/<uuid:folder_id>/add/<str:ticket>/",
        "documents/<uuid:document_id>/", "documents/<uuid:document_id>/content/",
        "documents/<uuid:document_id>/copy/", "documents/<uuid:document_id>/download/",
        "documents/<uuid:document_id>/thumbnail/",
        "documents/<uuid:document_id>/pages/<int:page>/picture/",
        "documents/<uuid:document_id>/pages/<int:page>/words/",
        "documents/<uuid:document_id>/enclosures/<int:number>/",
        "documents/<uuid:document_id>/replace/<str:ticket>/",
    )),
}  # fmt: skip


def test_what_strangers_from_the_street_may_open_is_exactly_this(cells: Cells) -> None:
    opened = {route for (route, method), row in cells.items() if method == "GET" and row["anonymous"].status != "in"}
    # The door for scripts says 401 instead; an unknown page of the admin is as unknown to all.
    assert opened - {"/admin/(?P<url>.*)$", "/uploads/", "/uploads/<uuid:upload_id>/"} == OPEN


def test_a68_a89_half_signed_in_and_disabled_is_not_signed_in(cells: Cells) -> None:
    step = {"/account/second-step/authenticate/", "/account/second-step/reauthenticate/", "/account/login/"}
    for (route, method), row in cells.items():
        for person in {"disabled", "pending"} & set(row):
            is_step = person == "pending" and route in step
            assert is_step or row[person].status == row["anonymous"].status, (method, route, person)


# --- What an answer tells --------------------------------------------------------------------------------

# The pages of the admin name what is kept, by right; of what it says, and of what is said about it, they show nothing.
SAID = ("text", "comment", "note", "message", "for")


def surplus(world: World, cells: Cells) -> list[tuple[object, ...]]:
    """Answers with a word that their reader may not see."""
    return [
        (method, route, person, sorted(more))
        for (route, method), row in cells.items()
        for person, answer in row.items()
        if (
            more := {
                one
                for one in answer.words - world.may_see(person)
                if one.startswith(SAID) or not (person == "admin" and route.startswith("/admin/"))
            }
        )
    ]


def test_an_answer_holds_no_word_that_its_reader_may_not_see(matrix: World, cells: Cells) -> None:
    assert surplus(matrix, cells) == []


REFUSED = {"in", "401", "403", "404", "405", "412"}


def learned(cells: Cells) -> list[tuple[object, ...]]:
    """Refusals that hold a word, or that changed something."""
    return [
        (method, route, person, answer.words, answer.touched)
        for (route, method), row in cells.items()
        for person, answer in row.items()
        if answer.status in REFUSED and (answer.words or answer.touched)
    ]


def test_a51_who_is_refused_learns_no_word_and_changes_nothing(cells: Cells) -> None:
    assert learned(cells) == []


# What reading leaves behind, with its line in the trail: how often it was read.
OF_READING = {"receipts", "share_links"}
# What of a change may stand without a line in its own transaction, and why.
UNTOLD: dict[frozenset[str], str] = {
    frozenset({"uploads", "quotas"}): "room is promised before the first byte; the line comes with the document",
    frozenset({"pending_deletions"}): "a piece that is to arrive is noted, so that it is swept should it be left",
    frozenset({"pending_deletions", "upload_pieces", "uploads"}): "a piece is here; the line comes with the document",
    frozenset({"share_links"}): "a download by a link is counted before its bytes, and told with them",
}


def unasked(world: World, cells: Cells) -> list[tuple[object, ...]]:
    """Changes by reading, changes without who did them, and changes that are not told in their own transaction."""
    found: list[tuple[object, ...]] = []
    for (route, method), row in cells.items():
        for person, answer in row.items():
            doers = {who for _act, who, _owner in answer.told}
            if method in {"GET", "HEAD", "OPTIONS"}:
                is_fine = not answer.touched - (OF_READING if doers else set())
            else:
                is_signed_in = person in world.users and person not in {"pending", "disabled"}
                needed = {str(world.users[person].pk)} if is_signed_in else doers
                is_promise = not doers and set(answer.silent) <= set(UNTOLD)
                is_fine = not answer.touched or is_promise or (bool(doers) and needed <= doers)
            if not is_fine:
                found.append((method, route, person, sorted(answer.touched), answer.told))
            found += [(method, route, person, sorted(block)) for block in answer.silent if block not in UNTOLD]
    return found


def test_reading_changes_nothing_and_every_change_is_told_in_its_own_transaction(matrix: World, cells: Cells) -> None:
    assert unasked(matrix, cells) == []


def test_a_silent_change_is_noticed(matrix: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the line, with the line in a transaction of its own, and outside of any: each is found."""
    from documents.actions import documents as verbs
    from sharing import audit

    def silent() -> tuple[frozenset[str], ...]:
        return ask(matrix, "owner", "POST", "/documents/<uuid:document_id>/rename/").silent

    assert silent() == ()
    with monkeypatch.context() as patch:
        patch.setattr(audit, "record", lambda *args, **kwargs: None)
        assert "documents" in silent()[0]
    plain = verbs.rename_document

    def unguarded(document: Document, name: str, *, by: Actor, known: object = None) -> Document:
        Document.objects.filter(pk=document.pk).update(name=name)
        return plain(document, name, by=by)

    with monkeypatch.context() as patch:
        patch.setattr("documents.views.documents.rename", unguarded)
        assert "documents" in silent()[-1]


def test_a51_what_is_not_there_and_what_is_not_yours_look_the_same(matrix: World, cells: Cells) -> None:
    for (route, method), row in cells.items():
        ids = re.findall(r"<uuid:(\w+)>", route)
        if not ids or row["stranger"].status == "405":
            continue
        for name in ids:
            missing = ask(matrix, "stranger", method, route, values={**matrix.values, name: ABSENT})
            theirs = row["stranger"]
            assert (theirs.status, theirs.size) == (missing.status, missing.size), (method, route, name)
            assert theirs.headers.keys() == missing.headers.keys(), (method, route, name)


# --- The web around it ------------------------------------------------------------------------------------


def test_a119_a_change_needs_the_token_of_its_page(matrix: World) -> None:
    for route in known_routes(matrix):
        path = address(route, matrix.values)
        strict = Client(enforce_csrf_checks=True)
        strict.cookies = fresh(matrix.people["owner"]).cookies
        if route == "/add/<str:ticket>/":
            continue  # its ticket is the token
        status = strict.post(path, body(route, matrix.values)).status_code
        # An unknown address is told before the token is asked for.
        assert status in {403, 405} or (status == 404 and "unknown" in path), (route, status)


# Kept by the browser alone, which asks each time whether it still may show them.
ASKED_AGAIN = {
    "/documents/<uuid:document_id>/thumbnail/",
    "/documents/<uuid:document_id>/pages/<int:page>/picture/",
    "/received/<uuid:received_id>/picture/",
}
CACHED = {"/icons.svg"}


def test_a121_a124_every_answer_carries_its_headers(cells: Cells) -> None:
    for (route, method), row in cells.items():
        for person, answer in row.items():
            where, headers = (method, route, person), answer.headers
            policy = headers.get("Content-Security-Policy", "")
            assert "default-src 'none'" in policy, where
            assert "unsafe" not in policy, where
            assert headers.get("X-Content-Type-Options") == "nosniff", where
            assert headers.get("Referrer-Policy") in {"same-origin", "no-referrer"}, where
            assert headers.get("Cross-Origin-Opener-Policy") == "same-origin", where
            assert headers.get("X-Frame-Options") == "DENY", where
            assert not [name for name in headers if name.lower().startswith("access-control-")], where
            if route in ASKED_AGAIN and answer.status == "200":
                assert headers.get("Cache-Control") == "private, no-cache", where
            elif route not in CACHED:
                assert "no-store" in headers.get("Cache-Control", ""), where


def test_a_file_sent_to_any_other_address_is_refused_and_kept_nowhere(matrix: World) -> None:
    """Tried at every second one, drawn by its name: one handler stands before them all."""
    from django.core.files.uploadedfile import SimpleUploadedFile

    from documents.storage import store

    before, table = {item.key for item in store().objects()}, kept()
    doors = {
        "/uploads/", "/uploads/<uuid:upload_id>/", "/add/<str:ticket>/",
        # Makes documents of what is kept already.
        "/documents/<uuid:document_id>/attachments/keep/",
    }  # fmt: skip
    for route in known_routes(matrix):
        for person in ("anonymous", "admin" if route.startswith(("/admin/", "/people/")) else "owner"):
            if route in doors or table[route, "POST"][person] in {"in", "405"} or crc32(route.encode()) % 2:
                continue
            file = SimpleUploadedFile("x.bin", b"x" * 100)
            fields = {"files": file, **body(route, matrix.values)}
            answer = ask(matrix, person, "POST", route, fields=fields)
            assert answer.status[0] != "5" or route == "/health", (route, person)
    assert {item.key for item in store().objects()} == before


def test_a122_an_unknown_host_is_refused(matrix: World) -> None:
    owner = fresh(matrix.people["owner"])
    assert owner.get(reverse("files"), HTTP_HOST="evil.example").status_code == 400
    forged = owner.get(reverse("files"), HTTP_X_FORWARDED_HOST="evil.example")
    assert forged.status_code == 200
    assert b"evil.example" not in forged.content


def test_a123_private_pages_with_a_pretty_ending_do_not_exist(matrix: World) -> None:
    owner = fresh(matrix.people["owner"])
    for ending in ("x.css", ";x.js", "%0Ax.css", "x.jpg"):
        assert owner.get(f"/documents/{matrix.values['document_id']}/{ending}").status_code == 404


def test_asking_for_the_head_alone_is_answered_like_asking_for_all(matrix: World, cells: Cells) -> None:
    own_answers = {"/admin/login/", "/uploads/<uuid:upload_id>/", "/send/<str:send_token>/uploads/<uuid:sending_id>/"}
    for (route, method), row in cells.items():
        if method != "GET" or route in own_answers:
            continue
        person = "admin" if route.startswith(("/admin/", "/people/")) else "owner"
        if person in row and row[person].status not in {"405", "in"} and crc32(route.encode()) % 2:
            answer = ask(matrix, person, "HEAD", route)
            assert answer.status == row[person].status, (route, person)
            assert not answer.body, (route, person)


def test_other_methods_are_refused(matrix: World) -> None:
    for route in known_routes(matrix):
        for method in [("PUT", "PATCH", "DELETE")[crc32(route.encode()) % 3]]:
            if method in methods(route):
                continue
            answer = ask(matrix, "owner", method, route)
            # What Django and allauth answer themselves leads on elsewhere.
            is_ours = not route.replace("^", "").startswith(("/admin/", "/account/"))
            assert not (is_ours and answer.is_let_in), (method, route, answer.status)
            assert not answer.touched, (method, route)
