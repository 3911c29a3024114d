"""Whether a version's bytes are what they were: read, compared, and told of in the row and in the trail.

Bytes are never mended. A flaw is a mark, and it goes when the same bytes are back.
"""

import hashlib
import logging
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from accounts.actors import Actor
from documents.models import Version, VersionFlaw
from documents.storage import ObjectMissing, store
from documents.upkeep.alarm import ask_for_alarm
from sharing import audit

logger = logging.getLogger(__name__)
# Bytes that differ are read once more: the way may have been bad, not the disk.
TRIES = 2


@dataclass(frozen=True)
class Reading:
    """What reading an object gave. `flaw` is empty where all matched."""

    flaw: str
    bytes_read: int


def read_again(object_key: str, size_bytes: int, sha256: str) -> Reading:
    """Read an object to its end. Raises StoreUnavailable where that cannot be done."""
    count = 0
    for _try in range(TRIES):
        digest, size = hashlib.sha256(), 0
        try:
            for chunk in store().open(object_key):
                digest.update(chunk)
                size += len(chunk)
        except ObjectMissing:
            return Reading(VersionFlaw.MISSING, count)
        count += size
        if size == size_bytes and digest.hexdigest() == sha256:
            return Reading("", count)
    return Reading(VersionFlaw.DAMAGED, count)


def note_flaw(version_id: UUID, flaw: str, *, by: Actor) -> bool:
    """Mark a version whose bytes are missing or damaged; answers whether that is new.

    A version that is gone by now has no bytes to miss.
    """
    with transaction.atomic():
        version = _held(version_id)
        if version is None or version.flaw == flaw:
            return False
        version.flaw = flaw
        version.save(update_fields=["flaw"])
        _tell(audit.Verb.FLAW_FOUND, version, by, {"reason": flaw})
        ask_for_alarm()
    logger.error("version %s: content %s", version_id, flaw)
    return True


def note_whole(version_id: UUID, *, by: Actor) -> bool:
    """Note that the bytes were read and matched; answers whether that took a flaw away."""
    with transaction.atomic():
        version = _held(version_id)
        if version is None:
            return False
        was_flawed, version.flaw, version.checked_at = version.flaw, "", now()
        version.save(update_fields=["flaw", "checked_at"])
        if was_flawed:
            _tell(audit.Verb.FLAW_GONE, version, by, {"reason": was_flawed})
    return bool(was_flawed)


def _held(version_id: UUID) -> Version | None:
    rows = Version.objects.select_for_update(of=("self",), no_key=True).select_related("document")
    return rows.filter(pk=version_id).first()


def _tell(verb: audit.Verb, version: Version, by: Actor, details: dict[str, object]) -> None:
    document = version.document
    audit.record(
        verb,
        by=by,
        target_kind="document",
        target_id=document.pk,
        target_name=document.name,
        owner=document.user_id,
        details={"version": version.number, **details},
    )
