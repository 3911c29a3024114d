"""Comparing 100,000 documents with 100,000 objects, and checking the whole vault: time and memory, beside a listing."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import psycopg

from bench.report import Row
from bench.vault import CHECKOUT, RunningVault, running_vault

DOCUMENTS = 100_000
STRAYS = 20
BYTES = b"a small paper of some forty bytes or so...\n"
TIME_LIMIT, MEMORY_LIMIT_MB = 60.0, 200
OWNER = """
from accounts.actions import make_user
from accounts.actors import Actor
print(make_user("keeper", "keeper@bench.test", by=Actor.system(), password="bench password", is_confirmed=True).pk)
"""
RECONCILE = (
    "from accounts.actors import Actor; from documents.upkeep.sweeping import reconcile; reconcile(by=Actor.job())"
)
LIST = "from documents.storage import store; print(sum(1 for item in store().objects()))"
# From rows to objects as they are after so many uploads.
ROWS = """
    INSERT INTO documents (id, user_id, name, name_key, object_key, size_bytes, sha256, content_type, created_at)
        SELECT id, %(owner)s, 'Letter ' || n || '.txt', 'letter ' || n || '.txt', key, %(size)s, %(sha256)s,
               'text/plain', now() FROM seed;
    INSERT INTO versions (id, document_id, number, object_key, size_bytes, sha256, content_type)
        SELECT id, id, 1, key, %(size)s, %(sha256)s, 'text/plain' FROM seed;
    UPDATE documents SET current_version_id = id WHERE user_id = %(owner)s;
    INSERT INTO audit_log (actor_kind, actor_name, action, target_kind, target_id, target_name, owner_id, request_id,
                           session_hash, result, details)
        SELECT 'command', '', 'document_added', 'document', id::text, 'Letter', %(owner)s, '', '', 'done', '{}'
        FROM seed;
    UPDATE quotas SET limit_bytes = 1e12, used_bytes = %(used)s WHERE user_id = %(owner)s;
"""


def seed(vault: RunningVault) -> None:
    """The rows by SQL, the objects as files of the embedded store."""
    owner = vault.manage("shell", "--no-imports", "-c", OWNER).strip()
    keys = [f"{name[:2]}/{name}" for name in (uuid.uuid4().hex for _ in range(DOCUMENTS + STRAYS))]
    bucket = Path(vault.environment["DOCUVAULT_STORE_ROOT"]) / vault.environment["S3_BUCKET"]
    long_ago = time.time() - 5 * 24 * 3600
    for number in range(256):
        (bucket / f"{number:02x}").mkdir(exist_ok=True)
    for key in keys:
        (bucket / key).write_bytes(BYTES)
        os.utime(bucket / key, (long_ago, long_ago))
    values = {
        "owner": owner, "size": len(BYTES), "used": len(BYTES) * DOCUMENTS, "sha256": sha256(BYTES).hexdigest(),
    }  # fmt: skip
    with psycopg.connect(vault.environment["DATABASE_MIGRATE_URL"]) as connection:
        connection.execute("CREATE TEMPORARY TABLE seed (n integer, id uuid, key text)")
        with connection.cursor().copy("COPY seed FROM STDIN") as copy:
            for number, key in enumerate(keys[:DOCUMENTS]):
                copy.write_row((number, uuid.uuid4(), key))
        for statement in ROWS.split(";\n"):
            if statement.strip():
                connection.execute(statement, values)
    with psycopg.connect(vault.environment["DATABASE_MIGRATE_URL"], autocommit=True) as connection:
        connection.execute("ANALYZE")


def measured(vault: RunningVault, *words: str, expected: int = 0) -> tuple[float, float]:
    """Seconds and peak memory (10^6 bytes) of a command of ours, Python and Django included."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "manage.py", *words],
        cwd=CHECKOUT,
        env={**os.environ, "DOCUVAULT_DATA": str(vault.data)},
        stdout=subprocess.DEVNULL,
    )
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != expected:
        raise RuntimeError(f"manage.py {' '.join(words)} ended with {process.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss * 1024 / 1e6


def rows(data: Path) -> Iterator[Row]:
    """On a vault of its own, started anew once its store is filled: a running store does not see files come."""
    with running_vault(data) as vault:
        seed(vault)
    with running_vault(data) as vault:
        shell = ("shell", "--no-imports", "-c")
        measured(vault, *shell, LIST)  # the store takes the digests of what it has not seen before
        floor, _memory = measured(vault, *shell, LIST)
        for name, words, expected in (
            ("reconcile of", (*shell, RECONCILE), 0),
            ("check_vault (no bytes read) of", ("check_vault", "--share=0"), 1),  # the strays are breaches
        ):
            seconds, memory = measured(vault, *words, expected=expected)
            what = f"{name} {DOCUMENTS:,} documents against {DOCUMENTS + STRAYS:,} objects"
            is_met = seconds < TIME_LIMIT and memory < MEMORY_LIMIT_MB
            ours = f"{seconds:.1f} s, {memory:.0f} MB"
            yield Row(what, ours, f"{floor:.1f} s (listing)", f"{seconds / floor:.1f}", "< 60 s, < 200 MB", is_met)
