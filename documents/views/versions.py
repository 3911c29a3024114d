"""A document's older versions, and what is to become of files that are in the vault already."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.middleware import PersonRequest
from documents import uploads
from documents.actions import versions as acts
from documents.actions.errors import Refused
from documents.forms import VersionNoteForm
from documents.models import Document
from documents.views.asked import uuid_or_none, uuids
from documents.views.downloads import bytes_or_why_not
from docuvault.lib.htmx import back_to, done, show
from sharing import access
from sharing.access import Level

FILES_ASKED = 10_000
ROWS_SHOWN = 100


@require_safe
def download_version(request: PersonRequest, document_id: UUID, version_id: UUID) -> HttpResponseBase:
    """The bytes of one version, with ranges."""
    version = acts.fetch_version(request.actor, document_id, version_id)
    return bytes_or_why_not(request, version.document, version)


@require_http_methods(["GET", "HEAD", "POST"])
def note_version(request: PersonRequest, document_id: UUID, version_id: UUID) -> HttpResponse:
    version = acts.fetch_version(request.actor, document_id, version_id)
    form = VersionNoteForm(request.POST or None, initial={"note": version.note})
    if request.method == "POST" and form.is_valid():
        acts.note_version(version, form.cleaned_data["note"], by=request.actor)
        return done(request, _("The note is saved."), to=reverse("document", args=[document_id]))
    context = {"form": form, "version": version, "item": version.document}
    return show(request, "documents/version_note.html", context, status=422 if form.errors else 200)


@require_POST
def promote_version(request: PersonRequest, document_id: UUID, version_id: UUID) -> HttpResponse:
    version = acts.fetch_version(request.actor, document_id, version_id)
    acts.promote_version(version, by=request.actor)
    message = _("Version %(number)d is the current one now.") % {"number": version.number}
    return done(request, message, to=back_to(request, reverse("document", args=[document_id])))


@require_http_methods(["GET", "HEAD", "POST"])
def delete_version(request: PersonRequest, document_id: UUID, version_id: UUID) -> HttpResponse:
    version = acts.fetch_version(request.actor, document_id, version_id, Level.OWN)
    error = ""
    if request.method == "POST":
        try:
            acts.delete_version(version, by=request.actor)
        except Refused as refused:
            error = refused.message
        else:
            message = _("Version %(number)d is deleted for good.") % {"number": version.number}
            return done(request, message, to=reverse("document", args=[document_id]))
    context = {"version": version, "item": version.document, "error": error}
    return show(request, "documents/delete_version.html", context, status=422 if error else 200)


# --- Before the files travel ------------------------------------------------------------------------


@require_POST
def foresee_uploads(request: PersonRequest) -> HttpResponse:
    """What these files would meet: a form with the questions, or 204 where there is none.

    `files` is JSON: pairs of path and size in bytes; `made` are paths of folders without files.
    """
    folder = access.fetch_place(request.actor, uuid_or_none(request.POST.get("folder")), Level.EDIT)
    folders = request.POST.getlist("made")[:FILES_ASKED]
    outlook = uploads.foresee(_files(request.POST.get("files", "")), folder, by=request.actor, folders=folders)
    if not outlook.asks:
        return HttpResponse(status=204)
    context = {
        "outlook": outlook,
        "folder": folder,
        "clashes": outlook.clashes[:ROWS_SHOWN],
        "left_out": outlook.left_out[:ROWS_SHOWN],
        "more_left_out": max(0, len(outlook.left_out) - ROWS_SHOWN),
        "all_left_out": [path for path, _reason in outlook.left_out],
        "more_clashes": max(0, len(outlook.clashes) - ROWS_SHOWN),
        "all_clashes": [{"path": clash.path, "document": str(clash.document.pk)} for clash in outlook.clashes],
        "made": outlook.made[:ROWS_SHOWN],
        "more_made": max(0, len(outlook.made) - ROWS_SHOWN),
    }
    return show(request, "documents/foreseen.html", context)


def _files(text: str) -> list[tuple[str, int]]:
    """Raises BadRequest."""
    try:
        asked: Any = json.loads(text)
        files = [(str(path), int(size)) for path, size in asked]
    except (ValueError, TypeError, RecursionError):
        raise BadRequest(_("The list of files cannot be read."))
    if len(files) > FILES_ASKED or any(not 0 <= size < 2**62 for _path, size in files):
        raise BadRequest(_("The list of files cannot be read."))
    return files


# --- When they have arrived -------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def twins(request: PersonRequest) -> HttpResponse:
    """Which of these documents hold bytes that the vault had already, and what is to become of each."""
    added = access.visible_documents(request.actor, Level.OWN).filter(
        pk__in=uuids(request.GET.getlist("document"))[:ROWS_SHOWN]
    )
    pairs = [(document, acts.twins_of(document, by=request.actor)) for document in added.order_by("name_key", "pk")]
    pairs = [(document, others) for document, others in pairs if others]
    if request.method == "POST":
        count = sum(_decide(request, document, others) for document, others in pairs)
        message = ngettext("%(count)d file was cleared up.", "%(count)d files were cleared up.", count)
        return done(request, message % {"count": count}, to=reverse("files"))
    if not pairs and "count" in request.GET:
        return HttpResponse(status=204)
    return show(request, "documents/twins.html", {"pairs": pairs, "place": "files"})


def _decide(request: PersonRequest, document: Document, others: Sequence[Document]) -> int:
    """Do what was chosen for one document: `drop:ID`, `give:ID`, `restore:ID`, or nothing. Answers 1 if it was done."""
    act, _colon, key = request.POST.get(str(document.pk), "").partition(":")
    other = next((row for row in others if row.pk == uuid_or_none(key)), None)
    if other is None or act not in {"drop", "give", "restore"}:
        return 0
    verb = {"drop": acts.drop_twin, "give": acts.give_to, "restore": acts.restore_instead}[act]
    verb(document, other, by=request.actor)
    return 1
