"""What the frame around every page shows. Lazy: a page without a frame pays nothing."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import Quota
from documents.tree import top_folders
from docuvault.lib.plain import row_by
from sharing import access
from sharing.listing import waiting_for

RAIL_TOPICS = 30
RAIL_VIEWS = 12


def frame(request: HttpRequest) -> dict[str, Any]:
    """The person's quota, topics, saved views and top folders for the rail."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"signup_policy": settings.SIGNUP}
    actor = request.actor  # type: ignore[attr-defined]
    waiting: Any = SimpleLazyObject(lambda: waiting_for(actor))
    return {
        "signup_policy": settings.SIGNUP,
        "trash_days": settings.TRASH_DAYS,
        "quota": SimpleLazyObject(lambda: row_by(Quota, "user_id", user.pk)),
        "rail_topics": SimpleLazyObject(lambda: access.first_topics(actor)[:RAIL_TOPICS]),
        "has_new_shares": SimpleLazyObject(lambda: waiting.has_new_shares),
        "has_waiting_files": SimpleLazyObject(lambda: waiting.has_files),
        "emergency_asked": SimpleLazyObject(lambda: waiting.emergency),
        "rail_views": SimpleLazyObject(
            lambda: (
                list(access.visible_views(actor).order_by("name_key", "pk")[:RAIL_VIEWS]) if waiting.has_views else []
            )
        ),
        "rail_folders": SimpleLazyObject(lambda: top_folders(user)),
    }
