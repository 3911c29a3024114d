"""Leaving with everything: what an export of one's own holds, how large it is, and the download."""

from typing import Any

from django.http import HttpResponseBase
from django.utils.timezone import localdate
from django.views.decorators.http import require_http_methods

from accounts.middleware import PersonRequest
from documents.exports.plan import Choice, sizes_of
from documents.exports.to_zip import zip_export
from docuvault.lib.htmx import show


@require_http_methods(["GET", "HEAD", "POST"])
def export_everything(request: PersonRequest) -> HttpResponseBase:
    """The page, and the ZIP for its form."""
    user = request.actor.user
    assert user is not None
    if request.method == "POST":
        choice = Choice(older_versions="versions" in request.POST, trash="trash" in request.POST)
        return zip_export(choice, f"DocuVault {user.handle} {localdate():%Y-%m-%d}.zip", by=request.actor)
    sizes = sizes_of(user)
    context: dict[str, Any] = {"sizes": sizes, "all_bytes": sum(sizes.values()), "place": "space"}
    return show(request, "documents/export.html", context)
