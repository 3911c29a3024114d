"""A vault with everything that makes leaving hard, and what is compared after it was taken in somewhere else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from accounts.actors import Actor
from accounts.models import Quota, User
from documents.actions.documents import star_document
from documents.actions.folders import make_folder
from documents.actions.rules import Deed, make_rule
from documents.actions.saved_views import save_view
from documents.actions.topics import make_topic, tag_documents
from documents.actions.trash import trash_document, trash_folder
from documents.actions.versions import delete_version, note_version, promote_version
from documents.exports.plan import Choice
from documents.exports.report import ImportReport
from documents.exports.sent_back import begin_import
from documents.exports.sources import source_at
from documents.exports.taking_in import take_in
from documents.exports.to_folder import ExportReport, export_to_folder
from documents.exports.to_zip import zip_export
from documents.models import (
    Document,
    DocumentTopic,
    FilingRule,
    Folder,
    RuleMode,
    SavedView,
    Topic,
    TopicReason,
    Upload,
)
from documents.names import InvalidName, clean_name
from documents.tests.making import folders, put
from documents.uploads import store_stream
from documents.uploads.staged import Staging

# Kept as they are in the vault; on disk some of them cannot be, or not beside one another.
NAMES = [
    "plain.txt", "año.txt", "报告.pdf", "what?.txt", "what_.txt", "a:b|c*.txt", "CON", "nul.txt",
    "com1.tar.gz", "LPT9.x", "=cmd|' C calc'!A0.csv", "+1.txt", "-rf.txt", "@sum.txt", "'quoted'.txt",
    'say "hi".txt', "<b>.html", ".hidden", "x" * 251 + ".txt", "é" * 125 + ".pdf", "aux." + "x" * 251,
    "ann\u202efdp.exe", "a, b; c.txt", "100% sure", "$HOME", "Straße.txt", "~", "trailing (2).txt",
    "🗂️ summer 👩\u200d👩\u200d👧.txt", "records", "files", "SHA256SUMS", "two  blanks.txt",
]  # fmt: skip


def again(document: Document, data: bytes, by: Actor) -> Document:
    """The document with a further version."""
    store_stream(document.name, iter([data]), None, size_bound=len(data), by=by, replaces=document)
    document.refresh_from_db()
    return document


def fill(by: Actor, admin: Actor, more_names: list[str]) -> None:
    """Nested and empty folders, hostile names, versions and notes, topics, stars, zero and equal bytes, the trash."""
    car, deep = folders("Car", by), folders("Car/Insurance/2024/Letters", by)
    folders("Car/Nothing in here/nor here", by)
    names = folders("Names", by)
    for name in dict.fromkeys([*NAMES, *more_names]):
        put(name, names, by, name.encode())
    make_folder("plain.txt", names, by=by)  # a folder of a document's name
    put("empty", None, by, b"")
    for place in (None, car, deep):
        put("equal.bin", place, by, b"the same bytes")
    policy = put("policy.pdf", deep, by, b"%PDF-1.4 first")
    for data in (b"%PDF-1.4 second", b"%PDF-1.4 third", b"%PDF-1.4 second"):
        again(policy, data, by)
    versions = {version.number: version for version in policy.versions.all()}
    note_version(versions[1], "as it came by post", by=by)
    note_version(versions[4], "  signed\nby both ", by=by)
    delete_version(versions[2], by=by)
    promote_version(versions[3], by=by)
    star_document(policy, by=by)
    tax, everybodys = make_topic("Tax", "green", by=by), make_topic("Home", "red", by=admin, is_system=True)
    make_topic("Nobody carries it", "pink", by=by)
    tag_documents([policy, Document.objects.get(name="empty")], tax, by=by)
    tag_documents([policy], everybodys, by=by)
    bills = folders("Car/Bills", by)
    acme = make_rule("ACME", Deed("invoice ACME type:pdf", [tax, everybodys], bills, RuleMode.AUTO), by=by)
    make_rule("Only a topic", Deed('"in a row" -draft', [tax], None, RuleMode.SUGGEST), by=by)
    DocumentTopic.objects.filter(document=policy, topic=tax).update(reason=TopicReason.RULE, rule=acme)
    save_view("Taxes", "topic:Tax after:2020", "name", by=by)
    # What is in the trash: by itself, with its folder, twice of one name, and in a folder that went later.
    for data in (b"one", b"two"):
        trash_document(put("old.txt", car, by, data), by=by)
    gone = folders("Car/Gone/Below", by)
    trash_document(put("before.txt", gone, by), by=by)
    again(put("with it.txt", gone, by, b"w1"), b"w2", by)
    folders("Car/Gone/Empty", by)
    trash_folder(Folder.objects.live().get(name="Gone"), by=by)


def kept_by(user: User) -> dict[str, Any]:
    """Everything that a person keeps, without ids; and without the moments that cannot come along."""
    places = {folder.pk: folder for folder in Folder.objects.filter(user=user)}

    def path(folder_id: Any) -> str:
        return "/".join(places[key].name for key in places[folder_id].path) if folder_id else ""

    return {
        "folders": sorted((path(key), bool(folder.trash_id)) for key, folder in places.items()),
        "documents": sorted(
            (
                path(document.folder_id),
                document.name,
                document.sha256,
                document.created_at.isoformat(),
                document.updated_at.isoformat(),
                tuple(
                    (v.number, v.note, v.sha256, v.size_bytes, v.content_type, str(v.created_at), v.created_by == user)
                    for v in document.versions.order_by("number")
                ),
                tuple(
                    sorted(
                        (on.topic.name, on.topic.colour, on.reason, on.rule.name if on.rule else "")
                        for on in document.document_topics.all()
                    )
                ),
                document.stars.filter(user=user).exists(),
                (document.trash.kind, document.trash.name, tuple(document.trash.place)) if document.trash else None,
            )
            for document in Document.objects.filter(user=user).select_related("trash")
        ),
        "entries": sorted(
            (e.kind, e.name, tuple(e.place), e.folder_count, e.document_count, e.size_bytes) for e in user.trash.all()
        ),
        "topics": sorted(Topic.objects.filter(user=user).values_list("name", "colour")),
        "rules": [
            (
                rule.name, rule.query, rule.mode, rule.moves, path(rule.folder_id),
                sorted(topic.name for topic in rule.topics.all()),
            )
            for rule in FilingRule.objects.filter(user=user).order_by("position")
        ],
        "views": sorted(SavedView.objects.filter(user=user).values_list("name", "query", "sort")),
        "used": Quota.objects.filter(user=user).values_list("used_bytes", "reserved_bytes").get(),
    }  # fmt: skip


def exported(root: Path, *people: User, choice: Choice | None = None, scope: str = "") -> ExportReport:
    """An export of these people by the command line."""
    scope = scope or (people[0].handle if len(people) == 1 else "everybody")
    return export_to_folder(root, people, choice or Choice(), by=Actor.command(), scope=scope)


def sent_back(by: Actor) -> Upload:
    """One's own export on its way back, all of it here, and not taken in yet."""
    data = b"".join(zip_export(Choice(), "x.zip", by=by).streaming_content)  # type: ignore[arg-type]
    upload = begin_import("x.zip", len(data), by=by)
    staging = Staging(upload, 0)
    staging.add(data)
    staging.settle()
    Upload.objects.filter(pk=upload.pk).update(state="finishing")
    return upload


def taken_in(address: Path, owner: User, **options: Any) -> ImportReport:
    source = source_at(address)
    try:
        return take_in(source, by=Actor.command(owner), **options)
    finally:
        source.close()


def hostile_names(corpus: Path) -> list[str]:
    """Those of the corpus that the vault keeps."""
    kept = []
    for row in json.loads((corpus / "hostile" / "names.json").read_text()):
        try:
            kept.append(clean_name(row["name"]))
        except InvalidName:
            continue
    return kept


def records(root: Path) -> dict[str, dict[str, Any]]:
    """The records of an export by path."""
    return {str(path.relative_to(root)): json.loads(path.read_text()) for path in root.glob("*/records/*/*.json")}


def edited(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a record, and its checksum with it, as somebody would who means it."""
    import hashlib

    root = next(above for above in path.parents if (above / "SHA256SUMS").exists())
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))
    sums = (root / "SHA256SUMS").read_text()
    (root / "SHA256SUMS").write_text(sums.replace(before, hashlib.sha256(path.read_bytes()).hexdigest()))
