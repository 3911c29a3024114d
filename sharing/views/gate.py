"""What every page has in common that is opened by an address instead of a sign-in (sharing/gate.py).

The pages send no referrer, so a browser says "null" where a form comes from: Django's token would be refused. Their
forms carry a ticket instead, and the proof is not sent along by other sites (SameSite).
"""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from allauth.core import ratelimit
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters

from docuvault.lib.addresses import client_address
from sharing import gate
from sharing.gate import Kind

GATE_HEADERS = {
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}
View = Callable[..., HttpResponseBase]


def open_to_holders(view: View) -> View:
    """For whoever holds the address: no sign-in, no referrer, in no index and no cache."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        for header, value in GATE_HEADERS.items():
            response.headers[header] = value
        if "no-store" not in response.headers.get("Cache-Control", ""):
            response.headers["Cache-Control"] = "private, no-store"
        return response

    return login_not_required(csrf_exempt(sensitive_post_parameters("password")(wrapped)))


def closed(request: HttpRequest) -> HttpResponse:
    """The one answer for what is unknown, over, revoked, paused or used up."""
    return render(request, "sharing/gate_closed.html", status=404)


def too_many(request: HttpRequest) -> HttpResponse:
    answer: HttpResponse = ratelimit.respond_429(request)
    answer.headers["Retry-After"] = "60"
    return answer


def miss(request: HttpRequest, kind: Kind) -> HttpResponse:
    """A token that opens nothing: counted, and answered like any other."""
    gate.count_miss(kind, client_address(request))
    return closed(request)


def may_ask(request: HttpRequest, kind: Kind) -> bool:
    return gate.may_guess(kind, client_address(request))


# --- The proof, in a cookie --------------------------------------------------------------------------------


def _cookie(kind: Kind, row_id: UUID) -> str:
    name = f"{kind}-{hashlib.sha256(row_id.bytes).hexdigest()[:16]}"
    return f"__Host-{name}" if settings.SESSION_COOKIE_SECURE else name


def visit_of(request: HttpRequest, kind: Kind, row_id: UUID, stamp: str) -> str | None:
    """The visit that was let in before, if its proof still holds."""
    proof = request.COOKIES.get(_cookie(kind, row_id), "")
    return gate.visit_of(kind, row_id, stamp, proof) if proof else None


def let_in(response: HttpResponseBase, kind: Kind, row_id: UUID, stamp: str, visit: str) -> None:
    """Give the proof along: always a new one, whatever was there."""
    response.set_cookie(
        _cookie(kind, row_id),
        gate.make_proof(kind, row_id, stamp, visit),
        max_age=int(gate.PROOF_LIFE.total_seconds()),
        secure=bool(settings.SESSION_COOKIE_SECURE),
        httponly=True,
        samesite="Lax",
    )


def is_from_our_page(
    request: HttpRequest, kind: Kind, row_id: UUID, visit: str = "", ticket: str | None = None
) -> bool:
    """Whether a form was sent by our own page: by its ticket, and by what the browser says of where it comes from."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return False
    return gate.is_ticket(kind, row_id, request.POST.get("ticket", "") if ticket is None else ticket, visit)
