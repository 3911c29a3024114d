"""What a person did, and what was done to what is theirs."""

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from accounts.middleware import PersonRequest
from docuvault.lib.htmx import is_fragment, show
from sharing import access

EVENTS_ON_PAGE = 50
KINDS = {
    "document": gettext_lazy("Documents"),
    "folder": gettext_lazy("Folders"),
    "topic": gettext_lazy("Topics"),
    "user": gettext_lazy("Account"),
}


@require_safe
def my_activity(request: PersonRequest) -> HttpResponse:
    """The person's part of the trail, newest first, a page at a time."""
    rows = access.visible_events(request.actor)
    kind = request.GET.get("kind", "")
    if kind in KINDS:
        rows = rows.filter(target_kind=kind)
    before = request.GET.get("after", "")
    if before:
        if not (before.isascii() and before.isdigit() and len(before) < 19):
            raise BadRequest(_("This address is not one of ours."))
        rows = rows.filter(pk__lt=int(before))
    events = list(rows[: EVENTS_ON_PAGE + 1])
    after = events[EVENTS_ON_PAGE - 1].pk if len(events) > EVENTS_ON_PAGE else ""
    context = {
        "events": events[:EVENTS_ON_PAGE],
        "after": after,
        "kind": kind,
        "kinds": KINDS,
        "place": "activity",
    }
    is_more = bool(before) and is_fragment(request)
    return show(request, "sharing/activity_more.html" if is_more else "sharing/activity.html", context)
