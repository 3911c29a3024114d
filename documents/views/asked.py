"""What a request asks for, read strictly: ids, sort orders, sizes."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from accounts.middleware import PersonRequest
from documents.actions.versions import fetch_version
from documents.listing import DEFAULT_SIZE, PAGE_SIZES, SORTS
from documents.models import Document, Folder, Version
from sharing import access
from sharing.access import Level

IDS_LIMIT = 1000


def uuid_or_none(value: str | None) -> UUID | None:
    """An id, None for nothing. What is no id names nothing that can be seen."""
    if not value:
        return None
    try:
        return UUID(value)
    except ValueError:
        raise access.NotVisible


def uuids(values: Iterable[str]) -> list[UUID]:
    found = [key for key in (uuid_or_none(value) for value in values) if key is not None]
    if len(found) > IDS_LIMIT:
        raise BadRequest(_("Choose %(limit)d things at most.") % {"limit": IDS_LIMIT})
    return found


def chosen(request: PersonRequest, at_least: Level) -> tuple[list[Document], list[Folder]]:
    """The documents and folders a form names: all of them, or NotVisible."""
    documents = access.fetch_documents(request.actor, uuids(request.POST.getlist("document")), at_least)
    folders = access.fetch_folders(request.actor, uuids(request.POST.getlist("folder")), at_least)
    return documents, folders


def version_asked(request: PersonRequest, document: Document) -> Version | None:
    """The current version, if there is any; with `?version=` an older one, for those who may edit.

    Raises NotVisible or NotAllowed.
    """
    wanted = uuid_or_none(request.GET.get("version"))
    if wanted is not None and wanted != document.current_version_id:
        return fetch_version(request.actor, document.pk, wanted)
    if document.current_version is not None:
        document.current_version.document = document
    return document.current_version


def sort_of(parameters: QueryDict, default: str = "name") -> str:
    sort = parameters.get("sort", default)
    return sort if sort in SORTS else default


def size_of(parameters: QueryDict) -> int:
    size = parameters.get("per", "")
    return int(size) if size in {str(n) for n in PAGE_SIZES} else DEFAULT_SIZE


def view_of(request: HttpRequest) -> str:
    """List or tiles: as asked, else as last time."""
    asked: Any = request.GET.get("view")
    if asked in {"list", "tiles"}:
        return str(asked)
    return "tiles" if request.COOKIES.get("files_view") == "tiles" else "list"
