"""The queue of readings, for admins: what waits, what is read now, how fast, what failed and why; and trying again.

It lies inside Django's administration and looks like it. Ids and kinds only: no names of documents.
"""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from documents.actions.reading import retry_failed
from documents.models import ReadingReason
from documents.upkeep import reading_queue as figures
from documents.upkeep.history import HEIGHT, WIDTH, picture
from documents.upkeep.reading_queue import Stretch


@require_safe
def reading_queue(request: HttpRequest) -> HttpResponse:
    """The page."""
    hours, days = figures.last_hours(), figures.last_days()
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Reading"),
        "queue": figures.queue(),
        "hours": hours,
        "days": days,
        "read_in_hours": sum(hour.read for hour in hours),
        "failed_in_hours": sum(hour.failed for hour in hours),
        "pace": figures.pace(hours),
        "failures": figures.failures(),
        "last_failed": figures.last_failed(),
        "pictures": [
            _picture("hours-read", "stored", _("Read, hour by hour"), hours, "read"),
            _picture("hours-failed", "breaches", _("Could not be read, hour by hour"), hours, "failed"),
            _picture("days-read", "stored", _("Read, day by day"), days, "read"),
            _picture("days-failed", "breaches", _("Could not be read, day by day"), days, "failed"),
        ],
        "width": WIDTH,
        "height": HEIGHT,
    }
    return render(request, "admin/reading.html", context)


def _picture(name: str, colour: str, title: str, stretches: list[Stretch], what: str) -> dict[str, Any]:
    drawn = picture(list(stretches), lambda day: getattr(day, what))
    is_by_hour = name.startswith("hours")
    return {"id": name, "colour": colour, "title": title, "is_by_hour": is_by_hour, **vars(drawn)}


@require_POST
def retry_readings(request: HttpRequest) -> HttpResponse:
    """Have what failed read once more: of one kind for one reason, or all of it."""
    kind, reason = request.POST.get("kind", ""), request.POST.get("reason", "")
    is_all = request.POST.get("what") == "all"
    if not is_all and (len(kind) > 16 or reason not in {"", *ReadingReason.values}):
        raise BadRequest(_("There is no such reason."))
    chosen = None if is_all else (kind, reason)
    count = retry_failed(chosen, by=request.actor)  # type: ignore[attr-defined]
    told = ngettext("%(count)d document is read once more.", "%(count)d documents are read once more.", count)
    messages.success(request, told % {"count": count})
    return redirect("admin_reading")
