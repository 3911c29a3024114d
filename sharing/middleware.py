"""Answers that change nothing take one look at what is shared."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from sharing import access

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def one_look(get_response: GetResponse) -> GetResponse:
    """Middleware. What streams later, such as a ZIP that asks for each file at its turn, is outside of it."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.method not in {"GET", "HEAD"}:
            return get_response(request)
        with access.one_look():
            return get_response(request)

    return middleware
