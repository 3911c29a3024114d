"""Warnings: a person hears once when 80 and when 95 % of the room is taken, and again only after it was well below.

A job looks every few minutes. Rejected: a look in each upload, which everybody who waits for the same
quota row would pay for.
"""

from uuid import UUID

from django.db import connection, transaction

from accounts.actors import Actor
from accounts.models import WARNING_PERCENTS, User
from documents import jobs
from sharing import audit

# Who goes up and down around a mark is not told each time: it counts as left so far below it.
SLACK = 5

# The mark each vault is at, and the one it is still near; a vault that may keep nothing is no case for a warning.
CROSSED = """
    UPDATE quotas q SET warned_percent = now_at.mark
    FROM (
        SELECT user_id, warned_percent AS before,
            CASE WHEN taken >= %(full)s * allowed THEN %(full)s
                 WHEN warned_percent >= %(full)s AND taken >= (%(full)s - %(slack)s) * allowed THEN %(full)s
                 WHEN taken >= %(high)s * allowed THEN %(high)s
                 WHEN warned_percent >= %(high)s AND taken >= (%(high)s - %(slack)s) * allowed THEN %(high)s
                 ELSE 0 END AS mark
        FROM (
            SELECT user_id, warned_percent, 100 * (used_bytes + reserved_bytes)::numeric AS taken,
                limit_bytes + CASE WHEN granted_until > now() THEN granted_bytes ELSE 0 END AS allowed
            FROM quotas
        ) sums
        WHERE allowed > 0
    ) now_at
    WHERE q.user_id = now_at.user_id AND q.warned_percent = now_at.before AND now_at.mark <> now_at.before
    RETURNING q.user_id, now_at.mark, now_at.mark > now_at.before
"""


def warn_of_full_vaults() -> int:
    """Note who has crossed a mark since the last look, and have those above a new one told; answers how many."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            high, full = WARNING_PERCENTS
            cursor.execute(CROSSED, {"high": high, "full": full, "slack": SLACK})
            marks: dict[UUID, int] = {key: mark for key, mark, is_up in cursor.fetchall() if is_up}
        people = list(User.objects.filter(pk__in=marks, is_active=True))
        audit.record_many(
            audit.Verb.QUOTA_WARNED,
            [("user", one.pk, one.handle, one.pk, {"percent": marks[one.pk]}) for one in people],
            by=Actor.job(),
        )
        for one in people:
            jobs.enqueue("accounts.tasks.mail_nearly_full", one.pk)
    return len(people)
