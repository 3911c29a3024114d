"""The yearly review: shares that nobody uses, to end or to keep with one click each."""

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.middleware import PersonRequest
from documents.views.asked import uuid_or_none
from docuvault.lib.htmx import done, show
from sharing import access
from sharing.actions import keep_share, withdraw_share
from sharing.actions.links import keep_link, revoke_link
from sharing.listing import shown_links, shown_shares
from sharing.policy import policy
from sharing.review import unused_links, unused_shares

RELATED = ("document__user", "folder__user", "recipient", "group", "shared_by")
SHOWN = 200


@require_http_methods(["GET", "HEAD", "POST"])
def review_shares(request: PersonRequest) -> HttpResponse:
    """What nobody has used for a year, the oldest first."""
    if request.method == "POST":
        return _decide(request)
    rows, links = unused_shares(request.actor), unused_links(request.actor)
    context = {
        "rows": shown_shares(list(rows.select_related(*RELATED).order_by("created_at", "pk")[:SHOWN]), request.actor),
        "links": shown_links(
            list(links.select_related(*access.LINK_RELATED).order_by("created_at", "pk")[:SHOWN]),
            request.actor,
            with_documents=False,
        ),
        "count": rows.count() + links.count(),
        "days": policy().review_days,
        "tab": "review",
        "place": "shared_by_me",
    }
    return show(request, "sharing/review.html", context)


def _decide(request: PersonRequest) -> HttpResponse:
    act, key = request.POST.get("act"), uuid_or_none(request.POST.get("share"))
    link_key = uuid_or_none(request.POST.get("link"))
    if act not in {"end", "keep"}:
        raise BadRequest(_("Choose what to do."))
    if link_key is not None:
        link = access.fetch_link(request.actor, link_key)
        (revoke_link if act == "end" else keep_link)(link, by=request.actor)
    elif key is not None:
        share = access.fetch_share(request.actor, key)
        (withdraw_share if act == "end" else keep_share)(share, by=request.actor)
    else:
        raise access.NotVisible
    message = _("Withdrawn.") if act == "end" else _("It stays, and is not asked about for another year.")
    return done(request, message, to=reverse("review_shares"), is_moving=True)
