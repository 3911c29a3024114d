"""Where people without an account leave files: the page of a request, two doors for bytes, and a receipt.

Whoever holds the address sees what is asked for and what was sent in this visit; nothing of the vault, of its owner's
space, or of what others have sent.
"""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.timezone import localtime, now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.actors import Actor
from accounts.middleware import PersonRequest
from documents import uploads
from documents.models import Upload
from documents.names import shown_name
from documents.storage import StoreFull
from documents.upkeep import alarm
from documents.views import uploads as door
from documents.views.form_files import FormFiles
from sharing import access, gate
from sharing.gate import Kind
from sharing.models_requests import FileKind, FileRequest, ReceivedFile, ReceivedState
from sharing.views.gate import closed, is_from_our_page, let_in, may_ask, miss, open_to_holders, too_many, visit_of

KIND = Kind.REQUEST
SHOWN = 500
FINAL = (ReceivedState.WAITING, ReceivedState.ACCEPTED, ReceivedState.REFUSED, ReceivedState.EXPIRED)
# What a browser's picker offers for each kind; what counts is what the bytes are.
PICKED = {
    FileKind.PDF: ".pdf",
    FileKind.PICTURE: "image/*",
    FileKind.OFFICE: ".doc,.docx,.odt,.rtf,.xls,.xlsx,.ods,.csv,.ppt,.pptx,.odp",
    FileKind.TEXT: ".txt,.md,.json,.xml,.html,text/*",
    FileKind.MAIL: ".eml,.msg",
    FileKind.ARCHIVE: ".zip,.gz,.tar,.7z,.rar",
}

View = Callable[..., HttpResponseBase]


def to_request(view: View) -> View:
    """The request behind the address, and who comes: `view(request, asked, visit)`, with the actor of this visit."""

    @wraps(view)
    def wrapped(request: PersonRequest, send_token: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may_ask(request, KIND):
            return too_many(request)
        asked = access.open_request(gate.hash_of(send_token))
        if asked is None:
            return miss(request, KIND)
        visit = visit_of(request, KIND, asked.pk, _stamp(asked))
        request.actor = _sender_in(request, asked, visit)
        request.send_token = send_token  # type: ignore[attr-defined]
        return view(request, asked, visit, *args, **kwargs)

    return open_to_holders(cast(View, wrapped))


def _stamp(asked: FileRequest) -> str:
    return gate.stamp_of(asked.token_hash, asked.password_hash)


def _sender_in(request: PersonRequest, asked: FileRequest, visit: str | None) -> Actor:
    known = hashlib.sha256(f"{asked.pk} {visit}".encode()).hexdigest() if visit else ""
    return Actor.for_link(
        asked.pk, asked.title, asked.user, request_id=request.request_id, address=request.actor.address, visit=known
    )


def _address(request: PersonRequest) -> str:
    return f"/send/{request.send_token}/"  # type: ignore[attr-defined]


# --- The page ----------------------------------------------------------------------------------------------


@to_request
@require_http_methods(["GET", "HEAD", "POST"])
def send_files(request: PersonRequest, asked: FileRequest, visit: str | None) -> HttpResponseBase:
    """What is asked for, a way to send, and what was sent in this visit; before that the password, if any."""
    if request.method == "POST":
        return _try_password(request, asked)
    if visit is None:
        if asked.password_hash:
            return _password_page(request, asked)
        visit = gate.new_visit()
        request.actor = _sender_in(request, asked, visit)
        if uploads.is_exhausted(asked):
            return miss(request, KIND)
        response = _page(request, asked, visit)
        let_in(response, KIND, asked.pk, _stamp(asked), visit)
        return response
    sent = access.sent_in_visit(request.actor, asked)
    if uploads.is_exhausted(asked) and not sent.exists():
        return closed(request)
    return _page(request, asked, visit)


def _page(request: PersonRequest, asked: FileRequest, visit: str, status: int = 200) -> HttpResponse:
    taken = uploads.taken_by(asked) if asked.max_files or asked.max_total_bytes else None
    context = {
        "asked": asked,
        "owner": asked.user.shown_name,
        "kinds": [FileKind(kind).label for kind in asked.kinds],
        "picked": ",".join(PICKED[FileKind(kind)] for kind in asked.kinds),
        "files_left": max(0, asked.max_files - taken.files) if taken and asked.max_files else None,
        "largest": uploads.bound_of(asked),
        "is_exhausted": uploads.is_exhausted(asked),
        "ticket": gate.make_ticket(KIND, asked.pk, visit),
        "address": _address(request),
        "sent": _sent(request, asked),
    }
    return render(request, "sharing/send.html", context, status=status)


def _sent(request: PersonRequest, asked: FileRequest) -> list[ReceivedFile]:
    rows = access.sent_in_visit(request.actor, asked).filter(state__in=FINAL)
    return list(rows.order_by("received_at", "pk")[:SHOWN])


def _password_page(request: PersonRequest, asked: FileRequest, error: str = "", status: int = 200) -> HttpResponse:
    context = {"ticket": gate.make_ticket(KIND, asked.pk), "address": _address(request), "error": error}
    return render(request, "sharing/send_password.html", context, status=status)


def _try_password(request: PersonRequest, asked: FileRequest) -> HttpResponseBase:
    if not is_from_our_page(request, KIND, asked.pk):
        raise access.NotAllowed(_("This page has been open for too long. Load it again."))
    if not asked.password_hash:
        return redirect(_address(request))
    if not gate.may_try_password(KIND, asked.pk, request.actor.address):
        return too_many(request)
    if not gate.is_password(request.POST.get("password", ""), asked.password_hash):
        return _password_page(request, asked, _("This is not the password."), 422)
    response = redirect(_address(request))
    let_in(response, KIND, asked.pk, _stamp(asked), gate.new_visit())
    return response


# --- Bytes ------------------------------------------------------------------------------------------------


@to_request
@require_POST
def send_form(request: PersonRequest, asked: FileRequest, visit: str | None, ticket: str) -> HttpResponseBase:
    """The plain form's files, each streamed straight to the store."""
    if visit is None or not is_from_our_page(request, KIND, asked.pk, visit, ticket):
        raise access.NotAllowed(_("This page has been open for too long. Load it again and send the files once more."))
    length = door.number_in(request, "Content-Length")
    if length is None:
        raise BadRequest(_("The length of the request must be given."))

    def sender() -> uploads.Sender:
        return uploads.Sender.of(form.field("sender_name"), form.field("sender_email"))

    form = FormFiles(request, length, None, request.actor, begin=uploads.beginning_of(asked, sender))
    status = 400
    try:
        form.read()
    except uploads.UploadRefused as error:
        messages.error(request, error.message)
        return _page(request, asked, visit, error.status)
    except StoreFull:
        alarm.store_is_full()
        messages.error(request, door.full())
        return _page(request, asked, visit, 507)
    for name, message in form.refused:
        messages.error(request, f"{shown_name(name)}: {message}" if name else message)
        status = form.status
    if form.documents:
        count = len(form.documents)
        messages.success(
            request, ngettext("%(count)d file is there.", "%(count)d files are there.", count) % {"count": count}
        )
        return redirect(_address(request))
    if not form.refused:
        messages.error(request, _("No file was chosen."))
    return _page(request, asked, visit, status)


def needs_ticket(view: View) -> View:
    """Begun by our own page alone, in the visit that it was shown to."""

    @wraps(view)
    def wrapped(request: PersonRequest, asked: FileRequest, visit: str | None) -> HttpResponseBase:
        ticket = request.headers.get("X-Ticket", "")
        is_ours = visit is not None and is_from_our_page(request, KIND, asked.pk, visit, ticket)
        if request.method == "POST" and not is_ours:
            raise access.NotAllowed(
                _("This page has been open for too long. Load it again and send the files once more.")
            )
        return view(request, asked, visit)

    return cast(View, wrapped)


@to_request
@needs_ticket
@door.tus
@require_http_methods(["OPTIONS", "POST"])
def send_upload(request: PersonRequest, asked: FileRequest, visit: str | None) -> HttpResponseBase:
    """The way that scripts send: begins an upload, and may carry its first bytes."""
    if request.method == "OPTIONS":
        return door.offered()
    length = door.number_in(request, "Upload-Length")
    if length is None:
        raise uploads.UploadRefused(_("The size of the file must be given."))
    told = door.metadata_of(request.headers.get("Upload-Metadata", ""))
    sender = uploads.Sender.of(told.get("sender", ""), told.get("email", ""))
    row = uploads.begin_requested(
        asked, told.get("filename", ""), length, told.get("filetype", ""), sender=sender, by=request.actor
    )
    if request.headers.get("Content-Type", "") == door.BODY_TYPE or length == 0:
        row = door.take_first(request, row)
    response = door.described(HttpResponse(status=201), row)
    response.headers["Location"] = f"{_address(request)}uploads/{row.pk}/"
    return response


@to_request
@require_http_methods(["GET", "HEAD", "PATCH", "DELETE"])
@door.tus
def sending(request: PersonRequest, asked: FileRequest, visit: str | None, sending_id: UUID) -> HttpResponseBase:
    """An upload of this visit: how far it is, its next bytes, its end."""
    row: Upload = access.fetch_upload(request.actor, sending_id)
    return door.on_upload(request, row)


# --- The receipt -------------------------------------------------------------------------------------------


@to_request
@require_safe
def send_receipt(request: PersonRequest, asked: FileRequest, visit: str | None) -> HttpResponseBase:
    """What has arrived in this visit: names, sizes and checksums. As text with `?as=text`."""
    rows = _sent(request, asked) if visit is not None else []
    if not rows:
        return redirect(_address(request))
    context = {
        "asked": asked,
        "owner": asked.user.shown_name,
        "sent": rows,
        "total_bytes": sum(row.size_bytes for row in rows),
        "address": _address(request),
        "printed_at": localtime(now()),
    }
    if request.GET.get("as") == "text":
        response = render(request, "sharing/send_receipt.txt", context, content_type="text/plain; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="receipt.txt"'
        return response
    return render(request, "sharing/send_receipt.html", context)
