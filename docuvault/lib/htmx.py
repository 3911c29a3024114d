"""One view, two renderings: a page for a visit, a fragment for a script; and how a verb's success is told."""

import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme


def is_fragment(request: HttpRequest) -> bool:
    """Whether a script asks for a piece, not a browser (or htmx's boost) for a page."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-Boosted") != "true"


def show(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    status: int = 200,
    page: str = "base.html",
) -> HttpResponse:
    """Render a template that extends `frame`: nothing for a fragment, else the page's own base."""
    frame = "base_fragment.html" if is_fragment(request) else page
    return render(request, template, {**context, "frame": frame}, status=status)


def back_to(request: HttpRequest, otherwise: str) -> str:
    """Where the person came from, if that is a page of ours."""
    here = request.POST.get("next") or request.headers.get("HX-Current-URL") or request.headers.get("Referer") or ""
    if url_has_allowed_host_and_scheme(here, {request.get_host()}, require_https=request.is_secure()):
        return here
    return otherwise


def done(
    request: HttpRequest, message: str, *, to: str, undo_url: str = "", is_moving: bool = False, is_error: bool = False
) -> HttpResponse:
    """Tell how a verb ended: a toast for scripts, who stay where they are unless `is_moving`; else a message and `to`.

    Either has a button to undo by where there is an `undo_url`.
    """
    if is_fragment(request):
        response = HttpResponse(status=200)
        response.headers["HX-Done"] = "1"
        toast = {"message": message, "undo_url": undo_url, "kind": "error" if is_error else "info"}
        response.headers["HX-Trigger"] = json.dumps({"toast": toast, "quota-changed": {}})
        if is_moving:
            response.headers["HX-Location"] = to
        return response
    tell = messages.error if is_error else messages.success
    tell(request, message, extra_tags=undo_url)
    return redirect(to)
