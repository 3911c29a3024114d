"""File requests for those who make them: the addresses, and the review of what has come."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import BadRequest
from django.db.models import Count, Max, Q, Sum
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.middleware import PersonRequest
from accounts.secrets import UnreadableSecret
from documents import previews, uploads
from documents.actions.errors import Refused
from documents.actions.versions import twins_of
from documents.models import Folder, PictureKind, Reading
from documents.names import InvalidName
from documents.views.asked import uuids
from documents.views.downloads import bytes_or_why_not
from documents.views.pictures import sent_picture
from docuvault.lib.htmx import done, show
from sharing import access
from sharing.access import Level
from sharing.actions import received as verbs
from sharing.actions import requests as request_verbs
from sharing.forms import terms_of
from sharing.models_requests import FileKind, FileRequest, ReceivedFile, ReceivedState
from sharing.policy import policy
from sharing.request_forms import AcceptForm, RequestForm

REQUESTS_SHOWN, WAITING_SHOWN, DECIDED_SHOWN = 200, 100, 50
FOLDERS_OFFERED = 300
UNDECIDED = (ReceivedState.ARRIVING, ReceivedState.WAITING, ReceivedState.FAILED)


# --- The requests ------------------------------------------------------------------------------------------


@require_safe
def file_requests(request: PersonRequest) -> HttpResponse:
    """One's own addresses, those that take files first, and how much waits at each."""
    rows = access.own_requests(request.actor).select_related("folder", "user")
    rows = rows.annotate(
        waiting=Count("received", filter=Q(received__state=ReceivedState.WAITING)),
        waiting_bytes=Sum("received__size_bytes", filter=Q(received__state=ReceivedState.WAITING)),
        filed=Count("received", filter=Q(received__state=ReceivedState.ACCEPTED)),
        last_at=Max("received__received_at"),
    )
    found = list(rows.order_by("-created_at", "pk")[:REQUESTS_SHOWN])
    context = {
        "open": [row for row in found if row.is_open],
        "ended": [row for row in found if not row.is_open],
        "tab": "requests",
        "place": "requests",
    }
    return show(request, "sharing/file_requests.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def make_request(request: PersonRequest, folder_id: UUID) -> HttpResponse:
    """An address for files into this folder."""
    folder = access.fetch_folder(request.actor, folder_id, Level.OWN)
    form = RequestForm(request.POST or None, initial={"until": terms_of(policy())["until"], "is_notified": True})
    if request.method == "POST" and form.is_valid():
        try:
            asked, _token = request_verbs.make_request(folder, form.terms(), by=request.actor)
        except Refused as refused:
            form.add_error(None, refused.message)
        else:
            to = reverse("file_request", args=[asked.pk])
            return done(request, _("The address is ready to be copied."), to=to, is_moving=True)
    return _form(request, form, folder, None)


@require_http_methods(["GET", "HEAD", "POST"])
def change_request(request: PersonRequest, file_request_id: UUID) -> HttpResponse:
    """Other limits, another day."""
    asked = access.fetch_request(request.actor, file_request_id)
    form = RequestForm(request.POST or None, initial=RequestForm.initial_of(asked))
    if request.method == "POST" and form.is_valid():
        try:
            request_verbs.change_request(asked, form.terms(asked), by=request.actor)
        except Refused as refused:
            form.add_error(None, refused.message)
        else:
            return done(request, _("Saved."), to=reverse("file_request", args=[asked.pk]), is_moving=True)
    return _form(request, form, asked.folder, asked)


def _form(request: PersonRequest, form: RequestForm, folder: Folder | None, asked: FileRequest | None) -> HttpResponse:
    context = {"form": form, "folder": folder, "asked": asked, "terms": terms_of(policy()), "place": "requests"}
    return show(request, "sharing/request_form.html", context, status=422 if form.errors else 200)


@require_POST
def turn_request(request: PersonRequest, file_request_id: UUID) -> HttpResponse:
    """Close it, open it again, or give it a new address."""
    asked = access.fetch_request(request.actor, file_request_id)
    act = request.POST.get("act", "")
    if act == "close":
        request_verbs.close_request(asked, by=request.actor)
        message = _("Closed. What waits can still be filed.")
    elif act == "reopen":
        try:
            request_verbs.reopen_request(asked, by=request.actor)
        except Refused as refused:
            return done(request, refused.message, to=reverse("file_request", args=[asked.pk]), is_error=True)
        message = _("Open again, at the same address.")
    elif act == "renew":
        request_verbs.renew_request(asked, by=request.actor)
        message = _("There is a new address; the one before opens nothing any more.")
    else:
        raise BadRequest(_("This address is not one of ours."))
    return done(request, message, to=reverse("file_request", args=[asked.pk]), is_moving=True)


# --- What has come -----------------------------------------------------------------------------------------


@require_safe
def file_request(request: PersonRequest, file_request_id: UUID) -> HttpResponse:
    """One address, what waits there for a decision, and what was decided."""
    asked = access.fetch_request(request.actor, file_request_id)
    rows = asked.received.select_related("document__current_version")
    waiting = list(rows.filter(state=ReceivedState.WAITING).order_by("received_at", "pk")[:WAITING_SHOWN])
    _prepare(waiting)
    totals = asked.received.aggregate(
        waiting=Count("pk", filter=Q(state=ReceivedState.WAITING)),
        waiting_bytes=Sum("size_bytes", filter=Q(state=ReceivedState.WAITING)),
        arriving=Count("pk", filter=Q(state=ReceivedState.ARRIVING)),
    )
    taken = uploads.taken_by(asked)
    context: dict[str, Any] = {
        "asked": asked,
        "link": _link(asked),
        "waiting": waiting,
        "totals": totals,
        "taken": taken,
        "decided": list(rows.exclude(state__in=UNDECIDED).order_by("-decided_at", "pk")[:DECIDED_SHOWN]),
        "kinds": [FileKind(kind).label for kind in asked.kinds],
        "received_days": settings.RECEIVED_DAYS,
        "place": "requests",
    }
    return show(request, "sharing/file_request.html", context)


def _link(asked: FileRequest) -> str:
    """The whole address, for its owner; empty where the master key is not here."""
    try:
        token = request_verbs.address_token(asked)
    except UnreadableSecret:
        return ""
    return str(settings.BASE_URL) + reverse("send_files", args=[token])


def _prepare(rows: list[ReceivedFile]) -> None:
    """What is known of each: its picture, its reading, and until when it waits."""
    versions = [row.document.current_version_id for row in rows if row.document is not None]
    readings = {reading.pk: reading for reading in Reading.objects.filter(version__in=versions)}
    pictured = previews.pictured(versions, PictureKind.THUMBNAIL)
    for row in rows:
        key = row.document.current_version_id if row.document is not None else None
        row.reading = readings.get(key)  # type: ignore[attr-defined]
        row.has_picture = key in pictured  # type: ignore[attr-defined]
        if row.received_at is not None:
            row.goes_at = row.received_at + timedelta(days=settings.RECEIVED_DAYS)  # type: ignore[attr-defined]


@require_http_methods(["GET", "HEAD", "POST"])
def accept_received(request: PersonRequest, received_id: UUID) -> HttpResponse:
    """File it: where, as what, under which topics."""
    row = access.fetch_received(request.actor, received_id)
    assert row.document is not None
    form = AcceptForm(request.POST if request.method == "POST" else None, initial={"name": row.document.name})
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        folder = access.fetch_place(request.actor, wanted["to"], Level.OWN)
        topics = [access.fetch_topic(request.actor, key) for key in uuids(request.POST.getlist("topic"))]
        try:
            document = verbs.accept_received(row, folder, by=request.actor, name=wanted["name"], topics=topics)
        except InvalidName as error:
            form.add_error("name", error.message)
        else:
            message = _("“%(name)s” is filed.") % {"name": document.name}
            return done(request, message, to=reverse("file_request", args=[row.request_id]), is_moving=True)
    _prepare([row])
    context = {
        "row": row,
        "form": form,
        "places": _places(request, row.request),
        "topics": list(access.visible_topics(request.actor).order_by("name_key")[:FOLDERS_OFFERED]),
        "twins": twins_of(row.document, by=request.actor)[:3],
        "place": "requests",
    }
    return show(request, "sharing/accept_received.html", context, status=422 if form.errors else 200)


def _places(request: PersonRequest, asked: FileRequest) -> list[Folder]:
    """The request's own folder and what lies in it, then the other folders of the vault, each with its whole way."""
    own = access.visible_folders(request.actor, Level.OWN).order_by("path__len", "name_key", "pk")
    found = list(own[:FOLDERS_OFFERED])
    if asked.folder is not None and asked.folder.trash_id is None and asked.folder not in found:
        found.append(asked.folder)
    names = {folder.pk: folder.name for folder in found}
    for folder in found:
        folder.way = " / ".join(names[key] for key in folder.path if key in names)  # type: ignore[attr-defined]
    inside = asked.folder_id
    found.sort(key=lambda folder: (inside not in folder.path, folder.way.casefold()))  # type: ignore[attr-defined]
    return found


@require_POST
def accept_all_received(request: PersonRequest, file_request_id: UUID) -> HttpResponse:
    """All that waits, into the request's folder."""
    asked = access.fetch_request(request.actor, file_request_id)
    folder = asked.folder if asked.folder is not None and asked.folder.trash_id is None else None
    count = len(verbs.accept_all_received(asked, folder, by=request.actor))
    message = ngettext("%(count)d file is filed.", "%(count)d files are filed.", count) % {"count": count}
    return done(request, message, to=reverse("file_request", args=[asked.pk]), is_moving=True)


@require_http_methods(["GET", "HEAD", "POST"])
def refuse_received(request: PersonRequest, received_id: UUID) -> HttpResponse:
    """Let go of it, after a question."""
    row = access.fetch_received(request.actor, received_id)
    if request.method == "POST":
        verbs.refuse_received([row], by=request.actor)
        message = _("“%(name)s” is refused and gone.") % {"name": row.name}
        return done(request, message, to=reverse("file_request", args=[row.request_id]), is_moving=True)
    return show(request, "sharing/refuse_received.html", {"row": row, "place": "requests"})


@require_safe
def received_picture(request: PersonRequest, received_id: UUID) -> HttpResponseBase:
    """A small picture of a file that waits, for its owner alone."""
    row = access.fetch_received(request.actor, received_id)
    assert row.document is not None
    version = row.document.current_version
    assert version is not None
    return sent_picture(request, previews.picture_of(version, PictureKind.THUMBNAIL))


@require_safe
def received_content(request: PersonRequest, received_id: UUID) -> HttpResponseBase:
    """The bytes of a file that waits, to look at before it is decided: as an attachment, as everywhere."""
    row = access.fetch_received(request.actor, received_id)
    assert row.document is not None
    return bytes_or_why_not(request, row.document)
