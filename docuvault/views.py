"""Pages that belong to no room: health, and what is shown when something is refused or away."""

import logging
import sys
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_q.status import Stat

from documents.identity import check_bucket
from documents.storage import store
from docuvault.lib.icons import sprite
from docuvault.middleware import is_outage, outage_answer

logger = logging.getLogger(__name__)
HEARTBEAT_LIMIT = timedelta(seconds=30)


@login_not_required
@require_safe
@never_cache
def health(request: HttpRequest) -> JsonResponse:
    """One entry per part, 200 when all are well, else 503. Says nothing a stranger may not know."""
    parts = {
        "database": _part(_ask_database),
        "storage": _part(lambda: store().check()),
        "queue": _part(_ask_queue),
        "identity": _part(check_bucket),
    }
    well = all(part["status"] == "ok" for part in parts.values())
    return JsonResponse({"status": "ok" if well else "unavailable", **parts}, status=200 if well else 503)


def _part(ask: Callable[[], None]) -> dict[str, str]:
    try:
        ask()
    except Exception as error:  # noqa: BLE001 (whatever is wrong, the part is not well)
        logger.warning("health: %s: %s", type(error).__name__, error)
        return {"status": "unavailable"}
    return {"status": "ok"}


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_queue() -> None:
    beats = [stat.timestamp for stat in Stat.get_all()]
    if not beats:
        raise RuntimeError("no worker has reported")
    if now() - max(beats) > HEARTBEAT_LIMIT:
        raise RuntimeError(f"the last worker reported at {max(beats)}")


@login_not_required
@require_safe
def icons(request: HttpRequest) -> HttpResponse:
    """The sprite; its address changes with its contents, so it may be kept for ever."""
    text, _digest = sprite(settings.NODE_MODULES / "lucide-static" / "icons")
    response = HttpResponse(text, content_type="image/svg+xml")
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


@login_not_required
def server_error(request: HttpRequest) -> HttpResponseBase:
    """Django's handler500: an outage is told as an outage, anything else as our mistake."""
    error = sys.exc_info()[1]
    if error is not None and is_outage(error):
        return outage_answer(request)
    return HttpResponse(render_to_string("500.html"), status=500)


@login_not_required
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that came without its token: usually a page left open over a sign-in."""
    return render(request, "403.html", {"is_stale_form": True}, status=403)
