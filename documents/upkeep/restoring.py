"""Restoring: a backup into an empty vault, all of the database in one transaction, then the objects, then a check.

What is restored is a vault of its own: it gets a new id and is held, so that it neither sends nor deletes
beside the one it was copied from, until an operator releases it. An older database may be joined with
its own newer bucket: objects that are there stay, also those that no row names yet.
"""

import json
import logging
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import ProgrammingError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.utils.timezone import now

from accounts.actions.keys import KeysMissing, check_keys, forget_unreadable
from accounts.actors import Actor
from accounts.secrets import lacking_keys
from documents.hold import Hold, address_of_owner, deletions_held
from documents.identity import identity
from documents.models import UpkeepKind, UpkeepRun, Upload, UploadState, VaultIdentity, Version, VersionFlaw
from documents.storage import store
from documents.upkeep.backing_up import Flawed, Measured, Step
from documents.upkeep.manifests import (
    DUMP,
    GENERATIONS,
    LIST,
    OBJECTS,
    BackupUnusable,
    Listed,
    Manifest,
    Part,
    latest,
    read_list,
)
from documents.upkeep.places import FileGone, Place
from documents.writing import Beside
from docuvault.lib.failpoints import Failpoint, failpoint
from docuvault.lib.grants import ForApplicationRole
from docuvault.lib.postgres_tools import environment_for, tool
from docuvault.lib.roles import migration_role
from sharing import access, audit
from sharing.trail.sealing import begin_stretch

logger = logging.getLogger(__name__)

# Written into uploads that were under way when the backup was made: their bytes are in no backup.
DROPPED = "It was under way when the backup was made that this vault was restored from. Please send it again."
FILLED = """
    SELECT (SELECT count(*) FROM documents) + (SELECT count(*) FROM folders) + (SELECT count(*) FROM uploads)
         + (SELECT count(*) FROM topics WHERE user_id IS NOT NULL)
         + greatest((SELECT count(*) FROM users) - 1, 0) + (SELECT count(*) FROM users WHERE role <> 'admin')
"""
# Tables first: what the functions guard goes with them. Functions of extensions stay.
EMPTY_THE_SCHEMA = """
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE 'DROP TABLE IF EXISTS ' || name || ' CASCADE';
    END LOOP;
    FOR name IN SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                WHERE n.nspname = 'public'
                  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') LOOP
        EXECUTE 'DROP FUNCTION IF EXISTS ' || name || ' CASCADE';
    END LOOP;
    FOR name IN SELECT format('%I.%I', n.nspname, c.cfgname) FROM pg_ts_config c
                JOIN pg_namespace n ON n.oid = c.cfgnamespace WHERE n.nspname = 'public' LOOP
        EXECUTE 'DROP TEXT SEARCH CONFIGURATION ' || name || ' CASCADE';
    END LOOP;
END
$$;
"""
HOLD_STILL = """
INSERT INTO vault_identity (id, instance, restored_at, is_held) VALUES (1, gen_random_uuid(), now(), true)
    ON CONFLICT (id) DO UPDATE SET instance = gen_random_uuid(), restored_at = now(), is_held = true;
DELETE FROM upload_pieces;
DELETE FROM pictures;
UPDATE readings SET state = 'waiting', started_at = NULL WHERE state = 'reading';
UPDATE uploads SET state = 'failed', failure = '{dropped}', reserved_bytes = 0, object_key = '', updated_at = now()
    WHERE state IN ('receiving', 'finishing');
DELETE FROM received_files WHERE state = 'arriving';
UPDATE quotas SET reserved_bytes = 0;
UPDATE job_runs SET state = 'waiting', started_at = NULL, due_at = now() WHERE state = 'running';
"""
# The manifest's words have been checked for their form (documents/upkeep/manifests.py).
NOTE_ORIGIN = "INSERT INTO upkeep_runs (kind, details) VALUES ('restore', '{origin}');\n"


class RestoreRefused(Exception):
    """Nothing was restored and nothing has changed, in one line for the operator."""


@dataclass
class RestoreReport:
    """What came back, and what did not. `lost` names documents whose bytes are not what their rows say."""

    manifest: Manifest
    figures: dict[str, int] = field(default_factory=dict)
    copied: int = 0
    there: int = 0
    lost: list[tuple[Listed, VersionFlaw]] = field(default_factory=list)
    dropped_uploads: list[str] = field(default_factory=list)
    second_steps_off: int = 0
    problems: list[str] = field(default_factory=list)


def restore_vault(
    place: Place,
    generation: str = "",
    *,
    by: Actor,
    step: Step = lambda done, total: None,
    say: Callable[[str], None] = lambda line: None,
    keys_are_lost: bool = False,
) -> RestoreReport:
    """Bring a backup into this empty vault. Raises RestoreRefused, BackupUnusable, AlreadyHeld, ToolMissing,
    PlaceUnusable; then nothing has changed. StoreUnavailable: run it again, the database is empty no longer
    but held, and `restore` goes on with the objects.
    """
    access.require_admin(by)
    begun_at = now()
    manifest = latest(place, generation)
    _must_be_for_us(manifest)
    if (lacking := lacking_keys(manifest.canaries)) and not keys_are_lost:
        raise RestoreRefused(
            f"DOCUVAULT_MASTER_KEYS does not hold this backup's key {', '.join(lacking)}. Set it as it was in the "
            "vault the backup was made of. (--keys-are-lost restores all the same and turns second steps off.)"
        )
    is_going_on = _is_half_restored(manifest)
    if not is_going_on:
        _must_be_empty()
        _must_be_our_bucket(manifest)
    say(f"checking {manifest.generation}")
    _check_parts(place, manifest)
    with deletions_held() as hold:
        if not is_going_on:
            say("restoring the database")
            _restore_database(place, manifest, hold)
            failpoint(Failpoint.RESTORE_COMMITTED)
        with migration_role():
            call_command("migrate", interactive=False, verbosity=0)
        begin_stretch(f"restored {manifest.generation}"[:64])
        store().write_identity(str(identity().instance))
        report = RestoreReport(manifest)
        say("restoring the objects")
        _restore_objects(place, report, hold, step)
    _finish(report, begun_at, by, keys_are_lost)
    return report


# --- Before anything changes -----------------------------------------------------------------------------


def _must_be_for_us(manifest: Manifest) -> None:
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if strange := sorted(set(manifest.migrations) - known):
        raise RestoreRefused(
            f"{manifest.generation} was made by a later version of DocuVault (it knows {strange[0]}). Update first."
        )


def _must_be_empty() -> None:
    """Raises RestoreRefused. A database without tables is empty, and so is one with the first admin alone."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(FILLED)
            count = cursor.fetchone()[0]
    except ProgrammingError:
        return
    if count:
        raise RestoreRefused("This vault is not empty. A backup is restored into an empty database only.")


def _must_be_our_bucket(manifest: Manifest) -> None:
    """An empty bucket, the one made for this empty vault, or the very one that the backup was made of."""
    found = store().read_identity()
    try:
        with transaction.atomic():
            ours = {str(instance) for instance in VaultIdentity.objects.values_list("instance", flat=True)}
    except ProgrammingError:
        ours = set()
    if found and found not in {*ours, manifest.instance}:
        raise RestoreRefused(f"The bucket {store().bucket} belongs to another vault ({found}). Choose another bucket.")


def _is_half_restored(manifest: Manifest) -> bool:
    """Whether the database of this very backup came in before, and not all of its objects."""
    try:
        with transaction.atomic():
            return UpkeepRun.objects.filter(
                kind=UpkeepKind.RESTORE, finished_at=None, details__generation=manifest.generation
            ).exists()
    except ProgrammingError:
        return False


def _check_parts(place: Place, manifest: Manifest) -> None:
    for file, wanted in ((DUMP, manifest.dump), (LIST, manifest.objects)):
        name = f"{GENERATIONS}{manifest.generation}/{file}"
        measured = Measured(place.read(name), lambda count: None)
        try:
            for _chunk in measured:
                pass
        except FileGone:
            raise BackupUnusable(f"{name} is missing from the backup. Choose another generation.") from None
        if measured.part != wanted:
            raise BackupUnusable(f"{name} is damaged: its digest is not the manifest's. Choose another generation.")


# --- The database ------------------------------------------------------------------------------------------


def _restore_database(place: Place, manifest: Manifest, hold: Hold) -> None:
    """All of it, with the hold and without uploads under way, in one transaction.

    The script notes which backup it is: should this process die now, the next one goes on with the objects.
    """
    with psycopg.connect(**address_of_owner(), connect_timeout=5) as session:
        server = session.info.server_version // 10000
    words = {name: tool(name, max(server, manifest.postgres)) for name in ("pg_restore", "psql")}
    connection.close()  # what this process holds of the old tables would keep them from going
    command = [words["psql"], "--no-psqlrc", "--quiet", "--no-password", "--output=/dev/null", "--set=ON_ERROR_STOP=1"]
    with subprocess.Popen(
        command, env=environment_for(address_of_owner()), stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as client:
        assert client.stdin is not None
        assert client.stderr is not None
        try:
            for chunk in _script(place, manifest, words["pg_restore"], hold):
                client.stdin.write(chunk)
            client.stdin.close()
        except BrokenPipeError:
            logger.debug("psql has ended before the script did; its own words say why")
        except BaseException:
            client.kill()  # before the script's COMMIT: nothing has changed
            raise
        finally:
            with suppress(OSError):
                client.stdin.close()
        said = client.stderr.read().decode(errors="replace").strip().splitlines()
        if client.wait():
            why = next((line for line in said if "ERROR" in line), said[-1] if said else "")
            raise RestoreRefused(f"The database could not be restored and is as it was: {why}")


def _script(place: Place, manifest: Manifest, pg_restore: str, hold: Hold) -> Iterator[bytes]:
    """SQL: empty the schema, what pg_restore makes of the dump, the grants, and the hold."""
    yield b"BEGIN;\nSET lock_timeout = '30s';\n" + EMPTY_THE_SCHEMA.encode()
    yield from _restored(place.read(f"{GENERATIONS}{manifest.generation}/{DUMP}"), pg_restore, hold)
    yield b"SET search_path = public;\n"
    yield "".join(f"{statement};\n" for statement in _grants()).encode()
    yield HOLD_STILL.format(dropped=DROPPED).encode()
    origin = json.dumps({"generation": manifest.generation, "from": manifest.instance})
    yield NOTE_ORIGIN.format(origin=origin).encode()
    failpoint(Failpoint.RESTORE_COMMITTING)
    yield b"COMMIT;\n"


def _restored(dump: Iterator[bytes], pg_restore: str, hold: Hold) -> Iterator[bytes]:
    words = [pg_restore, "--no-owner", "--no-privileges", "--no-comments", "--file=-"]
    with subprocess.Popen(
        words, env={"LC_ALL": "C.UTF-8"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        feeding = Beside(lambda: _poured(dump, process.stdin))
        try:
            while chunk := process.stdout.read1(1024 * 1024):  # type: ignore[attr-defined]
                hold.renew()
                yield chunk
            feeding.result()
            said = process.stderr.read().decode(errors="replace").strip().splitlines()
            if process.wait():
                raise BackupUnusable(f"pg_restore cannot read the dump: {said[-1] if said else process.returncode}")
        finally:
            process.kill()


def _poured(dump: Iterator[bytes], pipe: IO[bytes] | None) -> None:
    assert pipe is not None
    try:
        with pipe:
            for chunk in dump:
                pipe.write(chunk)
    except BrokenPipeError:
        logger.debug("pg_restore has ended before the dump did; its own words say why")


def _grants() -> Iterator[str]:
    """What the migrations grant to the application's role, in their order. Nothing where one role does both."""
    if settings.MIGRATION_DATABASE is None or settings.MIGRATION_DATABASE["USER"] == settings.APP_ROLE:
        return
    role = connection.ops.quote_name(settings.APP_ROLE)
    graph = MigrationLoader(None).graph
    plan = dict.fromkeys(key for leaf in graph.leaf_nodes() for key in graph.forwards_plan(leaf))
    for key in plan:
        for operation in graph.nodes[key].operations:
            if isinstance(operation, ForApplicationRole):
                yield from (statement.format(role=role) for statement in operation.statements)


# --- The objects ---------------------------------------------------------------------------------------------


def _restore_objects(place: Place, report: RestoreReport, hold: Hold, step: Step) -> None:
    there = {item.key: item.size_bytes for item in store().objects()}
    total, done = report.manifest.figures.get("bytes", 0), 0

    def seen(size: int) -> None:
        nonlocal done
        done += size
        hold.renew()
        step(done, total)

    for item in read_list(place, report.manifest.generation):
        if there.get(item.key) == item.size_bytes:
            report.there += 1
            seen(item.size_bytes)
            continue
        try:
            _restore_object(place, item, seen)
        except FileGone:
            report.lost.append((item, VersionFlaw.MISSING))
        except Flawed:
            report.lost.append((item, VersionFlaw.DAMAGED))
        else:
            failpoint(Failpoint.RESTORE_OBJECT_PUT)
            report.copied += 1


def _restore_object(place: Place, item: Listed, seen: Callable[[int], None]) -> None:
    measured = Measured(place.read(OBJECTS + item.key), seen)
    with store().writing(item.key) as writer:
        for chunk in measured:
            writer.write(chunk)
        if measured.part != Part(item.size_bytes, item.sha256):
            raise Flawed(item.key)


# --- Found and told ----------------------------------------------------------------------------------------------


def _finish(report: RestoreReport, begun_at: datetime, by: Actor, keys_are_lost: bool) -> None:
    manifest = report.manifest
    for flaw in VersionFlaw:
        keys = [item.key for item, found in report.lost if found == flaw]
        Version.objects.filter(object_key__in=keys).update(flaw=flaw)
    if keys_are_lost:
        report.second_steps_off = forget_unreadable(by=by)
    try:
        check_keys()
    except KeysMissing as error:
        report.problems.append(str(error))
    dropped = Upload.objects.filter(state=UploadState.FAILED, failure=DROPPED).order_by("created_at")
    report.dropped_uploads = [f"{name} ({handle})" for name, handle in dropped.values_list("name", "user__handle")]
    report.figures = {**manifest.figures, "copied": report.copied, "there": report.there, "lost": len(report.lost)}
    with transaction.atomic():
        UpkeepRun.objects.filter(
            kind=UpkeepKind.RESTORE, finished_at=None, details__generation=manifest.generation
        ).update(
            finished_at=now(),
            started_at=begun_at,
            objects_seen=report.copied + report.there,
            breaches=len(report.lost),
            details={**report.figures, "generation": manifest.generation, "from": manifest.instance},
        )
        audit.record(
            audit.Verb.VAULT_RESTORED,
            by=by,
            target_kind="backup",
            target_id=manifest.generation,
            details={
                "from": manifest.instance,
                "documents": manifest.figures["documents"],
                "size_bytes": manifest.figures["bytes"],
                "count": report.copied,
            },
        )


@transaction.atomic
def release_hold(*, by: Actor) -> bool:
    """Let a restored copy send, sweep and delete from now on; answers whether it was held."""
    access.require_admin(by)
    if not VaultIdentity.objects.filter(is_held=True).update(is_held=False):
        return False
    audit.record(audit.Verb.HOLD_RELEASED, by=by)
    return True
