"""Finding: the page of hits with its facets and the box's list; what was added last, and what is starred."""

from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.middleware import PersonRequest
from documents.actions.errors import Refused
from documents.actions.saved_views import delete_view as delete
from documents.actions.saved_views import rename_view as rename
from documents.actions.saved_views import save_view as save
from documents.forms import NameForm
from documents.listing import SORTS, BadCursor, mark_for, page_of
from documents.models import Document
from documents.search import facets_of, find_documents, meant, more_like, named, parse
from documents.search.conditions import owners_seen
from documents.search.facets import KIND_LABELS, languages_of
from documents.search.finding import SORTS as ORDERS
from documents.search.finding import BadCursor as BadPlace
from documents.search.finding import Found
from documents.search.form import fields_of, query_of
from documents.search.grammar import IS, LINE_LIMIT, NO, Query
from documents.search.hits import Hit, hits_of
from documents.search.languages import language_name
from documents.templatetags.vault import address
from documents.tree import paths_of
from documents.viewing.neighbours import Origin
from documents.viewing.ways import goes_by_pages
from documents.views.asked import size_of
from docuvault.lib.htmx import back_to, done, is_fragment, show
from sharing import access

IN_BOX, ON_PAGE, NAMED_ON_PAGE, TOPICS_OFFERED = 6, 25, 8, 200
# What is read of an address, whatever length it has.
READ_LIMIT = 4 * LINE_LIMIT


def _line(request: PersonRequest) -> str:
    return request.GET.get("q", "").replace("\x00", "").strip()[:READ_LIMIT]


def _order(request: PersonRequest, query: Query) -> str:
    asked = request.GET.get("sort", "")
    return asked if asked in ORDERS else "best" if query.wanted else "newest"


@require_safe
def find(request: PersonRequest) -> HttpResponse:
    """Documents by their words and by filters; folders and topics by name. A page, its next rows, or the box's list."""
    if "words" in request.GET:  # the form: its address is the line's
        many = {key: request.GET.getlist(key) for key in ("is", "no")}
        line = query_of({key: request.GET[key].replace("\x00", "") for key in request.GET}, many)
        kept = {key: request.GET[key] for key in ("sort", "near") if request.GET.get(key)}
        return redirect(f"{reverse('find')}?{urlencode({'q': line, **kept})}")
    line = _line(request)
    query = parse(line)
    if is_fragment(request) and "box" in request.GET:
        return _box(request, line, query)
    context: dict[str, object] = {"line": line, "query_text": line, "query": query, "place": "find"}
    if not query.is_empty:
        context |= _hits(request, query)
        if request.GET.get("after") and is_fragment(request):
            return show(request, "documents/find_more.html", context)
        if not request.GET.get("after"):
            context |= _named(request, query)
        context["is_empty"] = not (context["hits"] or context.get("named"))
    else:
        context |= _saved(request)
    return show(request, "documents/find.html", context | _form(request, query))


def _hits(request: PersonRequest, query: Query) -> dict[str, object]:
    sort, is_near = _order(request, query), "near" in request.GET
    after = request.GET.get("after", "")
    try:
        found = find_documents(query, request.actor, sort=sort, after=after, size=ON_PAGE, is_near=is_near)
    except BadPlace:
        raise BadRequest(_("This address is not one of ours."))
    context: dict[str, object] = {"found": found, "sort": sort, "problems": found.problems, "is_near": found.is_near}
    origin = Origin("find", sort, line=query.line, is_near=is_near)
    context["hits"] = _shown(request, found, query, origin)
    if found.is_near and not after:
        context["meant"] = meant(query, request.actor)
    return context


@dataclass(frozen=True)
class ShownHit:
    """A hit and where it leads: to its page, with its words marked, and with the list to go on in."""

    hit: Hit
    link: str
    page: int | None


def _shown(request: PersonRequest, found: Found, query: Query, origin: Origin) -> list[ShownHit]:
    """The hits with what is shown of them; the rule is asked again for their rows."""
    documents = _with_folders(request.actor, found.ids) if found.ids else []
    mark_for(documents, request.actor)
    return [_leading(hit, origin) for hit in hits_of(found, query, documents)]


@access.asked_of_documents
def _with_folders(rows: QuerySet[Document], ids: list[UUID]) -> QuerySet[Document]:
    return rows.filter(pk__any_of=ids).select_related("folder")


def _leading(hit: Hit, origin: Origin) -> ShownHit:
    # Text without pages is shown in parts: the viewer opens the one with the words.
    page = hit.page if hit.is_text and goes_by_pages(hit.document.content_type) else None
    place = {"page": str(page)} if page else {}
    marks = {"q": hit.words} if hit.words else {}
    link = f"{address('document', hit.document.pk)}?{urlencode({**place, **marks, **origin.parameters})}"
    return ShownHit(hit, link, page if hit.pages > 1 else None)


def _named(request: PersonRequest, query: Query) -> dict[str, object]:
    """Folders and topics of the name that the words are, where nothing but words was asked for."""
    if query.filters or not query.wanted:
        return {}
    text = " ".join(term.words for term in query.wanted)
    things = named(text, request.actor, NAMED_ON_PAGE, with_views=False)
    paths = paths_of(things.folders, request.actor)
    folders = [(folder, paths[folder.pk]) for folder in things.folders]
    return {"named": things, "folders": folders, "found_topics": things.topics}


def _form(request: PersonRequest, query: Query) -> dict[str, object]:
    """The filter form's fields, and the query in words with a way to take each part out."""
    parts = [(part.line, query.without(part).line) for part in query.parts]
    return {
        "fields": fields_of(query),
        "parts": parts,
        "orders": [
            ("best", _("Best")),
            ("newest", _("Newest")),
            ("oldest", _("Oldest")),
            ("name", _("Name")),
            ("size", _("Size")),
        ],
        "kinds": KIND_LABELS.items(),
        "languages": _with(query, "lang", [(code, language_name(code)) for code in languages_of(request.actor)]),
        "owners": _with(query, "owner", owners_seen(request.actor)),
        "form_topics": access.first_topics(request.actor)[:TOPICS_OFFERED],
        "is_words": [(word, IS_LABELS[word]()) for word in IS],
        "no_words": [(word, NO_LABELS[word]()) for word in NO],
        "ways": [
            ("is:scanned", _("Scanned papers")),
            ("no:topic", _("Without a topic")),
            ("after:1m", _("Added in the last month")),
            ("size:>5mb", _("Larger than 5 MB")),
            ("is:shared", _("Shared")),
            ("state:failed", _("Could not be read")),
        ],
    }


def _with(query: Query, key: str, choices: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """With what the query asks for, as it is written: it stays chosen also where it finds nothing."""
    known = {value for value, _label in choices}
    return choices + [(value, value) for value in query.having(key)[:1] if value not in known]


def _saved(request: PersonRequest) -> dict[str, object]:
    """Saved searches, the person's own and those that others show to him."""
    others = access.visible_views(request.actor).exclude(user=request.actor.user)
    return {
        "views": access.own_views(request.actor).order_by("name_key"),
        "others_views": others.select_related("user").order_by("name_key", "pk"),
    }


IS_LABELS = {
    "shared": lambda: _("Shared"),
    "starred": lambda: _("Starred"),
    "mine": lambda: _("Mine"),
    "scanned": lambda: _("Scanned"),
}
NO_LABELS = {
    "text": lambda: _("Without text"),
    "topic": lambda: _("Without a topic"),
    "folder": lambda: _("In no folder"),
    "lang": lambda: _("Language unknown"),
}


def _box(request: PersonRequest, line: str, query: Query) -> HttpResponse:
    """What the box shows while somebody types: few of each kind, and documents with the line that matched."""
    things = named(line, request.actor, IN_BOX)
    found = find_documents(query, request.actor, size=IN_BOX) if not query.is_empty else None
    hits = _shown(request, found, query, Origin("find", "best", line=query.line)) if found is not None else []
    paths = paths_of(things.folders, request.actor)
    context = {
        "query_text": line,
        "hits": hits,
        "folders": [(folder, paths[folder.pk]) for folder in things.folders],
        "found_topics": things.topics,
        "found_views": things.views,
        "is_empty": not (hits or things),
    }
    return show(request, "documents/find_box.html", context)


@require_safe
def find_facets(request: PersonRequest) -> HttpResponse:
    """What the hits have in common, with counts, and what of the vault is still unread."""
    line = _line(request)
    query = parse(line)
    facets = facets_of(query, request.actor, is_near="near" in request.GET)
    context = {"line": line, "query": query, "facets": facets, "place": "find", "sort": _order(request, query)}
    return show(request, "documents/find_facets.html", context)


@require_safe
def similar_documents(request: PersonRequest, document_id: UUID) -> HttpResponse:
    """Documents that share telling words with this one, of those one may see."""
    item = access.fetch_document(request.actor, document_id)
    rows = list(more_like(item, request.actor).select_related("folder"))
    mark_for(rows, request.actor)
    template = "documents/similar_list.html" if is_fragment(request) else "documents/similar.html"
    return show(request, template, {"item": item, "documents": rows, "place": "files"})


# --- Saved views -------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def save_view(request: PersonRequest) -> HttpResponse:
    """Keep the search under a name."""
    asked = request.POST if request.method == "POST" else request.GET
    line, sort = asked.get("q", "").replace("\x00", "")[:READ_LIMIT], asked.get("sort", "")
    form = NameForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            view = save(form.cleaned_data["name"], line, sort, by=request.actor)
        except Refused as error:
            form.add_error("name", error.message)
        else:
            message = _("Saved as “%(name)s”.") % {"name": view.name}
            return done(request, message, to=reverse("saved_view", args=[view.pk]), is_moving=True)
    context = {"form": form, "line": parse(line).line, "sort": sort, "place": "find"}
    return show(request, "documents/save_view.html", context, status=422 if form.errors else 200)


@require_safe
def saved_view(request: PersonRequest, view_id: UUID) -> HttpResponse:
    """A kept search leads to its hits."""
    view = access.fetch_visible_view(request.actor, view_id)
    parameters = {"q": view.query, "view": str(view.pk), **({"sort": view.sort} if view.sort else {})}
    return redirect(f"{reverse('find')}?{urlencode(parameters)}")


@require_http_methods(["GET", "HEAD", "POST"])
def rename_view(request: PersonRequest, view_id: UUID) -> HttpResponse:
    view = access.fetch_view(request.actor, view_id)
    form = NameForm(request.POST or None, initial={"name": view.name})
    if request.method == "POST" and form.is_valid():
        try:
            view = rename(view, form.cleaned_data["name"], by=request.actor)
        except Refused as error:
            form.add_error("name", error.message)
        else:
            return done(request, _("The saved search is renamed."), to=back_to(request, reverse("find")))
    context = {"form": form, "view": view, "place": "find"}
    return show(request, "documents/rename_view.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def delete_view(request: PersonRequest, view_id: UUID) -> HttpResponse:
    view = access.fetch_view(request.actor, view_id)
    if request.method == "POST":
        delete(view, by=request.actor)
        return done(
            request, _("“%(name)s” is no longer saved.") % {"name": view.name}, to=reverse("find"), is_moving=True
        )
    return show(request, "documents/delete_view.html", {"view": view, "place": "find"})


# --- Lists over all folders --------------------------------------------------------------------------


def _page(request: PersonRequest, rows: QuerySet[Document], sort: str, place: str) -> HttpResponse:
    """A list over all folders, or its next rows."""
    after = request.GET.get("after", "")
    wanted = rows.select_related("folder")
    try:
        page = page_of(wanted, SORTS[sort], after=after, size=size_of(request.GET))
    except BadCursor:
        raise BadRequest(_("This address is not one of ours."))
    mark_for(page.rows, request.actor)
    context = {"page": page, "place": place, "shows_place": True, "view": "list", "sort": sort}
    is_more = bool(after) and is_fragment(request)
    return show(request, "documents/more.html" if is_more else f"documents/{place}.html", context)


@require_safe
def recent(request: PersonRequest) -> HttpResponse:
    """What came in last, wherever it lies."""
    return _page(request, access.visible_documents(request.actor, access.Level.OWN), "-created", "recent")


@require_safe
def starred(request: PersonRequest) -> HttpResponse:
    """What the person wants at hand."""
    rows = access.visible_documents(request.actor).filter(stars__user=request.actor.user)
    return _page(request, rows, "name", "starred")
