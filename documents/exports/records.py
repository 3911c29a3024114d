"""The records of an export, read as what a stranger wrote: every value is looked at before it is used."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.utils.timezone import now
from django.utils.translation import gettext as _

from documents.actions.versions import NOTE_LIMIT
from documents.exports.layout import FILING_FORMAT
from documents.exports.paths import UnsafePath, checked_path
from documents.models import EntryKind, RuleMode, TopicColour, TopicReason

LARGEST = 4 * 1024 * 1024
LARGEST_LIST = 256 * 1024 * 1024
DIGEST = re.compile(r"^[0-9a-f]{64}$")
DEEPEST = 64
MOST = 10_000


class BadRecord(Exception):
    """A record that does not say what one has to."""

    @property
    def message(self) -> str:
        return _("its record cannot be understood (%(what)s)") % {"what": self.args[0]}


@dataclass(frozen=True)
class TopicTold:
    name: str
    colour: str
    is_everybodys: bool
    reason: str = TopicReason.HAND
    rule: UUID | None = None


@dataclass(frozen=True)
class VersionTold:
    """`file` is empty where the export holds no bytes of it; `is_owners`: the owner himself had added it."""

    number: int
    note: str
    size_bytes: int
    sha256: str
    created_at: datetime
    is_owners: bool
    flaw: str
    file: str


@dataclass(frozen=True)
class TrashTold:
    entry: UUID
    kind: EntryKind
    name: str
    place: tuple[str, ...]


@dataclass(frozen=True)
class FolderTold:
    key: UUID
    name: str
    parent: UUID | None
    trash: TrashTold | None


@dataclass(frozen=True)
class DocumentTold:
    """One document. `versions` are those with bytes in the export, in their order; `lost` those that never had."""

    key: UUID
    name: str
    place: tuple[str, ...]
    folder: UUID | None
    created_at: datetime
    updated_at: datetime
    is_starred: bool
    topics: list[TopicTold]
    current: int
    versions: list[VersionTold]
    lost: list[VersionTold]
    trash: TrashTold | None

    @property
    def shown(self) -> str:
        return "/".join((*self.place, self.name))


@dataclass(frozen=True)
class RuleTold:
    """A rule of filing. `moves` without a folder: it rested, since its folder was gone."""

    key: UUID
    name: str
    query: str
    topics: list[TopicTold]
    folder: UUID | None
    moves: bool
    mode: str


@dataclass(frozen=True)
class ViewTold:
    """A search that was kept."""

    key: UUID
    name: str
    query: str
    sort: str


@dataclass(frozen=True)
class FilingTold:
    rules: list[RuleTold]
    views: list[ViewTold]


def read_document(data: bytes) -> DocumentTold:
    """Raises BadRecord."""
    found = _object(data)
    owner = found.get("owner")
    versions = [_version(row, owner) for row in _list(found, "versions")]
    numbers = [version.number for version in versions]
    if numbers != sorted(set(numbers)):
        raise BadRecord("versions")
    current = _count(found, "current_version")
    told = DocumentTold(
        key=_key(found, "id"),
        name=_text(found, "name"),
        place=_place(found),
        folder=_key_or_none(found, "folder"),
        created_at=_moment(found, "created_at"),
        updated_at=_moment(found, "updated_at"),
        is_starred=found.get("is_starred") is True,
        topics=[_topic(row) for row in _list(found, "topics")],
        current=current,
        versions=[version for version in versions if version.file],
        lost=[version for version in versions if version.flaw],
        trash=_trash(found),
    )
    if current not in numbers:
        raise BadRecord("current_version")
    return told


def read_folder(line: bytes) -> FolderTold:
    """Raises BadRecord."""
    found = _object(line)
    return FolderTold(_key(found, "id"), _text(found, "name"), _key_or_none(found, "parent"), _trash(found))


def read_topics(data: bytes) -> list[TopicTold]:
    """Raises BadRecord."""
    return [_topic(row) for row in _list({"topics": _json(data)}, "topics")]


def read_filing(data: bytes) -> FilingTold:
    """Raises BadRecord, also for a list of a later format."""
    found = _object(data)
    number = _count(found, "format")
    if not 1 <= number <= FILING_FORMAT:
        raise BadRecord(_("it is of a later version, format %(number)d") % {"number": number})
    rules = [
        RuleTold(
            key=_key(row, "id"),
            name=_text(row, "name"),
            query=_text(row, "query"),
            topics=[_topic(topic) for topic in _list(row, "topics")],
            folder=_key_or_none(row, "folder"),
            moves=row.get("moves") is True,
            mode=row["mode"] if row.get("mode") in RuleMode.values else RuleMode.HAND,
        )
        for row in _list(found, "rules")
    ]
    views = [
        ViewTold(_key(row, "id"), _text(row, "name"), _text(row, "query"), _text(row, "sort"))
        for row in _list(found, "views")
    ]
    return FilingTold(rules, views)


def _json(data: bytes) -> Any:
    if len(data) > LARGEST:
        raise BadRecord(_("too long"))
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise BadRecord("JSON") from None


def _object(data: bytes) -> dict[str, Any]:
    found = _json(data)
    if not isinstance(found, dict):
        raise BadRecord("JSON")
    return found


def _list(found: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = found.get(name)
    if not isinstance(rows, list) or len(rows) > MOST or any(not isinstance(row, dict) for row in rows):
        raise BadRecord(name)
    return rows


def _text(found: dict[str, Any], name: str) -> str:
    return _plain(found.get(name), name)


def _plain(value: object, name: str) -> str:
    if not isinstance(value, str) or len(value) > 4096:
        raise BadRecord(name)
    try:
        value.encode()  # JSON can hold halves of characters
    except UnicodeEncodeError:
        raise BadRecord(name) from None
    return value


def _place(found: dict[str, Any]) -> tuple[str, ...]:
    place = found.get("place")
    if not isinstance(place, list) or len(place) > DEEPEST:
        raise BadRecord("place")
    return tuple(_plain(part, "place") for part in place)


def _count(found: dict[str, Any], name: str) -> int:
    value = found.get(name)
    if type(value) is not int or not 0 <= value < 2**53:
        raise BadRecord(name)
    return value


def _key(found: dict[str, Any], name: str) -> UUID:
    try:
        return UUID(_text(found, name))
    except ValueError:
        raise BadRecord(name) from None


def _key_or_none(found: dict[str, Any], name: str) -> UUID | None:
    return None if found.get(name) is None else _key(found, name)


def _moment(found: dict[str, Any], name: str) -> datetime:
    """A moment in the past; one that lies ahead is now."""
    try:
        moment = datetime.fromisoformat(_text(found, name))
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRecord(name) from None
    return min(moment, now())


def _topic(row: dict[str, Any]) -> TopicTold:
    colour, reason = row.get("colour"), row.get("reason")
    return TopicTold(
        _text(row, "name"),
        colour if colour in TopicColour.values else TopicColour.SLATE,
        row.get("is_everybodys") is True,
        reason if reason in TopicReason.values else TopicReason.HAND,
        _key_or_none(row, "rule"),
    )


def _version(row: dict[str, Any], owner: object) -> VersionTold:
    sha256, number = _text(row, "sha256"), _count(row, "number")
    if not DIGEST.match(sha256) or not 1 <= number < 2**31:
        raise BadRecord("versions")
    note = " ".join(_text(row, "note").replace("\x00", "").split())[:NOTE_LIMIT]
    return VersionTold(
        number=number,
        note=note,
        size_bytes=_count(row, "size_bytes"),
        sha256=sha256,
        created_at=_moment(row, "created_at"),
        is_owners=row.get("created_by") == owner,
        flaw=str(row.get("flaw") or "")[:16],
        file=_file(row),
    )


def _file(row: dict[str, Any]) -> str:
    if row.get("file") is None:
        return ""
    try:
        return "/".join(checked_path(row["file"]))
    except UnsafePath:
        raise BadRecord(_("a path leads out of the export")) from None


def _trash(found: dict[str, Any]) -> TrashTold | None:
    row = found.get("trash")
    if row is None:
        return None
    if not isinstance(row, dict) or row.get("kind") not in EntryKind.values:
        raise BadRecord("trash")
    return TrashTold(_key(row, "entry"), EntryKind(row["kind"]), _text(row, "name"), _place(row))
