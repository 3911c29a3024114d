"""How many bytes a person may keep: reserve, settle, free and recount, each one statement."""

from uuid import UUID

from django.db import connection
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


class TooManyFiles(QuotaExceeded):
    """One file more than the person may keep."""

    def __init__(self, file_limit: int) -> None:
        self.file_limit = file_limit
        super().__init__(limit=0, available=0, wanted=0)

    @property
    def message(self) -> str:
        return _(
            "You keep %(limit)s files, as many as you may. Delete some for good, the trash included, or ask for more."
        ) % {"limit": self.file_limit}


class NoRoomThere(QuotaExceeded):
    """It does not fit into somebody else's vault: the figures are its owner's, and stay his."""

    def __init__(self, *, wanted: int) -> None:
        super().__init__(limit=0, available=0, wanted=wanted)

    @property
    def message(self) -> str:
        return _("There is no room for this in the owner's vault.")


# Plain SQL: each upload passes here twice, and building these with the ORM costs more than running them.
LOOK = """
    SELECT file_limit FROM quotas
    WHERE user_id = %(user)s AND (
        %(used)s = 0 OR used_bytes + reserved_bytes + %(used)s
            <= limit_bytes + CASE WHEN granted_until > now() THEN granted_bytes ELSE 0 END
    )
"""
GROW = """
    UPDATE quotas SET used_bytes = used_bytes + %(used)s, reserved_bytes = reserved_bytes + %(reserved)s
    WHERE user_id = %(user)s AND (
        %(used)s + %(reserved)s = 0 OR used_bytes + reserved_bytes + %(used)s + %(reserved)s
            <= limit_bytes + CASE WHEN granted_until > now() THEN granted_bytes ELSE 0 END
    )
    RETURNING file_limit
"""
# With the quota row held by the statement before, no other upload or purge of this vault is counted late.
FILES = """
    SELECT (SELECT count(*) FROM versions v JOIN documents d ON d.id = v.document_id WHERE d.user_id = %(user)s)
         + (SELECT count(*) FROM uploads WHERE user_id = %(user)s AND NOT is_import
            AND state IN ('receiving', 'finishing'))
"""
MOVE = "UPDATE quotas SET used_bytes = used_bytes + %s, reserved_bytes = reserved_bytes + %s WHERE user_id = %s"


def require(user_id: UUID, size_bytes: int) -> None:
    """Whether these bytes would fit now. Raises QuotaExceeded or TooManyFiles."""
    _require_place(user_id, _ask(LOOK, user_id, used_bytes=size_bytes), more=1)


def reserve(user_id: UUID, size_bytes: int) -> None:
    """Promise bytes, and a place among the files, to an upload before its first byte. In a transaction.

    Raises QuotaExceeded or TooManyFiles; the caller's transaction is then rolled back.
    """
    _require_place(user_id, _ask(GROW, user_id, reserved_bytes=size_bytes), more=1)


def take(user_id: UUID, size_bytes: int) -> None:
    """Use bytes that were not promised, for a file whose rows this transaction has just inserted.

    Raises QuotaExceeded or TooManyFiles; the caller's transaction is then rolled back.
    """
    _require_place(user_id, _ask(GROW, user_id, used_bytes=size_bytes), more=0)


def _ask(statement: str, user_id: UUID, *, used_bytes: int = 0, reserved_bytes: int = 0) -> int | None:
    """The file limit, if the bytes fit. Raises QuotaExceeded."""
    if used_bytes < 0 or reserved_bytes < 0:
        raise ValueError("a file cannot have fewer than no bytes")
    with connection.cursor() as cursor:
        cursor.execute(statement, {"user": user_id, "used": used_bytes, "reserved": reserved_bytes})
        row = cursor.fetchone()
    if row is None:
        quota = Quota.objects.get(user_id=user_id)
        raise QuotaExceeded(limit=quota.allowed_bytes, available=quota.free_bytes, wanted=used_bytes + reserved_bytes)
    limit: int | None = row[0]
    return limit


def _require_place(user_id: UUID, file_limit: int | None, *, more: int) -> None:
    if file_limit is not None and files_of(user_id) + more > file_limit:
        raise TooManyFiles(file_limit)


def files_of(user_id: UUID) -> int:
    """How many files a person keeps or is being sent: every version counts, the trash too."""
    with connection.cursor() as cursor:
        cursor.execute(FILES, {"user": user_id})
        count: int = cursor.fetchone()[0]
    return count


def files_left(quota: Quota) -> int | None:
    """How many more files there is a place for; None for as many as fit."""
    return None if quota.file_limit is None else max(0, quota.file_limit - files_of(quota.pk))


def _move(user_id: UUID, *, used_bytes: int = 0, reserved_bytes: int = 0) -> None:
    with connection.cursor() as cursor:
        cursor.execute(MOVE, [used_bytes, reserved_bytes, user_id])


def release(user_id: UUID, size_bytes: int) -> None:
    """Take a promise back."""
    _move(user_id, reserved_bytes=-size_bytes)


def settle(user_id: UUID, *, reserved_bytes: int, used_bytes: int) -> None:
    """Turn a promise into use; `used_bytes` is never more than was promised."""
    if used_bytes > reserved_bytes:
        raise ValueError("more bytes arrived than were reserved")
    _move(user_id, used_bytes=used_bytes, reserved_bytes=-reserved_bytes)


def free(user_id: UUID, size_bytes: int) -> None:
    """Give back what a purge removed."""
    _move(user_id, used_bytes=-size_bytes)


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
