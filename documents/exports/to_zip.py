"""A person's own export as a ZIP, streamed: the same layout as in a folder, of a length that is told beforehand.

Everything is laid out before the first byte, the records in a file without a name, so whatever breaks it off later
is seen by the receiver as a broken download and never as a short ZIP. What is known to be missing or damaged is
left out and named in a list.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header
from zipstream import ZIP_STORED, ZipStream

from accounts.actors import Actor
from documents.downloads import SANDBOX, ContentFlawed, MemberGone, whole_bytes
from documents.exports.layout import (
    GUIDE,
    GUIDE_TEXT,
    INDEX,
    INDEX_COLUMNS,
    MARK,
    MISSING,
    MISSING_COLUMNS,
    SUMS,
    csv_head,
    index_row,
    lost_versions,
    missing_rows,
    sums_line,
    to_json,
)
from documents.exports.plan import IN_MEMORY, Choice, Plan, Wanted, plan_export
from documents.models import Version
from docuvault.lib.connections import let_go_of_database
from sharing import access, audit
from sharing.access import Level

READ_BYTES = 512 * 1024


class Spool:
    """Text that grows while the ZIP is laid out and is read while it travels; on disk once it is long."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 (goes with the response)
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def add(self, data: bytes) -> int:
        """Answers where it begins."""
        begins, self.size_bytes = self.size_bytes, self.size_bytes + len(data)
        self._file.write(data)
        self._hash.update(data)
        return begins

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def read(self, begins: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        left = self.size_bytes - begins if size_bytes is None else size_bytes
        while left:
            self._file.seek(begins)
            chunk = self._file.read(min(READ_BYTES, left))
            begins, left = begins + len(chunk), left - len(chunk)
            yield chunk

    def close(self) -> None:
        self._file.close()


@dataclass
class _Layout:
    """The members of a ZIP, in their order, and the lists that grow beside them."""

    archive: ZipStream
    records: Spool
    index: Spool
    missing: Spool
    sums: Spool
    by: Actor

    def text(self, path: str, data: bytes) -> None:
        begins = self.records.add(data)
        self.archive.add(self.records.read(begins, len(data)), path, size=len(data))
        self.sums.add(sums_line(hashlib.sha256(data).hexdigest(), path))

    def grown(self, path: str, spool: Spool) -> None:
        self.archive.add(spool.read(), path, size=spool.size_bytes)
        self.sums.add(sums_line(spool.sha256, path))

    def close(self) -> None:
        for spool in (self.records, self.index, self.missing, self.sums):
            spool.close()


def zip_export(choice: Choice, name: str, *, by: Actor) -> StreamingHttpResponse:
    """Everything the actor keeps. Raises NotVisible for nobody."""
    user = by.active_user
    if user is None:
        raise access.NotVisible
    layout = _Layout(ZipStream(compress_type=ZIP_STORED, sized=True), Spool(), Spool(), Spool(), Spool(), by)
    with plan_export([user], choice, scope=user.handle) as plan:
        lost = _lay_out(plan, layout)
        with transaction.atomic():
            access.require_still_active(by)
            audit.record(
                audit.Verb.EXPORT_MADE,
                by=by,
                target_kind="vault",
                target_id=user.pk,
                target_name=user.handle,
                owner=user.pk,
                details={"documents": plan.documents, "size_bytes": plan.size_bytes, "left": lost},
            )
    let_go_of_database()
    response = StreamingHttpResponse(_sent(layout), content_type="application/zip")
    for header, value in (
        {
            "Content-Length": str(len(layout.archive)),
            "Content-Disposition": content_disposition_header(True, name) or "attachment",
            "Cache-Control": "private, no-store, no-transform",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": SANDBOX,
        }
    ).items():
        response.headers[header] = value
    return response


def _sent(layout: _Layout) -> Iterator[bytes]:
    try:
        yield from layout.archive
    finally:
        layout.close()


def _lay_out(plan: Plan, layout: _Layout) -> int:
    """Queue every member; answers how many versions are left out as unreadable."""
    layout.text(GUIDE, GUIDE_TEXT.encode())
    for directory in plan.directories():
        layout.archive.mkdir(directory)
    for path, content in plan.texts():
        layout.text(path, content)
    layout.index.add(csv_head(INDEX_COLUMNS))
    layout.missing.add(csv_head(MISSING_COLUMNS))
    lost = 0
    for paper in plan.papers():
        record = paper.record
        digests = {row["number"]: row["sha256"] for row in record["versions"]}
        for wanted in paper.bytes:
            layout.archive.add(_bytes_of(wanted, layout.by), wanted.path, size=wanted.size_bytes)
            layout.sums.add(sums_line(digests[wanted.number], wanted.path))
        layout.text(paper.record_path, to_json(record))
        layout.index.add(index_row(record, paper.record_path))
        for row in missing_rows(record, paper.record_path):
            layout.missing.add(row)
        lost += len(lost_versions(record))
    layout.grown(INDEX, layout.index)
    if lost:
        layout.grown(MISSING, layout.missing)
    layout.text(MARK, plan.mark(finished_at=plan.begun_at, flaws=lost))
    layout.archive.add(layout.sums.read(), SUMS, size=layout.sums.size_bytes)
    return lost


def _bytes_of(wanted: Wanted, by: Actor) -> Iterator[bytes]:
    """A version's bytes when their turn comes: only then the right is asked, the reading told, the object opened."""
    version = Version.objects.select_related("document").filter(pk=wanted.version_id).first()
    if version is None:
        raise MemberGone("a document of this export was deleted for good meanwhile")
    try:
        access.require_still_active(by)
        access.require_document(by, version.document, Level.OWN)
    except (access.NotVisible, access.NotAllowed) as error:
        raise MemberGone("the right to a document of this export has gone") from error
    audit.record_reading(audit.Verb.DOCUMENT_DOWNLOADED, version, by=by)
    let_go_of_database()
    try:
        yield from whole_bytes(version)
    except ContentFlawed as error:
        raise MemberGone("a document of this export has lost its content") from error
