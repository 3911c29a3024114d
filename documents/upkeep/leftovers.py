"""What should not lie about: old temporary files, and secrets where they do not belong."""

import logging
import os
import tempfile
import time
import zlib
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Sequence
from email import message_from_bytes
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.actors import Actor
from documents.upkeep.matching import rows_of
from sharing import audit

logger = logging.getLogger(__name__)

OLD_SECONDS = 3600
# Nothing that is under way takes longer.
REMOVABLE_SECONDS = 24 * 3600
# Files of our own in the directory that everybody shares.
OURS = ("docuvault", "pgdump-docuvault")
# What the embedded store leaves of an object that broke off.
UNFINISHED = (".rclone_temp_", ".partial")
LARGEST_MAIL = 1024 * 1024


def old_files() -> Iterator[tuple[Path, int]]:
    """Temporary files older than an hour, with their age in seconds."""
    moment = time.time()
    for path in _temporary_files():
        try:
            age = int(moment - path.stat().st_mtime)
        except OSError:
            continue  # it has just gone
        if age > OLD_SECONDS:
            yield path, age


def _temporary_files() -> Iterator[Path]:
    with os.scandir(tempfile.gettempdir()) as entries:
        yield from (Path(entry.path) for entry in entries if entry.name.startswith(OURS) and _is_ours(entry))
    if settings.STORE_ROOT:
        for folder, _folders, names in os.walk(Path(settings.STORE_ROOT) / settings.S3_BUCKET):
            yield from (Path(folder, name) for name in names if any(mark in name for mark in UNFINISHED))


def _is_ours(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.getuid()
    except OSError:
        return False


def remove(path: Path, age: int, *, by: Actor) -> bool:
    """Remove a temporary file that nobody writes any more; answers whether it is gone."""
    if age <= REMOVABLE_SECONDS:
        return False
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("the temporary file %s cannot be removed: %s", path.name, error)
        return False
    with transaction.atomic():
        audit.record(audit.Verb.VAULT_REPAIRED, by=by, target_kind="file", target_name=path.name)
    return True


# --- Secrets -------------------------------------------------------------------------------------------------

QUEUE = gettext_lazy("the queue")
PLACES = (
    (
        gettext_lazy("the trail"),
        "SELECT id::text, concat_ws(' ', actor_name, target_name, target_id, request_id, details) FROM audit_log",
    ),
    (gettext_lazy("jobs"), "SELECT id::text, concat_ws(' ', arguments, last_error) FROM job_runs"),
    (gettext_lazy("uploads"), "SELECT id::text, concat_ws(' ', failure, multipart_id) FROM uploads"),
    (gettext_lazy("rounds of upkeep"), "SELECT id::text, concat_ws(' ', failure, details) FROM upkeep_runs"),
    (gettext_lazy("pending deletions"), "SELECT object_key, last_error FROM pending_deletions"),
    (
        gettext_lazy("ended tasks of the queue"),
        "SELECT id, concat_ws(' ', name, func, args, kwargs, result) FROM django_q_task",
    ),
    (QUEUE, "SELECT id::text, payload FROM django_q_ormq"),
)


def canaries_found(canaries: Sequence[str]) -> Iterator[tuple[str, str]]:
    """I12: where one of these secrets stands. It is told by its number, never by itself."""
    wanted = [(number, canary) for number, canary in enumerate(canaries, 1) if canary]
    for place, statement in PLACES:
        for key, text in rows_of(statement):
            plain = f"{text or ''} {_unpacked(text or '') if place is QUEUE else ''}"
            for number, canary in wanted:
                if canary in plain:
                    yield _("secret %(number)d stands in %(place)s") % {"number": number, "place": place}, key
    if settings.MAIL_DIR.is_dir():
        for path in settings.MAIL_DIR.rglob("*"):
            if path.is_file() and path.stat().st_size < LARGEST_MAIL:
                text = _read_mail(path)
                for number, canary in wanted:
                    if canary in text:
                        yield _("secret %(number)d stands in a mail") % {"number": number}, path.name


def _read_mail(path: Path) -> str:
    """A mail as it lies there, and its text as a reader sees it."""
    raw = path.read_bytes()
    bodies = [part.get_payload(decode=True) for part in message_from_bytes(raw).walk()]
    return b" ".join([raw, *(body for body in bodies if isinstance(body, bytes))]).decode("utf-8", "replace")


def _unpacked(payload: str) -> str:
    """What the queue has signed and packed, readable enough to look for words in it."""
    packed = payload.rpartition(":")[0].rpartition(":")[0]
    try:
        data = urlsafe_b64decode(packed.lstrip(".") + "=" * (-len(packed.lstrip(".")) % 4))
        data = zlib.decompress(data) if packed.startswith(".") else data
    except (ValueError, zlib.error):
        return ""
    return data.decode("utf-8", "replace")
