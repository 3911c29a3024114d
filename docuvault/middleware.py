"""What every answer carries, and the plain page shown when a part of the vault is away."""

import logging
from collections.abc import Callable
from functools import cached_property

from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from psycopg_pool import PoolTimeout

logger = logging.getLogger(__name__)
GetResponse = Callable[[HttpRequest], HttpResponseBase]
RETRY_SECONDS = "10"


def response_headers(get_response: GetResponse) -> GetResponse:
    """Middleware: nothing that belongs to a person is kept by a cache on the way."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-store")
        response.headers.setdefault("Permissions-Policy", "camera=(self), geolocation=(), microphone=()")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response

    return middleware


class ContentPolicy(CSPMiddleware):
    """Middleware: the content security policy; built once for all answers that ask for no other."""

    @cached_property
    def usual(self) -> str:
        return str(build_policy())

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        asks = any(name.startswith("_csp") for name in vars(response)) or hasattr(request, "_csp_nonce")
        if asks:
            answer: HttpResponseBase = super().process_response(request, response)
            return answer
        response.headers.setdefault("Content-Security-Policy", self.usual)
        return response


def is_outage(error: BaseException) -> bool:
    """Whether the database or the object store is away, rather than something being wrong here."""
    return isinstance(error, (OperationalError, InterfaceError, PoolTimeout)) or (
        # The store's own error, by name: the ground knows no app.
        any(base.__name__ == "StoreUnavailable" for base in type(error).__mro__)
    )


def outage_answer(request: HttpRequest) -> HttpResponse:
    """503 in the form that was asked for; needs neither database nor session."""
    message = _("The vault cannot reach its storage right now. Nothing is lost. Please try again shortly.")
    if "text/html" in request.headers.get("Accept", "") and not request.headers.get("HX-Request"):
        response = HttpResponse(render_to_string("503.html"), status=503)
    else:
        response = JsonResponse({"message": message}, status=503)
    response.headers["Retry-After"] = RETRY_SECONDS
    return response


class Failures:
    """Middleware: an outage noticed by a view is told as such, with 503.

    One noticed by a middleware around the view reaches docuvault.views.server_error instead, since
    Django turns exceptions into answers at every layer.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not is_outage(error):
            return None
        logger.warning("answered 503: %s: %s", type(error).__name__, error)
        return outage_answer(request)
