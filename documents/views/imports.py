"""Back into one's own vault: an export is sent, taken in by a job, and told of as it goes and in the end.

The plain form's address carries a signed ticket, as that for adding files does; scripts send the ZIP with the
tus protocol, so that it goes on where it was.
"""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from accounts.actors import Actor
from accounts.middleware import PersonRequest
from accounts.models import Quota
from documents import uploads
from documents.exports.sent_back import StagedPass, is_under_way, largest_import, last_import
from documents.models import Document, UploadState
from documents.storage import StoreFull
from documents.upkeep import alarm
from documents.views.form_files import FormFiles, Writing
from documents.views.tickets import opened, ticket_of
from docuvault.lib.htmx import done, is_fragment

TICKET_SALT = "documents.import"
PLACE_LIMIT = 2048


class ImportForm(FormFiles):
    """The ZIP, and before it the folder that it is to go into."""

    def __init__(self, request: HttpRequest, length: int, actor: Actor) -> None:
        super().__init__(request, length, None, actor)
        self._into = b""

    def _open(self, name: str, declared: str, bound: int, replaces: Document | None) -> Writing:
        self.begun = StagedPass(name, bound, self._into.decode("utf-8", "replace"), by=self.actor)
        return self.begun

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._writing is None and self._field_name == b"into" and len(self._into) < PLACE_LIMIT:
            self._into += data[start:end]
        super()._data(data, start, end)


@require_safe
def import_export(request: PersonRequest) -> HttpResponse:
    """The form, and how the last import stands."""
    return _page(request)


def _page(request: PersonRequest, status: int = 200) -> HttpResponse:
    user = request.actor.user
    assert user is not None
    context = {
        **_state(request),
        "ticket": ticket_of(request.actor, TICKET_SALT),
        "largest": largest_import(Quota.objects.get(user=user)),
        "place": "space",
    }
    return render(request, "documents/import.html", context, status=status)


def _state(request: PersonRequest) -> dict[str, Any]:
    taking = last_import(by=request.actor)
    if taking is None:
        return {"taking": None}
    return {
        "taking": taking,
        "is_under_way": is_under_way(taking),
        "is_coming": taking.upload.state == UploadState.RECEIVING,
        "is_done": taking.upload.state == UploadState.DONE,
    }


@require_safe
def import_state(request: PersonRequest) -> HttpResponse:
    """How it stands, for the page that asks again and again."""
    state = _state(request)
    response = TemplateResponse(request, "documents/_import_state.html", state)
    if is_fragment(request) and not state.get("is_under_way"):
        response.headers["HX-Refresh"] = "true"  # it has ended: the page has its form again
    return response


@csrf_exempt  # the ticket is the token, and is checked before a byte of the body is read
@require_POST
def import_with_ticket(request: PersonRequest, ticket: str) -> HttpResponseBase:
    """Take the ZIP of a plain form."""
    opened(request, ticket, TICKET_SALT)
    length = request.headers.get("Content-Length", "")
    if not (length.isascii() and length.isdigit() and len(length) < 19):
        return _refused(request, _("The length of the request must be given."), 411)
    form = ImportForm(request, int(length), request.actor)
    try:
        form.read()
    except uploads.UploadRefused as error:
        return _refused(request, error.message, error.status)
    except StoreFull:
        alarm.store_is_full()
        return _refused(request, _("The vault's storage is full. Its administrator has been told."), 507)
    if form.refused:
        return _refused(request, form.refused[0][1], form.status)
    if not hasattr(form, "begun"):
        return _refused(request, _("No file was chosen."), 400)
    return redirect("import_export")


def _refused(request: PersonRequest, message: str, status: int) -> HttpResponse:
    messages.error(request, message)
    return _page(request, status)


@require_POST
def stop_import(request: PersonRequest) -> HttpResponse:
    """Stop the one under way; what came in stays."""
    taking = last_import(by=request.actor)
    if taking is not None and is_under_way(taking):
        uploads.cancel_upload(taking.upload_id, by=request.actor)
    return done(request, _("The import is stopped. What came in stays."), to=reverse("import_export"), is_moving=True)
