"""Puts the `Actor` on every request, and the person's time zone on the thread."""

import uuid
import zoneinfo
from collections.abc import Callable
from urllib.parse import unquote

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from accounts.actors import Actor
from accounts.models import User
from accounts.secrets import session_fingerprint
from docuvault.lib.addresses import client_address

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class PersonRequest(HttpRequest):
    """A request behind this middleware: `actor` says who asks."""

    actor: Actor
    request_id: str


def actor(get_response: GetResponse) -> GetResponse:
    """Middleware: `request.actor` for everybody, strangers included, made when first asked for."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        request.request_id = uuid.uuid4().hex  # type: ignore[attr-defined]
        request.actor = SimpleLazyObject(lambda: actor_of(request))  # type: ignore[attr-defined]
        with timezone.override(_zone_of(request)):
            return get_response(request)

    return middleware


def _zone_of(request: HttpRequest) -> zoneinfo.ZoneInfo | None:
    """The person's own zone, else the one the browser tells of; None keeps the server's."""
    chosen = getattr(request.user, "time_zone", "") or unquote(request.COOKIES.get("time_zone", ""))
    try:
        return zoneinfo.ZoneInfo(chosen)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return None


def actor_of(request: HttpRequest) -> Actor:
    """Who asks by this request, as its session says now (a sign-in changes that within a request)."""
    request_id, address = request.request_id, client_address(request)  # type: ignore[attr-defined]
    user = request.user
    if not isinstance(user, User) and not user.is_authenticated:
        return Actor.anonymous(request_id=request_id, address=address)
    return Actor.for_user(
        User.objects.get(pk=user.pk) if not isinstance(user, User) else user,
        request_id=request_id,
        address=address,
        session_hash=session_fingerprint(request.session.session_key),
    )
