"""Doors never look a row up by an id of their own: what they show has come through sharing.access.

A rule over the syntax tree of every door that answers requests. Reading `Thing.objects` there is
allowed for what hangs on a thing already fetched, never by a key, an id or a shortcut. Below the doors
a row may be looked up by the key of a thing at hand (`pk=document.pk`, under a lock for instance), not by
an id that is handed in: the few places that do so are written down with their reason.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
GUARDED = {
    "AuditEvent", "Comment", "Document", "DocumentTopic", "EmergencyContact", "FileRequest", "Folder", "Group",
    "Handover", "Receipt", "ReceivedFile", "SavedView", "Share", "ShareLink", "ShareReception", "Star", "Topic",
    "TrashEntry", "Upload", "UploadPiece", "Version",
}  # fmt: skip
DOORS = ("accounts", "documents", "sharing")
SHORTCUTS = {"get_object_or_404", "get_list_or_404", "aget_object_or_404", "raw", "in_bulk", "ain_bulk"}
BY_KEY = (
    "pk",
    "id",
    "document_id",
    "folder_id",
    "topic_id",
    "entry_id",
    "upload_id",
    "version_id",
    "share_id",
    "comment_id",
    "request_id",
)


def doors() -> list[Path]:
    found = [path for app in DOORS for path in (CHECKOUT / app / "views").glob("*.py")]
    for app in DOORS:
        named = (CHECKOUT / app / f"{name}.py" for name in ("forms", "context", "urls", "middleware"))
        found += [path for path in named if path.exists()]
        found += (CHECKOUT / app / "templatetags").glob("*.py")
    return sorted(found)


def raw_lookups(source: str) -> Iterator[str]:
    """Where a guarded model is asked for a row by a key, in any way that does not name access."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in SHORTCUTS:
            yield f"line {node.lineno}: {name}"
        elif name in {"get", "aget"} and _model_of(node.func) in GUARDED:
            yield f"line {node.lineno}: {_model_of(node.func)}.objects…get"
        elif _model_of(node.func) in GUARDED:
            keys = [word.arg or "**" for word in node.keywords] + _keys_in_q(node)
            for key in keys:
                if key == "**" or key.split("__")[0] in BY_KEY:
                    yield f"line {node.lineno}: {_model_of(node.func)}.objects…{name}({key}=…)"


def _keys_in_q(node: ast.Call) -> list[str]:
    calls = [part for argument in node.args for part in ast.walk(argument) if isinstance(part, ast.Call)]
    return [word.arg or "**" for call in calls if getattr(call.func, "id", "") == "Q" for word in call.keywords]


def _model_of(node: ast.expr) -> str:
    """The model whose `objects` a chain of calls begins with, or ""."""
    while True:
        if isinstance(node, ast.Attribute) and node.attr in {"objects", "_default_manager", "_base_manager"}:
            return getattr(node.value, "id", "")
        if isinstance(node, ast.Attribute):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            return ""


@pytest.mark.parametrize("path", doors(), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_a_door_fetches_through_access(path: Path) -> None:
    assert list(raw_lookups(path.read_text())) == []


@pytest.mark.parametrize(
    "source",
    [
        "Document.objects.get(pk=document_id)",
        "Document.objects.live().get(name='x')",
        "Folder.objects.filter(pk=folder_id).first()",
        "Folder.objects.live().select_related('user').filter(id__in=ids)",
        "TrashEntry.objects.exclude(Q(pk=entry_id))",
        "Topic.objects.filter(**{'pk': key})",
        "Document._default_manager.filter(folder_id=key)",
        "get_object_or_404(Document, pk=key)",
        "Version.objects.in_bulk(ids)",
        "Document.objects.raw('SELECT')",
    ],
)
def test_the_rule_finds_what_it_is_for(source: str) -> None:
    assert list(raw_lookups(source))


@pytest.mark.parametrize(
    "source",
    [
        "access.fetch_document(actor, document_id)",
        "Star.objects.filter(user=actor.user, document=item)",
        "access.visible_documents(actor).filter(folder=folder)",
    ],
)
def test_the_rule_lets_pass_what_is_fetched(source: str) -> None:
    assert not list(raw_lookups(source))


def test_the_rule_looks_at_every_door() -> None:
    names = {path.name for path in doors()}
    assert names >= {"files.py", "documents.py", "selection.py", "topics.py", "trash.py", "uploads.py", "activity.py"}


# --- Below the doors ------------------------------------------------------------------------------------

ROOMS = ("accounts", "documents", "sharing", "docuvault")
OUTSIDE = {"tests", "migrations", "admin.py", "access"}
# File: the functions that look a guarded row up by an id they are handed, and why they may.
HANDED = {
    "documents/actions/copies.py": {"make_copy": "a job: its id comes from the queue"},
    "documents/actions/trash.py": {
        "_places": "names of the way to what the caller has thrown away",
        "_left": "of one vault, under its lock",
        "remove_documents": "ids of what a purge holds",
    },
    "documents/exports/sent_back.py": {"take_in_sent": "a job: its id comes from the queue"},
    "documents/previews.py": {"keep_object": "the reader's, of the version it has read"},
    "documents/search/facets.py": {"_counted": "ids out of visible_documents"},
    "documents/tasks.py": {"finish_upload": "a job: its id comes from the queue"},
    "documents/upkeep/repairs.py": {
        "stand_for_current": "upkeep, for nobody",
        "rewrite_path": "upkeep, for nobody",
        "index_again": "upkeep, for nobody",
    },
    "documents/uploads/brought.py": {"bring_thrown_folder": "among the actor's own, by owned_by"},
    "documents/uploads/ending.py": {
        "stop_upload": "for admins, after require_admin",
        "end_import": "of a job that has taken it in",
    },
    "documents/uploads/staged.py": {
        "finish_upload": "of an upload that the door or the job has fetched; filing asks the rules once more",
        "assemble": "as finish_upload",
    },
    "sharing/actions/received.py": {"_rows": "of files of one request that was fetched"},
    "sharing/mails.py": {
        "tell_of_received": "a job: its id comes from the queue",
        "tell_of_handover": "a job: its id comes from the queue",
        "tell_of_emergency": "a job: its id comes from the queue",
    },
    "sharing/tasks.py": {"tell_of_share": "a job: its id comes from the queue"},
    "sharing/trail/stretches.py": {"rows_after": "counts rows after a seal"},
}


def handed_lookups(source: str) -> Iterator[tuple[str, int, str]]:
    """Function, line and what is asked, where a guarded row is looked up by a key that is no thing's at hand."""
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        handed = {argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)}
        for node in ast.walk(function):
            if not isinstance(node, ast.Call) or _model_of(node.func) not in GUARDED:
                continue
            calls = [part for argument in node.args for part in ast.walk(argument) if isinstance(part, ast.Call)]
            words = [
                *node.keywords,
                *(word for call in calls if getattr(call.func, "id", "") == "Q" for word in call.keywords),
            ]
            for word in words:
                if word.arg is not None and word.arg.split("__")[0] in {"pk", "id"} and _names(word.value) & handed:
                    yield function.name, node.lineno, f"{_model_of(node.func)}({word.arg}={ast.unparse(word.value)})"


def _names(value: ast.expr) -> set[str]:
    """The bare names of a value: `key` and `UUID(key)`, but not the thing of `document.pk`."""
    if isinstance(value, ast.Name):
        return {value.id}
    if isinstance(value, ast.Call):
        return {name for argument in value.args for name in _names(argument)}
    return set()


def below() -> list[Path]:
    found = (path for room in ROOMS for path in (CHECKOUT / room).rglob("*.py"))
    return sorted(path for path in found if not OUTSIDE & set(path.parts))


def test_below_the_doors_a_row_is_looked_up_by_a_thing_at_hand() -> None:
    found = {
        f"{path.relative_to(CHECKOUT)}:{line} {function}: {what}"
        for path in below()
        for function, line, what in handed_lookups(path.read_text())
        if function not in HANDED.get(str(path.relative_to(CHECKOUT)), {})
    }
    assert sorted(found) == [], "fetch it through sharing.access, or write down in HANDED why it may"


def test_no_place_that_is_written_down_is_gone() -> None:
    there = Counter(
        (str(path.relative_to(CHECKOUT)), function)
        for path in below()
        for function, _line, _what in handed_lookups(path.read_text())
    )
    assert {(file, name) for file, names in HANDED.items() for name in names} <= set(there)


@pytest.mark.parametrize(
    ("source", "is_found"),
    [
        ("def f(document_id): return Document.objects.get(pk=document_id)", True),
        ("def f(*, key): return Folder.objects.filter(Q(pk=key)).first()", True),
        ("def f(key): return Upload.objects.select_for_update().get(pk=UUID(key))", True),
        ("def f(ids): return Version.objects.filter(pk__in=ids)", True),
        ("def f(document): return Document.objects.select_for_update().get(pk=document.pk)", False),
        ("def f(row): return Version.objects.filter(pk__in=[one.pk for one in row.versions])", False),
    ],
)
def test_the_rule_below_the_doors_has_teeth(source: str, is_found: bool) -> None:
    assert bool(list(handed_lookups(source))) == is_found
