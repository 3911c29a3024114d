"""What comes before and after a document in the list one came from.

The address carries the list in a few letters (`in=folder.-created`), never its rows: where it leads is
asked of the same sets as the list itself, so an invented one shows nothing that is not seen anyway.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.actors import Actor
from documents.listing import SORTS
from documents.models import Document
from sharing import access
from sharing.access import Level

PARAMETER = "in"
# The order of each list where the address names none.
PLACES = {"folder": "name", "topic": "name", "recent": "-created", "starred": "name"}
FIXED = {"recent", "starred"}


@dataclass(frozen=True)
class Origin:
    """The list somebody came from."""

    place: str
    sort: str
    topic: UUID | None = None

    def __str__(self) -> str:
        pieces = [self.place]
        if self.topic or (self.place not in FIXED and self.sort != PLACES[self.place]):
            pieces.append(self.sort)
        return ".".join([*pieces, *([str(self.topic)] if self.topic else [])])


def origin_of(text: str) -> Origin | None:
    """The list that an address names; None for one that is none of ours."""
    place, _dot, rest = text.partition(".")
    sort, _dot, key = rest.partition(".")
    if place not in PLACES or (sort and sort not in SORTS):
        return None
    try:
        topic = UUID(key) if key else None
    except ValueError:
        return None
    if place == "topic" and topic is None:
        return None
    return Origin(place, sort if sort and place not in FIXED else PLACES[place], topic)


def neighbours(item: Document, origin: Origin, *, by: Actor) -> tuple[Document | None, Document | None]:
    """The document before and the one after, as far as the actor sees them."""
    rows = _rows(item, origin, by)
    if rows is None:
        return None, None
    return _beside(rows, item, origin.sort, is_before=True), _beside(rows, item, origin.sort, is_before=False)


def _rows(item: Document, origin: Origin, by: Actor) -> QuerySet[Document] | None:
    if origin.place == "recent":
        return access.visible_documents(by, Level.OWN)
    if origin.place == "starred":
        return access.visible_documents(by).filter(stars__user=by.user)
    if origin.place == "topic":
        rows = access.visible_documents(by)
    elif item.folder is None and by.user is not None and item.user_id == by.user.pk:
        rows = access.documents_in(by, None)
    elif item.folder is not None and access.level_on_folder(by, item.folder) is not None:
        rows = access.documents_in(by, item.folder)
    else:
        return None
    if origin.topic is None:
        return rows
    topic = access.visible_topics(by).filter(pk=origin.topic).first()
    return rows.filter(document_topics__topic=topic) if topic is not None else None


def _beside(rows: QuerySet[Document], item: Document, sort: str, *, is_before: bool) -> Document | None:
    order = SORTS[sort]
    is_upward = order.is_descending != is_before
    column, value = order.column, getattr(item, order.column)
    step, sign = ("lt", "-") if is_upward else ("gt", "")
    # The first condition is the index range, as in documents.listing.
    there: dict[str, Any] = {f"{column}__{step}e": value}
    beyond = Q(**{f"{column}__{step}": value}) | Q(**{f"pk__{step}": item.pk})
    return rows.filter(beyond, **there).order_by(f"{sign}{column}", f"{sign}id").only("pk", "name", "user").first()
