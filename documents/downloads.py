"""What leaves the vault: checked by the caller, recorded here, streamed with ranges; and ZIPs of several.

The only way out. Everything goes as an attachment under a sandboxing policy, so no uploaded byte
runs in our origin, whatever it claims to be. The database connection is given back before the
first byte.
"""

import hashlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from zipstream import ZIP_STORED, ZipStream

from accounts.actors import Actor
from documents import previews
from documents.models import Document, Folder, Picture, Version, VersionFlaw
from documents.names import free_name, name_key, split_name
from documents.sniffing import HEAD_BYTES, sniff
from documents.storage import ObjectMissing, StoreError, StoreUnavailable, store
from documents.upkeep.soundness import note_flaw
from docuvault.lib.connections import let_go_of_database
from sharing import access, audit

RANGE = re.compile(r"^bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))$")
SANDBOX = "sandbox; default-src 'none'"
GUARD = {
    "Cache-Control": "private, no-store, no-transform",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": SANDBOX,
}
MANIFEST = "SHA256SUMS.txt"
COPY_CHUNK = 256 * 1024
# How many files of a ZIP are let out at once at most, and how long that holds.
ADMITTED_FILES, ADMITTED_BYTES, ADMITTED_SECONDS = 16, 1_000_000, 1.0
# Types whose bytes a browser draws and never runs; only these keep their own type on the way out.
HARMLESS_TYPES = frozenset(
    {
        "application/pdf",
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "image/tiff",
        "image/heic",
        "application/zip",
        "application/rtf",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.oasis.opendocument.text",
        "application/vnd.oasis.opendocument.spreadsheet",
        "application/vnd.oasis.opendocument.presentation",
        "application/vnd.oasis.opendocument.graphics",
        "application/epub+zip",
    }
)


@dataclass(frozen=True)
class Range:
    """Bytes from `start` to before `end`."""

    start: int
    end: int


class UnsatisfiableRange(ValueError):
    """The range lies outside of the file."""


def parse_range(header: str, size_bytes: int) -> Range | None:
    """What a Range header asks for; None for all of it (no, several or malformed ranges).

    Raises UnsatisfiableRange.
    """
    found = RANGE.match(header.strip())
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        count = int(suffix)
        if count == 0 or size_bytes == 0:
            raise UnsatisfiableRange
        return Range(max(0, size_bytes - count), size_bytes)
    start, end = int(first), int(last) + 1 if last else size_bytes
    if last and int(last) < start:
        return None
    if start >= size_bytes:
        raise UnsatisfiableRange
    return Range(start, min(end, size_bytes))


def sent_type(content_type: str) -> str:
    """The type to send: harmless ones as they are, text as text, all else as bytes."""
    if content_type in HARMLESS_TYPES:
        return content_type
    if content_type in {"text/plain", "text/csv", "text/tab-separated-values", "text/markdown"}:
        return "text/plain; charset=utf-8"
    return "application/octet-stream"


class ContentFlawed(Exception):
    """The bytes of a version are missing or damaged: they are not sent, and no trying again helps."""

    def __init__(self, document: Document, version: Version, flaw: str) -> None:
        super().__init__(f"version {version.pk}: content {flaw}")
        self.document, self.version, self.flaw = document, version, flaw


def stream_document(
    request: HttpRequest,
    document: Document,
    version: Version | None = None,
    *,
    by: Actor,
    takes_damaged: bool = False,
    verb: audit.Verb = audit.Verb.DOCUMENT_DOWNLOADED,
) -> HttpResponseBase:
    """Answer with the bytes of a version (the current one): 200, 206, 304 or 416.

    The caller has fetched the document through access. `takes_damaged`: whoever asks knows that the bytes
    are not those that were stored. `verb`: what the trail is told, once per ten minutes. Raises ContentFlawed
    or StoreUnavailable before the answer begins.
    """
    version = version or document.current_version
    if version is None:
        raise access.NotVisible
    version.document = document
    access.require_bytes(by, for_viewer=verb == audit.Verb.DOCUMENT_VIEWED)
    etag = f'"{version.sha256}"'
    wanted: Range | None = None
    if request.headers.get("If-None-Match") == etag:
        return _dressed(HttpResponse(status=304), document, version, etag)
    if version.flaw and not (takes_damaged and version.flaw == VersionFlaw.DAMAGED):
        raise ContentFlawed(document, version, version.flaw)
    header = request.headers.get("Range", "")
    if header and request.headers.get("If-Range", etag) == etag:
        try:
            wanted = parse_range(header, version.size_bytes)
        except UnsatisfiableRange:
            answer = _dressed(HttpResponse(status=416), document, version, etag)
            answer.headers["Content-Range"] = f"bytes */{version.size_bytes}"
            return answer
    part = wanted or Range(0, version.size_bytes)
    if request.method == "HEAD":
        response: HttpResponseBase = HttpResponse(status=206 if wanted else 200)
    else:
        chunks = _opened(version, part)
        audit.record_reading(verb, version, by=by)
        let_go_of_database()
        response = StreamingHttpResponse(chunks, status=206 if wanted else 200)
    _dressed(response, document, version, etag)
    response.headers["Content-Length"] = str(part.end - part.start)
    if wanted:
        response.headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{version.size_bytes}"
    return response


def send_enclosure(version: Version, name: str, data: bytes, *, by: Actor) -> HttpResponse:
    """One file that lies within a version, such as a mail's attachment: as guarded as the version itself."""
    access.require_bytes(by)
    audit.record_reading(audit.Verb.DOCUMENT_DOWNLOADED, version, by=by)
    response = HttpResponse(data, content_type=sent_type(sniff(data[:HEAD_BYTES], name)))
    for header, value in GUARD.items():
        response.headers[header] = value
    response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response


def stream_copy(request: HttpRequest, document: Document, copy: Picture, *, by: Actor) -> HttpResponseBase:
    """A PDF that was made of an office paper, with ranges, guarded as the paper itself. Raises ObjectMissing."""
    access.require_bytes(by, for_viewer=True)
    etag, size = f'"{copy.pk.hex}"', copy.size_bytes
    header, wanted = request.headers.get("Range", ""), None
    if header and request.headers.get("If-Range", etag) == etag:
        try:
            wanted = parse_range(header, size)
        except UnsatisfiableRange:
            return HttpResponse(status=416, headers={**GUARD, "Content-Range": f"bytes */{size}"})
    part = wanted or Range(0, size)
    chunks = store().open(copy.object_key, part.start, part.end)
    if document.current_version is not None:
        audit.record_reading(audit.Verb.DOCUMENT_VIEWED, document.current_version, by=by)
    let_go_of_database()
    response = StreamingHttpResponse(chunks, status=206 if wanted else 200, content_type="application/pdf")
    name = content_disposition_header(True, f"{document.name}.pdf") or "attachment"
    told = {
        "Content-Disposition": name,
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Content-Length": str(part.end - part.start),
    }
    for key, value in {**GUARD, **told}.items():
        response.headers[key] = value
    if wanted:
        response.headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{size}"
    return response


def send_searchable(version: Version, *, by: Actor) -> StreamingHttpResponse:
    """A scan as a PDF in which its words can be found, made now; told as a download of the document.

    Raises ContentFlawed, previews.NotMade, previews.PictureBusy, CannotRead, StoreError.
    """
    if version.flaw:
        raise ContentFlawed(version.document, version, version.flaw)
    made = previews.searchable_copy(version)
    try:
        size = made.seek(0, os.SEEK_END)
        made.seek(0)
        audit.record_reading(audit.Verb.DOCUMENT_DOWNLOADED, version, by=by)
        let_go_of_database()
    except BaseException:
        made.close()
        raise
    name = split_name(version.document.name)[0]
    if version.content_type == "application/pdf":
        name = _("%(name)s (searchable)") % {"name": name}
    response = StreamingHttpResponse(_read_and_close(made), content_type="application/pdf")
    for header, value in GUARD.items():
        response.headers[header] = value
    response.headers["Content-Length"] = str(size)
    response.headers["Content-Disposition"] = content_disposition_header(True, f"{name}.pdf") or "attachment"
    return response


def _read_and_close(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(COPY_CHUNK):
            yield chunk


def read_beginning(version: Version, limit_bytes: int) -> bytes:
    """The first bytes of a version, for a page that shows them as text. What opens the page tells of it.

    Raises ContentFlawed or StoreUnavailable.
    """
    if version.flaw:
        raise ContentFlawed(version.document, version, version.flaw)
    if not version.size_bytes:
        return b""
    return b"".join(_opened(version, Range(0, min(version.size_bytes, limit_bytes))))


def _opened(version: Version, part: Range) -> Iterator[bytes]:
    """The bytes, once the store has begun to answer. What is found missing or cut is marked and told at once."""
    try:
        return store().open(version.object_key, part.start, part.end)
    except ObjectMissing:
        flaw = VersionFlaw.MISSING
    except StoreUnavailable:
        if version.flaw or not _has_other_size(version):
            raise
        flaw = VersionFlaw.DAMAGED
    note_flaw(version.pk, flaw, by=Actor.system())
    raise ContentFlawed(version.document, version, flaw)


def _has_other_size(version: Version) -> bool:
    try:
        return store().head(version.object_key).size_bytes != version.size_bytes
    except StoreError:
        return False


def _dressed(response: HttpResponseBase, document: Document, version: Version, etag: str) -> HttpResponseBase:
    for header, value in (
        {
            "Content-Type": sent_type(version.content_type),
            "Content-Disposition": content_disposition_header(True, document.name) or "attachment",
            "ETag": etag,
            "Accept-Ranges": "bytes",
            **GUARD,
        }
    ).items():
        response.headers[header] = value
    return response


# --- Several at once --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Member:
    """One file of a ZIP, as it was when the ZIP was begun."""

    document_id: UUID
    version_id: UUID
    path: str
    size_bytes: int
    sha256: str
    flaw: str = ""


class MemberGone(StoreError):
    """A file of a ZIP under way has gone, or the right to it."""


def zip_documents(documents: list[Document], folders: list[Folder], name: str, *, by: Actor) -> StreamingHttpResponse:
    """A ZIP of these documents and folders, streamed; with a list of SHA-256 digests at its end.

    Stored, not deflated: most papers are compressed already, and a stored ZIP streams at the store's
    speed and has a known length. So whatever breaks it off in the middle (an outage, a right that was
    withdrawn) is seen by the receiver as a broken download and never as a short ZIP. What is known to be
    missing or damaged is left out, and its list of digests says so.
    """
    access.require_bytes(by)
    members = list(_members(documents, folders, by))
    admission = _Admission([member for member in members if not member.flaw], by)
    archive = ZipStream(compress_type=ZIP_STORED, sized=True)
    for turn, member in enumerate(admission.members):
        archive.add(admission.bytes_of(turn), member.path, size=member.size_bytes)
    archive.add("".join(_manifest_line(member) for member in members), MANIFEST)
    let_go_of_database()
    response = StreamingHttpResponse(iter(archive), content_type="application/zip")
    for header, value in (
        {
            "Content-Length": str(len(archive)),
            "Content-Disposition": content_disposition_header(True, name) or "attachment",
            "Cache-Control": "private, no-store, no-transform",
            "Content-Security-Policy": SANDBOX,
        }
    ).items():
        response.headers[header] = value
    return response


def _manifest_line(member: Member) -> str:
    """As sha256sum reads it; a line with a number sign is a remark to it."""
    if member.flaw:
        return f"# {_('left out')}, {VersionFlaw(member.flaw).label}: {member.path}\n"
    return f"{member.sha256}  {member.path}\n"


def _members(documents: list[Document], folders: list[Folder], by: Actor) -> Iterator[Member]:
    """Unique relative paths for everything chosen; names that clash by case are numbered."""
    taken: dict[str, set[str]] = {}

    def place(directory: str, name: str) -> str:
        keys = taken.setdefault(directory, set() if directory else {name_key(MANIFEST)})
        chosen = free_name(name.replace("/", "_").replace("\\", "_"), keys)
        keys.add(name_key(chosen))
        return f"{directory}{chosen}"

    chosen = Version.objects.filter(current_of__in=[document.pk for document in documents])
    flaws = dict(chosen.exclude(flaw="").values_list("pk", "flaw"))
    for document in documents:
        if (version_id := document.current_version_id) is not None:
            path, flaw = place("", document.name), flaws.get(version_id, "")
            yield Member(document.pk, version_id, path, document.size_bytes, document.sha256, flaw)
    for top in folders:
        paths = {top.pk: place("", top.name) + "/"}
        below = access.visible_folders(by).filter(path__contains=[top.pk]).exclude(pk=top.pk)
        for folder in sorted(below, key=lambda f: (f.depth, f.name_key)):
            if folder.parent_id in paths:
                paths[folder.pk] = place(paths[folder.parent_id], folder.name) + "/"
        rows = access.visible_documents(by).filter(folder__in=paths, current_version__isnull=False)
        fields = ("pk", "current_version_id", "folder", "name", "size_bytes", "sha256", "current_version__flaw")
        for pk, version_id, place_id, name, size, digest, flaw in (
            rows.order_by("folder", "name_key").values_list(*fields).iterator(1000)
        ):
            yield Member(pk, version_id, place(paths[place_id], name), size, digest, flaw)


class _Admission:
    """Lets the files of a ZIP out when their turn comes: only then the right is asked, the reading told, the object
    opened. Small ones are asked for and told several at a time, since each asking costs more than sending them.
    """

    def __init__(self, members: list[Member], by: Actor) -> None:
        self.members, self.by = members, by
        self._admitted: dict[UUID, Version] = {}
        self._asked_at, self._at_once = 0.0, 1

    def bytes_of(self, turn: int) -> Iterator[bytes]:
        """Raises MemberGone in the middle, StoreUnavailable."""
        member = self.members[turn]
        if member.version_id not in self._admitted or time.monotonic() > self._asked_at + ADMITTED_SECONDS:
            self._ask(turn)
        version = self._admitted.pop(member.version_id, None)
        if version is None:
            raise MemberGone("a file of this ZIP has gone, or the right to it")
        try:
            yield from whole_bytes(version)
        except ContentFlawed as error:
            raise MemberGone("a file of this ZIP has lost its content") from error

    def _ask(self, turn: int) -> None:
        """Whether this file may leave, and with it the next few; those that may are told as downloaded."""
        wanted = {member.version_id: member.document_id for member in self._next(turn)}
        try:
            with transaction.atomic():
                access.require_still_active(self.by)
                access.require_bytes(self.by)
                seen = {row.pk: row for row in access.visible_documents(self.by).filter(pk__in=wanted.values())}
                versions = Version.objects.filter(pk__in=wanted, document__in=seen)
                self._admitted = {row.pk: row for row in versions if wanted[row.pk] == row.document_id}
                for version in self._admitted.values():
                    version.document = seen[version.document_id]
                audit.record_readings(audit.Verb.DOCUMENT_DOWNLOADED, list(self._admitted.values()), by=self.by)
        except (access.NotVisible, access.NotAllowed) as error:
            raise MemberGone("the right to the files of this ZIP has gone") from error
        self._asked_at = time.monotonic()
        let_go_of_database()

    def _next(self, turn: int) -> list[Member]:
        """This file and those behind it that go along; twice as many as the last time."""
        chosen = self.members[turn : turn + 1]
        size = chosen[0].size_bytes
        for member in self.members[turn + 1 : turn + self._at_once]:
            size += member.size_bytes
            if size > ADMITTED_BYTES:
                break
            chosen.append(member)
        self._at_once = min(2 * self._at_once, ADMITTED_FILES)
        return chosen


def whole_bytes(version: Version) -> Iterator[bytes]:
    """All bytes of a version, compared with its digest; what is found missing or damaged is marked and told at once.

    Raises ContentFlawed, at the end too: what was given before it counts for nothing. Raises StoreUnavailable.
    """
    digest = hashlib.sha256()
    for chunk in _opened(version, Range(0, version.size_bytes)):
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != version.sha256:
        note_flaw(version.pk, VersionFlaw.DAMAGED, by=Actor.system())
        raise ContentFlawed(version.document, version, VersionFlaw.DAMAGED)
