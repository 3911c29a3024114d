"""Why can somebody see this? Every person who reaches a document or folder, by which way, and the way closed there."""

from uuid import UUID

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from accounts.middleware import PersonRequest
from documents.models import Document, Folder
from docuvault.lib.htmx import show
from sharing import access
from sharing.access import Level
from sharing.reach import links_reaching, who_reaches


@require_safe
def reach_document(request: PersonRequest, document_id: UUID) -> HttpResponse:
    return _reach(request, access.fetch_document(request.actor, document_id, Level.MANAGE))


@require_safe
def reach_folder(request: PersonRequest, folder_id: UUID) -> HttpResponse:
    return _reach(request, access.fetch_folder(request.actor, folder_id, Level.MANAGE))


def _reach(request: PersonRequest, item: Document | Folder) -> HttpResponse:
    people = who_reaches(request.actor, item)
    links = links_reaching(request.actor, item)
    ways = [way.row.share.folder_id for person in people for way in person.ways]
    ways += [row.link.folder_id for row in links]
    above = {key for key in ways if key is not None and key != item.pk}
    seen = access.visible_folders(request.actor).filter(pk__in=above)
    managed = access.visible_folders(request.actor, Level.MANAGE).filter(pk__in=above)
    context = {
        "item": item,
        "is_folder": isinstance(item, Folder),
        "people": people,
        "links": links,
        "visible_above": set(seen.values_list("pk", flat=True)),
        "managed_above": set(managed.values_list("pk", flat=True)),
        "place": "shared_by_me",
    }
    return show(request, "sharing/reach.html", context)
