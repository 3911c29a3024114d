"""What is seen through shares beside what is one's own: a thousand shares, fifty groups, a deep tree of 100,000."""

from collections.abc import Iterator
from functools import partial
from statistics import median

import psycopg

from bench.report import Row, milliseconds, shown
from bench.vault import Client, RunningVault

PASSWORD = "bench password of some length"
DOCUMENTS, LEVELS, SIDES = 100_000, 12, 50
DIRECT, GROUPS, PER_GROUP = 1_000, 50, 5
TIMES, LIMIT = 40, 2.0

PEOPLE = """
from accounts.actions import make_user
from accounts.actors import Actor
for handle in ("giver", "receiver"):
    print(make_user(handle, handle + "@bench.test", by=Actor.system(), password=%r, is_confirmed=True).pk)
"""
# A spine of twelve folders, each with fifty beside; the documents spread over all, a tenth of them at the very bottom.
SEED = f"""
    CREATE TEMPORARY TABLE spine (level integer, id uuid, path uuid[]);
    INSERT INTO spine SELECT n, gen_random_uuid(), '{{}}' FROM generate_series(1, {LEVELS}) n;
    UPDATE spine SET path = (SELECT array_agg(s.id ORDER BY s.level) FROM spine s WHERE s.level <= spine.level);
    CREATE TEMPORARY TABLE sides AS
        SELECT gen_random_uuid() AS id, s.path AS above, s.level, n FROM spine s, generate_series(1, {SIDES}) n;
    CREATE TEMPORARY TABLE places AS
        SELECT id, path, level, 'Level ' || level AS name FROM spine
        UNION ALL
        SELECT id, above || id, level, 'Beside ' || lpad(n::text, 3, '0') FROM sides;
    INSERT INTO folders (id, user_id, parent_id, name, name_key, path)
        SELECT id, %(giver)s, path[cardinality(path) - 1], name, lower(name), path FROM places
        ORDER BY cardinality(path);
    CREATE TEMPORARY TABLE numbered AS SELECT id, row_number() OVER (ORDER BY name, id) - 1 AS n FROM places;
    INSERT INTO documents (id, user_id, folder_id, name, name_key, object_key, size_bytes, sha256, content_type,
                           created_at)
        SELECT gen_random_uuid(), %(giver)s,
               CASE WHEN n %% 10 = 0 THEN (SELECT id FROM spine WHERE level = {LEVELS})
                    ELSE (SELECT id FROM numbered p WHERE p.n = d.n %% (SELECT count(*) FROM numbered)) END,
               'Letter ' || lpad(n::text, 7, '0') || '.pdf', 'letter ' || lpad(n::text, 7, '0') || '.pdf', '',
               1000 + n, repeat('0', 64), 'application/pdf', now() - n * interval '1 minute'
        FROM generate_series(1, {DOCUMENTS}) AS d(n);
    INSERT INTO shares (id, folder_id, recipient_id, shared_by_id, level)
        SELECT gen_random_uuid(), id, %(receiver)s, %(giver)s, 10 FROM spine WHERE level = 1;
    INSERT INTO shares (id, folder_id, recipient_id, shared_by_id, level)
        SELECT gen_random_uuid(), id, %(receiver)s, %(giver)s, 10 FROM places
        WHERE cardinality(path) > 1 ORDER BY id LIMIT {DIRECT // 2};
    INSERT INTO shares (id, document_id, recipient_id, shared_by_id, level)
        SELECT gen_random_uuid(), id, %(receiver)s, %(giver)s, 10 FROM documents WHERE user_id = %(giver)s
        ORDER BY id LIMIT {DIRECT - DIRECT // 2 - 1};
    INSERT INTO groups (id, name, name_key)
        SELECT gen_random_uuid(), 'Bench group ' || n, 'bench group ' || n FROM generate_series(1, {GROUPS}) n;
    INSERT INTO memberships (group_id, user_id, role)
        SELECT id, %(receiver)s, 'member' FROM groups WHERE name LIKE 'Bench group %%';
    INSERT INTO shares (id, folder_id, group_id, shared_by_id, level)
        SELECT gen_random_uuid(), p.id, g.id, %(giver)s, 10
        FROM (SELECT id, row_number() OVER () n FROM groups WHERE name LIKE 'Bench group %%') g,
             LATERAL (SELECT id FROM numbered WHERE numbered.n / {PER_GROUP} = g.n) p
"""


def rows(vault: RunningVault) -> Iterator[Row]:
    giver, receiver = vault.manage("shell", "--no-imports", "-c", PEOPLE % PASSWORD).split()
    with psycopg.connect(vault.environment["DATABASE_MIGRATE_URL"]) as connection:
        for statement in SEED.split(";\n"):
            connection.execute(statement, {"giver": giver, "receiver": receiver} if "%(" in statement else None)
        deepest = connection.execute("SELECT id FROM spine WHERE level = %s", [LEVELS]).fetchone()
    with psycopg.connect(vault.environment["DATABASE_MIGRATE_URL"], autocommit=True) as connection:
        connection.execute("ANALYZE")
    assert deepest is not None
    people = {name: Client(vault.port) for name in ("giver", "receiver")}
    for name, client in people.items():
        client.sign_in(name, PASSWORD)

    def taken(who: str, path: str, word: str) -> list[float]:
        answer = people[who].get(path)
        if answer.status != 200 or answer.text.count(word) < 20:
            raise RuntimeError(f"{path} answered {answer.status} without its rows to the {who}")
        return milliseconds(partial(people[who].get, path), TIMES)

    folder = f"/files/{deepest[0]}/"
    own = taken("giver", folder, "Letter ")
    for what, path, word, beside in (
        (f"the folder {LEVELS} levels down", folder, "Letter ", own),
        ("“Shared with me”", "/shared/", "<bdi>", own),
    ):
        theirs = taken("receiver", path, word)
        ratio = median(theirs) / median(beside)
        yield Row(
            f"{what}, with {DIRECT:,} shares and {GROUPS} groups, beside its owner's own",
            shown(theirs),
            shown(beside),
            f"{ratio:.2f} x",
            f"<= {LIMIT:.0f} x",
            ratio <= LIMIT,
        )
