"""The yearly review: shares that nobody uses, to end or to keep with one click each."""

from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.middleware import PersonRequest
from docuvault.lib.htmx import done, show
from sharing import access
from sharing.actions import keep_share, withdraw_share
from sharing.listing import shown_shares
from sharing.policy import policy
from sharing.review import unused_shares

RELATED = ("document__user", "folder__user", "recipient", "group", "shared_by")
SHOWN = 200


@require_http_methods(["GET", "HEAD", "POST"])
def review_shares(request: PersonRequest) -> HttpResponse:
    """What nobody has used for a year, the oldest first."""
    if request.method == "POST":
        return _decide(request)
    rows = unused_shares(request.actor)
    context = {
        "rows": shown_shares(list(rows.select_related(*RELATED).order_by("created_at", "pk")[:SHOWN]), request.actor),
        "count": rows.count(),
        "days": policy().review_days,
        "tab": "review",
        "place": "shared_by_me",
    }
    return show(request, "sharing/review.html", context)


def _decide(request: PersonRequest) -> HttpResponse:
    try:
        share = access.fetch_share(request.actor, UUID(request.POST.get("share", "")))
    except ValueError:
        raise access.NotVisible
    act = request.POST.get("act")
    if act == "end":
        withdraw_share(share, by=request.actor)
        message = _("Withdrawn.")
    elif act == "keep":
        keep_share(share, by=request.actor)
        message = _("It stays, and is not asked about for another year.")
    else:
        raise BadRequest(_("Choose what to do."))
    return done(request, message, to=reverse("review_shares"), is_moving=True)
