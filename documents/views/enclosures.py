"""What hangs on a mail: which files, and keeping them as documents of their own."""

from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts.middleware import PersonRequest
from documents.extraction.lane import CannotRead
from documents.models import Version
from documents.previews import NotMade, PictureBusy, enclosed_files
from documents.storage import StoreUnavailable
from documents.uploads import MAILS, Kept, keep_enclosures, name_of, place_for
from documents.views.asked import version_asked
from docuvault.lib.htmx import done, show
from sharing import access

NUMBERS_LIMIT = 200


@require_http_methods(["GET", "HEAD", "POST"])
def keep_attachments(request: PersonRequest, document_id: UUID) -> HttpResponse:
    """Choose what is to be kept; all of it is chosen to begin with. Of an older version with `?version=`."""
    item = access.fetch_document(request.actor, document_id)
    version = version_asked(request, item)
    if version is None or version.content_type not in MAILS:
        raise access.NotVisible
    here = reverse("document", args=[document_id])
    place = place_for(item, by=request.actor)
    error, status = "", 200
    try:
        if request.method == "POST":
            numbers = [int(one) for one in request.POST.getlist("number")[:NUMBERS_LIMIT] if _is_number(one)]
            if numbers:
                kept = keep_enclosures(version, numbers, by=request.actor)
                return done(request, _told(kept), to=_shown_at(version, kept, here), is_error=_is_poor(kept))
            error, status = _("Choose what is to be kept."), 422
        found = enclosed_files(version)
    except NotMade:
        return done(request, _("This mail cannot be taken apart. The original is safe."), to=here, is_error=True)
    except (PictureBusy, CannotRead, StoreUnavailable):
        return done(request, _("Others are being served just now. Please try again shortly."), to=here, is_error=True)
    files = [(one.number, name_of(one), one.size_bytes) for one in found]
    context = {"item": item, "version": version, "files": files, "place_to_be": place, "error": error}
    return show(request, "documents/keep_attachments.html", context, status=status)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 6


def _is_poor(kept: Kept) -> bool:
    return bool(kept.refused) and not kept.added


def _shown_at(version: Version, kept: Kept, otherwise: str) -> str:
    """The one that was kept, or the place where they are."""
    if len(kept.added) == 1:
        return reverse("document", args=[kept.added[0].pk])
    if kept.added:
        folder = kept.added[0].folder_id
        return reverse("folder", args=[folder]) if folder else reverse("files")
    return otherwise


def _told(kept: Kept) -> str:
    """What became of them, in one or two sentences."""
    said = []
    if kept.added:
        count = len(kept.added)
        said.append(ngettext("%(count)d file is kept.", "%(count)d files are kept.", count) % {"count": count})
    if kept.there:
        count = len(kept.there)
        said.append(ngettext("%(count)d was there already.", "%(count)d were there already.", count) % {"count": count})
    if kept.refused:
        name, why = kept.refused[0]
        said.append(_("“%(name)s” could not be kept: %(why)s") % {"name": name, "why": why})
    return " ".join(said) or _("There is no such attachment.")
