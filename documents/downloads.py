"""What leaves the vault: checked by the caller, recorded here, streamed with ranges; and ZIPs of several.

The only way out. Everything goes as an attachment under a sandboxing policy, so no uploaded byte
runs in our origin, whatever it claims to be. The database connection is given back before the
first byte.
"""

import hashlib
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header
from zipstream import ZIP_STORED, ZipStream

from accounts.actors import Actor
from documents.models import Document, Folder, Version
from documents.names import free_name, name_key
from documents.storage import ObjectMissing, StoreError, StoreUnavailable, store
from docuvault.lib.connections import let_go_of_database
from sharing import access, audit
from sharing.access import Level

logger = logging.getLogger(__name__)

RANGE = re.compile(r"^bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))$")
SANDBOX = "sandbox; default-src 'none'"
MANIFEST = "SHA256SUMS.txt"
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
    if content_type in {"text/plain", "text/csv", "text/markdown"}:
        return "text/plain; charset=utf-8"
    return "application/octet-stream"


def stream_document(
    request: HttpRequest, document: Document, version: Version | None = None, *, by: Actor
) -> HttpResponseBase:
    """Answer with the bytes of a version (the current one): 200, 206, 304 or 416.

    The caller has fetched the document through access. Raises StoreUnavailable before the answer begins.
    """
    version = version or document.current_version
    if version is None:
        raise access.NotVisible
    version.document = document
    etag = f'"{version.sha256}"'
    wanted: Range | None = None
    if request.headers.get("If-None-Match") == etag:
        return _dressed(HttpResponse(status=304), document, version, etag)
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
        audit.record_reading(audit.Verb.DOCUMENT_DOWNLOADED, version, by=by)
        let_go_of_database()
        response = StreamingHttpResponse(chunks, status=206 if wanted else 200)
    _dressed(response, document, version, etag)
    response.headers["Content-Length"] = str(part.end - part.start)
    if wanted:
        response.headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{version.size_bytes}"
    return response


def _opened(version: Version, part: Range) -> Iterator[bytes]:
    try:
        return store().open(version.object_key, part.start, part.end)
    except ObjectMissing as error:
        logger.error("object of version %s is missing", version.pk)
        raise StoreUnavailable("a stored file is missing") from error


def _dressed(response: HttpResponseBase, document: Document, version: Version, etag: str) -> HttpResponseBase:
    for header, value in (
        {
            "Content-Type": sent_type(version.content_type),
            "Content-Disposition": content_disposition_header(True, document.name) or "attachment",
            "ETag": etag,
            "Accept-Ranges": "bytes",
            "Cache-Control": "private, no-store, no-transform",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": SANDBOX,
        }
    ).items():
        response.headers[header] = value
    return response


# --- Several at once --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Member:
    """One file of a ZIP: whose right is asked again when its turn comes."""

    document_id: UUID
    path: str
    modified_at: datetime


def zip_documents(documents: list[Document], folders: list[Folder], name: str, *, by: Actor) -> StreamingHttpResponse:
    """A ZIP of these documents and folders, streamed; with a list of SHA-256 digests at its end.

    Stored, not deflated: most papers are compressed already, and a stored ZIP streams at the
    store's speed.
    """
    members = list(_members(documents, folders, by))
    let_go_of_database()
    response = StreamingHttpResponse(_zip_chunks(members, by), content_type="application/zip")
    for header, value in (
        {
            "Content-Disposition": content_disposition_header(True, name) or "attachment",
            "Cache-Control": "private, no-store, no-transform",
            "Content-Security-Policy": SANDBOX,
        }
    ).items():
        response.headers[header] = value
    return response


def _members(documents: list[Document], folders: list[Folder], by: Actor) -> Iterator[Member]:
    """Unique relative paths for everything chosen; names that clash by case are numbered."""
    taken: dict[str, set[str]] = {}

    def place(directory: str, name: str) -> str:
        keys = taken.setdefault(directory, set())
        safe = name.replace("/", "_").replace("\\", "_")
        if not directory and name_key(safe) == name_key(MANIFEST):
            keys.add(name_key(MANIFEST))
        chosen = free_name(safe, keys)
        keys.add(name_key(chosen))
        return f"{directory}{chosen}"

    for document in documents:
        yield Member(document.pk, place("", document.name), document.updated_at)
    for top in folders:
        paths = {top.pk: place("", top.name) + "/"}
        below = access.visible_folders(by).filter(path__contains=[top.pk]).exclude(pk=top.pk)
        for folder in sorted(below, key=lambda f: (f.depth, f.name_key)):
            if folder.parent_id in paths:
                paths[folder.pk] = place(paths[folder.parent_id], folder.name) + "/"
        rows = access.visible_documents(by).filter(folder__in=paths).order_by("folder", "name_key")
        for row in rows.values("pk", "name", "folder", "updated_at").iterator(1000):
            yield Member(row["pk"], place(paths[row["folder"]], row["name"]), row["updated_at"])


def _zip_chunks(members: list[Member], by: Actor) -> Iterator[bytes]:
    archive = ZipStream(compress_type=ZIP_STORED)
    digests: list[str] = []
    for member in members:
        opened = _open_member(member, by, digests)
        if opened is not None:
            archive.add(opened, member.path)
            # Emit this member before the next one is asked for, so rights are asked at its turn.
            yield from archive.all_files()
    manifest = "".join(digests).encode()
    archive.add(manifest, MANIFEST)
    yield from archive.all_files()
    yield from archive.finalize()


def _open_member(member: Member, by: Actor, digests: list[str]) -> Iterable[bytes] | None:
    """The bytes of a member, or None where the right to it has gone meanwhile."""
    try:
        document = access.fetch_document(by, member.document_id, Level.VIEW)
    except (access.NotVisible, access.NotAllowed):
        return None
    version = document.current_version
    if version is None:
        return None
    version.document = document
    audit.record_reading(audit.Verb.DOCUMENT_DOWNLOADED, version, by=by)
    let_go_of_database()
    chunks = _opened(version, Range(0, version.size_bytes))

    def checked() -> Iterator[bytes]:
        digest: Any = hashlib.sha256()
        for chunk in chunks:
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != version.sha256:
            raise StoreError(f"the bytes of version {version.pk} are not those that were stored")
        digests.append(f"{version.sha256}  {member.path}\n")

    return checked()
