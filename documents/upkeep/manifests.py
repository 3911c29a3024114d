"""What one backup consists of, as the JSON file says that is written last of it."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from documents.storage import KEY_PATTERN
from documents.upkeep.places import FileGone, Place

FORMAT = 1
GENERATIONS, OBJECTS = "generations/", "objects/"
MANIFEST, DUMP, LIST = "manifest.json", "database.dump", "objects.tsv"
GENERATION = re.compile(r"^\d{8}T\d{6}Z-[0-9a-f]{6}$")
INSTANCE = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
LARGEST_MANIFEST = 16 * 1024 * 1024


class BackupUnusable(Exception):
    """A backup is damaged, not whole, or not for this version. One line for the operator."""


@dataclass(frozen=True)
class Part:
    """A file of a backup."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """`made_at` is the moment of the database's snapshot. Holds no secret: `canaries` are sealed words."""

    generation: str
    instance: str
    made_at: str
    finished_at: str
    postgres: int
    migrations: list[str]
    dump: Part
    objects: Part
    figures: dict[str, int]
    canaries: dict[str, str]
    flaws: list[dict[str, str]] = field(default_factory=list)
    format: int = FORMAT

    def to_json(self) -> bytes:
        return (json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


@dataclass(frozen=True, slots=True)
class Listed:
    """An object that a backup's database names."""

    key: str
    size_bytes: int
    sha256: str
    document_id: str
    number: int

    def to_line(self) -> bytes:
        return f"{self.key}\t{self.size_bytes}\t{self.sha256}\t{self.document_id}\t{self.number}\n".encode()


def read_manifest(place: Place, generation: str) -> Manifest:
    """Raises BackupUnusable, FileGone, PlaceUnusable."""
    data = bytearray()
    for chunk in place.read(f"{GENERATIONS}{generation}/{MANIFEST}"):
        data += chunk
        if len(data) > LARGEST_MANIFEST:
            raise BackupUnusable(f"The manifest of {generation} is not one.")
    try:
        found: dict[str, Any] = json.loads(data)
        told = found["format"]
        if isinstance(told, int) and told > FORMAT:
            raise BackupUnusable(
                f"{generation} was made by a later version (format {told}, this one knows {FORMAT}). Update first."
            )
        manifest = Manifest(
            **{**found, "dump": Part(**found["dump"]), "objects": Part(**found["objects"])},
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BackupUnusable(f"The manifest of {generation} is damaged.") from error
    is_ours = manifest.format == FORMAT and manifest.generation == generation and INSTANCE.match(manifest.instance)
    if not is_ours:
        raise BackupUnusable(f"The manifest of {generation} is damaged.")
    return manifest


def generations(place: Place) -> tuple[list[str], list[str]]:
    """Those with a manifest, oldest first; and those that were never finished."""
    whole, begun = set(), set()
    for name, _size in place.sizes(GENERATIONS):
        parts = name.split("/")
        if len(parts) == 3 and GENERATION.match(parts[1]):
            begun.add(parts[1])
            if parts[2] == MANIFEST:
                whole.add(parts[1])
    return sorted(whole), sorted(begun - whole)


def read_list(place: Place, generation: str) -> Iterator[Listed]:
    """The objects a backup's database names. Raises BackupUnusable, PlaceUnusable."""
    rest = b""
    for chunk in place.read(f"{GENERATIONS}{generation}/{LIST}"):
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        for line in lines:
            yield _listed(line, generation)
    if rest:
        yield _listed(rest, generation)


def _listed(line: bytes, generation: str) -> Listed:
    try:
        key, size, digest, document_id, number = line.decode("ascii").split("\t")
        if not KEY_PATTERN.match(key):
            raise ValueError(key)
        return Listed(key, int(size), digest, document_id, int(number))
    except ValueError as error:
        raise BackupUnusable(f"The list of objects of {generation} is damaged.") from error


def latest(place: Place, wanted: str = "") -> Manifest:
    """The newest whole generation, or the one named. Raises BackupUnusable, PlaceUnusable."""
    whole, begun = generations(place)
    if not whole:
        there = " One was begun and never finished." if begun else ""
        raise BackupUnusable(f"There is no backup in {place.address}.{there}")
    if wanted and wanted not in whole:
        raise BackupUnusable(f"There is no whole backup {wanted} in {place.address}. There are: {', '.join(whole)}.")
    try:
        return read_manifest(place, wanted or whole[-1])
    except FileGone as error:
        raise BackupUnusable(str(error)) from error
