"""The storage, for admins: what the rounds of upkeep found, what is flawed or waits, and a way to have them run now.

It lies inside Django's administration and looks like it. Ids and keys only: no names of documents.
"""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from documents.hold import is_held
from documents.models import (
    LIVE_UPLOAD_STATES,
    JobRun,
    JobState,
    PendingDeletion,
    StrayObject,
    Upload,
    Version,
)
from documents.upkeep.asking import Wanted, ask_for, under_way
from documents.upkeep.figures import kept
from documents.upkeep.history import HEIGHT, WIDTH, last_days, last_rounds, picture

ROWS = 50


@require_safe
def storage(request: HttpRequest) -> HttpResponse:
    """The page."""
    figures, days = kept(), last_days()
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Storage"),
        "is_held": is_held(),
        "rounds": last_rounds(),
        "figures": figures,
        "kept_bytes": sum(size for name, size in figures.items() if name.endswith("_bytes")),
        "flawed": Version.objects.exclude(flaw="").order_by("flaw", "document_id", "number")[:ROWS],
        "strays": StrayObject.objects.order_by("first_seen_at", "pk")[:ROWS],
        "stray_count": StrayObject.objects.count(),
        "pending": PendingDeletion.objects.order_by("due_at")[:ROWS],
        "pending_count": PendingDeletion.objects.count(),
        "overdue_count": PendingDeletion.objects.filter(due_at__lt=now(), attempts__gt=0).count(),
        "failed": JobRun.objects.filter(state=JobState.FAILED).order_by("-created_at")[:ROWS],
        "failed_count": JobRun.objects.filter(state=JobState.FAILED).count(),
        "uploads": Upload.objects.filter(state__in=LIVE_UPLOAD_STATES).count(),
        "under_way": under_way(),
        "days": days,
        "pictures": [
            {"id": "stored", "title": _("Bytes stored"), "is_bytes": True, **vars(picture(days, lambda d: d.stored))},
            {"id": "strays", "title": _("Objects without a row"), **vars(picture(days, lambda d: d.strays))},
            {"id": "breaches", "title": _("Breaches"), **vars(picture(days, lambda d: d.breaches))},
        ],
        "width": WIDTH,
        "height": HEIGHT,
    }
    return render(request, "admin/storage.html", context)


@require_POST
def begin_round(request: HttpRequest) -> HttpResponse:
    """Have a round run now."""
    try:
        wanted = Wanted(request.POST.get("what", ""))
    except ValueError:
        raise BadRequest(_("There is no such round."))
    if ask_for(wanted, by=request.actor):  # type: ignore[attr-defined]
        messages.success(request, _("It is asked for and runs in the background. Load this page again in a while."))
    else:
        messages.info(request, _("It is under way already."))
    return redirect("admin_storage")
