"""The outbox, for admins of a vault without a mail server."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.actions.rights import only_admins
from accounts.middleware import PersonRequest
from accounts.outbox import LINK, KeptMail, is_in_use, kept_mails


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a mail's text; `href` only where it leads to this vault."""

    text: str
    href: str = ""


def pieces(text: str) -> list[Piece]:
    """The text cut at its own links. Links elsewhere stay plain text: a mail may quote anything."""
    found: list[Piece] = []
    end = 0
    for match in LINK.finditer(text):
        address = match.group().rstrip(".,;)")
        if address == settings.BASE_URL or address.startswith(settings.BASE_URL + "/"):
            found += [Piece(text[end : match.start()]), Piece(address, address)]
            end = match.start() + len(address)
    return [piece for piece in [*found, Piece(text[end:])] if piece.text]


@dataclass(frozen=True, slots=True)
class ShownMail:
    mail: KeptMail
    pieces: list[Piece]


@require_safe
def outbox(request: PersonRequest) -> HttpResponse:
    only_admins(request.actor)
    kept = kept_mails() if is_in_use() else []
    return render(
        request,
        "accounts/outbox.html",
        {
            "place": "outbox",
            "mails": [ShownMail(mail, pieces(mail.text)) for mail in kept],
            "is_in_use": is_in_use(),
        },
    )
