"""Folder pages at three sizes, as their owner and as somebody they are shared with, beside bare SQL."""

from collections.abc import Iterator
from functools import partial
from statistics import median
from typing import Any

import psycopg

from bench.report import Row, milliseconds, shown
from bench.vault import Client, RunningVault

SIZES = (100, 1_000, 10_000, 100_000)
PAGES = (25, 100)
PASSWORD = "bench password of some length"
# The peer's best median for as many documents and rows, milliseconds: as its superuser, and as an ordinary user.
PEER_LIMIT = {
    "owner": {
        (1_000, 25): 51,
        (1_000, 100): 67,
        (10_000, 25): 53,
        (10_000, 100): 72,
        (100_000, 25): 62,
        (100_000, 100): 88,
    },
    "reader": {
        (1_000, 25): 60,
        (1_000, 100): 81,
        (10_000, 25): 74,
        (10_000, 100): 88,
        (100_000, 25): 140,
        (100_000, 100): 168,
    },
}
TIMES = 40

SEED = """
import uuid
from django.db import connection, transaction
from accounts.actions import make_user
from accounts.actors import Actor
from accounts.models import User
from documents.models import Folder, Topic
from sharing.models import Share

def person(handle):
    return User.objects.filter(handle=handle).first() or make_user(
        handle, handle + "@bench.test", by=Actor.system(), password=%(password)r, is_confirmed=True)

with transaction.atomic():
    owner, reader = person("owner"), person("reader")
    topics = [Topic.objects.create(user=owner, name="Topic %%d" %% n, name_key="topic %%d" %% n) for n in range(20)]
    for size in %(sizes)r:
        folder = Folder(user=owner, name="Folder of %%d" %% size, name_key="folder of %%d" %% size)
        folder.path = [folder.pk]
        folder.save()
        Share.objects.create(folder=folder, recipient=reader, shared_by=owner, level=10)
        with connection.cursor() as cursor:
            cursor.execute('''
                INSERT INTO documents (id, user_id, folder_id, name, name_key, object_key, size_bytes, sha256,
                                       content_type, created_at)
                SELECT gen_random_uuid(), %%s, %%s, 'Letter ' || lpad(n::text, 7, '0') || '.pdf',
                       'letter ' || lpad(n::text, 7, '0') || '.pdf', '', 1000 + n, repeat('0', 64),
                       'application/pdf', now() - n * interval '1 minute'
                FROM generate_series(1, %%s) n''', [owner.pk, folder.pk, size])
            cursor.execute('''
                INSERT INTO document_topics (document_id, topic_id)
                SELECT d.id, t.id FROM documents d, unnest(%%s::uuid[]) WITH ORDINALITY t(id, n)
                WHERE d.folder_id = %%s AND d.size_bytes %%%% 20 IN (t.n %%%% 20, (t.n + 7) %%%% 20)''',
                [[t.pk for t in topics], folder.pk])
        print(size, folder.pk)
with connection.cursor() as cursor:
    cursor.execute("SELECT 1")
"""

FLOOR = """
    SELECT d.id, d.name, d.size_bytes, d.created_at, d.content_type,
           (SELECT array_agg(t.name) FROM document_topics dt JOIN topics t ON t.id = dt.topic_id
            WHERE dt.document_id = d.id)
    FROM documents d WHERE d.user_id = (SELECT user_id FROM folders WHERE id = %(folder)s)
      AND d.folder_id = %(folder)s AND d.trash_id IS NULL
    ORDER BY d.name_key, d.id LIMIT %(count)s
"""
MIDDLE = "SELECT name FROM documents WHERE folder_id = %s ORDER BY name_key OFFSET %s LIMIT 1"


def _floor(connection: psycopg.Connection[Any], arguments: dict[str, Any]) -> list[Any]:
    return connection.execute(FLOOR, arguments).fetchall()


def seed(vault: RunningVault) -> dict[int, str]:
    """Make the documents (rows only) and answer the folder of each size."""
    printed = vault.manage("shell", "--no-imports", "-c", SEED % {"password": PASSWORD, "sizes": SIZES})
    with psycopg.connect(vault.environment["DATABASE_MIGRATE_URL"], autocommit=True) as connection:
        connection.execute("ANALYZE")
    return {int(size): folder for size, folder in (line.split() for line in printed.splitlines() if line)}


def rows(vault: RunningVault) -> Iterator[Row]:
    folders = seed(vault)
    people = {name: Client(vault.port) for name in ("owner", "reader")}
    for name, client in people.items():
        client.sign_in(name, PASSWORD)
    floor_connection = psycopg.connect(vault.environment["DATABASE_URL"], autocommit=True)
    medians: dict[tuple[str, int, int], float] = {}
    for who, client in people.items():
        for size in SIZES:
            for count in PAGES:
                path = f"/files/{folders[size]}/?per={count}&sort=name"
                answer = client.get(path)
                if answer.status != 200 or answer.text.count("Letter 0") < min(count, size):
                    raise RuntimeError(f"{path} answered {answer.status} without its {count} rows")
                taken = milliseconds(partial(client.get, path), TIMES)
                arguments = {"folder": folders[size], "count": count}
                floor = milliseconds(partial(_floor, floor_connection, arguments), TIMES)
                medians[who, size, count] = median(taken)
                if size > SIZES[0]:
                    yield Row(
                        f"folder of {size:,}, page of {count}, {who}",
                        shown(taken),
                        shown(floor),
                        f"{median(taken) / median(floor):.1f} x",
                        f"< {PEER_LIMIT[who][size, count]} ms",
                        median(taken) < PEER_LIMIT[who][size, count],
                    )
    small, large = medians["owner", SIZES[0], 25], medians["owner", SIZES[-1], 25]
    yield Row(
        "first page: 100,000 beside 100",
        f"{large:.1f} ms",
        f"{small:.1f} ms",
        f"{large / small:.2f} x",
        "<= 1.5 x",
        large <= 1.5 * small,
    )
    yield from _middle(people["owner"], folders, medians)
    yield from _whole_first_page(people["owner"], folders[SIZES[-1]])
    floor_connection.close()


def _middle(client: Client, folders: dict[int, str], medians: dict[tuple[str, int, int], float]) -> Iterator[Row]:
    """Walk by "show more" links to the middle is too long for a bench; the cursor of a name is asked for."""
    import re

    def page_after(size: int, steps: int) -> str:
        path = f"/files/{folders[size]}/?per=25&sort=name"
        for _ in range(steps):
            found = re.search(r'href="([^"]*after=[^"]+)"', client.get(path).text)
            if found is None:
                break
            path = found.group(1).replace("&amp;", "&")
            if path.startswith("?"):
                path = f"/files/{folders[size]}/{path}"
        return path

    # Sorting the other way and walking on makes a page whose rows lie deep in the index.
    shallow = page_after(100, 2)
    small = median(milliseconds(lambda: client.get(shallow), TIMES))
    deep = page_after(100_000, 200)
    large = median(milliseconds(lambda: client.get(deep), TIMES))
    yield Row(
        "later page: row 5,000 of 100,000 beside row 50 of 100",
        f"{large:.1f} ms",
        f"{small:.1f} ms",
        f"{large / small:.2f} x",
        "<= 1.5 x",
        large <= 1.5 * small,
    )


def _whole_first_page(client: Client, folder: str) -> Iterator[Row]:
    """The page and every script, style and fragment it names, nothing cached."""
    import re

    def load() -> int:
        html = client.get(f"/files/{folder}/").text
        wanted = set(re.findall(r'(?:href|src)="(/(?:static|icons|jsi18n)[^"#]*)', html))
        wanted |= {p.replace("&amp;", "&") for p in re.findall(r'hx-get="([^"]+)"[^>]*hx-trigger="[^"]*load', html)}
        for path in wanted:
            client.get(path, {"Accept-Encoding": "gzip"})
        return len(wanted) + 1

    count = load()
    taken = milliseconds(load, 15, warm=1)
    yield Row(
        f"whole first page of 100,000 ({count} requests, one connection, no cache)",
        shown(taken),
        "",
        "",
        "< 650 ms; aim 100",
        median(taken) < 650,
    )
