"""What fills the quota."""

from django.db.models import Sum
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from accounts.middleware import PersonRequest
from accounts.models import Quota
from documents.listing import mark_for
from docuvault.lib.htmx import show
from sharing import access
from sharing.access import Level

LARGEST_SHOWN = 12


@require_safe
def space(request: PersonRequest) -> HttpResponse:
    """Kept, in the trash, under way and free; and the largest documents."""
    quota = Quota.objects.get(user=request.actor.user)
    in_trash = access.own_trash(request.actor).aggregate(total=Sum("size_bytes"))["total"] or 0
    largest = access.visible_documents(request.actor, Level.OWN).select_related("folder").order_by("-size_bytes", "id")
    shown = list(largest[:LARGEST_SHOWN])
    mark_for(shown, request.actor)
    context = {
        "quota": quota,
        "in_trash": in_trash,
        "kept": max(0, quota.used_bytes - in_trash),
        "largest": shown,
        "place": "space",
    }
    return show(request, "documents/space.html", context)


@require_safe
def quota(request: PersonRequest) -> HttpResponse:
    """The bar at the foot of the rail."""
    return TemplateResponse(request, "pieces/_quota.html", {})
