"""Emergency access: whom I have chosen, who has chosen me, and what is asked at the moment."""

from uuid import UUID

from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.middleware import PersonRequest
from documents.actions.errors import Refused
from documents.models import Folder
from documents.views.asked import uuids
from docuvault.lib.htmx import done, show
from sharing import access
from sharing.access import Level
from sharing.actions import emergency as verbs
from sharing.handing_forms import EmergencyForm
from sharing.listing import known_people
from sharing.models_handing import EmergencyContact

FOLDERS_OFFERED = 300


@require_safe
def emergency(request: PersonRequest) -> HttpResponse:
    """Whom I have chosen, and who has chosen me."""
    context = {
        "own": list(_shown(access.own_emergency_contacts(request.actor))),
        "chosen": list(_shown(access.chosen_for_emergencies(request.actor))),
        "tab": "emergency",
        "place": "shared_by_me",
    }
    return show(request, "sharing/emergency.html", context)


def _shown(rows: QuerySet[EmergencyContact]) -> QuerySet[EmergencyContact]:
    return rows.select_related("user", "person").prefetch_related("folders").order_by("created_at", "pk")


@require_http_methods(["GET", "HEAD", "POST"])
def name_contact(request: PersonRequest) -> HttpResponse:
    """Choose somebody, folders, and a time of waiting."""
    form = EmergencyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            verbs.name_contact(form.cleaned_data["who"], _folders(request), form.cleaned_data["days"], by=request.actor)
        except Refused as refused:
            form.add_error(None, refused.message)
        else:
            message = _("%(name)s may ask from now on.") % {"name": form.cleaned_data["who"]}
            return done(request, message, to=reverse("emergency"), is_moving=True)
    return _form(request, form, None)


@require_http_methods(["GET", "HEAD", "POST"])
def change_contact(request: PersonRequest, contact_id: UUID) -> HttpResponse:
    """Other folders, another time of waiting."""
    contact = access.fetch_emergency_contact(request.actor, contact_id)
    form = EmergencyForm(request.POST or None, initial={"who": contact.typed, "days": contact.wait_days})
    form.fields["who"].required = False
    if request.method == "POST" and form.is_valid():
        try:
            verbs.change_contact(contact, _folders(request), form.cleaned_data["days"], by=request.actor)
        except Refused as refused:
            form.add_error(None, refused.message)
        else:
            return done(request, _("Saved."), to=reverse("emergency"), is_moving=True)
    return _form(request, form, contact)


def _folders(request: PersonRequest) -> list[Folder]:
    return access.fetch_folders(request.actor, uuids(request.POST.getlist("folder")), Level.OWN)


def _form(request: PersonRequest, form: EmergencyForm, contact: EmergencyContact | None) -> HttpResponse:
    own = access.visible_folders(request.actor, Level.OWN).order_by("path__len", "name_key", "pk")
    folders = list(own[:FOLDERS_OFFERED])
    names = {folder.pk: folder.name for folder in folders}
    for folder in folders:
        folder.way = " / ".join(names[key] for key in folder.path if key in names)  # type: ignore[attr-defined]
    folders.sort(key=lambda folder: folder.way.casefold())  # type: ignore[attr-defined]
    chosen = set(request.POST.getlist("folder"))
    if contact is not None and request.method != "POST":
        chosen = {str(folder.pk) for folder in contact.folders.all()}
    context = {
        "form": form,
        "contact": contact,
        "folders": folders,
        "chosen": chosen,
        "people": known_people(request.actor),
        "place": "shared_by_me",
    }
    return show(request, "sharing/emergency_form.html", context, status=422 if form.errors else 200)


@require_POST
def turn_contact(request: PersonRequest, contact_id: UUID) -> HttpResponse:
    """Refuse what was asked or end what is open, or remove the person altogether."""
    contact = access.fetch_emergency_contact(request.actor, contact_id)
    act = request.POST.get("act", "")
    if act == "refuse":
        verbs.refuse_emergency(contact, by=request.actor)
        message = _("Refused. Nothing is open to %(name)s by this.") % {"name": contact.typed}
    elif act == "remove":
        verbs.remove_contact(contact, by=request.actor)
        message = _("%(name)s is not an emergency contact any more.") % {"name": contact.typed}
    else:
        raise BadRequest(_("Choose what to do."))
    return done(request, message, to=reverse("emergency"), is_moving=True)


@require_POST
def ask(request: PersonRequest, contact_id: UUID) -> HttpResponse:
    """As the chosen one: ask, or take it back."""
    contact = access.fetch_emergency_contact(request.actor, contact_id, as_chosen=True)
    act = request.POST.get("act", "")
    try:
        if act == "ask":
            verbs.ask_emergency(contact, by=request.actor)
            message = _("You have asked. %(name)s is told, and may refuse.") % {"name": contact.user.shown_name}
        elif act == "withdraw":
            verbs.withdraw_emergency(contact, by=request.actor)
            message = _("Taken back.")
        else:
            raise BadRequest(_("Choose what to do."))
    except Refused as refused:
        return done(request, refused.message, to=reverse("emergency"), is_error=True)
    return done(request, message, to=reverse("emergency"), is_moving=True)
