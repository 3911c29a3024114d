"""Topics: all of them, one with its documents, and making and changing them."""

from uuid import UUID

from django.core.exceptions import BadRequest
from django.db.models import Count, Q
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.middleware import PersonRequest
from documents.actions.errors import Refused
from documents.actions.topics import change_topic as change
from documents.actions.topics import delete_topic as delete
from documents.actions.topics import make_topic as make
from documents.forms import TopicForm
from documents.listing import SORTS, BadCursor, mark_for, page_of
from documents.views.asked import size_of, sort_of
from docuvault.lib.htmx import done, is_fragment, show
from sharing import access


@require_safe
def topics(request: PersonRequest) -> HttpResponse:
    """One's own topics and everybody's, with how many of the documents one may see carry each."""
    visible = access.visible_documents(request.actor).values("pk")
    rows = access.visible_topics(request.actor).annotate(
        document_count=Count("document_topics", filter=Q(document_topics__document__in=visible))
    )
    rows = rows.order_by("name_key")
    context = {
        "own": [row for row in rows if not row.is_system],
        "system": [row for row in rows if row.is_system],
        "place": "topics",
    }
    return show(request, "documents/topics.html", context)


@require_safe
def topic(request: PersonRequest, topic_id: UUID) -> HttpResponse:
    """The documents under one topic."""
    item = access.fetch_topic(request.actor, topic_id)
    sort, after = sort_of(request.GET), request.GET.get("after", "")
    rows = access.visible_documents(request.actor).filter(document_topics__topic=item).select_related("folder")
    try:
        page = page_of(rows, SORTS[sort], after=after, size=size_of(request.GET))
    except BadCursor:
        raise BadRequest(_("This address is not one of ours."))
    mark_for(page.rows, request.actor)
    can_change = not item.is_system or request.actor.is_admin
    context = {
        "topic": item,
        "page": page,
        "sort": sort,
        "view": "list",
        "place": "topics",
        "shows_place": True,
        "can_change": can_change,
    }
    template = "documents/more.html" if after and is_fragment(request) else "documents/topic.html"
    return show(request, template, context)


@require_http_methods(["GET", "HEAD", "POST"])
def make_topic(request: PersonRequest) -> HttpResponse:
    form = TopicForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        is_system = "is_system" in request.POST and request.actor.is_admin
        try:
            row = make(form.cleaned_data["name"], form.cleaned_data["colour"], by=request.actor, is_system=is_system)
        except Refused as error:
            form.add_error("name", error.message)
        else:
            return done(request, _("Made the topic “%(name)s”.") % {"name": row.name}, to=reverse("topics"))
    context = {"form": form, "is_new": True}
    return show(request, "documents/topic_form.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def change_topic(request: PersonRequest, topic_id: UUID) -> HttpResponse:
    item = access.fetch_topic(request.actor, topic_id, to_change=True)
    form = TopicForm(request.POST or None, initial={"name": item.name, "colour": item.colour})
    if request.method == "POST" and form.is_valid():
        try:
            change(item, form.cleaned_data["name"], form.cleaned_data["colour"], by=request.actor)
        except Refused as error:
            form.add_error("name", error.message)
        else:
            return done(request, _("The topic is changed."), to=reverse("topic", args=[item.pk]))
    context = {"form": form, "item": item, "is_new": False}
    return show(request, "documents/topic_form.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def delete_topic(request: PersonRequest, topic_id: UUID) -> HttpResponse:
    item = access.fetch_topic(request.actor, topic_id, to_change=True)
    if request.method == "POST":
        delete(item, by=request.actor)
        message = _("The topic “%(name)s” is gone; its documents stay.") % {"name": item.name}
        return done(request, message, to=reverse("topics"), is_moving=True)
    return show(request, "documents/delete_topic.html", {"item": item})
