"""The door out: one document's bytes."""

from uuid import UUID

from django.http import HttpResponseBase
from django.views.decorators.http import require_safe

from accounts.middleware import PersonRequest
from documents.downloads import stream_document
from sharing import access


@require_safe
def download_document(request: PersonRequest, document_id: UUID) -> HttpResponseBase:
    """The current version, with ranges."""
    document = access.fetch_document(request.actor, document_id)
    return stream_document(request, document, by=request.actor)
