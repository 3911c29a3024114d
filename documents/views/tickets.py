"""Tickets in the addresses of forms that bring files: a token in the body could be read only after the body.

A ticket is one person's, in one session, for some hours.
"""

from datetime import timedelta

from django.core import signing
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.middleware import PersonRequest
from sharing import access

LIFE = timedelta(hours=12)


def ticket_of(actor: Actor, salt: str, **claims: str) -> str:
    return signing.dumps({**_whose(actor), **claims}, salt=salt)


def opened(request: PersonRequest, ticket: str, salt: str) -> dict[str, str]:
    """What a ticket claims. Raises NotAllowed for any but this person's, session's and site's."""
    own = f"{request.scheme}://{request.get_host()}"
    is_ours = request.headers.get("Sec-Fetch-Site", "same-origin") in {"same-origin", "none"}
    if not is_ours or request.headers.get("Origin", own) != own:
        raise access.NotAllowed(_("This form came from another site."))
    try:
        claims: dict[str, str] = signing.loads(ticket, salt=salt, max_age=LIFE)
    except signing.BadSignature:
        raise access.NotAllowed(_("This page has been open for too long. Load it again and send the files once more."))
    if not _whose(request.actor).items() <= claims.items():
        raise access.NotAllowed(
            _("This page was made for another sign-in. Load it again and send the files once more.")
        )
    return claims


def _whose(actor: Actor) -> dict[str, str]:
    return {"user": str(actor.user.pk) if actor.user else "", "session": actor.session_hash}
