"""What tests of links make: links by a few words, and somebody who holds one."""

from typing import Any

from django.test import Client
from django.urls import reverse

from accounts.actors import Actor
from documents.models import Document, Folder
from sharing.actions import Terms, make_link
from sharing.gate import Kind, reveal_token
from sharing.models import LinkLevel, ShareLink

# What a browser says that shows a page to somebody.
LOOKING = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none"}


def link_to(item: Document | Folder, level: LinkLevel = LinkLevel.DOWNLOAD, *, by: Actor, **terms: Any) -> ShareLink:
    return make_link(item, Terms(terms.pop("name", "Landlord"), level, **terms), by=by)


def token_of(link: ShareLink) -> str:
    return reveal_token(Kind.LINK, link.pk, link.token_sealed)


def holder_of(link: ShareLink, visit: str = "visit") -> Actor:
    return Actor.for_link(link.pk, link.name, link.made_by, visit=visit)


class Holder:
    """Somebody with a link and a browser of his own."""

    def __init__(self, link: ShareLink, address: str = "192.0.2.7", **options: Any) -> None:
        self.token = token_of(link)
        self.client = Client(REMOTE_ADDR=address, **options)

    def at(self, name: str = "link", *args: object) -> str:
        return reverse(name, args=[self.token, *args])

    def get(self, name: str = "link", *args: object, **headers: str) -> Any:
        return self.client.get(self.at(name, *args), headers={**LOOKING, **headers})

    def come(self, password: str = "") -> Any:
        """Press "Open" at the door."""
        page = self.client.get(self.at())
        asked = {"ticket": page.context["ticket"], "password": password} if page.status_code == 200 else {}
        return self.client.post(self.at(), asked)

    def send(self, name: str, key: object, files: Any, ticket: str, **fields: str) -> Any:
        return self.client.post(self.at(name, key, ticket), {**fields, "files": files})
