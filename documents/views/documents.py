"""A document's page, and what can be done with one document."""

from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.db.models import BigIntegerField, Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.actors import Actor
from accounts.middleware import PersonRequest
from accounts.models import User
from documents import previews
from documents.actions.documents import move_document as move
from documents.actions.documents import rename_document as rename
from documents.actions.documents import star_document as star
from documents.actions.documents import unstar_document as unstar
from documents.actions.errors import ChangedMeanwhile, Refused
from documents.actions.suggestions import suggestions_for
from documents.actions.topics import tag_documents, untag_documents
from documents.actions.trash import trash_document as throw_away
from documents.forms import NameForm
from documents.models import Document, DocumentTopic, PictureKind, Reading, Star, Topic, Version
from documents.views.asked import uuid_or_none, uuids, version_asked
from documents.views.files import places_to_pick
from documents.views.viewer import steps_of, viewer_of
from docuvault.lib.asked_often import AskedOften
from docuvault.lib.htmx import back_to, done, is_fragment, show
from docuvault.lib.plain import row_by
from sharing import access, audit
from sharing.access import Level
from sharing.listing import shown_shares
from sharing.models import Comment

TopicRule = Callable[[Actor], QuerySet[Topic]]
EVENTS_SHOWN = 20
VERSIONS_SHOWN = 100
SHARES_SHOWN = 50
COMMENTS_SHOWN = 200
SHARE_RELATED = ("document", "folder", "recipient", "group", "shared_by")


@require_safe
def document(request: PersonRequest, document_id: UUID) -> HttpResponse:
    """What it is, where it is filed and why, who can see it, what happened to it."""
    item = access.fetch_document(request.actor, document_id)
    version = version_asked(request, item)
    is_pane = bool(request.GET.get("pane")) and is_fragment(request)
    if version is not None and not is_pane:
        audit.record_reading(audit.Verb.DOCUMENT_VIEWED, version, by=request.actor)
    level = access.level_on_document(request.actor, item) or Level.VIEW
    version_count, older_bytes = next(iter(_versions_of(item.pk)), (0, 0))
    context: dict[str, object] = {
        "item": item,
        "version": version,
        "version_count": version_count,
        "older_bytes": older_bytes,
        "topics": _topics_on(request, item),
        "is_starred": Star.objects.filter(user=request.actor.user, document=item).exists(),
        "crumbs": access.visible_ancestors(request.actor, item.folder),
        "can": {
            "comment": level >= Level.COMMENT,
            "edit": level >= Level.EDIT,
            "manage": level >= Level.MANAGE,
            "own": level >= Level.OWN,
            "leave": level < Level.OWN and access.own_ways(request.actor, item).exists(),
        },
        "place": "files",
    }
    context["suggestions"] = suggestions_for([item], by=request.actor).get(item.pk, [])
    context["reading"] = row_by(Reading, "version_id", item.current_version_id)
    context["picture"] = previews.picture_of(version, PictureKind.THUMBNAIL) if version is not None else None
    if is_pane:
        return show(request, "documents/document_pane.html", context)
    context["events"] = access.events_of(request.actor, item)[:EVENTS_SHOWN]
    if level >= Level.EDIT:
        context["versions_kept"], context["versions_kept_days"] = settings.VERSIONS_KEPT, settings.VERSIONS_KEPT_DAYS
        context["versions"] = item.versions.select_related("created_by").order_by("-number")[:VERSIONS_SHOWN]
    context["comments"] = _comments(item)
    if level >= Level.MANAGE:
        rows = access.shares_on(request.actor, item).select_related(*SHARE_RELATED)
        context["shares"] = shown_shares(list(rows.order_by("created_at", "pk")[:SHARES_SHOWN]), request.actor)
        links = access.links_on(request.actor, item).select_related(*access.LINK_RELATED)
        context["link_count"] = len(access.links_open(list(access.links_holding(links)[:SHARES_SHOWN])))
        context["shown_above"] = {crumb.pk for crumb in access.visible_ancestors(request.actor, item.folder)}
    context["keeps_attachments"] = True
    context["shown"] = viewer_of(request, item, version)
    context["steps"] = steps_of(request, item)
    return show(request, "documents/document.html", context)


@AskedOften
def _versions_of(document_id: UUID) -> QuerySet[Version, tuple[int, int]]:
    """How many there are, and the bytes of those that are not current."""
    older = Coalesce(Sum("size_bytes", filter=Q(current_of=None)), 0, output_field=BigIntegerField())
    counted = Version.objects.filter(document=document_id).order_by().values("document")
    return counted.annotate(count=Count("pk"), older=older).values_list("count", "older")


@AskedOften
def _topics_of(user_id: UUID, document_id: UUID, *, rule: TopicRule) -> QuerySet[DocumentTopic]:
    rows = DocumentTopic.objects.filter(document=document_id, topic__in=rule(Actor.for_user(User(pk=user_id))))
    return rows.select_related("topic", "added_by", "rule").order_by("topic__name_key")


def _topics_on(request: PersonRequest, item: Document) -> list[DocumentTopic]:
    user = request.actor.user
    return _topics_of(user.pk, item.pk, rule=access.visible_topics) if user is not None else []


@AskedOften
def _newest_comments(document_id: UUID) -> QuerySet[Comment]:
    rows = Comment.objects.filter(document=document_id).select_related("author")
    return rows.order_by("-created_at", "-pk")[:COMMENTS_SHOWN]


def _comments(item: Document) -> list[Comment]:
    """What was said last, the oldest of it first."""
    return _newest_comments(item.pk)[::-1]


@require_http_methods(["GET", "HEAD", "POST"])
def rename_document(request: PersonRequest, document_id: UUID) -> HttpResponse:
    item = access.fetch_document(request.actor, document_id, Level.EDIT)
    form, status = NameForm(request.POST or None, initial={"name": item.name}), 422
    if request.method == "POST" and form.is_valid():
        try:
            item = rename(item, form.cleaned_data["name"], by=request.actor, known=request.POST.get("known"))
        except Refused as error:
            form.add_error("name", error.message)
            status = 409 if isinstance(error, ChangedMeanwhile) else 422
            item.refresh_from_db(fields=["name"])
        else:
            message = _("It is called “%(name)s” now.") % {"name": item.name}
            return done(request, message, to=back_to(request, reverse("document", args=[item.pk])))
    context = {"form": form, "item": item}
    return show(request, "documents/rename.html", context, status=status if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def move_document(request: PersonRequest, document_id: UUID) -> HttpResponse:
    item = access.fetch_document(request.actor, document_id, Level.EDIT)
    error = ""
    if request.method == "POST":
        to = access.fetch_place(request.actor, uuid_or_none(request.POST.get("to")), Level.EDIT)
        try:
            move(item, to, by=request.actor, keep_both="keep_both" in request.POST)
        except Refused as refused:
            error = refused.message
        else:
            message = _("Moved to %(place)s.") % {"place": to.name if to else _("Files")}
            return done(request, message, to=reverse("document", args=[item.pk]))
    context = {"items": [item], "item": item, "places": places_to_pick(request, [item]), "error": error}
    return show(request, "documents/move.html", context, status=422 if error else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def trash_document(request: PersonRequest, document_id: UUID) -> HttpResponse:
    item = access.fetch_document(request.actor, document_id, Level.OWN)
    if request.method == "POST":
        entry = throw_away(item, by=request.actor)
        to = reverse("folder", args=[item.folder_id]) if item.folder_id else reverse("files")
        return done(
            request,
            _("“%(name)s” is in the trash.") % {"name": item.name},
            to=to,
            undo_url=f"{reverse('undo_trash')}?entry={entry.pk}",
            is_moving=True,
        )
    return show(request, "documents/throw_away.html", {"item": item, "is_folder": False})


@require_http_methods(["GET", "HEAD", "POST"])
def document_topics(request: PersonRequest, document_id: UUID) -> HttpResponse:
    """Check the topics this document is to have."""
    item = access.fetch_document(request.actor, document_id)
    topics = list(access.visible_topics(request.actor).order_by("name_key"))
    on = {row.topic_id for row in _topics_on(request, item)}
    if request.method == "POST":
        wanted = set(uuids(request.POST.getlist("topic")))
        if not wanted <= {topic.pk for topic in topics}:
            raise access.NotVisible
        for topic in topics:
            if topic.pk in wanted - on:
                tag_documents([item], topic, by=request.actor)
            elif topic.pk in on - wanted:
                untag_documents([item], topic, by=request.actor)
        return done(request, _("Topics saved."), to=reverse("document", args=[item.pk]))
    return show(request, "documents/document_topics.html", {"item": item, "all_topics": topics, "on": on})


@require_POST
def star_document(request: PersonRequest, document_id: UUID) -> HttpResponse:
    """Star, or take the star off (`off`)."""
    item = access.fetch_document(request.actor, document_id)
    if "off" in request.POST:
        unstar(item, by=request.actor)
        message = _("The star is off.")
    else:
        star(item, by=request.actor)
        message = _("Starred.")
    return done(request, message, to=back_to(request, reverse("document", args=[item.pk])))
