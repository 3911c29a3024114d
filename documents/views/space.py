"""What fills the quota, what could go, and the acts that make room."""

from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.actions.room import last_request
from accounts.middleware import PersonRequest
from documents import filling, uploads
from documents.actions import versions as acts
from documents.actions.errors import Refused
from documents.templatetags.vault import bytes as size_in_words
from docuvault.lib.htmx import back_to, done, show
from sharing import access
from sharing.access import Level

VERSIONS_NAMED = 12


@require_safe
def space(request: PersonRequest) -> HttpResponse:
    """The parts of what is used, and of each what is largest; lists that do not apply are not read."""
    actor = request.actor
    parts = filling.filling_of(actor)
    context = {
        "filling": parts,
        "quota": parts.quota,
        "largest": filling.largest_documents(actor),
        "trashed": filling.largest_in_trash(actor) if parts.trash_bytes else [],
        "older": filling.most_older_versions(actor) if parts.older_bytes else [],
        "under_way": filling.uploads_under_way(actor) if parts.way_bytes else [],
        "doubled": filling.doubled_in(actor),
        "asked": last_request(by=actor),
        "versions_kept": settings.VERSIONS_KEPT,
        "versions_kept_days": settings.VERSIONS_KEPT_DAYS,
        "place": "space",
    }
    return show(request, "documents/space.html", context)


@require_safe
def quota(request: PersonRequest) -> HttpResponse:
    """The bar at the foot of the rail."""
    return TemplateResponse(request, "pieces/_quota.html", {})


@require_POST
def keep_one(request: PersonRequest, document_id: UUID) -> HttpResponse:
    """Of documents with the same bytes keep this one, and delete the others for good."""
    chosen = access.fetch_document(request.actor, document_id, Level.OWN)
    try:
        count, freed = acts.keep_one(chosen, by=request.actor)
    except Refused as refused:
        return done(request, refused.message, to=reverse("space"), is_error=True)
    message = ngettext(
        "%(count)d copy is gone, %(size)s are free again. “%(name)s” stays.",
        "%(count)d copies are gone, %(size)s are free again. “%(name)s” stays.",
        count,
    ) % {"count": count, "size": size_in_words(freed), "name": chosen.name}
    return done(request, message, to=back_to(request, reverse("space")))


@require_http_methods(["GET", "HEAD", "POST"])
def thin_document(request: PersonRequest, document_id: UUID) -> HttpResponse:
    """Delete the older versions of a document, those with a note apart."""
    item = access.fetch_document(request.actor, document_id, Level.OWN)
    if request.method == "POST":
        count = acts.drop_older_versions(item, by=request.actor)
        message = ngettext("%(count)d older version is gone.", "%(count)d older versions are gone.", count)
        return done(request, message % {"count": count}, to=reverse("document", args=[item.pk]))
    spare = item.versions.filter(current_of=None)
    context = {
        "item": item,
        "spare": list(spare.filter(note="").order_by("-number")[:VERSIONS_NAMED]),
        "spare_count": spare.filter(note="").count(),
        "noted_count": spare.exclude(note="").count(),
    }
    return show(request, "documents/thin_document.html", context)


@require_POST
def turn_away_upload(request: PersonRequest, upload_id: UUID) -> HttpResponse:
    """Stop what is being sent into one's own vault, and have its space back."""
    row = access.fetch_charged_upload(request.actor, upload_id)
    if uploads.turn_away(row.pk, by=request.actor):
        message = _("“%(name)s” is stopped. Its space is free again.") % {"name": row.name}
    else:
        message = _("This upload had ended already.")
    return done(request, message, to=reverse("space"))
