"""Doors never look a row up by an id of their own: what they show has come through sharing.access.

A rule over the syntax tree of every door that answers requests. Reading `Thing.objects` there is
allowed for what hangs on a thing already fetched, never by a key, an id or a shortcut.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
GUARDED = {
    "AuditEvent", "Comment", "Document", "DocumentTopic", "EmergencyContact", "FileRequest", "Folder", "Handover",
    "Receipt", "ReceivedFile", "Share", "ShareLink", "ShareReception", "Star", "Topic", "TrashEntry", "Upload",
    "UploadPiece", "Version",
}  # fmt: skip
DOORS = ("documents", "sharing")
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
