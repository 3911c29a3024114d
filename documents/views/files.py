"""Folder pages, and what can be done with a folder."""

from collections.abc import Sequence
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.middleware import PersonRequest
from documents.actions.errors import ChangedMeanwhile, Refused
from documents.actions.folders import ensure_folder_path
from documents.actions.folders import make_folder as make
from documents.actions.folders import move_folder as move
from documents.actions.folders import rename_folder as rename
from documents.actions.trash import trash_folder as throw_away
from documents.forms import NameForm
from documents.listing import SORTS, BadCursor, mark_for, page_of
from documents.models import Document, Folder
from documents.names import InvalidName, name_key
from documents.tree import paths_of, with_children
from documents.views.asked import size_of, sort_of, uuid_or_none, view_of
from docuvault.lib.htmx import back_to, done, is_fragment, show
from sharing import access
from sharing.access import Level
from sharing.reach import mark_audiences

PICK_LIMIT = 200
FOLDERS_SHOWN = 500


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The vault begins at its files."""
    return redirect("files")


@require_safe
def files(request: PersonRequest, folder_id: UUID | None = None) -> HttpResponse:
    """What lies in a folder, or at the top: folders first, then a page of documents."""
    folder = access.fetch_place(request.actor, folder_id)
    if request.GET.get("pane") and folder is not None and is_fragment(request):
        context = {"item": folder, "can": _rights(request, folder)}
        return show(request, "documents/folder_pane.html", context)
    sort, view, after = sort_of(request.GET), view_of(request), request.GET.get("after", "")
    topic_id = uuid_or_none(request.GET.get("topic"))
    topic = access.fetch_topic(request.actor, topic_id) if topic_id else None
    documents = access.documents_in(request.actor, folder)
    if topic is not None:
        documents = documents.filter(document_topics__topic=topic)
    size = size_of(request.GET)
    try:
        page = page_of(documents, SORTS[sort], after=after, size=size, within="folder_id")
    except BadCursor:
        raise BadRequest(_("This address is not one of ours."))
    mark_for(page.rows, request.actor, folder)
    context = {"page": page, "sort": sort, "view": view, "folder": folder, "filter_topic": topic}
    if after and is_fragment(request):
        return show(request, "documents/more.html", context)
    context["folders"] = [] if after or topic else _folders(request, folder, sort)
    context["crumbs"] = access.visible_ancestors(request.actor, folder)
    context["place"] = "files"
    context["can"] = _rights(request, folder)
    response = show(request, "documents/files.html", context)
    if request.GET.get("view") in {"list", "tiles"}:
        response.set_cookie(
            "files_view", view, max_age=31_536_000, samesite="Lax", httponly=True, secure=request.is_secure()
        )
    return response


def _folders(request: PersonRequest, folder: Folder | None, sort: str) -> list[Folder]:
    column = {"created": "created_at", "-created": "-created_at", "-name": "-name_key"}.get(sort, "name_key")
    return list(access.folders_in(request.actor, folder).order_by(column, "id")[:FOLDERS_SHOWN])


def _rights(request: PersonRequest, folder: Folder | None) -> dict[str, bool]:
    level = Level.OWN if folder is None else access.level_on_folder(request.actor, folder) or Level.VIEW
    return {
        "edit": level >= Level.EDIT,
        "manage": level >= Level.MANAGE,
        "own": level >= Level.OWN,
        "leave": level < Level.OWN and folder is not None and access.has_own_way(request.actor, folder),
    }


@require_safe
def folder_tree(request: PersonRequest) -> HttpResponse:
    """One level of the tree."""
    parent = access.fetch_place(request.actor, uuid_or_none(request.GET.get("parent")))
    return TemplateResponse(
        request, "pieces/_tree.html", {"folders": with_children(access.folders_in(request.actor, parent))}
    )


@require_safe
def pick_folder(request: PersonRequest) -> HttpResponse:
    """Folders to choose from, by a part of their name."""
    return TemplateResponse(request, "documents/_pick.html", {"places": places_to_pick(request)})


def places_to_pick(request: PersonRequest, items: Sequence[Document | Folder] = ()) -> list[tuple[Folder, str]]:
    """Folders that fit the words asked for, each with the path it lies in and who would see the items there."""
    rows = access.visible_folders(request.actor, Level.EDIT)
    words = request.GET.get("pick", "").strip()[:200].replace("\x00", "")
    if words:
        rows = rows.filter(name_key__contains=name_key(words))
    folders = list(rows.order_by("name_key", "id")[:PICK_LIMIT])
    mark_audiences(request.actor, folders, items)
    paths = paths_of(folders, request.actor)
    return sorted(((f, paths[f.pk]) for f in folders), key=lambda pair: (pair[1].casefold(), pair[0].name_key))


@require_http_methods(["GET", "HEAD", "POST"])
def make_folder(request: PersonRequest) -> HttpResponse:
    """A new folder here; with a `path`, all the folders of it."""
    parent_id = uuid_or_none((request.POST if request.method == "POST" else request.GET).get("parent"))
    parent = access.fetch_place(request.actor, parent_id, Level.EDIT)
    here = reverse("folder", args=[parent.pk]) if parent else reverse("files")
    form = NameForm(request.POST or None)
    if request.method == "POST":
        try:
            if path := request.POST.get("path"):
                ensure_folder_path([part for part in path.split("/") if part], parent, by=request.actor)
                return done(request, _("The folders are there."), to=here)
            if form.is_valid():
                folder = make(form.cleaned_data["name"], parent, by=request.actor)
                return done(request, _("Made the folder “%(name)s”.") % {"name": folder.name}, to=here)
        except (Refused, InvalidName) as error:
            form.is_valid()
            form.add_error("name", error.message)
    context = {"form": form, "folder": parent}
    return show(request, "documents/make_folder.html", context, status=422 if form.errors else 200, page="base.html")


@require_http_methods(["GET", "HEAD", "POST"])
def rename_folder(request: PersonRequest, folder_id: UUID) -> HttpResponse:
    folder = access.fetch_folder(request.actor, folder_id, Level.EDIT)
    form, status = NameForm(request.POST or None, initial={"name": folder.name}), 422
    if request.method == "POST" and form.is_valid():
        try:
            folder = rename(folder, form.cleaned_data["name"], by=request.actor, known=request.POST.get("known"))
        except Refused as error:
            form.add_error("name", error.message)
            status = 409 if isinstance(error, ChangedMeanwhile) else 422
            folder.refresh_from_db(fields=["name"])
        else:
            message = _("It is called “%(name)s” now.") % {"name": folder.name}
            return done(request, message, to=back_to(request, reverse("folder", args=[folder.pk])))
    context = {"form": form, "item": folder}
    return show(request, "documents/rename.html", context, status=status if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def move_folder(request: PersonRequest, folder_id: UUID) -> HttpResponse:
    folder = access.fetch_folder(request.actor, folder_id, Level.EDIT)
    error = ""
    if request.method == "POST":
        to = access.fetch_place(request.actor, uuid_or_none(request.POST.get("to")), Level.EDIT)
        try:
            move(folder, to, by=request.actor, keep_both="keep_both" in request.POST)
        except Refused as refused:
            error = refused.message
        else:
            message = _("Moved to %(place)s.") % {"place": to.name if to else _("Files")}
            return done(request, message, to=reverse("folder", args=[folder.pk]))
    context = {"items": [folder], "item": folder, "places": places_to_pick(request, [folder]), "error": error}
    return show(request, "documents/move.html", context, status=422 if error else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def trash_folder(request: PersonRequest, folder_id: UUID) -> HttpResponse:
    folder = access.fetch_folder(request.actor, folder_id, Level.OWN)
    parent = folder.parent
    if request.method == "POST":
        entry = throw_away(folder, by=request.actor)
        to = reverse("folder", args=[parent.pk]) if parent else reverse("files")
        return done(
            request,
            _("“%(name)s” is in the trash.") % {"name": folder.name},
            to=to,
            undo_url=f"{reverse('undo_trash')}?entry={entry.pk}",
            is_moving=True,
        )
    return show(request, "documents/throw_away.html", {"item": folder, "is_folder": True})
