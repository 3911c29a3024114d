"""Two doors for bytes: tus 1.0 for scripts and clients, and a plain form that needs neither.

tus (tus.io, version 1.0.0) with creation, creation-with-upload, expiration, checksum and termination.
A creation with an Idempotency-Key that is sent again answers with the upload it made. The form's
address carries a signed ticket instead of a token in the body, since a token there could be read
only after the body has been taken in.
"""

import base64
import binascii
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import http_date
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.actors import Actor, ActorKind
from accounts.middleware import PersonRequest
from accounts.quota import QuotaExceeded
from documents import uploads
from documents.actions.errors import Refused
from documents.actions.folders import ensure_folder_path, find_folder_path
from documents.actions.versions import twins_of
from documents.exports.sent_back import begin_import
from documents.models import Document, Folder, Upload, UploadState
from documents.names import InvalidName, shown_name
from documents.storage import StoreError, StoreFull, StoreUnavailable
from documents.upkeep import alarm
from documents.views.form_files import FormFiles
from documents.views.tickets import opened, ticket_of
from docuvault.lib.failpoints import Failpoint, failpoint
from sharing import access
from sharing.access import Level

logger = logging.getLogger(__name__)

TUS_VERSION = "1.0.0"
TUS_EXTENSIONS = "creation,creation-with-upload,expiration,checksum,termination"
BODY_TYPE = "application/offset+octet-stream"
METADATA_LIMIT = 8192
TICKET_SALT = "documents.add-files"
TWINS_ASKED = 100

View = Callable[..., HttpResponseBase]


# --- tus ------------------------------------------------------------------------------------------


def full() -> str:
    return _("The vault's storage is full. Its administrator has been told; what has arrived is kept.")


def told(message: str, status: int) -> JsonResponse:
    return JsonResponse({"message": message}, status=status)


def tus(view: View) -> View:
    """Version check, sign-in as 401, and every refusal as a status with a sentence in JSON."""

    @wraps(view)
    def wrapped(request: PersonRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = _answer(request, *args, **kwargs)
        response.headers["Tus-Resumable"] = TUS_VERSION
        response.headers["Cache-Control"] = "no-store"
        return response

    def _answer(request: PersonRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method != "OPTIONS":
            if request.actor.active_user is None and request.actor.kind is not ActorKind.LINK:
                return told(_("Please sign in."), 401)
            if request.method != "GET" and request.headers.get("Tus-Resumable") != TUS_VERSION:
                refused = told(_("This vault speaks version 1.0.0 of the tus protocol."), 412)
                refused.headers["Tus-Version"] = TUS_VERSION
                return refused
            if request.headers.get("Content-Encoding", "identity") != "identity":
                return told(_("Send the file as it is, without a content encoding."), 415)
        try:
            return view(request, *args, **kwargs)
        except uploads.WrongOffset as error:
            refused = told(error.message, error.status)
            refused.headers["Upload-Offset"] = str(error.offset)
            return refused
        except uploads.UploadRefused as error:
            return told(error.message, error.status)
        except QuotaExceeded as error:
            return told(error.message, 413)
        except (InvalidName, Refused) as error:
            return told(error.message, 400)
        except access.NotAllowed as error:
            return told(str(error), 403)
        except Http404:
            return told(_("There is nothing here that you can see."), 404)
        except StoreFull:
            alarm.store_is_full()
            return told(full(), 507)
        except StoreUnavailable as error:
            logger.warning("upload answered 503: %s", error)
            refused = told(_("The vault cannot reach its storage right now. What has arrived is kept."), 503)
            refused.headers["Retry-After"] = "5"
            return refused

    return wrapped


@login_not_required
@tus
@require_http_methods(["OPTIONS", "POST"])
def create_upload(request: PersonRequest) -> HttpResponseBase:
    """POST begins an upload (and may carry its first bytes); OPTIONS tells what is offered."""
    if request.method == "OPTIONS":
        return offered()
    length = number_in(request, "Upload-Length")
    if length is None:
        return told(_("The size of the file must be given."), 400)
    metadata = metadata_of(request.headers.get("Upload-Metadata", ""))
    if metadata.get("purpose") == "import":
        return _create_import(request, metadata, length)
    folder = access.fetch_place(request.actor, _folder_id(metadata.get("folder", "")), Level.VIEW)
    *directories, _last = [part for part in metadata.get("relativePath", "").split("/") if part] or [""]
    carries_bytes = request.headers.get("Content-Type", "") == BODY_TYPE
    comes_whole = length == 0 or (carries_bytes and length == number_in(request, "Content-Length"))
    replaces = _replaced(request.actor, metadata.get("replaces", ""))
    place = find_folder_path(directories, folder, by=request.actor) if directories else folder
    upload_id, begun = uploads.upload_of_key(request.headers.get("Idempotency-Key", ""), length, by=request.actor)
    if begun is not None:
        upload = begun
    elif comes_whole and length <= uploads.PIECE_BYTES and (place or not directories) and replaces is None:
        name, kind, body = metadata.get("filename", ""), metadata.get("filetype", ""), cast(Any, request)
        upload = uploads.file_whole(
            name, body, length, place, kind, by=request.actor, upload_id=upload_id, checksum=_checksum(request)
        )
    else:
        upload = _begin(request.actor, metadata, length, folder, [] if replaces else directories, replaces, upload_id)
        if carries_bytes or length == 0:
            upload = take_first(request, upload)
    return _created(upload)


def _created(upload: Upload) -> HttpResponse:
    response = described(HttpResponse(status=201), upload)
    response.headers["Location"] = reverse("upload", args=[upload.pk])
    return response


def _create_import(request: PersonRequest, metadata: dict[str, str], length: int) -> HttpResponse:
    """The ZIP of an export on its way back: it becomes no document, and a job takes it in when all of it is here."""
    upload_id, upload = uploads.upload_of_key(request.headers.get("Idempotency-Key", ""), length, by=request.actor)
    if upload is None:
        name, into = metadata.get("filename", ""), metadata.get("into", "")
        upload = begin_import(name, length, into, by=request.actor, upload_id=upload_id)
        if request.headers.get("Content-Type", "") == BODY_TYPE:
            upload = take_first(request, upload)
    return _created(upload)


def offered() -> HttpResponse:
    """What is offered of the protocol."""
    response = HttpResponse(status=204)
    response.headers["Tus-Version"] = TUS_VERSION
    response.headers["Tus-Extension"] = TUS_EXTENSIONS
    response.headers["Tus-Max-Size"] = str(settings.MAX_FILE_BYTES)
    response.headers["Tus-Checksum-Algorithm"] = ",".join(uploads.CHECKSUM_KINDS)
    return response


def _begin(
    actor: Actor,
    metadata: dict[str, str],
    length: int,
    folder: Folder | None,
    directories: list[str],
    replaces: Document | None,
    upload_id: UUID | None,
) -> Upload:
    """Space first: a refused file leaves no folder behind."""
    name, kind = metadata.get("filename", ""), metadata.get("filetype", "")
    try:
        upload = uploads.begin_upload(name, length, folder, kind, by=actor, replaces=replaces, upload_id=upload_id)
    except IntegrityError:
        raise uploads.UploadRefused(_("This upload is being begun by another request."), 409)
    failpoint(Failpoint.UPLOAD_BEGUN)
    if not directories:
        return upload
    try:
        place = ensure_folder_path(directories, folder, by=actor)
        return uploads.redirect_upload(upload, place, by=actor)
    except BaseException:
        uploads.cancel_upload(upload.pk, by=actor)
        raise


def take_first(request: PersonRequest, row: Upload) -> Upload:
    """The bytes that come with the creation. Nobody else knows the upload's address yet.

    So a sender who vanished can never go on, and one who is told of an outage only must send again.
    """
    length = number_in(request, "Content-Length") or 0
    try:
        row = _take(request, row, 0)
    except StoreUnavailable as error:
        logger.warning("upload %s begins without its first bytes: %s", row.pk, error)
        return access.fetch_upload(request.actor, row.pk)
    except BaseException:
        uploads.cancel_upload(row.pk, by=request.actor)
        raise
    if row.received_bytes < length:
        uploads.cancel_upload(row.pk, by=request.actor)
        raise uploads.UploadRefused(_("The connection ended before the file did."))
    return row


@login_not_required
@tus
@require_http_methods(["GET", "HEAD", "PATCH", "DELETE"])
def upload(request: PersonRequest, upload_id: UUID) -> HttpResponseBase:
    """HEAD tells how far it is, PATCH appends, DELETE ends it, GET gives its state as JSON."""
    return on_upload(request, access.fetch_upload(request.actor, upload_id))


def on_upload(request: PersonRequest, row: Upload) -> HttpResponseBase:
    """What is asked of an upload that the actor has fetched."""
    if request.method == "GET":
        return JsonResponse(_state(row, request.actor))
    if request.method == "HEAD":
        if row.state in {UploadState.CANCELLED, UploadState.EXPIRED, UploadState.FAILED}:
            return HttpResponse(status=410)
        return described(HttpResponse(status=200), row)
    if request.method == "DELETE":
        uploads.cancel_upload(row.pk, by=request.actor)
        return HttpResponse(status=204)
    if request.headers.get("Content-Type", "") != BODY_TYPE:
        return told(_("The bytes must come as application/offset+octet-stream."), 415)
    offset = number_in(request, "Upload-Offset")
    if offset is None:
        return told(_("The place of the bytes must be given."), 400)
    if row.state == UploadState.DONE and offset == row.declared_bytes:
        return described(HttpResponse(status=204), row)  # the answer to the last request was lost
    return described(HttpResponse(status=204), _take(request, row, offset))


def _take(request: PersonRequest, row: Upload, offset: int) -> Upload:
    length = number_in(request, "Content-Length")
    if length is None and row.declared_bytes:
        raise uploads.UploadRefused(_("The length of the request must be given."), 411)
    if row.declared_bytes > offset or length:
        body, checksum = cast(Any, request), _checksum(request)
        row = uploads.receive(row.pk, offset, body, length or 0, by=request.actor, checksum=checksum)
    if row.received_bytes == row.declared_bytes and row.state != UploadState.DONE:
        try:
            uploads.finish_upload(row.pk, by=request.actor)
        except StoreError as error:
            logger.warning("upload %s is put together by its job: %s", row.pk, error)
        row = access.fetch_upload(request.actor, row.pk)
    return row


def _state(row: Upload, actor: Actor) -> dict[str, Any]:
    # Who sends from outside learns nothing of what his file has become.
    document = row.document_id if actor.kind is not ActorKind.LINK else None
    return {
        "state": row.state,
        "offset": row.received_bytes,
        "length": row.declared_bytes,
        "message": row.failure,
        "document": str(document) if document else None,
        "url": reverse("document", args=[document]) if document else None,
    }


def described(response: HttpResponse, row: Upload) -> HttpResponse:
    response.headers["Upload-Offset"] = str(row.received_bytes)
    response.headers["Upload-Length"] = str(row.declared_bytes)
    response.headers["Upload-Expires"] = http_date(row.expires_at.timestamp())
    response.headers["Upload-State"] = UploadState(row.state).value
    if row.document_id and row.actor_id is not None:
        response.headers["Upload-Document"] = str(row.document_id)
    return response


def number_in(request: HttpRequest, header: str) -> int | None:
    value = request.headers.get(header, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def _checksum(request: HttpRequest) -> uploads.Checksum | None:
    """What the bytes of this request must come to. Raises UploadRefused."""
    header = request.headers.get("Upload-Checksum", "")
    if not header:
        return None
    kind, _space, value = header.partition(" ")
    try:
        if kind not in uploads.CHECKSUM_KINDS:
            raise ValueError
        return uploads.Checksum(kind, base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        raise uploads.UploadRefused(_("The checksum of the request cannot be read."))


def metadata_of(header: str) -> dict[str, str]:
    """The pairs of Upload-Metadata. Raises UploadRefused."""
    found: dict[str, str] = {}
    try:
        if len(header) > METADATA_LIMIT:
            raise ValueError
        for pair in filter(None, (part.strip() for part in header.split(","))):
            key, _space, value = pair.partition(" ")
            found[key] = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        raise uploads.UploadRefused(_("The description of the file cannot be read."))
    return found


def _replaced(actor: Actor, value: str) -> Document | None:
    """The document whose next version this is to be. Raises NotVisible or NotAllowed."""
    if not value:
        return None
    try:
        return access.fetch_document(actor, UUID(value), Level.EDIT)
    except ValueError:
        raise access.NotVisible


def _folder_id(value: str) -> UUID | None:
    if not value:
        return None
    try:
        return UUID(value)
    except ValueError:
        raise access.NotVisible


# --- The plain form -----------------------------------------------------------------------------------


def ticket_for(actor: Actor, folder: Folder | None, document: Document | None = None) -> str:
    """Lets this person, in this session, send files to this place, or versions of this document, for some hours."""
    place, replaced = str(folder.pk) if folder else "", str(document.pk) if document else ""
    return ticket_of(actor, TICKET_SALT, folder=place, document=replaced)


@require_safe
def add_files(request: PersonRequest) -> HttpResponse:
    """A page with a plain file field; with `document`, for its next version."""
    document = _replaced(request.actor, request.GET.get("document", ""))
    if document is not None:
        return _add_page(request, None, document)
    folder = access.fetch_place(request.actor, _folder_id(request.GET.get("folder", "")), Level.EDIT)
    return _add_page(request, folder, None)


@csrf_exempt  # the ticket is the token, and is checked before a byte of the body is read
@require_POST
def add_files_with_ticket(request: PersonRequest, ticket: str) -> HttpResponseBase:
    """Take the form's files, each streamed straight to the store."""
    folder, document = _place_of(request, ticket)
    length = number_in(request, "Content-Length")
    if length is None:
        return _plain_refusal(request, folder, document, _("The length of the request must be given."), 411)
    form = FormFiles(request, length, folder, request.actor, document)
    try:
        form.read()
    except QuotaExceeded as error:
        return _plain_refusal(request, folder, document, error.message, 413)
    except uploads.UploadRefused as error:
        return _plain_refusal(request, folder, document, error.message, error.status)
    except StoreFull:
        alarm.store_is_full()
        return _plain_refusal(request, folder, document, full(), 507)
    for name, message in form.refused:
        messages.error(request, f"{shown_name(name)}: {message}" if name else message)
    if form.documents:
        messages.success(
            request,
            ngettext("Added %(count)d file.", "Added %(count)d files.", len(form.documents))
            % {"count": len(form.documents)},
        )
    if form.skipped:
        told = ngettext("Left %(count)d file as it was.", "Left %(count)d files as they were.", len(form.skipped))
        messages.info(request, told % {"count": len(form.skipped)})
    if form.refused and not form.documents:
        return _add_page(request, folder, document, form.status)
    if not form.documents and not form.skipped:
        return _plain_refusal(request, folder, document, _("No file was chosen."), 400)
    if document is not None:
        return redirect("document", document.pk)
    if any(twins_of(added, by=request.actor) for added in form.documents[:TWINS_ASKED]):
        asked = QueryDict(mutable=True)
        asked.setlist("document", [str(added.pk) for added in form.documents[:TWINS_ASKED]])
        return redirect(f"{reverse('twins')}?{asked.urlencode()}")
    return redirect("folder", folder.pk) if folder else redirect("files")


def _place_of(request: PersonRequest, ticket: str) -> tuple[Folder | None, Document | None]:
    """The folder, or the document to be replaced, that a ticket is for.

    Raises NotAllowed for any but this person's, session's and site's.
    """
    claims = opened(request, ticket, TICKET_SALT)
    if claims["document"]:
        return None, _replaced(request.actor, claims["document"])
    return access.fetch_place(request.actor, _folder_id(claims["folder"]), Level.EDIT), None


def _plain_refusal(
    request: PersonRequest, folder: Folder | None, document: Document | None, message: str, status: int
) -> HttpResponse:
    messages.error(request, message)
    return _add_page(request, folder, document, status)


def _add_page(
    request: PersonRequest, folder: Folder | None, document: Document | None, status: int = 200
) -> HttpResponse:
    place = document or folder
    user = request.actor.active_user
    context = {
        "folder": folder,
        "document": document,
        "is_own": place is None or (user is not None and place.user_id == user.pk),
        "ticket": ticket_for(request.actor, folder, document),
        "max_file_bytes": settings.MAX_FILE_BYTES,
    }
    return render(request, "documents/add_files.html", context, status=status)
