"""Backing up: the database as one snapshot first, the objects after it, while people go on writing.

Whatever a row of the snapshot names was stored before the row was, and no object is deleted until the
backup has ended. So no row of a backup lacks its object; what is added meanwhile belongs to the next.
Objects never change and have random keys: those that the place has already are not copied again. The
manifest comes last, so a backup that was cut off is never taken for a whole one.
"""

import hashlib
import logging
import secrets
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import psycopg
from django.db import DatabaseError, transaction
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.secrets import canaries
from documents.hold import Hold, address_of_owner, deletions_held, is_held
from documents.identity import check_bucket, identity
from documents.models import UpkeepKind, UpkeepRun
from documents.storage import KEY_PATTERN, ObjectMissing, store
from documents.upkeep.manifests import (
    DUMP,
    GENERATIONS,
    LIST,
    MANIFEST,
    OBJECTS,
    Listed,
    Manifest,
    Part,
    generations,
    read_list,
    read_manifest,
)
from documents.upkeep.places import Place
from docuvault.lib.failpoints import Failpoint, failpoint
from docuvault.lib.postgres_tools import environment_for, tool
from sharing import access, audit

logger = logging.getLogger(__name__)

READ_BYTES = 1024 * 1024
MOMENT = "%Y%m%dT%H%M%SZ"
# What is worth nothing in a restored vault: sign-ins, the queue's slips (made again from job_runs), the cache.
LEFT_OUT = ("django_session", "django_q_ormq", "cache_entries")
OBJECTS_OF_SNAPSHOT = """
    SELECT v.object_key, v.size_bytes, v.sha256, v.document_id::text, v.number FROM versions v ORDER BY v.object_key
"""
FIGURES = """
    SELECT (SELECT count(*) FROM users) AS people, (SELECT count(*) FROM documents) AS documents,
           (SELECT count(*) FROM folders) AS folders, (SELECT count(*) FROM versions) AS versions,
           (SELECT count(*) FROM audit_log) AS events,
           (SELECT count(*) FROM uploads WHERE state IN ('receiving', 'finishing')) AS uploads_under_way
"""

Step = Callable[[int, int], None]


class BackupRefused(Exception):
    """No backup is made, in one line for the operator."""


@dataclass
class BackupReport:
    """What one backup did. `flaws` are objects that could not be copied as they should be."""

    manifest: Manifest
    copied: int = 0
    copied_bytes: int = 0
    pruned: list[str] = field(default_factory=list)
    pruned_objects: int = 0


class Measured(Iterator[bytes]):
    """Bytes that pass, counted and hashed."""

    def __init__(self, chunks: Iterable[bytes], seen: Callable[[int], None]) -> None:
        self._chunks, self._seen = iter(chunks), seen
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def __next__(self) -> bytes:
        chunk = next(self._chunks)
        self._hash.update(chunk)
        self.size_bytes += len(chunk)
        self._seen(len(chunk))
        return chunk

    @property
    def part(self) -> Part:
        return Part(self.size_bytes, self._hash.hexdigest())


class Flawed(Exception):
    """An object is not what its row says."""


def back_up(
    place: Place, *, by: Actor, keep: int = 0, is_verifying: bool = False, step: Step = lambda done, total: None
) -> BackupReport:
    """A new generation in the place; `keep` > 0 removes all but so many whole ones, and what only they named.

    `is_verifying` reads again what the place has already. `step` hears of bytes done and of all there
    are to do. Raises BackupRefused, AlreadyHeld, HoldLost, ToolMissing, PlaceUnusable, StoreUnavailable.
    """
    access.require_admin(by)
    begun_at = now()
    _may_back_up(place)
    try:
        with deletions_held() as hold:
            # Only ours can be unfinished: another backup of this vault would hold deletions.
            place.remove_unfinished()
            report = _back_up(place, hold, is_verifying, step)
            if keep:
                _prune(place, keep, hold, report)
    except Exception as error:
        try:
            _note(begun_at, {}, str(error) or type(error).__name__)
        except DatabaseError:
            logger.warning("the failed backup could not be written down: the database is away")
        raise
    _tell(report, begun_at, by)
    return report


def _may_back_up(place: Place) -> None:
    if is_held():
        raise BackupRefused("This is a restored copy that is held. Release it before it writes backups.")
    check_bucket()
    if any(not name.startswith((GENERATIONS, OBJECTS)) for name, _size in islice(place.sizes(""), 100)):
        raise BackupRefused(f"{place.address} holds other things than backups. Choose an empty place.")
    whole, _begun = generations(place)
    if whole and (found := read_manifest(place, whole[-1]).instance) not in _lineage():
        raise BackupRefused(f"{place.address} holds the backups of another vault ({found}). Choose another place.")


def _lineage() -> set[str]:
    """The ids under which this vault has made backups: its own, and those it was restored from."""
    restored = UpkeepRun.objects.filter(kind=UpkeepKind.RESTORE).values_list("details__from", flat=True)
    return {str(identity().instance), *(str(instance) for instance in restored if instance)}


def _back_up(place: Place, hold: Hold, is_verifying: bool, step: Step) -> BackupReport:
    generation = _next_name(place)
    folder = f"{GENERATIONS}{generation}/"

    def seen(_count: int) -> None:
        hold.renew()

    with psycopg.connect(**address_of_owner(), connect_timeout=5) as snapshot:
        snapshot.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        snapshot.read_only = True
        facts = _facts(snapshot)
        dump = Measured(_dumped(facts["snapshot"], facts["postgres"]), seen)
        place.write(folder + DUMP, dump)
        listed = Measured(_lines(snapshot), seen)
        place.write(folder + LIST, listed)
    failpoint(Failpoint.BACKUP_DUMPED)
    report = BackupReport(
        Manifest(
            generation=generation,
            instance=str(identity().instance),
            made_at=facts["moment"],
            finished_at="",
            postgres=facts["postgres"],
            migrations=facts["migrations"],
            dump=dump.part,
            objects=listed.part,
            figures=facts["figures"],
            canaries=canaries(),
        )
    )
    _copy_objects(place, generation, report, hold, is_verifying, step)
    hold.renew()
    report.manifest = replace(report.manifest, finished_at=datetime.now(UTC).isoformat(timespec="seconds"))
    failpoint(Failpoint.BACKUP_ENDING)
    place.write(folder + MANIFEST, [report.manifest.to_json()])
    return report


def _next_name(place: Place) -> str:
    """After those there are in the order of names, also within one second and when the clock has gone back."""
    moment = datetime.now(UTC).replace(microsecond=0)
    whole, begun = generations(place)
    if names := [*whole, *begun]:
        last = datetime.strptime(max(names)[:16], MOMENT).replace(tzinfo=UTC)
        moment = max(moment, last + timedelta(seconds=1))
    return f"{moment.strftime(MOMENT)}-{secrets.token_hex(3)}"


def _facts(snapshot: "psycopg.Connection[Any]") -> dict[str, Any]:
    """What the manifest says of the snapshot, read in it."""
    with snapshot.cursor() as cursor:
        cursor.execute("SELECT pg_export_snapshot(), now(), current_setting('server_version_num')::int / 10000")
        name, moment, version = cursor.fetchone() or ("", now(), 0)
        cursor.execute("SELECT app || '.' || name FROM django_migrations ORDER BY 1")
        migrations = [row[0] for row in cursor.fetchall()]
        cursor.execute(FIGURES)
        columns = [column.name for column in cursor.description or ()]
        figures = dict(zip(columns, cursor.fetchone() or (), strict=True))
    return {
        "snapshot": name,
        "moment": moment.astimezone(UTC).isoformat(timespec="seconds"),
        "postgres": version,
        "migrations": migrations,
        "figures": figures,
    }


def _dumped(snapshot: str, server_version: int) -> Iterator[bytes]:
    """What pg_dump writes. Raises BackupRefused where it fails, ToolMissing."""
    words = [
        tool("pg_dump", server_version), "--format=custom", "--compress=6", f"--snapshot={snapshot}",
        "--no-owner", "--no-privileges", "--no-comments", "--no-password",
        *(f"--exclude-table-data={table}" for table in LEFT_OUT),
    ]  # fmt: skip
    with subprocess.Popen(
        words, env=environment_for(address_of_owner()), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            while chunk := process.stdout.read(READ_BYTES):
                yield chunk
            said = process.stderr.read().decode(errors="replace").strip().splitlines()
            if process.wait():
                raise BackupRefused(f"pg_dump failed: {said[-1] if said else process.returncode}")
        finally:
            process.kill()


def _lines(snapshot: "psycopg.Connection[Any]") -> Iterator[bytes]:
    with snapshot.cursor("objects") as cursor:
        cursor.itersize = 5000
        cursor.execute(OBJECTS_OF_SNAPSHOT)
        batch = []
        for row in cursor:
            batch.append(Listed(*row).to_line())
            if len(batch) == 5000:
                yield b"".join(batch)
                batch = []
        yield b"".join(batch)


# --- Objects ------------------------------------------------------------------------------------------


def _copy_objects(
    place: Place, generation: str, report: BackupReport, hold: Hold, is_verifying: bool, step: Step
) -> None:
    there = dict(place.sizes(OBJECTS))
    total = count = done = 0
    for item in read_list(place, generation):
        count += 1
        total += item.size_bytes
    report.manifest.figures.update(objects=count, bytes=total)

    def seen(size: int) -> None:
        nonlocal done
        done += size
        hold.renew()
        step(done, total)

    for item in read_list(place, generation):
        name = OBJECTS + item.key
        if there.get(name) == item.size_bytes and not (is_verifying and not _is_whole(place, item, seen)):
            if not is_verifying:
                seen(item.size_bytes)
            continue
        try:
            place.write(name, _checked(item, seen))
        except (Flawed, ObjectMissing) as error:
            what = "missing" if isinstance(error, ObjectMissing) else "damaged"
            flaw = {"document": item.document_id, "version": str(item.number), "object": item.key, "what": what}
            report.manifest.flaws.append(flaw)
        else:
            failpoint(Failpoint.BACKUP_OBJECT_COPIED)
            report.copied += 1
            report.copied_bytes += item.size_bytes


def _checked(item: Listed, seen: Callable[[int], None]) -> Iterator[bytes]:
    """The object's bytes from the vault; raises at the end where they are not those the row tells of."""
    measured = Measured(store().open(item.key), seen)
    yield from measured
    if measured.part != Part(item.size_bytes, item.sha256):
        raise Flawed(item.key)


def _is_whole(place: Place, item: Listed, seen: Callable[[int], None]) -> bool:
    """Whether the place has just these bytes, read anew."""
    measured = Measured(place.read(OBJECTS + item.key), seen)
    for _chunk in measured:
        pass
    return measured.part == Part(item.size_bytes, item.sha256)


# --- Older generations ------------------------------------------------------------------------------------


def _prune(place: Place, keep: int, hold: Hold, report: BackupReport) -> None:
    """Remove all but the newest generations, those never finished, and the objects that no kept one names.

    The manifest goes first: what is half removed is a backup that was never finished.
    """
    whole, begun = generations(place)
    kept = whole[-keep:]
    named: set[str] = set()
    for generation in kept:
        named.update(item.key for item in read_list(place, generation))
        hold.renew()
    for generation in [name for name in whole if name not in kept] + begun:
        for file in (MANIFEST, LIST, DUMP):
            place.delete(f"{GENERATIONS}{generation}/{file}")
            failpoint(Failpoint.BACKUP_PRUNING)
        report.pruned.append(generation)
    for name, _size in list(place.sizes(OBJECTS)):
        key = name[len(OBJECTS) :]
        if KEY_PATTERN.match(key) and key not in named:
            place.delete(name)
            report.pruned_objects += 1
            hold.renew()


# --- Told ---------------------------------------------------------------------------------------------------


def _note(begun_at: datetime, figures: dict[str, Any], failure: str = "", flaws: int = 0) -> None:
    UpkeepRun.objects.create(
        kind=UpkeepKind.BACKUP,
        started_at=begun_at,
        finished_at=now(),
        objects_seen=figures.get("objects", 0),
        bytes_read=figures.get("copied_bytes", 0),
        breaches=flaws,
        details=figures,
        failure=failure[:500],
    )


def _tell(report: BackupReport, begun_at: datetime, by: Actor) -> None:
    manifest = report.manifest
    figures = {**manifest.figures, "copied": report.copied, "copied_bytes": report.copied_bytes}
    with transaction.atomic():
        _note(begun_at, {**figures, "generation": manifest.generation}, flaws=len(manifest.flaws))
        audit.record(
            audit.Verb.BACKUP_MADE,
            by=by,
            target_kind="backup",
            target_id=manifest.generation,
            details={
                "documents": manifest.figures["documents"],
                "size_bytes": manifest.figures["bytes"],
                "count": report.copied,
                "removed": len(report.pruned),
            },
        )
