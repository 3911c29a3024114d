"""Pictures of documents and of their pages, where words stand on them, and how far a reading has got.

Only pictures that the vault has encoded itself are sent, in two sizes; each request is checked for the
document, and a browser that has one asks each time whether it still may (and is answered in few bytes).
"""

from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.middleware import PersonRequest
from documents import previews
from documents.actions import reading as acts
from documents.extraction.frames import unpack_words
from documents.extraction.lane import CannotRead
from documents.listing import mark_for
from documents.models import Document, Page, Picture, PictureKind, Reading, Version
from documents.storage import ObjectMissing
from documents.views.asked import uuids, version_asked
from docuvault.lib.htmx import done, is_fragment, show
from sharing import access
from sharing.access import Level

SIZES = {"thumbnail": "320", "page": "1600"}
BUSY_SECONDS = "5"
READINGS_TOLD = 50


def _asked_for(request: PersonRequest, document_id: UUID) -> tuple[Document, Version]:
    """The document and the version: the current one, or with `?version=` an older one, for those who may edit."""
    document = access.fetch_document(request.actor, document_id)
    version = version_asked(request, document)
    if version is None:
        raise access.NotVisible
    return document, version


def _size_must_be(request: PersonRequest, kind: str) -> None:
    if request.GET.get("size", SIZES[kind]) != SIZES[kind]:
        raise Http404(_("There are no pictures of this size."))


@require_safe
def thumbnail(request: PersonRequest, document_id: UUID) -> HttpResponseBase:
    _document, version = _asked_for(request, document_id)
    _size_must_be(request, "thumbnail")
    return sent_picture(request, previews.picture_of(version, PictureKind.THUMBNAIL))


@require_safe
def page_picture(request: PersonRequest, document_id: UUID, page: int) -> HttpResponseBase:
    """A page as a picture, made now if nobody has looked at it yet."""
    _document, version = _asked_for(request, document_id)
    _size_must_be(request, "page")
    if not Page.objects.filter(reading=version.pk, number=page, reading__kind__in=previews.WITH_PAGES).exists():
        raise Http404(_("There is no such page."))
    picture = previews.picture_of(version, PictureKind.PAGE, page)
    if picture is None:
        try:
            picture = previews.make_page_picture(version, page)
        except (previews.PictureBusy, CannotRead):
            return HttpResponse(status=503, headers={"Retry-After": BUSY_SECONDS})
    return sent_picture(request, picture)


def sent_picture(request: PersonRequest, picture: Picture | None) -> HttpResponseBase:
    """A picture of something that the actor has fetched, or 404."""
    if picture is None:
        raise Http404(_("There is no picture of it."))
    etag = f'"{picture.pk.hex}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    if request.headers.get("If-None-Match") == etag:
        return HttpResponse(status=304, headers=headers)
    try:
        chunks = previews.open_picture(picture)
    except ObjectMissing:
        picture.delete()  # it is made again when somebody looks
        raise Http404(_("There is no picture of it."))
    response = StreamingHttpResponse(chunks, content_type=picture.content_type, headers=headers)
    response.headers["Content-Length"] = str(picture.size_bytes)
    return response


@require_safe
def page_words(request: PersonRequest, document_id: UUID, page: int) -> HttpResponse:
    """The words of a recognised page and their boxes [left, top, right, bottom], in fractions of its picture."""
    _document, version = _asked_for(request, document_id)
    row = Page.objects.filter(reading=version.pk, number=page).first()
    if row is None:
        raise Http404(_("There is no such page."))
    words = []
    if row.words and row.width and row.height:
        across, down = row.width, row.height
        words = [
            [round(a / across, 5), round(b / down, 5), round(c / across, 5), round(d / down, 5), text]
            for a, b, c, d, text in unpack_words(bytes(row.words))
        ]
    return JsonResponse({"page": page, "width": row.width, "height": row.height, "words": words})


@require_safe
def reading(request: PersonRequest, document_id: UUID) -> HttpResponseBase:
    """How far the reading is: a line that asks again until it is final."""
    document, version = _asked_for(request, document_id)
    if not is_fragment(request):
        return redirect("document", document_id)
    level = access.level_on_document(request.actor, document) or Level.VIEW
    row = Reading.objects.filter(pk=version.pk).first()
    context = {"item": document, "reading": row, "can": {"edit": level >= Level.EDIT}}
    answer = show(request, "documents/reading.html", context)
    if row is not None and row.is_final:
        answer.headers["HX-Trigger"] = "reading-ended"
    return answer


@require_safe
def readings(request: PersonRequest) -> HttpResponse:
    """How the readings of some documents of a list stand by now, and their pictures; of those one sees."""
    wanted = uuids(request.GET.getlist("id"))[:READINGS_TOLD]
    rows = list(access.visible_documents(request.actor).filter(pk__in=wanted))
    mark_for(rows, request.actor)
    context = {"documents": rows, "view": request.GET.get("view", "")}
    return show(request, "documents/readings.html", context, page="base_fragment.html")


@require_POST
def read_again(request: PersonRequest, document_id: UUID) -> HttpResponse:
    document = access.fetch_document(request.actor, document_id, Level.EDIT)
    acts.read_again(document, by=request.actor)
    return done(request, _("It is read once more."), to=reverse("document", args=[document_id]))
