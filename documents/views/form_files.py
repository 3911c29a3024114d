"""Reads the files of a multipart form while they arrive, each straight into the one-pass verb.

Rejected: Django's own multipart parser and handlers. It keeps or copies whole files, changes names
without a word, and takes a body that was cut off for one that has ended.
"""

from collections.abc import Callable
from typing import Any, Protocol

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from accounts.actors import Actor
from accounts.quota import QuotaExceeded
from documents import uploads
from documents.actions.errors import Refused
from documents.models import Document, Folder, Upload
from documents.names import InvalidName, clean_name

READ_BYTES = 1024 * 1024
PARTS_LIMIT = 1_000
# Fields that stand before the files, and how much of each is kept.
FIELD_LIMITS = {b"on_clash": 32, b"sender_name": 480, b"sender_email": 320}


class Writing(Protocol):
    """Where the bytes of one file go."""

    upload: Upload

    def write(self, chunk: bytes) -> None: ...
    def finish(self) -> Document | None: ...
    def abandon(self, reason: BaseException) -> None: ...


class FormFiles:
    """`documents` are those filed, `refused` the names and reasons of others, `skipped` those that were there.

    The space reserved for a file is what the request can still bring, so a form that cannot fit is
    refused before it is read.
    """

    def __init__(
        self,
        request: HttpRequest,
        length: int,
        folder: Folder | None,
        actor: Actor,
        replaces: Document | None = None,
        begin: Callable[..., Upload] = uploads.begin_upload,
    ) -> None:
        self.request, self.folder, self.actor, self.replaces = request, folder, actor, replaces
        self._begin = begin
        self._field_name = b""
        self._fields: dict[bytes, bytes] = {}
        self.length = self.left = length
        self.documents: list[Document] = []
        self.refused: list[tuple[str, str]] = []
        self.skipped: list[str] = []
        self.status = 400
        self._writing: Writing | None = None
        self._headers: dict[str, bytes] = {}
        self._field = self._value = b""
        self._parts = 0
        self._at = 0  # how much of the chunk being parsed is behind us
        self._is_over = False

    def read(self) -> None:
        """Take the whole form in. Raises QuotaExceeded before anything was read, else UploadRefused."""
        kind, options = parse_options_header(self.request.headers.get("Content-Type", ""))
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise uploads.UploadRefused(_("The form must be sent as multipart/form-data."))
        self._tail = len(b"\r\n\r\n" + b"\r\n--" + boundary + b"--")
        parser = MultipartParser(boundary, self._callbacks())  # type: ignore[arg-type]
        try:
            while self.left and not self._is_over:
                chunk = self.request.read(min(READ_BYTES, self.left))
                if not chunk:
                    break
                parser.write(chunk)
                self.left -= len(chunk)
                self._at = 0
            if not self._is_over:
                raise uploads.UploadRefused(_("The connection ended before the form did."))
        except MultipartParseError as error:
            self._abandon(error)
            raise uploads.UploadRefused(_("The form cannot be read.")) from error
        except BaseException as error:
            self._abandon(error)
            raise

    def _callbacks(self) -> dict[str, Any]:
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._begin_file,
            "on_part_data": self._data,
            "on_part_end": self._end_file,
            "on_end": self._end,
        }

    def field(self, name: str) -> str:
        """What an ordinary field held that came before the file."""
        return self._fields.get(name.encode(), b"").decode(errors="replace")

    def _begin_part(self) -> None:
        self._headers = {}
        self._parts += 1
        if self._parts > PARTS_LIMIT:
            raise uploads.UploadRefused(_("Too many files in one form."))

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._at = end

    def _end_header(self) -> None:
        self._headers[self._field.decode("latin-1").lower()] = self._value
        self._field = self._value = b""

    def _begin_file(self) -> None:
        _kind, options = parse_options_header(self._headers.get("content-disposition", b""))
        raw = options.get(b"filename")
        self._field_name = b"" if raw is not None else options.get(b"name", b"")
        if not raw:
            return  # an ordinary field, or a file field left empty
        # Browsers write a quote in a name as %22, and line breaks likewise; nothing else is escaped.
        name = raw.decode("utf-8", "replace").replace("%22", '"')
        bound = max(0, min(self.left - self._at - self._tail, settings.MAX_FILE_BYTES))
        declared = self._headers.get("content-type", b"").decode("latin-1")
        try:
            there = self.replaces or self._named(name)
            if there is not None and self._fields.get(b"on_clash") == b"skip":
                self.skipped.append(there.name)
                return
            self._writing = self._open(name, declared, bound, self.replaces or there)
        except QuotaExceeded:
            if self.left == self.length and not self.documents and not self.refused:
                raise  # the first file, in the first bytes: answered before the rest travels
            self._refuse(name, _("There is not enough space left for it."), 413)
        except (InvalidName, Refused, uploads.UploadRefused) as error:
            self._refuse(name, error.message, getattr(error, "status", 400))

    def _open(self, name: str, declared: str, bound: int, replaces: Document | None) -> Writing:
        return uploads.OnePass(name, self.folder, declared, bound, by=self.actor, replaces=replaces, begin=self._begin)

    def _named(self, name: str) -> Document | None:
        """The document of this name in the folder, where the form says to replace it or to leave it."""
        if self._fields.get(b"on_clash") not in {b"replace", b"skip"}:
            return None
        clashes = uploads.foresee([(clean_name(name), 0)], self.folder, by=self.actor).clashes
        return clashes[0].document if clashes else None

    def _refuse(self, name: str, message: str, status: int) -> None:
        self.refused.append((name, message))
        self.status = status

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._writing is None:
            before = self._fields.get(self._field_name, b"")
            if self._field_name in FIELD_LIMITS:
                self._fields[self._field_name] = (before + data[start:end])[: FIELD_LIMITS[self._field_name]]
            return
        try:
            self._writing.write(data[start:end])
        except uploads.TooLarge as error:
            # What was announced is the whole form; a request takes less of one file.
            is_requested = self._begin is not uploads.begin_upload
            message = _("It is larger than what is taken here.") if is_requested else error.message
            self._refuse(self._writing.upload.name, message, error.status)
            self._abandon(error)

    def _end_file(self) -> None:
        if self._writing is None:
            return
        writing, self._writing = self._writing, None
        try:
            document = writing.finish()
            self.documents += [document] if document is not None else []
        except uploads.UploadRefused as error:
            self._refuse(writing.upload.name, error.message, error.status)

    def _end(self) -> None:
        self._is_over = True

    def _abandon(self, reason: BaseException) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.abandon(reason)
