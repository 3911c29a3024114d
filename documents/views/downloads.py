"""The door out: one document's bytes, or the page that says why there are none."""

from uuid import UUID

from django.http import HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.middleware import PersonRequest
from documents.downloads import ContentFlawed, send_searchable, stream_document
from documents.extraction.lane import CannotRead
from documents.models import Document, Version
from documents.previews import NotMade, PictureBusy
from documents.views.asked import version_asked
from docuvault.lib.htmx import done
from sharing import access, audit

GONE = 410


@require_safe
def download_document(request: PersonRequest, document_id: UUID) -> HttpResponseBase:
    """The current version, with ranges."""
    document = access.fetch_document(request.actor, document_id)
    return bytes_or_why_not(request, document)


@require_safe
def download_searchable(request: PersonRequest, document_id: UUID) -> HttpResponseBase:
    """A scan as a PDF with its words in it, beside the original; of an older version with `?version=`."""
    document = access.fetch_document(request.actor, document_id)
    version = version_asked(request, document)
    if version is None:
        raise access.NotVisible
    here = reverse("document", args=[document_id])
    try:
        return send_searchable(version, by=request.actor)
    except ContentFlawed:
        return bytes_or_why_not(request, document, version)
    except NotMade as error:
        message = _("No words were recognised on it, so there is no searchable PDF of it.")
        if error.reason:
            message = _("A searchable PDF of it cannot be made. The original is safe.")
        return done(request, message, to=here, is_error=True)
    except (PictureBusy, CannotRead):
        return done(request, _("Others are being served just now. Please try again shortly."), to=here, is_error=True)


def bytes_or_why_not(
    request: PersonRequest,
    document: Document,
    version: Version | None = None,
    *,
    verb: audit.Verb = audit.Verb.DOCUMENT_DOWNLOADED,
) -> HttpResponseBase:
    """The bytes; 410 with an explanation where they are missing or damaged. `verb` is what the trail is told.

    `?damaged=yes` gives damaged bytes as they are, to somebody who has read the warning.
    """
    takes_damaged = request.GET.get("damaged") == "yes"
    try:
        return stream_document(request, document, version, by=request.actor, takes_damaged=takes_damaged, verb=verb)
    except ContentFlawed as error:
        if "text/html" in request.headers.get("Accept", ""):
            context = {"item": document, "version": error.version, "flaw": error.flaw, "address": request.path}
            return render(request, "documents/content_gone.html", context, status=GONE)
        message = _("The content of this document is missing or damaged. Please tell an admin.")
        return JsonResponse({"message": message, "flaw": error.flaw}, status=GONE)
