"""What goes into an export, noted in one moment of the database and read afterwards as often as need be.

The notes lie in a file without a name, so memory does not grow with the documents; folders are held, by id. What
changes while the bytes are read belongs to the next export.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Prefetch, Q, QuerySet, Sum
from django.utils.timezone import now

from accounts.models import User
from documents.exports.filing import filing_of
from documents.exports.layout import (
    FILES,
    FILING,
    FOLDERS,
    FORMAT,
    RECORDS,
    ROOT_FILES,
    TOPICS,
    TRASH,
    moment,
    to_json,
    to_line,
)
from documents.exports.paths import place_in, safe_name
from documents.identity import identity
from documents.models import Document, DocumentTopic, EntryKind, Folder, Star, Topic, TrashEntry, Version
from documents.names import name_key, split_name

BATCH = 500
IN_MEMORY = 4 * 1024 * 1024


@dataclass(frozen=True)
class Choice:
    """What to take along beside the documents themselves."""

    older_versions: bool = True
    trash: bool = True


@dataclass(frozen=True)
class Wanted:
    """The bytes of one version, and where they go."""

    number: int
    version_id: UUID
    path: str
    size_bytes: int


@dataclass(frozen=True)
class Paper:
    """A document of the plan: its record as far as it is known, and the bytes to bring, the current ones first."""

    document_id: UUID
    record_path: str
    record: dict[str, Any]
    bytes: list[Wanted]

    def finished_record(self, flaws: dict[int, str]) -> dict[str, Any]:
        """The record, with what has turned out to be unreadable (by number of version)."""
        for row in self.record["versions"]:
            if row["number"] in flaws:
                row["flaw"], row["file"] = flaws[row["number"]], None
        return self.record


@dataclass
class Person:
    """One person's part of an export."""

    user_id: UUID
    handle: str
    name: str
    directory: str
    documents: int = 0
    size_bytes: int = 0


@dataclass
class Plan:
    """Everything that an export will hold. `directories` and `texts` are small next to the papers."""

    choice: Choice
    scope: str
    vault: str
    begun_at: str
    people: list[Person] = field(default_factory=list)
    size_bytes: int = 0
    documents: int = 0
    _notes: Any = None

    def __post_init__(self) -> None:
        self._notes = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 (closed with the plan)

    def close(self) -> None:
        self._notes.close()

    def __enter__(self) -> "Plan":
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def note(self, kind: str, value: Any) -> None:
        self._notes.write(to_line([kind, value]))

    def _read(self) -> Iterator[tuple[str, Any]]:
        self._notes.seek(0)
        for line in self._notes:
            kind, value = json.loads(line)
            yield kind, value

    def directories(self) -> Iterator[str]:
        """Those of folders, above before below."""
        return (value for kind, value in self._read() if kind == "directory")

    def texts(self) -> Iterator[tuple[str, bytes]]:
        """Files of each person but the records: path and content."""
        path, content = "", bytearray()
        for kind, value in self._read():
            if kind == "text":
                if path:
                    yield path, bytes(content)
                path, content = value, bytearray()
            elif kind == "line":
                content += to_line(value)
        if path:
            yield path, bytes(content)

    def papers(self) -> Iterator[Paper]:
        for kind, value in self._read():
            if kind == "paper":
                key, path, record, wanted = value
                rows = [Wanted(number, UUID(version), place, size) for number, version, place, size in wanted]
                yield Paper(UUID(key), path, record, rows)

    def mark(self, *, finished_at: str | None, flaws: int = 0) -> bytes:
        """The file that says what this folder is."""
        return to_json(
            {
                "format": FORMAT,
                "what": "DocuVault export",
                "vault": self.vault,
                "scope": self.scope,
                "begun_at": self.begun_at,
                "finished_at": finished_at,
                "has_older_versions": self.choice.older_versions,
                "has_trash": self.choice.trash,
                "documents": self.documents,
                "size_bytes": self.size_bytes,
                "not_exported": flaws,
                "people": [
                    {
                        "handle": person.handle,
                        "name": person.name,
                        "directory": person.directory,
                        "documents": person.documents,
                        "size_bytes": person.size_bytes,
                    }
                    for person in self.people
                ],
            }
        )


@contextmanager
def _one_moment() -> Iterator[None]:
    """All that is read inside is of one moment. In a transaction that has begun, of its own."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def sizes_of(user: User) -> dict[str, int]:
    """How much an export would hold: the documents themselves, their older versions, and the trash with its own."""
    kept = Version.objects.filter(document__user=user, flaw="").exclude(document__trash__kind=EntryKind.RECEIVED)
    found = kept.aggregate(
        current=Sum("size_bytes", filter=Q(document__trash=None, current_of__isnull=False)),
        older=Sum("size_bytes", filter=Q(document__trash=None, current_of=None)),
        trash=Sum("size_bytes", filter=Q(document__trash__isnull=False, current_of__isnull=False)),
        older_in_trash=Sum("size_bytes", filter=Q(document__trash__isnull=False, current_of=None)),
    )
    return {name: value or 0 for name, value in found.items()}


def plan_export(people: Iterable[User], choice: Choice, *, scope: str) -> Plan:
    """The plan of these people's parts; close it when done."""
    plan = Plan(choice, scope, str(identity().instance), moment(now()) or "")
    taken = {name_key(name) for name in ROOT_FILES}
    try:
        with _one_moment():
            for user in people:
                directory = place_in("", user.handle, taken, is_folder=True)
                person = Person(user.pk, user.handle, user.display_name, directory)
                plan.people.append(person)
                _Part(plan, person).note()
    except BaseException:
        plan.close()
        raise
    return plan


class _Part:
    """Notes one person's folders, topics and documents."""

    def __init__(self, plan: Plan, person: Person) -> None:
        self.plan, self.person = plan, person
        self.files = f"{person.directory}/{FILES}"
        self.trash = f"{person.directory}/{TRASH}"
        self.places: dict[UUID, str] = {}
        self.names: dict[UUID, list[str]] = {}
        self.taken: dict[str, set[str]] = {self.files: set(), self.trash: set()}
        self.entries: dict[UUID, tuple[str, dict[str, Any]]] = {}

    def note(self) -> None:
        has_trash = self.plan.choice.trash
        self.plan.note("directory", self.files)
        self._note_topics()
        if has_trash:
            self.plan.note("directory", self.trash)
            self._name_entries()
        self._note_folders()
        self.plan.note("text", f"{self.person.directory}/{FILING}")
        self.plan.note("line", filing_of(self.person.user_id))
        documents = Document.objects.filter(user_id=self.person.user_id, current_version__isnull=False)
        self._note_documents(documents.live().order_by("folder_id", "name_key", "pk"))
        if has_trash:
            thrown = documents.filter(trash__isnull=False).exclude(trash__kind=EntryKind.RECEIVED)
            self._note_documents(thrown.order_by("trash__trashed_at", "trash_id", "folder_id", "name_key", "pk"))

    def _note_topics(self) -> None:
        topics = Topic.objects.filter(Q(user=None) | Q(user_id=self.person.user_id)).order_by("name_key", "user_id")
        listed = [
            {
                "name": topic.name,
                "colour": topic.colour,
                "is_everybodys": topic.is_system,
                "created_at": moment(topic.created_at),
            }
            for topic in topics
        ]
        self.plan.note("text", f"{self.person.directory}/{TOPICS}")
        self.plan.note("line", listed)

    def _name_entries(self) -> None:
        entries = TrashEntry.objects.thrown().filter(user_id=self.person.user_id).select_related("trashed_by")
        for entry in entries.order_by("trashed_at", "pk").iterator(BATCH):
            told = {
                "entry": str(entry.pk),
                "kind": entry.kind,
                "name": entry.name,
                "place": entry.place,
                "trashed_at": moment(entry.trashed_at),
                "trashed_by": entry.trashed_by.handle if entry.trashed_by else None,
            }
            is_folder = entry.kind == "folder"
            place = place_in(self.trash, entry.name, self.taken[self.trash], is_folder=is_folder)
            self.entries[entry.pk] = (place, told)

    def _note_folders(self) -> None:
        """Where each folder lies; above before below, live or not, since one may lie in the other."""
        self.plan.note("text", f"{self.person.directory}/{FOLDERS}")
        folders = Folder.objects.filter(user_id=self.person.user_id)
        if not self.plan.choice.trash:
            folders = folders.live()
        rooted: set[UUID] = set()
        trash_of: dict[UUID, UUID | None] = {}
        for folder in folders.order_by("path__len", "name_key", "pk").iterator(BATCH):
            above = self.names.get(folder.parent_id, []) if folder.parent_id else []
            self.names[folder.pk] = [*above, folder.name]
            trash_of[folder.pk] = folder.trash_id
            entry = self.entries.get(folder.trash_id) if folder.trash_id else None
            if entry is not None and folder.trash_id is not None and folder.trash_id not in rooted:
                rooted.add(folder.trash_id)
                place = entry[0]
            else:
                is_beside = folder.parent_id in self.places and trash_of[folder.parent_id] == folder.trash_id
                directory = self.places[folder.parent_id] if is_beside and folder.parent_id else self.files
                place = place_in(directory, folder.name, self.taken.setdefault(directory, set()), is_folder=True)
            self.places[folder.pk] = place
            self.taken.setdefault(place, set())
            self.plan.note("directory", place)
            self.plan.note(
                "line",
                {
                    "id": str(folder.pk),
                    "name": folder.name,
                    "parent": str(folder.parent_id) if folder.parent_id else None,
                    "place": above,
                    "directory": place,
                    "created_at": moment(folder.created_at),
                    "trash": entry[1] if entry else None,
                },
            )

    def _note_documents(self, rows: "QuerySet[Document]") -> None:
        rows = rows.prefetch_related(
            Prefetch("versions", Version.objects.select_related("created_by").order_by("number")),
            Prefetch(
                "document_topics",
                DocumentTopic.objects.filter(Q(topic__user=None) | Q(topic__user_id=self.person.user_id))
                .select_related("topic", "rule")
                .order_by("topic__name_key", "topic_id"),
            ),
            Prefetch("stars", Star.objects.filter(user_id=self.person.user_id)),
        )
        group: object = None
        taken: set[str] = set()
        for row in rows.iterator(BATCH):
            directory = self._directory_of(row)
            if group != directory:
                # Live rows of one folder stand together. Those of one in the trash need not: their names are held.
                seen = self.taken.setdefault(directory, set())
                group, taken = directory, seen if row.trash_id else set(seen)
            if row.trash_id is not None and self.entries[row.trash_id][1]["kind"] == "document":
                path = self.entries[row.trash_id][0]
            else:
                path = place_in(directory, row.name, taken)
            self._note_document(row, path)

    def _directory_of(self, row: Document) -> str:
        if row.trash_id is None:
            return self.places[row.folder_id] if row.folder_id else self.files
        place, told = self.entries[row.trash_id]
        if told["kind"] == "document":
            return self.trash
        inside = self.places.get(row.folder_id) if row.folder_id else None
        return inside if inside is not None and f"{inside}/".startswith(f"{place}/") else place

    def _note_document(self, row: Document, path: str) -> None:
        beside = f"{self.person.directory}/{RECORDS}/{str(row.pk)[:2]}/{row.pk}"
        suffix = split_name(row.name)[1]
        suffix = safe_name(suffix) if suffix else ""
        wanted: list[Wanted] = []
        versions = []
        current = 0
        for version in row.versions.all():
            is_current = version.pk == row.current_version_id
            place = path if is_current else f"{beside}.version-{version.number}{suffix}"
            is_taken = not version.flaw and (is_current or self.plan.choice.older_versions)
            if is_current:
                current = version.number
            if is_taken:
                item = Wanted(version.number, version.pk, place, version.size_bytes)
                wanted.insert(0, item) if is_current else wanted.append(item)
            versions.append(
                {
                    "number": version.number,
                    "note": version.note,
                    "size_bytes": version.size_bytes,
                    "sha256": version.sha256,
                    "type": version.content_type,
                    "created_at": moment(version.created_at),
                    "created_by": version.created_by.handle if version.created_by else None,
                    "checked_at": moment(version.checked_at),
                    "flaw": version.flaw,
                    "file": place if is_taken else None,
                }
            )
        record = {
            "format": FORMAT,
            "id": str(row.pk),
            "owner": self.person.handle,
            "name": row.name,
            "place": self._names_above(row),
            "folder": str(row.folder_id) if row.folder_id in self.places else None,
            "created_at": moment(row.created_at),
            "updated_at": moment(row.updated_at),
            "is_starred": bool(row.stars.all()),
            "topics": [
                {
                    "name": link.topic.name,
                    "colour": link.topic.colour,
                    "is_everybodys": link.topic.is_system,
                    "reason": link.reason,
                    "rule": str(link.rule_id) if link.rule and link.rule.user_id == self.person.user_id else None,
                    "added_at": moment(link.created_at),
                }
                for link in row.document_topics.all()
            ],
            "current_version": current,
            "versions": versions,
            "trash": self.entries[row.trash_id][1] if row.trash_id else None,
        }
        bytes_wanted = [(item.number, str(item.version_id), item.path, item.size_bytes) for item in wanted]
        self.plan.note("paper", [str(row.pk), f"{beside}.json", record, bytes_wanted])
        size = sum(item.size_bytes for item in wanted)
        self.person.documents += 1
        self.person.size_bytes += size
        self.plan.documents += 1
        self.plan.size_bytes += size

    def _names_above(self, row: Document) -> list[str]:
        if row.trash_id is not None and self.entries[row.trash_id][1]["kind"] == "document":
            return list(self.entries[row.trash_id][1]["place"])
        return self.names.get(row.folder_id, []) if row.folder_id else []
