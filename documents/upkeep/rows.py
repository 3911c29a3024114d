"""What rows alone can tell of the vault: counters, names, the forest of folders, the trail, rights and jobs.

Each check is one statement over whole tables, so it sees one moment; its answer is read from a cursor.
"""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import User
from documents import jobs
from documents.models import Document, JobRun, JobState
from documents.names import name_key
from documents.search.index import stale_documents
from documents.storage import KEY_PATTERN
from documents.upkeep.matching import rows_of
from sharing import access

# (what, target)
Finding = tuple[str, object]
# So long after it was due nobody is looking after a job.
FORGOTTEN = timedelta(hours=1)
SAMPLED_PEOPLE = 20
SAMPLED_DOCUMENTS = 25

COUNTERS = """
    SELECT u.id, q.used_bytes, q.reserved_bytes, coalesce(kept.bytes, 0), coalesce(live.bytes, 0)
    FROM users u
    LEFT JOIN quotas q ON q.user_id = u.id
    LEFT JOIN (SELECT d.user_id, sum(v.size_bytes) AS bytes FROM versions v JOIN documents d ON d.id = v.document_id
               GROUP BY 1) kept ON kept.user_id = u.id
    LEFT JOIN (SELECT user_id, sum(reserved_bytes) AS bytes FROM uploads WHERE state IN ('receiving', 'finishing')
               GROUP BY 1) live ON live.user_id = u.id
    WHERE q.user_id IS NULL OR q.used_bytes <> coalesce(kept.bytes, 0) OR q.reserved_bytes <> coalesce(live.bytes, 0)
"""


def wrong_counters() -> Iterator[tuple[str, UUID]]:
    """I1: whose counters are not the sums, in bytes."""
    for owner, used, reserved, kept, promised in rows_of(COUNTERS):
        if used is None:
            yield _("a person has no quota"), owner
        else:
            yield (
                _("%(used)d bytes used and %(reserved)d promised; the rows say %(kept)d and %(promised)d")
                % {"used": used, "reserved": reserved, "kept": kept, "promised": promised},
                owner,
            )


STANDS_FOR = """
    SELECT d.id FROM documents d LEFT JOIN versions v ON v.id = d.current_version_id
    WHERE v.id IS NULL OR v.document_id <> d.id
       OR (d.object_key, d.size_bytes, d.sha256, d.content_type)
          IS DISTINCT FROM (v.object_key, v.size_bytes, v.sha256, v.content_type)
"""


def documents_beside_their_version() -> Iterator[tuple[str, UUID]]:
    """I2: documents without a current version, or saying something else than it."""
    for (key,) in rows_of(STANDS_FOR):
        yield _("the document does not stand for its current version"), key


SHARED_KEYS = """
    SELECT object_key, count(*) FROM (
        SELECT object_key FROM versions
        UNION ALL SELECT object_key FROM pictures
        UNION ALL SELECT object_key FROM upload_pieces
        UNION ALL SELECT object_key FROM uploads WHERE object_key <> '' AND state IN ('receiving', 'finishing')
    ) named GROUP BY 1 HAVING count(*) > 1
"""
KEYS = "SELECT object_key FROM versions WHERE object_key !~ %(pattern)s"


def shared_keys() -> Iterator[Finding]:
    """I4: objects that several rows name, and keys that are not of our making."""
    for key, count in rows_of(SHARED_KEYS):
        yield _("%(count)d rows name one object") % {"count": count}, key
    for (key,) in rows_of(KEYS, {"pattern": KEY_PATTERN.pattern}):
        yield _("the key is not of our making"), key


TWINS = """
    SELECT min(id::text), count(*) FROM documents WHERE trash_id IS NULL
    GROUP BY user_id, folder_id, name_key HAVING count(*) > 1
    UNION ALL SELECT min(id::text), count(*) FROM folders WHERE trash_id IS NULL
    GROUP BY user_id, parent_id, name_key HAVING count(*) > 1
"""
NAMES = "SELECT id, name, name_key FROM documents UNION ALL SELECT id, name, name_key FROM folders"
# With every path its parent's and itself, paths grow by one on the way down: there can be no ring.
PATHS = """
    SELECT f.id FROM folders f LEFT JOIN folders p ON p.id = f.parent_id
    WHERE f.path IS DISTINCT FROM (coalesce(p.path, '{}') || f.id) OR (f.parent_id IS NOT NULL AND p.id IS NULL)
"""
PLACES = """
    SELECT f.id, 'folder', p.user_id <> f.user_id FROM folders f JOIN folders p ON p.id = f.parent_id
    WHERE p.user_id <> f.user_id OR (f.trash_id IS NULL AND p.trash_id IS NOT NULL)
    UNION ALL
    SELECT d.id, 'document', p.user_id <> d.user_id FROM documents d JOIN folders p ON p.id = d.folder_id
    WHERE p.user_id <> d.user_id OR (d.trash_id IS NULL AND p.trash_id IS NOT NULL)
"""
TRASH = """
    SELECT d.id FROM documents d JOIN trash_entries t ON t.id = d.trash_id WHERE t.user_id <> d.user_id
    UNION ALL SELECT f.id FROM folders f JOIN trash_entries t ON t.id = f.trash_id WHERE t.user_id <> f.user_id
    UNION ALL SELECT t.id FROM trash_entries t
    WHERE NOT EXISTS (SELECT 1 FROM documents d WHERE d.trash_id = t.id)
      AND NOT EXISTS (SELECT 1 FROM folders f WHERE f.trash_id = t.id)
"""
# What waits by a file request, its document and the entry that holds it back name one another.
RECEIVED = """
    SELECT d.id FROM documents d JOIN trash_entries t ON t.id = d.trash_id AND t.kind = 'received'
    WHERE NOT EXISTS (SELECT 1 FROM received_files r JOIN file_requests q ON q.id = r.request_id
                      WHERE r.document_id = d.id AND r.state = 'waiting' AND q.user_id = d.user_id
                        AND (r.size_bytes, r.sha256) = (d.size_bytes, d.sha256))
    UNION ALL SELECT r.id FROM received_files r LEFT JOIN documents d ON d.id = r.document_id
    LEFT JOIN trash_entries t ON t.id = d.trash_id
    WHERE r.state = 'waiting' AND t.kind IS DISTINCT FROM 'received'
    UNION ALL SELECT r.id FROM received_files r LEFT JOIN uploads u ON u.id = r.upload_id
    WHERE r.state = 'arriving' AND (u.id IS NULL OR u.state NOT IN ('receiving', 'finishing'))
"""


def wrong_names_and_places() -> Iterator[Finding]:
    """I5, but for the paths."""
    for key, count in rows_of(TWINS):
        yield _("%(count)d live entries of one name in one place") % {"count": count}, key
    for key, name, stored in rows_of(NAMES):
        if name_key(name) != stored:
            yield _("the folded name is not that of the name"), key
    for key, kind, is_strange in rows_of(PLACES):
        where = _("somebody else's folder") if is_strange else _("a folder that is in the trash")
        yield _("a %(kind)s lies in %(where)s") % {"kind": kind, "where": where}, key
    for (key,) in rows_of(TRASH):
        yield _("an entry of the trash holds nothing, or what is somebody else's"), key
    for (key,) in rows_of(RECEIVED):
        yield _("a file that was sent, its place and its request do not belong together"), key


def wrong_paths() -> Iterator[tuple[str, UUID]]:
    """I5: folders whose path is not their parent's and themselves."""
    for (key,) in rows_of(PATHS):
        yield _("the path of the folder is not the chain of its parents"), key


UNTOLD = """
    SELECT 'added', d.id::text FROM documents d
    WHERE NOT EXISTS (SELECT 1 FROM audit_log a WHERE a.action = 'document_added' AND a.target_id = d.id::text)
    UNION ALL
    SELECT 'made', f.id::text FROM folders f
    WHERE NOT EXISTS (SELECT 1 FROM audit_log a WHERE a.action = 'folder_made' AND a.target_id = f.id::text)
    UNION ALL
    SELECT 'thrown', d.id::text FROM documents d JOIN trash_entries t ON t.id = d.trash_id AND t.kind = 'document'
    WHERE NOT EXISTS (SELECT 1 FROM audit_log a WHERE a.action = 'document_trashed' AND a.target_id = d.id::text)
    UNION ALL
    SELECT 'replaced', v.document_id::text FROM versions v WHERE v.number > 1
      AND NOT EXISTS (SELECT 1 FROM audit_log a
                      WHERE a.action = 'version_added' AND a.target_id = v.document_id::text)
    UNION ALL
    SELECT 'lost', a.target_id FROM audit_log a JOIN users u ON u.id = a.owner_id
    WHERE a.action = 'document_added' AND a.result = 'done'
      AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.id::text = a.target_id)
      AND NOT EXISTS (SELECT 1 FROM audit_log gone WHERE gone.action = 'document_purged'
                                                     AND gone.target_id = a.target_id)
"""


def untold() -> Iterator[Finding]:
    """I6: what is there and was never told, and what was told of and is gone without a word."""
    words = {
        "added": _("a document that the trail does not know"),
        "made": _("a folder that the trail does not know"),
        "thrown": _("a document in the trash, and the trail does not say who put it there"),
        "replaced": _("a newer version that the trail does not know"),
        "lost": _("a document that the trail tells of is gone, and nobody deleted it"),
    }
    for kind, key in rows_of(UNTOLD):
        yield words[kind], key


TRAIL_RIGHTS = """
    SELECT has_table_privilege('audit_log', 'UPDATE'), has_table_privilege('audit_log', 'DELETE'),
           has_table_privilege('audit_log', 'TRUNCATE')
"""


def rights_over_the_trail() -> Iterator[Finding]:
    """I7, as far as it can be told: whether the application's role could change or delete rows of the trail."""
    with connection.cursor() as cursor:
        cursor.execute(TRAIL_RIGHTS)
        held = cursor.fetchone()
    for name, is_held in zip(("UPDATE", "DELETE", "TRUNCATE"), held, strict=True):
        if is_held:
            yield _("the application's role may %(what)s the trail") % {"what": name}, settings.APP_ROLE


def differing_answers() -> Iterator[Finding]:
    """I8, by a sample: whether lists and single answers agree on what a person may reach.

    Some people by chance, and for each some documents he is listed and some of anybody's.
    """
    for person in _by_chance(User.objects.filter(is_active=True), SAMPLED_PEOPLE):
        actor = Actor.for_user(person)
        sample = _by_chance(access.visible_documents(actor), SAMPLED_DOCUMENTS)
        sample += _by_chance(Document.objects.live(), SAMPLED_DOCUMENTS)
        single = {row.pk: access.level_on_document(actor, row) or 0 for row in sample}
        for level in access.Level:
            listed = set(access.visible_documents(actor, level).filter(pk__in=single).values_list("pk", flat=True))
            for key, reached in single.items():
                if (reached >= level) != (key in listed):
                    yield (
                        _("list and single answer differ on whether person %(person)s may %(level)s")
                        % {"person": person.pk, "level": level.name.lower()},
                        key,
                    )


def _by_chance(rows: Any, count: int) -> list[Any]:
    """Some rows from a random id on, and from the first one where that is too few."""
    start = uuid.uuid4()
    found = list(rows.filter(pk__gte=start).order_by("pk")[:count])
    if len(found) < count:
        found += rows.filter(pk__lt=start).order_by("pk")[: count - len(found)]
    return found


FORGOTTEN_JOBS = """
    SELECT id, task, state FROM job_runs
    WHERE state = 'waiting' AND due_at < now() - %(forgotten)s
       OR state = 'running' AND started_at < now() - %(forgotten)s - %(timeout)s
"""
TRIED = "SELECT id, task, attempts, max_attempts FROM job_runs WHERE attempts > max_attempts + 1"


def forgotten_jobs() -> Iterator[tuple[str, UUID]]:
    """I9: jobs that nobody looks after."""
    limits = {"forgotten": FORGOTTEN, "timeout": timedelta(seconds=settings.JOB_TIMEOUT_SECONDS)}
    for key, task, state in rows_of(FORGOTTEN_JOBS, limits):
        yield _("%(task)s is %(state)s and nobody looks after it") % {"task": task, "state": state}, key


def overtried_jobs() -> Iterator[Finding]:
    """I9: jobs that were tried more often than they may be.

    One more than that is how a job ends whose worker was killed each time: it is counted, and not run.
    """
    for key, task, attempts, allowed in rows_of(TRIED):
        if attempts > max(allowed, jobs.attempts_of(task)) + 1:
            yield _("%(task)s was tried %(attempts)d times") % {"task": task, "attempts": attempts}, key


def failed_jobs() -> Iterator[JobRun]:
    """Jobs that have used up their tries. Not a breach: each waits for an admin."""
    return JobRun.objects.filter(state=JobState.FAILED).order_by("created_at").iterator()


def unfindable() -> Iterator[tuple[str, UUID]]:
    """I13: what has been read, and is not (or no longer) written down as what it is."""
    for key in stale_documents():
        yield _("the words of the document are missing or old"), key
