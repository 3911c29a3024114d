"""What the trail costs those who act, and a trail of a million rows: sealed, verified, shown."""

import json
import time
from collections.abc import Iterator
from functools import partial
from statistics import median

import psycopg

from bench.report import Row, milliseconds, shown
from bench.vault import ADMIN_PASSWORD, Client, RunningVault

WRITERS, ACTS, TURNS = 8, 40, 5
SHARE_LIMIT = 0.15
ROWS, PER_TRANSACTION = 1_000_000, 5_000
VERIFIED_PER_SECOND, PAGE_LIMIT_MS = 20_000, 300

# Eight writers at once, each renaming a document of his own: with the trail, and with nothing in its place.
COST = """
import json, time
from concurrent.futures import ThreadPoolExecutor
from django.db import connections
from accounts.actions import make_user
from accounts.actors import Actor
from documents.actions.documents import rename_document
from documents.models import Document
from sharing import audit
writers, acts, turns = %d, %d, %d
people = [make_user("writer%%d" %% n, "writer%%d@bench.test" %% n, by=Actor.system()) for n in range(writers)]
papers = [Document.objects.create(user=p, name="Paper", name_key="paper", content_type="text/plain") for p in people]

def write(n, turn):
    by = Actor.for_user(people[n])
    for act in range(acts):
        rename_document(papers[n], "Paper %%s %%d" %% (turn, act), by=by)
    connections.close_all()

def taken(turn):
    start = time.perf_counter()
    with ThreadPoolExecutor(writers) as pool:
        for ended in [pool.submit(write, n, turn) for n in range(writers)]:
            ended.result()
    return time.perf_counter() - start

record = audit.record
taken(0)
with_it, without = [], []
for turn in range(1, turns + 1):
    audit.record = record
    with_it.append(taken(f"with{turn}"))
    audit.record = lambda *args, **kwargs: None
    without.append(taken(f"without{turn}"))
print(json.dumps([with_it, without]))
"""
FILL = """
    INSERT INTO audit_log (actor_id, actor_kind, actor_name, action, target_kind, target_id, target_name, owner_id,
                           request_id, ip_address, session_hash, result, details)
    SELECT %(person)s, 'user', 'admin', 'document_viewed', 'document', gen_random_uuid()::text, 'Letter ' || n,
           %(person)s, md5(n::text), '203.0.113.7', md5('session'), 'done', '{"version":1}'
    FROM generate_series(%(first)s::int, %(last)s::int) n
"""


def rows(vault: RunningVault) -> Iterator[Row]:
    yield _cost(vault)
    yield from _million(vault)


def _cost(vault: RunningVault) -> Row:
    printed = vault.manage("shell", "--no-imports", "-c", COST % (WRITERS, ACTS, TURNS))
    with_it, without = (median(times) * 1000 / (WRITERS * ACTS) for times in json.loads(printed.splitlines()[-1]))
    share = (with_it - without) / with_it
    return Row(
        f"a rename with {WRITERS} writers at once, beside the same without its line in the trail",
        f"{with_it:.2f} ms",
        f"{without:.2f} ms",
        f"{share:.0%} of it",
        f"<= {SHARE_LIMIT:.0%}",
        share <= SHARE_LIMIT,
    )


def _million(vault: RunningVault) -> Iterator[Row]:
    with psycopg.connect(vault.environment["DATABASE_MIGRATE_URL"], autocommit=True) as connection:
        found = connection.execute("SELECT id FROM users WHERE role = 'admin'").fetchone()
        assert found is not None
        for first in range(1, ROWS, PER_TRANSACTION):
            values = {"person": found[0], "first": first, "last": first + PER_TRANSACTION - 1}
            connection.execute(FILL, values)
        connection.execute("ANALYZE audit_log")
    start = time.perf_counter()
    vault.manage("shell", "--no-imports", "-c", "from sharing.trail.sealing import seal_trail; seal_trail()")
    with psycopg.connect(vault.environment["DATABASE_URL"], autocommit=True) as connection:
        sealed = connection.execute("SELECT count(*), sum(row_count) FROM audit_seals").fetchone()
    taken = time.perf_counter() - start
    assert sealed is not None
    seals, count = sealed
    # The job of each minute may have sealed some of it before.
    yield Row(f"sealing {int(count):,} rows in {seals} seals", f"{taken:.0f} s", "", "", "", None)
    start = time.perf_counter()
    verdict = json.loads(vault.manage("verify_trail", "--json", "--no-anchors"))
    taken = time.perf_counter() - start
    speed = verdict["rows"] / taken
    yield Row(
        f"verifying {verdict['rows']:,} rows, the start of the command included",
        f"{speed:,.0f} rows/s",
        "",
        "",
        f">= {VERIFIED_PER_SECOND:,} rows/s, sound",
        speed >= VERIFIED_PER_SECOND and verdict["is_sound"] and verdict["rows"] >= ROWS,
    )
    client = Client(vault.port)
    client.sign_in("admin", ADMIN_PASSWORD)
    for what, path in (
        ("for admins", "/admin/sharing/auditevent/"),
        ("for admins, of one verb", "/admin/sharing/auditevent/?action=document_renamed"),
        ("for admins, its state and picture", "/admin/trail/"),
        ("of one's own", "/activity/"),
    ):
        answer = client.get(path)
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status}")
        times = milliseconds(partial(client.get, path), 20)
        yield Row(
            f"the page of a trail of {ROWS:,} rows, {what}",
            shown(times),
            "",
            "",
            f"< {PAGE_LIMIT_MS} ms",
            median(times) < PAGE_LIMIT_MS,
        )
