"""Bytes by a link: for the viewer, as pictures, as downloads and ZIPs; and files that its holder puts in."""

from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.quota import QuotaExceeded
from documents import uploads
from documents.actions.errors import Refused
from documents.downloads import ContentFlawed, stream_document, zip_documents
from documents.models import Document, Folder
from documents.storage import StoreFull
from documents.upkeep import alarm
from documents.views import pictures
from documents.views.form_files import FormFiles, Writing
from documents.views.viewer import document_copy, document_enclosure
from sharing import access, audit
from sharing.actions import download_by_link, upload_by_link
from sharing.gate import Kind
from sharing.models import LinkLevel
from sharing.views.gate import is_from_our_page
from sharing.views.link_pages import LinkRequest, adding_page, document_page, folder_page, within


def _flawed(request: LinkRequest) -> HttpResponse:
    message = _("The content of this document is missing or damaged. Please tell whoever sent you the link.")
    return render(request, "sharing/link_refused.html", {"message": message}, status=410)


@require_safe
@within
def link_content(request: LinkRequest, token: str, document_id: UUID) -> HttpResponseBase:
    """The bytes for the viewer; not by links that are for looking only, or whose downloads are counted."""
    item = access.fetch_document(request.actor, document_id)
    try:
        return stream_document(request, item, by=request.actor, verb=audit.Verb.DOCUMENT_VIEWED)
    except ContentFlawed:
        return _flawed(request)


@require_safe
@within
def link_copy(request: LinkRequest, token: str, document_id: UUID) -> HttpResponseBase:
    """The PDF of an office paper for the viewer, where it has been made."""
    access.fetch_document(request.actor, document_id)
    access.require_bytes(request.actor, for_viewer=True)
    return document_copy(request, document_id)


@require_safe
@within
def link_download(request: LinkRequest, token: str, document_id: UUID) -> HttpResponseBase:
    item = access.fetch_document(request.actor, document_id)
    access.require_bytes(request.actor)
    if item.current_version is not None and item.current_version.flaw:
        return _flawed(request)
    if request.method != "HEAD" and item.current_version is not None:
        download_by_link(item.current_version, by=request.actor)
    try:
        return stream_document(request, item, by=request.actor)
    except ContentFlawed:
        return _flawed(request)


@require_safe
@within
def link_zip(request: LinkRequest, token: str, folder_id: UUID) -> HttpResponseBase:
    """A folder with all below it, as it is now."""
    folder = access.fetch_folder(request.actor, folder_id)
    access.require_bytes(request.actor)
    if request.method == "HEAD":
        return HttpResponse(content_type="application/zip")
    download_by_link(by=request.actor)
    return zip_documents([], [folder], f"{folder.name}.zip", by=request.actor)


@require_safe
@within
def link_enclosure(request: LinkRequest, token: str, document_id: UUID, number: int) -> HttpResponseBase:
    item = access.fetch_document(request.actor, document_id)
    access.require_bytes(request.actor, for_viewer=True)
    if item.current_version is not None and item.current_version.flaw:
        return _flawed(request)
    return document_enclosure(request, document_id, number)


@require_safe
@within
def link_thumbnail(request: LinkRequest, token: str, document_id: UUID) -> HttpResponseBase:
    return pictures.thumbnail(request, document_id)


@require_safe
@within
def link_page_picture(request: LinkRequest, token: str, document_id: UUID, page: int) -> HttpResponseBase:
    return pictures.page_picture(request, document_id, page)


@require_safe
@within
def link_page_words(request: LinkRequest, token: str, document_id: UUID, page: int) -> HttpResponseBase:
    access.fetch_document(request.actor, document_id)
    access.require_bytes(request.actor, for_viewer=True)
    return pictures.page_words(request, document_id, page)


# --- Putting files in ------------------------------------------------------------------------------------------


class LinkFiles(FormFiles):
    """The files of a form that came by a link. Who only puts files in learns no name that was there before."""

    def __init__(
        self, request: LinkRequest, length: int, folder: Folder | None, replaces: Document | None = None
    ) -> None:
        super().__init__(request, length, folder, request.actor, replaces)
        self.may_replace = request.link.level == LinkLevel.EDIT
        self.arrived: list[tuple[str, Document]] = []

    def _open(self, name: str, declared: str, bound: int, replaces: Document | None) -> Writing:
        try:
            upload_by_link(by=self.actor)
        except Refused as refused:
            raise uploads.UploadRefused(refused.message, 409)
        return super()._open(name, declared, bound, replaces)

    def _named(self, name: str) -> Document | None:
        return super()._named(name) if self.may_replace else None

    def _end_file(self) -> None:
        sent = self._writing.upload.name if self._writing is not None else ""
        count = len(self.documents)
        super()._end_file()
        if len(self.documents) > count:
            self.arrived.append((sent, self.documents[-1]))


@require_POST
@within
def link_add(request: LinkRequest, token: str, folder_id: UUID, ticket: str) -> HttpResponseBase:
    """Take the form's files into a folder that the link opens, each streamed straight to the store."""
    _must_be_ours(request, ticket)
    return _take(request, token, access.fetch_folder_to_add(request.actor, folder_id), None)


@require_POST
@within
def link_replace(request: LinkRequest, token: str, document_id: UUID, ticket: str) -> HttpResponseBase:
    """Take the form's file as the next version of a document."""
    _must_be_ours(request, ticket)
    return _take(request, token, None, access.fetch_document_to_replace(request.actor, document_id))


def _must_be_ours(request: LinkRequest, ticket: str) -> None:
    """Checked before a byte of the body is read."""
    if not is_from_our_page(request, Kind.LINK, request.link.pk, request.visit, ticket):
        raise access.NotAllowed(_("This page has been open for too long. Load it again and send the files once more."))


def _take(request: LinkRequest, token: str, folder: Folder | None, item: Document | None) -> HttpResponse:
    length = request.headers.get("Content-Length", "")
    if not length.isascii() or not length.isdigit():
        return _after(request, token, folder, item, None, _("The length of the request must be given."), 411)
    form = LinkFiles(request, int(length), folder, item)
    try:
        form.read()
    except QuotaExceeded:
        message = _("There is not enough space left for it. Please tell whoever sent you the link.")
        return _after(request, token, folder, item, form, message, 413)
    except uploads.UploadRefused as error:
        return _after(request, token, folder, item, form, error.message, error.status)
    except StoreFull:
        alarm.store_is_full()
        message = _("The vault's storage is full. Its administrator has been told; what has arrived is kept.")
        return _after(request, token, folder, item, form, message, 507)
    if not form.documents and not form.skipped and not form.refused:
        return _after(request, token, folder, item, form, _("No file was chosen."), 400)
    return _after(request, token, folder, item, form, "", 200 if form.documents or form.skipped else form.status)


def _after(
    request: LinkRequest,
    token: str,
    folder: Folder | None,
    item: Document | None,
    form: LinkFiles | None,
    error: str,
    status: int,
) -> HttpResponse:
    """The page the files were sent from, with what became of each."""
    told = {
        "error": error,
        "arrived": form.arrived if form is not None else [],
        "refused": form.refused if form is not None else [],
        "skipped": form.skipped if form is not None else [],
    }
    if not request.link.shows:
        return adding_page(request, token, told=told, status=status)
    if item is not None:
        fresh = access.fetch_document(request.actor, item.pk)
        return document_page(request, token, fresh, told=told, status=status)
    assert folder is not None
    return folder_page(request, token, folder, told=told, status=status)
