"""The trail as a whole, for admins: is it sealed, is it sound, how much happens; to verify and to take away.

It lies inside Django's administration and looks like it. Reading the rows themselves is sharing.admin.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import get_current_timezone, localdate, make_aware, now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from documents.upkeep.history import DAYS, HEIGHT, WIDTH, Day, picture
from sharing.audit import Verb
from sharing.models import AuditEvent, TrailSeal
from sharing.trail.asking import ask_to_verify, is_under_way
from sharing.trail.checking import last_check
from sharing.trail.exporting import export_trail
from sharing.trail.stretches import rows_after

SEALS_SHOWN = 30
REFUSALS = (Verb.ACCESS_DENIED, Verb.SIGN_IN_FAILED, Verb.QUOTA_REFUSED)


@dataclass
class EventDay(Day):
    """One day of the trail."""

    events: int = 0
    refused: int = 0


def days_of_events() -> list[EventDay]:
    """How much was told on each of the last days, oldest first."""
    today = localdate()
    first = today - timedelta(days=DAYS - 1)
    days = {first + timedelta(days=ahead): EventDay(first + timedelta(days=ahead)) for ahead in range(DAYS)}
    since = make_aware(datetime.combine(first, datetime.min.time()))
    rows = AuditEvent.objects.filter(at__gte=since).annotate(day=TruncDate("at", tzinfo=get_current_timezone()))
    for day, action, count in rows.values("day").annotate(count=Count("id")).values_list("day", "action", "count"):
        if day in days:
            days[day].events += count
            days[day].refused += count if action in REFUSALS else 0
    return list(days.values())


@require_safe
def trail(request: HttpRequest) -> HttpResponse:
    """The page."""
    days = days_of_events()
    check = last_check()
    last = TrailSeal.objects.order_by("-number").first()
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Trail"),
        "check": check,
        "last": last,
        "waiting": _not_sealed_yet(last),
        "anchored": TrailSeal.objects.exclude(anchored_at=None).order_by("-number").first(),
        "seals": TrailSeal.objects.order_by("-number")[:SEALS_SHOWN],
        "is_under_way": is_under_way(),
        "events": sum(day.events for day in days),
        "pictures": [
            {"id": "stored", "title": _("Events"), **vars(picture(list(days), lambda day: getattr(day, "events", 0)))},
            {
                "id": "breaches",
                "title": _("Refusals and failed sign-ins"),
                **vars(picture(list(days), lambda day: getattr(day, "refused", 0))),
            },
        ],
        "days": days,
        "width": WIDTH,
        "height": HEIGHT,
    }
    return render(request, "admin/trail.html", context)


MANY = 10_000


def _not_sealed_yet(last: TrailSeal | None) -> str:
    """How many rows wait for the next seal; where they are very many, that they are."""
    after = last.last_id if last else 0
    count = rows_after(after, MANY + 1)
    return str(count) if count <= MANY else _("more than %(count)d") % {"count": MANY}


@require_POST
def begin_verifying(request: HttpRequest) -> HttpResponse:
    """Have all of it verified now, in the background."""
    if ask_to_verify(by=request.actor):  # type: ignore[attr-defined]
        messages.success(request, _("It is asked for and runs in the background. Load this page again in a while."))
    else:
        messages.info(request, _("It is under way already."))
    return redirect("admin_trail")


@require_POST
def take_trail(request: HttpRequest) -> HttpResponseBase:
    """The sealed rows as a ZIP, from a day on or all of them."""
    since = None
    if wanted := request.POST.get("since", ""):
        try:
            since = make_aware(datetime.combine(date.fromisoformat(wanted), datetime.min.time()))
        except ValueError:
            messages.error(request, _("This is not a day: %(text)s") % {"text": wanted[:40]})
            return redirect("admin_trail")
    archive = export_trail(by=request.actor, since=since)  # type: ignore[attr-defined]
    name = f"docuvault-trail-{now():%Y-%m-%d}.zip"
    return StreamingHttpResponse(
        archive,
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"},
    )
