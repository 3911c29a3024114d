"""Each check is taken away, and the matrix must notice: a route whose cells stay the same is not really tested.

Prints how many routes, cells, and routes without teeth there are; the last must be none.
"""

import inspect
import random
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser

from accounts.actors import Actor
from accounts.models import Group, User
from documents.models import (
    Document,
    FilingRule,
    FilingRun,
    Folder,
    SavedView,
    Topic,
    TrashEntry,
    Upload,
)
from sharing import access
from sharing.access import Level
from sharing.models import (
    AuditEvent,
    Comment,
    EmergencyContact,
    FileRequest,
    Handover,
    ReceivedFile,
    Share,
    ShareLink,
    ViewShare,
)
from sharing.tests.without import replaced
from tests.rights.asking import Answer, ask, known_routes, methods, names_something
from tests.rights.cast import PEOPLE, World
from tests.test_rights_table import OPEN, Statuses, differences, kept

Check = Callable[..., Any]
DOCUMENT = "/documents/<uuid:document_id>/"


# Each check of sharing.access when it lets everything pass, and a cell that then answers otherwise.
CHECKS: dict[str, tuple[Check, str, str, str]] = {
    "level_on_document": (lambda actor, document: Level.OWN, "stranger", "GET", DOCUMENT),
    "level_on_folder": (lambda actor, folder: Level.OWN, "stranger", "GET", "/folders/<uuid:folder_id>/move/"),
    "level_on": (lambda actor, item: Level.OWN, "stranger", "POST", "/shares/<uuid:share_id>/withdraw/"),
    "require_level": (lambda level, at_least: None, "viewer", "GET", "/documents/<uuid:document_id>/rename/"),
    "require_document": (lambda actor, document, at_least: document, "stranger", "GET", DOCUMENT),
    "require_folder": (lambda actor, folder, at_least: folder, "stranger", "GET", "/files/<uuid:folder_id>/"),
    "fetch_document": (
        lambda actor, key, at_least=0: Document.objects.get(pk=key), "stranger", "GET", DOCUMENT,
    ),
    "fetch_folder": (
        lambda actor, key, at_least=0: Folder.objects.get(pk=key), "stranger", "GET", "/files/<uuid:folder_id>/",
    ),
    "fetch_place": (
        lambda actor, key, at_least=0: Folder.objects.filter(pk=key).first(), "stranger", "GET", "/folders/new/",
    ),
    "_all_of": (
        lambda ids, allowed, visible: list(visible.model.objects.filter(pk__in=ids)), "stranger", "POST", "/selection/",
    ),
    "fetch_documents": (
        lambda actor, ids, at_least=0: list(Document.objects.filter(pk__in=ids)), "stranger", "POST", "/selection/",
    ),
    "visible_documents": (lambda actor, at_least=0: Document.objects.live(), "stranger", "GET", "/recent/"),
    "visible_folders": (lambda actor, at_least=0: Folder.objects.live(), "stranger", "GET", "/folders/pick/"),
    "documents_within": (
        lambda user_id, folders, reach: Document.objects.live().exclude(pk=user_id), "stranger", "GET", "/recent/",
    ),
    "folders_within": (
        lambda user_id, folders, reach: Folder.objects.live().exclude(pk=user_id), "stranger", "GET", "/folders/pick/",
    ),
    "visible_ancestors": (
        lambda actor, folder: list(Folder.objects.filter(pk__in=folder.path)) if folder else [],
        "viewer", "GET", "/files/<uuid:folder_id>/",
    ),
    "documents_in": (
        lambda actor, folder: Document.objects.live(), "stranger", "GET", "/files/",
    ),
    "folders_in": (lambda actor, folder: Folder.objects.live().filter(parent=folder), "stranger", "GET", "/files/"),
    "visible_topics": (lambda actor: Topic.objects.all(), "stranger", "GET", "/topics/"),
    "fetch_topic": (
        lambda actor, key, to_change=False: Topic.objects.get(pk=key), "stranger", "GET", "/topics/<uuid:topic_id>/",
    ),
    "own_views": (lambda actor: SavedView.objects.all(), "stranger", "GET", "/find/views/<uuid:view_id>/rename/"),
    "fetch_view": (
        lambda actor, key: SavedView.objects.get(pk=key), "stranger", "GET", "/find/views/<uuid:view_id>/rename/",
    ),
    "visible_views": (lambda actor: SavedView.objects.all(), "stranger", "GET", "/files/"),
    "fetch_visible_view": (
        lambda actor, key: SavedView.objects.get(pk=key), "stranger", "GET", "/find/views/<uuid:view_id>/",
    ),
    "view_shares_received": (
        lambda actor, view: ViewShare.objects.filter(view=view), "owner", "POST", "/find/views/<uuid:view_id>/leave/",
    ),
    "own_trash": (lambda actor: TrashEntry.objects.all(), "stranger", "GET", "/trash/"),
    "fetch_trash_entry": (
        lambda actor, key: TrashEntry.objects.get(pk=key), "stranger", "GET", "/trash/<uuid:entry_id>/purge/",
    ),
    "own_uploads": (lambda actor: Upload.objects.all(), "stranger", "GET", "/uploads/<uuid:upload_id>/"),
    "fetch_upload": (lambda actor, key: Upload.objects.get(pk=key), "stranger", "GET", "/uploads/<uuid:upload_id>/"),
    "charged_uploads": (lambda actor: Upload.objects.all(), "stranger", "GET", "/space/"),
    "fetch_charged_upload": (
        lambda actor, key: Upload.objects.get(pk=key), "stranger", "POST", "/space/uploads/<uuid:upload_id>/stop/",
    ),
    "visible_events": (lambda actor: AuditEvent.objects.order_by("-id"), "stranger", "GET", "/activity/"),
    "events_of": (
        lambda actor, item: AuditEvent.objects.filter(target_id=str(item.pk)).order_by("-id"),
        "editor", "GET", DOCUMENT,
    ),
    "shares_received": (lambda actor: Share.objects.all(), "stranger", "GET", "/shared/"),
    "shares_made": (lambda actor: Share.objects.all(), "stranger", "GET", "/shared/by-me/"),
    "own_ways": (lambda actor, item: Share.objects.all(), "above", "GET", "/folders/<uuid:folder_id>/received/"),
    "fetch_share": (
        lambda actor, key: Share.objects.get(pk=key), "stranger", "POST", "/shares/<uuid:share_id>/withdraw/",
    ),
    "visible_groups": (lambda actor: Group.objects.all(), "stranger", "GET", "/groups/"),
    "fetch_group": (lambda actor, key: Group.objects.get(pk=key), "stranger", "GET", "/groups/<uuid:group_id>/"),
    "fetch_comment": (
        lambda actor, document, key: Comment.objects.get(pk=key),
        "stranger", "GET", "/documents/<uuid:document_id>/comments/<uuid:comment_id>/delete/",
    ),
    "link_by_token": (
        lambda token_hash: ShareLink.objects.select_related(*access.LINK_RELATED).get(name__contains="linkedit"),
        "anonymous", "GET", "/l/<str:link_token>/folders/<uuid:folder_id>/",
    ),
    "is_open": (lambda link: True, "link_expired", "GET", "/l/<str:link_token>/folders/<uuid:folder_id>/"),
    "require_bytes": (
        lambda actor, for_viewer=False: None,
        "link_view", "GET", "/l/<str:link_token>/documents/<uuid:document_id>/download/",
    ),
    "links_made": (lambda actor: ShareLink.objects.all(), "stranger", "GET", "/shared/links/"),
    "fetch_link": (
        lambda actor, key: ShareLink.objects.select_related(*access.LINK_RELATED).get(pk=key),
        "stranger", "POST", "/links/<uuid:link_id>/revoke/",
    ),
    "own_rules": (lambda actor: FilingRule.objects.all(), "stranger", "GET", "/filing/rules/"),
    "own_runs": (lambda actor: FilingRun.objects.all(), "stranger", "GET", "/filing/runs/<uuid:run_id>/"),
    "own_requests": (lambda actor: FileRequest.objects.all(), "stranger", "GET", "/requests/<uuid:file_request_id>/"),
    "own_received": (
        lambda actor: ReceivedFile.objects.all(), "stranger", "GET", "/received/<uuid:received_id>/content/",
    ),
    "open_handovers": (
        lambda actor: Handover.objects.all(), "stranger", "POST", "/handovers/<uuid:handover_id>/answer/",
    ),
    "own_emergency_contacts": (
        lambda actor: EmergencyContact.objects.all(), "stranger", "GET", "/emergency/<uuid:contact_id>/change/",
    ),
    "chosen_for_emergencies": (
        lambda actor: EmergencyContact.objects.all(), "stranger", "POST", "/emergency/<uuid:contact_id>/ask/",
    ),
}  # fmt: skip
# Checks of a second thing, at an address of the stranger's own: what he sends beside it, or instead.
BESIDE: dict[str, Callable[[World], dict[str, Any]]] = {
    "fetch_place": lambda world: {"values": world.own, "fields": {"parent": world.values["folder_id"]}},
    "fetch_comment": lambda world: {"values": {**world.own, "comment_id": world.values["comment_id"]}},
}
# Public names that let nobody in by themselves, and why.
NO_CHECKS = {
    "one_look": "no rule: how often one is asked within an answer; sharing/tests/test_looking.py",
    "once": "no rule: an answer that a look has had already",
    "asked_of_documents": "documents_within, put into words once; sharing/tests/test_asking.py",
    "asked_of_folders": "folders_within, put into words once; sharing/tests/test_asking.py",
    "view_shares_on": "of a search that was fetched as one's own",
    "fetch_view_share": "among own_views; the verb asks fetch_view as well",
    "few_topics": "visible_topics, fetched together",
    "first_topics": "of visible_topics",
    "own_suggestions": "of documents that were fetched; another's are passed over in test_rights_second_things.py",
    "fetch_rule": "among own_rules",
    "fetch_run": "among own_runs",
    "fetch_handover": "among open_handovers",
    "emergency_asked": "a notice of the actor's own contacts",
    "fetch_emergency_contact": "among the actor's own, or those that name him",
    "has_waiting_files": "a dot in the rail",
    "open_request": "by the hash of a token; sharing/tests/test_file_requests.py",
    "sent_in_visit": "of one's own visit; sharing/tests/test_file_requests.py",
    "fetch_request": "among own_requests",
    "fetch_received": "among own_received",
    "links_held_back": "of links in a list, those whose makers lost the right; sharing/tests/test_link_access.py",
    "links_open": "as links_held_back",
    "open_link": "the actor's own link, through is_open",
    "has_own_way": "the button to leave a folder that was fetched; the verb asks own_ways",
    "shares_on": "a second time: the sheet and the page of who reaches it ask the right to manage before",
    "links_on": "as shares_on",
    "require_admin": "a second time: verbs of admins, behind the wall before the pages of admins",
    "links_holding": "sorts out what has ended, of links that were fetched",
    "links_along": "marks own things as opened; the lists' own tests",
    "require_adding": "needs a form's ticket besides; sharing/tests/test_link_pages.py",
    "require_replacing": "as require_adding",
    "fetch_folder_to_add": "through require_adding",
    "fetch_document_to_replace": "through require_replacing",
    "vaults_seen": "where search looks first; what it finds passes visible_documents",
    "holding": "sorts out what has ended, of shares that were fetched",
    "has_new_shares": "a dot in the rail",
    "manages_until": "an end for shares, tested with them",
    "shares_along": "marks own things as shared; the lists' own tests",
    "shares_of_documents": "marks own things as shared; the lists' own tests",
    "shares_left": "own shares with a group that were left; tests of receiving",
    "require_still_active": "the account once more within a transaction; tests of uploads",
    "owners_of": "ids of owners of things that were fetched",
    "fetch_folders": "as fetch_documents, through _all_of",
}


def _public() -> set[str]:
    return {name for name in access.__all__ if inspect.isfunction(getattr(access, name))}


def test_every_check_is_taken_away_once_or_is_none() -> None:
    assert _public() - set(CHECKS) - set(NO_CHECKS) == set(), (
        "give each a line in CHECKS of tests/test_rights_teeth.py: what it is when it lets all pass, and a cell of"
        " rights.txt that notices; or in NO_CHECKS, with the reason"
    )
    assert set(NO_CHECKS) <= _public()


def is_other(answer: Answer | None, world: World, person: str, expected: str) -> bool:
    """Whether a cell fails: another answer, an error, or a word that this person may not see."""
    return answer is None or answer.status != expected or not answer.words <= world.may_see(person)


def tried(world: World, person: str, method: str, route: str, **more: Any) -> Answer | None:
    """The answer; None for an error, which is no answer of the table either."""
    try:
        return ask(world, person, method, route, **more)
    except Exception:  # noqa: BLE001 (a view that meets what its check keeps from it)
        return None


@pytest.mark.parametrize("name", CHECKS)
def test_without_one_check_a_cell_fails(matrix: World, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    patch, person, method, route = CHECKS[name]
    more = BESIDE[name](matrix) if name in BESIDE else {}
    expected = "404" if more else kept()[route, method][person]
    assert not is_other(ask(matrix, person, method, route, **more), matrix, person, expected)
    replaced(monkeypatch, name, patch)
    assert is_other(tried(matrix, person, method, route, **more), matrix, person, expected)


# Every session of anybody, nobody's included, counts as signed in; every person as an admin; every rule as passed;
# every token as that of a link.
KINDS = ("signed in", "admin", "access", "token")
ADMIN = ("/admin/", "/people/", "/outbox/")


def take_away(monkeypatch: pytest.MonkeyPatch, kind: str, world: World) -> None:
    if kind == "signed in":
        monkeypatch.setattr(AnonymousUser, "is_authenticated", True)
        monkeypatch.setattr(Actor, "active_user", property(lambda self: self.user))
    elif kind == "admin":
        monkeypatch.setattr(User, "is_admin", True)
        monkeypatch.setattr(Actor, "is_admin", True)
    elif kind == "token":
        link = ShareLink.objects.select_related(*access.LINK_RELATED).get(name__contains="linkedit")
        replaced(monkeypatch, "link_by_token", lambda token_hash: link)
    else:
        for name, (patch, *_rest) in CHECKS.items():
            replaced(monkeypatch, name, patch)


def kinds_of(world: World, route: str) -> Iterator[tuple[str, str]]:
    """Which protections a route has, and who must come through when each is away."""
    if "<str:link_token>" in route:
        yield "token", "anonymous"
    elif route.startswith(ADMIN):
        yield "admin", "stranger"  # being signed in is not asked for apart
    elif route not in OPEN:
        yield "signed in", "anonymous"
        if names_something(route) and "<str:ticket>" not in route:
            yield "access", "stranger"
        elif ask(world, "owner", "GET", route).words - world.may_see("stranger"):
            yield "access", "stranger"  # a list, or the rail beside a page


def has_teeth(world: World, person: str, route: str, table: Statuses) -> bool:
    """Whether a cell of the route fails now. A method that it does not have is soonest told to whoever comes in."""
    first = sorted(
        methods(route), key=lambda method: (table[route, method]["stranger"] == "405") != (person == "anonymous")
    )
    return any(
        is_other(tried(world, person, method, route), world, person, table[route, method][person]) for method in first
    )


def test_no_route_is_without_teeth(matrix: World) -> None:
    table = kept()
    wanted = [(route, *kind) for route in known_routes(matrix) for kind in kinds_of(matrix, route)]
    without = []
    for kind in KINDS:
        with pytest.MonkeyPatch.context() as monkeypatch:
            take_away(monkeypatch, kind, matrix)
            for route, needed, person in wanted:
                if needed == kind and not has_teeth(matrix, person, route, table):
                    without.append((route, kind))
    cells = sum(answer != "-" for row in table.values() for answer in row.values())
    print(
        f"\n{len({route for route, _method in table})} routes, {cells} cells, {len(wanted)} protections,"
        f" {len(without)} routes without teeth"
    )
    assert without == []
    protected = {route for route, _kind, _person in wanted}
    assert {route for route, _method in table} - protected == OPEN - {one for one in OPEN if "link_token" in one}


class OpenDoors:
    """What doors see of sharing.access when it lets them all pass; verbs still ask the true one."""

    def __getattr__(self, name: str) -> object:
        return CHECKS[name][0] if name in CHECKS else getattr(access, name)


# Changes that one check alone keeps from a stranger, and why that is enough.
ALONE: dict[tuple[str, str], str] = {}


def test_a_verb_asks_for_itself_even_where_its_door_has_forgotten_to(matrix: World) -> None:
    table, changed = kept(), set()
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, module in list(sys.modules.items()):
            if re.match(r"(accounts|documents|sharing)\.views\.", name) and getattr(module, "access", None) is access:
                monkeypatch.setattr(module, "access", OpenDoors())
        for route, method in table:
            if method in {"GET", "HEAD", "OPTIONS"} or "_token>" in route or not names_something(route):
                continue
            if table[route, method]["stranger"] in {"404", "403"}:
                answer = tried(matrix, "stranger", method, route)
                if answer is not None and answer.is_let_in and answer.touched:
                    changed.add((method, route))
    assert changed == set(ALONE), "let the verb ask the rule itself, or write down in ALONE why its door is enough"


def test_a_flipped_cell_is_noticed() -> None:
    """A tenth of the table, drawn anew in each run, is turned round; the comparison finds each of them."""
    table = kept()
    cells = [(key, person) for key, row in table.items() for person in PEOPLE if row[person] != "-"]
    for key, person in random.sample(cells, len(cells) // 10):
        flipped = "404" if table[key][person][0] in "2i3" else "200"
        assert differences({key: {**table[key], person: flipped}}, table)
    assert differences(table, table) == []
