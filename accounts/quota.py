"""How many bytes a person may keep: reserve, settle, free and recount, each one statement."""

from uuid import UUID

from django.db import connection
from django.db.models import F
from django.template.defaultfilters import filesizeformat
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts.models import Quota


class QuotaExceeded(Exception):
    """The bytes do not fit. Carries what a person needs to decide: limit, available, wanted."""

    def __init__(self, *, limit: int, available: int, wanted: int) -> None:
        self.limit, self.available, self.wanted = limit, available, wanted
        super().__init__(self.message)

    @property
    def message(self) -> str:
        return _("This needs %(wanted)s; you have %(available)s left. Free some space or ask for more.") % {
            "wanted": filesizeformat(self.wanted),
            "available": filesizeformat(self.available),
        }


def reserve(user_id: UUID, size_bytes: int) -> None:
    """Promise bytes to an upload before the first one arrives. Raises QuotaExceeded."""
    if size_bytes < 0:
        raise ValueError("a reservation cannot be negative")
    fits = Quota.objects.filter(user_id=user_id, limit_bytes__gte=F("used_bytes") + F("reserved_bytes") + size_bytes)
    if not fits.update(reserved_bytes=F("reserved_bytes") + size_bytes) and size_bytes:
        quota = Quota.objects.get(user_id=user_id)
        raise QuotaExceeded(limit=quota.limit_bytes, available=quota.free_bytes, wanted=size_bytes)


def release(user_id: UUID, size_bytes: int) -> None:
    """Take a promise back."""
    Quota.objects.filter(user_id=user_id).update(reserved_bytes=F("reserved_bytes") - size_bytes)


def settle(user_id: UUID, *, reserved_bytes: int, used_bytes: int) -> None:
    """Turn a promise into use; `used_bytes` is never more than was promised."""
    if used_bytes > reserved_bytes:
        raise ValueError("more bytes arrived than were reserved")
    Quota.objects.filter(user_id=user_id).update(
        reserved_bytes=F("reserved_bytes") - reserved_bytes, used_bytes=F("used_bytes") + used_bytes
    )


def free(user_id: UUID, size_bytes: int) -> None:
    """Give back what a purge removed."""
    Quota.objects.filter(user_id=user_id).update(used_bytes=F("used_bytes") - size_bytes)


RECOUNT = """
    UPDATE quotas q SET used_bytes = truth.used, reserved_bytes = truth.reserved, recounted_at = %(now)s
    FROM (
        SELECT
            (SELECT coalesce(sum(v.size_bytes), 0) FROM versions v JOIN documents d ON d.id = v.document_id
             WHERE d.user_id = %(user)s) AS used,
            (SELECT coalesce(sum(u.reserved_bytes), 0) FROM uploads u
             WHERE u.user_id = %(user)s AND u.state IN ('receiving', 'finishing')) AS reserved
    ) truth
    WHERE q.user_id = %(user)s
"""


def recount(user_id: UUID) -> tuple[int, int]:
    """Set both counters to what the rows say; answers how far (used, reserved) had drifted, in bytes.

    The caller holds a transaction; the quota row is locked first, so no verb changes it in between.
    """
    before = Quota.objects.select_for_update().get(user_id=user_id)
    with connection.cursor() as cursor:
        cursor.execute(RECOUNT, {"user": user_id, "now": now()})
    after = Quota.objects.get(user_id=user_id)
    return after.used_bytes - before.used_bytes, after.reserved_bytes - before.reserved_bytes
