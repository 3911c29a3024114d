"""Files that come by a file request: counted against its limits, charged to its owner, and held until he has decided.

The request's row is held while a place in it is given away, so however many come at once there are never more files
or bytes than it takes. Senders hear nothing of the owner's space.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Sum
from django.template.defaultfilters import filesizeformat
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts import quota
from accounts.actors import Actor, ActorKind
from documents import jobs
from documents.locks import lock_vault
from documents.models import Document, EntryKind, TrashEntry, Upload
from documents.names import clean_name
from documents.uploads.beginning import told_when_refused
from documents.uploads.refusals import TooLarge, UploadRefused
from sharing import access, audit
from sharing.models_requests import PLACED, FileKind, FileRequest, ReceivedFile, ReceivedState

# So that the files of one sending are told of in one mail.
NOTICE_WAIT = timedelta(minutes=2)
NAME_LIMIT, EMAIL_LIMIT = 120, 254
# What a request takes at most where it says nothing of it.
MOST_FILES = 10_000

_OFFICE = ("application/vnd.openxmlformats-", "application/vnd.oasis.opendocument.", "application/vnd.ms-")
_KINDS: tuple[tuple[str, FileKind], ...] = (
    ("application/pdf", FileKind.PDF),
    ("application/vnd.ms-outlook", FileKind.MAIL),
    ("message/rfc822", FileKind.MAIL),
    ("image/", FileKind.PICTURE),
    ("application/msword", FileKind.OFFICE),
    ("application/rtf", FileKind.OFFICE),
    *((prefix, FileKind.OFFICE) for prefix in _OFFICE),
    ("text/csv", FileKind.OFFICE),
    ("text/tab-separated-values", FileKind.OFFICE),
    ("text/html", FileKind.TEXT),
    ("multipart/related", FileKind.TEXT),
    ("text/", FileKind.TEXT),
    ("application/json", FileKind.TEXT),
    ("application/zip", FileKind.ARCHIVE),
    ("application/gzip", FileKind.ARCHIVE),
    ("application/x-tar", FileKind.ARCHIVE),
    ("application/x-7z-compressed", FileKind.ARCHIVE),
    ("application/vnd.rar", FileKind.ARCHIVE),
)


class NoRoom(UploadRefused):
    """The owner's vault is full; whoever sends learns no figure of it."""

    status = 413

    def __init__(self) -> None:
        super().__init__(_("There is no room for this file at the moment. Please tell the person who asked for it."))


@dataclass(frozen=True)
class Sender:
    """Who somebody says he is: free text, believed by nobody."""

    name: str = ""
    email: str = ""

    @classmethod
    def of(cls, name: str, email: str) -> "Sender":
        return cls(_one_line(name)[:NAME_LIMIT], _one_line(email)[:EMAIL_LIMIT])


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


@dataclass(frozen=True)
class Taken:
    """What a request has taken so far, what is on its way included."""

    files: int
    size_bytes: int


def taken_by(asked: FileRequest) -> Taken:
    found = asked.received.filter(state__in=PLACED).aggregate(count=Count("pk"), size=Sum("size_bytes"))
    return Taken(found["count"], found["size"] or 0)


def is_exhausted(asked: FileRequest) -> bool:
    """Whether no further file could be taken."""
    taken = taken_by(asked)
    return taken.files >= (asked.max_files or MOST_FILES) or (
        asked.max_total_bytes is not None and taken.size_bytes >= asked.max_total_bytes
    )


def kind_of(content_type: str) -> FileKind | None:
    return next((kind for prefix, kind in _KINDS if content_type.startswith(prefix)), None)


def bound_of(asked: FileRequest) -> int:
    """How large a file of unknown size may be at most."""
    bounds = [settings.MAX_FILE_BYTES]
    if asked.max_file_bytes is not None:
        bounds.append(asked.max_file_bytes)
    if asked.max_total_bytes is not None:
        bounds.append(max(0, asked.max_total_bytes - taken_by(asked).size_bytes))
    return int(min(bounds))


def begin_requested(
    asked: FileRequest,
    name: str,
    size_bytes: int,
    declared_type: str = "",
    *,
    sender: Sender,
    by: Actor,
    object_key: str = "",
    lifetime: timedelta | None = None,
) -> Upload:
    """A row with its reservation on the requester's quota, and its place among the request's files.

    Raises InvalidName, TooLarge, UploadRefused, NoRoom, NotVisible; then nothing has changed.
    """
    if by.kind is not ActorKind.LINK or not by.session_hash:
        raise access.NotVisible
    name = clean_name(name)
    largest = min(settings.MAX_FILE_BYTES, asked.max_file_bytes or settings.MAX_FILE_BYTES)
    if size_bytes < 0:
        raise UploadRefused(_("The size of the file is not known."))
    if size_bytes > largest:
        raise TooLarge(
            _("This file is %(size)s; one file may have %(limit)s at most.")
            % {"size": filesizeformat(size_bytes), "limit": filesizeformat(largest)}
        )
    try:
        with told_when_refused(name, asked.user, by), transaction.atomic():
            lock_vault(asked.user_id, is_shared=True)
            held = hold_request(asked)
            _must_fit(held, size_bytes)
            upload = Upload.objects.create(
                pk=uuid.uuid4(),
                user_id=held.user_id,
                actor=None,
                folder=None,
                to_root=True,
                name=name,
                declared_type=declared_type[:255].replace("\x00", ""),
                declared_bytes=size_bytes,
                reserved_bytes=size_bytes,
                object_key=object_key,
                expires_at=now() + (lifetime or timedelta(hours=settings.UPLOAD_EXPIRY_HOURS)),
            )
            ReceivedFile.objects.create(
                request=held,
                upload=upload,
                name=name,
                size_bytes=size_bytes,
                sender_name=sender.name,
                sender_email=sender.email,
                visit_hash=by.session_hash,
            )
            quota.reserve(held.user_id, size_bytes)
    except quota.QuotaExceeded:
        raise NoRoom from None
    return upload


def hold_request(asked: FileRequest) -> FileRequest:
    """The request, open, its row held until the transaction ends. Raises NotVisible."""
    held = FileRequest.objects.select_for_update(of=("self",)).select_related("user", "folder").filter(pk=asked.pk)
    found = held.first()
    if found is None or not found.is_open:
        raise access.NotVisible
    return found


def _must_fit(asked: FileRequest, size_bytes: int) -> None:
    taken = taken_by(asked)
    if taken.files >= (asked.max_files or MOST_FILES):
        raise UploadRefused(_("No more files are taken here."), 409)
    if asked.max_total_bytes is not None and taken.size_bytes + size_bytes > asked.max_total_bytes:
        left = max(0, asked.max_total_bytes - taken.size_bytes)
        raise TooLarge(_("This is more than can be sent here: %(left)s are left.") % {"left": filesizeformat(left)})


def hold_back(upload: Upload, content_type: str, size_bytes: int) -> tuple[ReceivedFile, TrashEntry]:
    """The row of a file whose bytes have come, and the entry that keeps its document out of every list.

    In the transaction that files it. Raises NotVisible where the request has ended or its owner has gone, UploadRefused
    where the kind is not wanted.
    """
    row = (
        ReceivedFile.objects.select_for_update(of=("self",))
        .select_related("request__user")
        .filter(upload=upload, state=ReceivedState.ARRIVING)
        .first()
    )
    if row is None or row.request.is_closed or not row.request.user.is_active:
        raise access.NotVisible(_("There is nothing here that you can see."))
    wanted = row.request.kinds
    if wanted and kind_of(content_type) not in wanted:
        words = ", ".join(str(FileKind(kind).label) for kind in wanted)
        raise UploadRefused(_("Files of this kind are not taken here, only: %(kinds)s.") % {"kinds": words}, 415)
    entry = TrashEntry.objects.create(
        user_id=upload.user_id, kind=EntryKind.RECEIVED, name=upload.name, document_count=1, size_bytes=size_bytes
    )
    return row, entry


def let_wait(row: ReceivedFile, document: Document, by: Actor) -> None:
    """From now on it waits for its owner."""
    row.document, row.state, row.received_at = document, ReceivedState.WAITING, now()
    row.size_bytes, row.sha256, row.content_type = document.size_bytes, document.sha256, document.content_type
    row.save(update_fields=["document", "state", "received_at", "size_bytes", "sha256", "content_type"])
    audit.record(
        audit.Verb.FILE_RECEIVED,
        by=by,
        target_kind="file_request",
        target_id=row.request.pk,
        target_name=row.request.title,
        owner=row.request.user_id,
        details={"name": document.name, "sender": row.sender_name, "address": row.sender_email},
    )
    _notice(row.request)


def _notice(asked: FileRequest) -> None:
    """Have the owner told, once for all that comes in the next minutes."""
    due = FileRequest.objects.filter(pk=asked.pk, is_notified=True, is_notice_due=False).update(is_notice_due=True)
    if due:
        jobs.enqueue("sharing.tasks.tell_of_received", asked.pk, delay=NOTICE_WAIT)


Begin = Callable[..., Upload]


def beginning_of(asked: FileRequest, sender: Callable[[], Sender]) -> Begin:
    """Begins an upload as the plain form does (documents/uploads/one_pass.py), for this request."""

    def begin(
        name: str, size_bytes: int, folder: object, declared_type: str = "", *, by: Actor, **more: object
    ) -> Upload:
        more.pop("replaces", None)
        bound = min(size_bytes, bound_of(asked))
        return begin_requested(asked, name, bound, declared_type, sender=sender(), by=by, **more)  # type: ignore[arg-type]

    return begin
