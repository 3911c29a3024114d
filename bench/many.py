"""What is large or comes in crowds: the resumable way in, stalled senders, a ZIP of thousands, a purge of thousands."""

import base64
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from statistics import median
from typing import Any

import psycopg

from bench.report import Row, milliseconds
from bench.transfer import BIG, MB, Bytes, csrf, drained, send_form, speed_row, straight_client, timed, watched_memory
from bench.vault import ADMIN_PASSWORD, Client, RunningVault

PASSWORD = "bench password of some length"
STALLED, PAGE_TIMES = 64, 60
ZIPPED, ZIPPED_BYTES = 5_000, 100_000
PURGED, HELD_LIMIT_MS = 10_000, 200

PERSON = """
from accounts.actions import make_user
from accounts.actors import Actor
from accounts.models import Quota
from documents.actions.folders import make_folder
user = make_user("collector", "collector@bench.test", by=Actor.system(), password=%r, is_confirmed=True)
Quota.objects.update(limit_bytes=20_000_000_000)
print(user.pk, *(make_folder(name, None, by=Actor.for_user(user)).pk for name in ("Zipped", "Purged")))
"""
# Documents with a version each, as so many uploads leave them.
ROWS = """
    INSERT INTO documents (id, user_id, folder_id, name, name_key, object_key, size_bytes, sha256, content_type,
                           created_at)
        SELECT id, %(owner)s, %(folder)s, 'Letter ' || n || '.txt', 'letter ' || n || '.txt', key, %(size)s,
               %(sha256)s, 'text/plain', now() FROM seed;
    INSERT INTO versions (id, document_id, number, object_key, size_bytes, sha256, content_type)
        SELECT id, id, 1, key, %(size)s, %(sha256)s, 'text/plain' FROM seed;
    UPDATE documents SET current_version_id = id WHERE folder_id = %(folder)s;
    UPDATE quotas SET used_bytes = used_bytes + %(count)s * %(size)s::bigint WHERE user_id = %(owner)s;
    DROP TABLE seed
"""
PURGE = """
from accounts.actors import Actor
from documents.actions.trash import purge, trash_folder
from documents.models import Folder
folder = Folder.objects.get(pk=%r)
by = Actor.for_user(folder.user)
entry = trash_folder(folder, by=by)
print("thrown away", flush=True)
input()
purge(entry, by=by)
"""


def add_documents(vault: RunningVault, owner: str, folder: str, keys: list[str], data: bytes) -> None:
    """The rows of documents in a folder, by SQL."""
    values = {
        "owner": owner, "folder": folder, "size": len(data), "sha256": sha256(data).hexdigest(), "count": len(keys),
    }  # fmt: skip
    with psycopg.connect(vault.environment["DATABASE_MIGRATE_URL"]) as connection:
        connection.execute("CREATE TEMPORARY TABLE seed (n integer, id uuid, key text)")
        with connection.cursor().copy("COPY seed FROM STDIN") as copy:
            for number, key in enumerate(keys):
                copy.write_row((number, uuid.uuid4(), key))
        for statement in ROWS.split(";\n"):
            connection.execute(statement, values)
    with psycopg.connect(vault.environment["DATABASE_MIGRATE_URL"], autocommit=True) as connection:
        connection.execute("ANALYZE")


def new_keys(count: int) -> list[str]:
    return [f"{name[:2]}/{name}" for name in (uuid.uuid4().hex for _ in range(count))]


def rows(vault: RunningVault) -> Iterator[Row]:
    owner, zipped, purged = vault.manage("shell", "--no-imports", "-c", PERSON % PASSWORD).split()
    yield from _resumable(vault)
    yield from _stalled(vault)
    yield from _zip(vault, owner, zipped)
    yield _purge(vault, owner, purged)


# --- The resumable way in -----------------------------------------------------------------------------


def _resumable(vault: RunningVault) -> Iterator[Row]:
    client = Client(vault.port)
    client.sign_in("admin", ADMIN_PASSWORD)
    tus = {"Tus-Resumable": "1.0.0", "X-CSRFToken": csrf(client)}

    def plain(turn: int) -> float:
        return timed(lambda: send_form(client, f"plain {turn}.bin", BIG))

    def resumable(turn: int) -> tuple[float, float]:
        """Seconds until the last byte is acknowledged, and until the document is there."""
        start = time.perf_counter()
        name = base64.b64encode(f"resumable {turn}.bin".encode()).decode()
        made = client.ask(
            "POST", "/uploads/", b"", {**tus, "Upload-Length": str(BIG), "Upload-Metadata": f"filename {name}"}
        )
        address = made.headers["location"]
        kind = {"Content-Type": "application/offset+octet-stream", "Content-Length": str(BIG), "Upload-Offset": "0"}
        answer = client.ask("PATCH", address, Bytes(BIG), {**tus, **kind})
        if answer.status != 204 or answer.headers["upload-offset"] != str(BIG):
            raise RuntimeError(f"the resumable upload answered {answer.status}: {answer.text[:300]}")
        acknowledged = time.perf_counter() - start
        while '"document": null' in client.get(address).text:
            time.sleep(0.1)
        return acknowledged, time.perf_counter() - start

    turns = [(plain(turn), *resumable(turn)) for turn in range(2)]
    below, acknowledged, finished = (median(times) for times in zip(*turns, strict=True))
    for what, taken, least in (
        ("until the last byte is acknowledged", acknowledged, 0.8),
        ("until the document is there", finished, 0.4),
    ):
        name = f"1 GB by the resumable way, {what}, beside the plain form"
        yield speed_row(name, BIG, taken, below, least=least)


# --- Senders that stop in the middle --------------------------------------------------------------------


@contextmanager
def stalled_uploads(client: Client, count: int) -> Iterator[None]:
    """So many uploads that have sent a part of what they announced, and send no more."""
    size, token = 5 * MB, csrf(client)
    wires = []
    try:
        for number in range(count):
            name = base64.b64encode(f"stalled {number}.bin".encode()).decode()
            headers = client.headers(
                {
                    "Host": f"localhost:{client.port}",
                    "Tus-Resumable": "1.0.0",
                    "X-CSRFToken": token,
                    "Upload-Length": str(size),
                    "Upload-Metadata": f"filename {name}",
                    "Content-Type": "application/offset+octet-stream",
                    "Content-Length": str(size),
                }
            )
            head = "POST /uploads/ HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
            wire = socket.create_connection(("localhost", client.port))
            wire.sendall(head.encode() + b"x" * 100_000)
            wires.append(wire)
        time.sleep(1)
        yield
    finally:
        for wire in wires:
            wire.close()


def _stalled(vault: RunningVault) -> Iterator[Row]:
    client = Client(vault.port)
    client.sign_in("admin", ADMIN_PASSWORD)
    csrf(client)

    def page() -> None:
        # A connection of its own each time, so that it may meet any of the server's processes.
        other = Client(vault.port, dict(client.cookies))
        answer = other.get("/files/")
        if answer.status != 200:
            raise RuntimeError(f"a page answered {answer.status}")
        other.open().close()

    usual = milliseconds(page, PAGE_TIMES)
    with stalled_uploads(client, STALLED):
        meanwhile = milliseconds(page, PAGE_TIMES)
    usual += milliseconds(page, PAGE_TIMES)
    yield Row(
        f"a page while {STALLED} uploads are stalled",
        f"{median(meanwhile):.1f} / max {max(meanwhile):.1f} ms",
        f"{median(usual):.1f} / max {max(usual):.1f} ms",
        f"{median(meanwhile) / median(usual):.2f} x",
        "<= 2 x",
        median(meanwhile) <= 2 * median(usual),
    )


# --- A ZIP of thousands ---------------------------------------------------------------------------------


def _zip(vault: RunningVault, owner: str, folder: str) -> Iterator[Row]:
    straight, bucket = straight_client(vault), vault.environment["S3_BUCKET"]
    keys, data = new_keys(ZIPPED), os.urandom(ZIPPED_BYTES)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: straight.put_object(Bucket=bucket, Key=key, Body=data), keys))
    add_documents(vault, owner, folder, keys, data)
    client = Client(vault.port)
    client.sign_in("collector", PASSWORD)
    fields = f"action=download&folder={folder}&csrfmiddlewaretoken={csrf(client)}"

    def get_straight() -> None:
        for key in keys:
            drained(straight, bucket, key)

    def get_zip() -> None:
        size = client.drain("/selection/", {"Content-Type": "application/x-www-form-urlencoded"}, "POST", fields)
        if size < ZIPPED * ZIPPED_BYTES:
            raise RuntimeError(f"the ZIP had {size} bytes")

    with watched_memory(vault) as grown:
        turns = [(timed(get_straight), timed(get_zip)) for _ in range(2)]
        growth = grown()
    below, taken = (median(times) for times in zip(*turns, strict=True))
    name = f"ZIP of {ZIPPED:,} documents of {ZIPPED_BYTES // 1000} kB, beside straight gets"
    yield speed_row(name, ZIPPED * ZIPPED_BYTES, taken, below, least=0.6)
    yield Row("growth of the web processes meanwhile", f"{growth:.0f} MB", "", "", "< 60 MB", growth < 60)


# --- A purge of thousands -------------------------------------------------------------------------------


def _longest_wait(connection: psycopg.Connection[Any], owner: str, done: threading.Event) -> float:
    """How long somebody who adds to this vault waited at most, in milliseconds, for its lock and its quota row."""
    key = int.from_bytes(uuid.UUID(owner).bytes[:8], "big", signed=True)
    longest = 0.0
    while not done.wait(0.005):
        start = time.perf_counter()
        with connection.transaction(force_rollback=True):
            connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [key])
            connection.execute("SELECT 1 FROM quotas WHERE user_id = %s FOR UPDATE", [owner])
        longest = max(longest, (time.perf_counter() - start) * 1000)
    return longest


def _purge(vault: RunningVault, owner: str, folder: str) -> Row:
    add_documents(vault, owner, folder, new_keys(PURGED), b"paper")

    def watched(act: Any) -> float:
        done = threading.Event()
        url = vault.environment["DATABASE_URL"]
        with psycopg.connect(url, autocommit=True) as connection, ThreadPoolExecutor(1) as pool:
            longest = pool.submit(_longest_wait, connection, owner, done)
            try:
                act()
            finally:
                done.set()
            return longest.result()

    with vault.managing("shell", "--no-imports", "-c", PURGE % folder) as process:
        if process.stdout is None or process.stdout.readline().strip() != "thrown away":
            raise RuntimeError("the folder was not thrown away")
        usual = watched(lambda: time.sleep(3))
        start = time.perf_counter()
        longest = watched(lambda: process.communicate("\n", timeout=300))
        seconds = time.perf_counter() - start
    return Row(
        f"purge of {PURGED:,} documents ({seconds:.1f} s): longest wait for the vault or its quota",
        f"{longest:.0f} ms",
        f"{usual:.0f} ms",
        "",
        f"< {HELD_LIMIT_MS} ms",
        longest < HELD_LIMIT_MS,
    )
