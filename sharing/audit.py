"""The trail: what may be written down, in which words, and the one way to write it."""

import json
from typing import Any, TypedDict
from uuid import UUID

from django.db import connection, models, transaction
from django.utils.translation import gettext_lazy as _

from accounts.actors import Actor
from documents.models import Document, Folder, Version
from docuvault.lib.connections import prepared_statements

READING_SECONDS = 600
VALUE_LIMIT = 500
NAME_LIMIT = 255


class Verb(models.TextChoices):
    """Everything that is written down, with its wording. A closed list: add here or it cannot be told."""

    SIGN_IN = "sign_in", _("signed in")
    SIGN_IN_FAILED = "sign_in_failed", _("failed to sign in")
    SIGN_OUT = "sign_out", _("signed out")
    PASSWORD_CHANGED = "password_changed", _("changed the password")
    PASSWORD_RESET_ASKED = "password_reset_asked", _("asked for a new password")
    PASSWORD_RESET_SENT = "password_reset_sent", _("sent a way to set a new password")
    PASSWORD_RESET = "password_reset", _("set a new password")
    TOTP_ON = "totp_on", _("turned the second step on")
    TOTP_OFF = "totp_off", _("turned the second step off")
    RECOVERY_CODES_MADE = "recovery_codes_made", _("made new recovery codes")
    RECOVERY_CODE_USED = "recovery_code_used", _("used a recovery code")
    PROFILE_CHANGED = "profile_changed", _("changed the profile")
    EMAIL_CHANGED = "email_changed", _("changed the e-mail address")
    EMAIL_CONFIRMED = "email_confirmed", _("confirmed the e-mail address")
    USER_MADE = "user_made", _("made an account")
    USER_INVITED = "user_invited", _("invited somebody")
    INVITATION_ACCEPTED = "invitation_accepted", _("accepted an invitation")
    INVITATION_WITHDRAWN = "invitation_withdrawn", _("withdrew an invitation")
    USER_DISABLED = "user_disabled", _("disabled an account")
    USER_ENABLED = "user_enabled", _("enabled an account")
    USER_CHANGED = "user_changed", _("changed an account")
    ROLE_CHANGED = "role_changed", _("changed a role")
    QUOTA_CHANGED = "quota_changed", _("changed a limit")
    QUOTA_REFUSED = "quota_refused", _("was refused for lack of space")
    QUOTA_RECOUNTED = "quota_recounted", _("corrected the count of used space")
    QUOTA_WARNED = "quota_warned", _("warned that the space is nearly full")
    ROOM_ASKED = "room_asked", _("asked for more space")
    ROOM_WITHDRAWN = "room_withdrawn", _("withdrew a request for more space")
    ROOM_GRANTED = "room_granted", _("granted more space")
    ROOM_REFUSED = "room_refused", _("refused more space")
    ROOM_ENDED = "room_ended", _("ended what was granted on top")
    GROUP_MADE = "group_made", _("made a group")
    GROUP_CHANGED = "group_changed", _("changed a group")
    GROUP_DELETED = "group_deleted", _("deleted a group")
    FOLDER_MADE = "folder_made", _("made the folder")
    FOLDER_RENAMED = "folder_renamed", _("renamed the folder")
    FOLDER_MOVED = "folder_moved", _("moved the folder")
    FOLDER_TRASHED = "folder_trashed", _("threw the folder away")
    FOLDER_RESTORED = "folder_restored", _("restored the folder")
    FOLDER_PURGED = "folder_purged", _("deleted the folder for good")
    DOCUMENT_ADDED = "document_added", _("added")
    DOCUMENT_VIEWED = "document_viewed", _("opened")
    DOCUMENT_DOWNLOADED = "document_downloaded", _("downloaded")
    DOCUMENT_RENAMED = "document_renamed", _("renamed")
    DOCUMENT_MOVED = "document_moved", _("moved")
    DOCUMENT_TAGGED = "document_tagged", _("put a topic on")
    DOCUMENT_UNTAGGED = "document_untagged", _("took a topic off")
    DOCUMENT_STARRED = "document_starred", _("starred")
    DOCUMENT_UNSTARRED = "document_unstarred", _("took the star off")
    DOCUMENT_TRASHED = "document_trashed", _("threw away")
    DOCUMENT_RESTORED = "document_restored", _("restored")
    DOCUMENT_PURGED = "document_purged", _("deleted for good")
    VERSION_ADDED = "version_added", _("added a version of")
    VERSION_NOTED = "version_noted", _("wrote a note on a version of")
    VERSION_PROMOTED = "version_promoted", _("made an older version current of")
    VERSION_DELETED = "version_deleted", _("deleted a version of")
    READING_ASKED = "reading_asked", _("had read again")
    READINGS_RETRIED = "readings_retried", _("had documents that failed read again")
    SHARE_MADE = "share_made", _("shared")
    SHARE_CHANGED = "share_changed", _("changed the sharing of")
    SHARE_WITHDRAWN = "share_withdrawn", _("withdrew the sharing of")
    SHARE_KEPT = "share_kept", _("looked over the sharing of")
    SHARE_ACCEPTED = "share_accepted", _("accepted")
    SHARE_HIDDEN = "share_hidden", _("hid")
    SHARE_SHOWN = "share_shown", _("no longer hides")
    SHARE_LEFT = "share_left", _("left")
    SHARE_REJOINED = "share_rejoined", _("came back to")
    SHARE_ARRIVED = "share_arrived", _("was reached by the sharing of")
    LINK_MADE = "link_made", _("made a link to")
    LINK_CHANGED = "link_changed", _("changed a link to")
    LINK_PAUSED = "link_paused", _("paused a link to")
    LINK_RESUMED = "link_resumed", _("opened a paused link to")
    LINK_KEPT = "link_kept", _("kept the link to")
    LINK_REVOKED = "link_revoked", _("closed for good a link to")
    LINK_OPENED = "link_opened", _("came to")
    LINK_PASSWORD_FAILED = "link_password_failed", _("was refused with a wrong password for")
    POLICY_CHANGED = "policy_changed", _("changed the policy for sharing")
    COMMENT_MADE = "comment_made", _("wrote a comment on")
    COMMENT_CHANGED = "comment_changed", _("changed a comment on")
    COMMENT_DELETED = "comment_deleted", _("deleted a comment on")
    REQUEST_MADE = "request_made", _("asked for files with")
    REQUEST_CHANGED = "request_changed", _("changed the file request")
    REQUEST_CLOSED = "request_closed", _("closed the file request")
    REQUEST_REOPENED = "request_reopened", _("opened the file request again")
    REQUEST_RENEWED = "request_renewed", _("made a new address for the file request")
    FILE_RECEIVED = "file_received", _("sent a file to")
    FILE_ACCEPTED = "file_accepted", _("filed what was sent:")
    FILE_REFUSED = "file_refused", _("refused what was sent:")
    FILE_EXPIRED = "file_expired", _("let go of what was sent:")
    HANDOVER_OFFERED = "handover_offered", _("offered to hand over")
    HANDOVER_WITHDRAWN = "handover_withdrawn", _("withdrew the offer to hand over")
    HANDOVER_REFUSED = "handover_refused", _("refused to take over")
    HANDOVER_GIVEN = "handover_given", _("took over from you")
    HANDOVER_TAKEN = "handover_taken", _("took over")
    EMERGENCY_NAMED = "emergency_named", _("named an emergency contact")
    EMERGENCY_CHANGED = "emergency_changed", _("changed an emergency contact")
    EMERGENCY_REMOVED = "emergency_removed", _("removed an emergency contact")
    EMERGENCY_ASKED = "emergency_asked", _("asked for emergency access")
    EMERGENCY_WITHDRAWN = "emergency_withdrawn", _("withdrew the request for emergency access")
    EMERGENCY_REFUSED = "emergency_refused", _("refused emergency access")
    EMERGENCY_GRANTED = "emergency_granted", _("was given emergency access to")
    EMERGENCY_ENDED = "emergency_ended", _("ended emergency access")
    REVIEW_ASKED = "review_asked", _("asked about unused shares")
    TRASH_EMPTIED = "trash_emptied", _("emptied the trash")
    TOPIC_MADE = "topic_made", _("made the topic")
    TOPIC_CHANGED = "topic_changed", _("changed the topic")
    TOPIC_DELETED = "topic_deleted", _("deleted the topic")
    VIEW_SAVED = "view_saved", _("saved the search")
    VIEW_RENAMED = "view_renamed", _("renamed the saved search")
    VIEW_DELETED = "view_deleted", _("deleted the saved search")
    VIEW_SHARED = "view_shared", _("shared the saved search")
    VIEW_UNSHARED = "view_unshared", _("stopped sharing the saved search")
    VIEW_LEFT = "view_left", _("took off the list the saved search")
    RULE_MADE = "rule_made", _("made the rule")
    RULE_CHANGED = "rule_changed", _("changed the rule")
    RULE_DELETED = "rule_deleted", _("deleted the rule")
    RULE_RUN = "rule_run", _("ran the rule")
    RULE_STOPPED = "rule_stopped", _("stopped the rule")
    RULE_UNDONE = "rule_undone", _("undid a run of the rule")
    SUGGESTION_DISMISSED = "suggestion_dismissed", _("dismissed suggestions for")
    SUGGESTION_REOPENED = "suggestion_reopened", _("took back what was dismissed for")
    UPLOAD_BEGUN = "upload_begun", _("began to add")
    UPLOAD_CANCELLED = "upload_cancelled", _("stopped adding")
    UPLOAD_FAILED = "upload_failed", _("could not add")
    UPLOAD_EXPIRED = "upload_expired", _("did not finish adding")
    OBJECTS_DELETED = "objects_deleted", _("deleted stored bytes")
    STORAGE_SWEPT = "storage_swept", _("swept the storage")
    FLAW_FOUND = "flaw_found", _("found content missing or damaged of")
    FLAW_GONE = "flaw_gone", _("found content whole again of")
    OBJECT_CONDEMNED = "object_condemned", _("noted stored bytes without a row for deletion")
    VAULT_REPAIRED = "vault_repaired", _("repaired")
    UPKEEP_ASKED = "upkeep_asked", _("asked for a look at the storage")
    JOB_REPEATED = "job_repeated", _("started a job again")
    ACCESS_DENIED = "access_denied", _("was refused")
    BACKUP_MADE = "backup_made", _("made a backup")
    VAULT_RESTORED = "vault_restored", _("restored the vault from a backup")
    HOLD_RELEASED = "hold_released", _("let the restored vault send and delete again")
    EXPORT_MADE = "export_made", _("exported everything")
    EXPORT_TAKEN_IN = "export_taken_in", _("took in an export")
    TRAIL_READ = "trail_read", _("read the trail")
    TRAIL_VERIFIED = "trail_verified", _("verified the trail")
    TRAIL_EXPORTED = "trail_exported", _("exported the trail")
    TRAIL_PRUNED = "trail_pruned", _("removed old rows of the trail")
    TRAIL_LABELS_ERASED = "trail_labels_erased", _("took a person's names out of the trail")


# What may stand beside a verb. A closed list too: nothing gets into the trail by a careless dictionary.
DETAILS = frozenset(
    {
        "added", "address", "available", "colour", "count", "documents", "entries", "fields", "from", "in", "left",
        "level", "name", "name_before", "percent", "reason", "received_bytes", "removed", "reserved_bytes",
        "role", "rule", "sender", "sha256", "size_bytes", "to", "topic", "type", "until", "used_bytes", "version",
        "wanted",
    }
)  # fmt: skip

INTO_TRAIL = """
    INSERT INTO audit_log (actor_id, actor_kind, actor_name, on_behalf_of, action, target_kind, target_id,
        target_name, owner_id, request_id, ip_address, session_hash, result, details)
"""
VALUES = "%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s"
INSERT = f"{INTO_TRAIL} VALUES ({VALUES})"


def _plain(value: Any) -> Any:
    """Short plain values only, so that nothing large or secret-shaped slips into the trail."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value[:50]]
    return _text(str(value), VALUE_LIMIT)


def _text(value: str, limit: int) -> str:
    """What PostgreSQL can keep of it: no NUL, no half characters, not too long."""
    return value.replace("\x00", "").encode(errors="replace").decode()[:limit]


def _values(
    verb: Verb,
    by: Actor,
    target_kind: str,
    target_id: UUID | str,
    target_name: str,
    owner: UUID | None,
    details: dict[str, Any] | None,
    result: str,
) -> tuple[Any, ...]:
    if unknown := (details or {}).keys() - DETAILS:
        raise ValueError(f"the trail has no place for {', '.join(sorted(unknown))}")
    canonical = json.dumps(
        {key: _plain(value) for key, value in (details or {}).items()},
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )
    return (
        by.pk,
        by.kind.value,
        by.name,
        by.on_behalf_of.pk if by.on_behalf_of else None,
        verb.value,
        target_kind,
        str(target_id),
        _text(target_name, NAME_LIMIT),
        owner,
        by.request_id,
        by.address,
        by.session_hash,
        result,
        canonical,
    )


def record(
    verb: Verb,
    *,
    by: Actor,
    target_kind: str = "",
    target_id: UUID | str = "",
    target_name: str = "",
    owner: UUID | None = None,
    details: dict[str, Any] | None = None,
    result: str = "done",
) -> None:
    """Write one line in the caller's transaction: if it cannot be told, it is not done.

    `owner` is the person whose vault it concerns. Raises RuntimeError outside a transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("the trail is written inside the transaction of what it tells")
    with prepared_statements(), connection.cursor() as cursor:
        cursor.execute(INSERT, _values(verb, by, target_kind, target_id, target_name, owner, details, result))


class About(TypedDict):
    """What a line is about, and whose vault that concerns."""

    target_kind: str
    target_id: UUID
    target_name: str
    owner: UUID


def about(item: Document | Folder, owner: UUID | None = None) -> About:
    """A document or a folder, as `record` is told of it; of its owner's vault unless it is said otherwise."""
    kind = "document" if isinstance(item, Document) else "folder"
    return {"target_kind": kind, "target_id": item.pk, "target_name": item.name, "owner": owner or item.user_id}


def last_number() -> int:
    """The number of the last row of the trail; 0 where there is none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM audit_log")
        number: int = cursor.fetchone()[0]
    return number


def record_many(
    verb: Verb,
    rows: list[tuple[str, UUID | str, str, UUID | None, dict[str, Any] | None]],
    *,
    by: Actor,
) -> None:
    """One line per (target kind, id, name, owner, details), in one round trip."""
    if not connection.in_atomic_block:
        raise RuntimeError("the trail is written inside the transaction of what it tells")
    with connection.cursor() as cursor:
        cursor.executemany(
            INSERT,
            [_values(verb, by, kind, key, name, owner, details, "done") for kind, key, name, owner, details in rows],
        )


def record_apart(
    verb: Verb,
    *,
    by: Actor,
    target_kind: str = "",
    target_id: UUID | str = "",
    target_name: str = "",
    owner: UUID | None = None,
    details: dict[str, Any] | None = None,
    result: str = "refused",
) -> None:
    """Write a refusal or failure, whose own work is rolled back, in a transaction of its own."""
    with transaction.atomic():
        record(
            verb,
            by=by,
            target_kind=target_kind,
            target_id=target_id,
            target_name=target_name,
            owner=owner,
            details=details,
            result=result,
        )


# Looked up first: trying to insert locks the row that is there and waits for the disk, at each range of a file.
MARK_READING = f"""
    INSERT INTO reading_marks (reader, version_id, action, at)
    SELECT reader, version_id, action, now() FROM (VALUES (%s, %s::uuid, %s)) AS asked (reader, version_id, action)
    WHERE NOT EXISTS (
        SELECT FROM reading_marks AS known
        WHERE known.version_id = asked.version_id AND known.reader = asked.reader AND known.action = asked.action
        AND known.at >= now() - interval '{READING_SECONDS} seconds'
    )
    ON CONFLICT (version_id, reader, action) DO UPDATE SET at = now()
    WHERE reading_marks.at < now() - interval '{READING_SECONDS} seconds'
    RETURNING id
"""  # noqa: S608 (our own number)
# The mark, the line and the receipt in one statement: a ZIP of thousands passes here for each of its files.
TELL_READING = f"""
    WITH mark AS ({MARK_READING}), told AS (
        {INTO_TRAIL} SELECT {VALUES} FROM mark
    ), counted AS (
        INSERT INTO receipts (document_id, reader, views, downloads, first_at, last_at)
        SELECT %s, %s, %s, %s, now(), now() FROM mark
        ON CONFLICT (document_id, reader) DO UPDATE SET views = receipts.views + EXCLUDED.views,
            downloads = receipts.downloads + EXCLUDED.downloads, last_at = now()
    )
    SELECT 1 FROM mark
"""  # noqa: S608 (parts of our own)


def _reader(by: Actor) -> str:
    """Whose readings within ten minutes are one. Of a link, each visit's."""
    return str(by.user.pk) if by.user else f"{by.kind.value}:{by.session_hash}"


def mark_reading(action: str, version: Version, *, by: Actor) -> bool:
    """Whether this is the first of its kind by this actor in ten minutes."""
    with connection.cursor() as cursor:
        cursor.execute(MARK_READING, (_reader(by), str(version.pk), action))
        return cursor.fetchone() is not None


def record_reading(verb: Verb, version: Version, *, by: Actor) -> bool:
    """Tell of a view or download once per actor, version and ten minutes; answers whether it was told."""
    with prepared_statements(), connection.cursor() as cursor:
        cursor.execute(TELL_READING, _reading(verb, version, by))
        return cursor.fetchone() is not None


def record_readings(verb: Verb, versions: list[Version], *, by: Actor) -> None:
    """As `record_reading` for each of them, in one round trip."""
    if versions:
        with connection.cursor() as cursor:
            cursor.executemany(TELL_READING, [_reading(verb, version, by) for version in versions])


def _reading(verb: Verb, version: Version, by: Actor) -> tuple[Any, ...]:
    # Each visit through a link is told of; the receipt is the link's.
    receiver = link_reader(by.link_id) if by.link_id else _reader(by)
    about_it, is_download = about(version.document), verb == Verb.DOCUMENT_DOWNLOADED
    row = _values(verb, by, **about_it, details={"version": version.number}, result="done")
    mark = (_reader(by), str(version.pk), verb.value)
    return *mark, *row, str(version.document_id), receiver, int(not is_download), int(is_download)


def link_reader(link_id: UUID) -> str:
    """Whose receipts those of a link's holders are."""
    return f"link:{link_id}"
