"""What comes before and after a document in the list one came from.

The address carries the list in a few letters (`in=folder.-created`) and the line of a search beside it
(`for=…`), never its rows: where it leads is asked of the same sets as the list itself, so an invented
one shows nothing that is not seen anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.actors import Actor
from documents.listing import SORTS
from documents.models import Document
from documents.search import find_documents, parse
from documents.search.finding import SORTS as ORDERS
from documents.search.grammar import LINE_LIMIT
from sharing import access
from sharing.access import Level
from sharing.models import ShareReception

PARAMETER, LINE = "in", "for"
# The order of each list where the address names none.
PLACES = {
    "folder": "name", "topic": "name", "recent": "-created", "starred": "name",
    "find": "best", "shared": "-created", "lent": "-created",
}  # fmt: skip
FIXED = {"recent", "starred", "shared", "lent"}
# Of lists that have no key of their own so many are looked through, the first.
LOOKED_THROUGH = 1000


@dataclass(frozen=True)
class Origin:
    """The list somebody came from."""

    place: str
    sort: str
    topic: UUID | None = None
    line: str = ""
    is_near: bool = False

    @property
    def parameters(self) -> dict[str, str]:
        """What an address carries of it."""
        return {PARAMETER: str(self), **({LINE: self.line} if self.line else {})}

    def __str__(self) -> str:
        pieces = [self.place]
        if self.place == "find":
            return ".".join(
                [*pieces, *([self.sort] if self.sort != "best" else []), *(["near"] if self.is_near else [])]
            )
        if self.topic or (self.place not in FIXED and self.sort != PLACES[self.place]):
            pieces.append(self.sort)
        return ".".join([*pieces, *([str(self.topic)] if self.topic else [])])


def origin_of(text: str, line: str = "") -> Origin | None:
    """The list that an address names; None for one that is none of ours."""
    place, _dot, rest = text.partition(".")
    if place == "find":
        sort, is_near = rest.removesuffix("near").removesuffix("."), rest.endswith("near")
        line = line.replace("\x00", "").strip()[: 4 * LINE_LIMIT]
        return Origin(place, sort or "best", line=line, is_near=is_near) if sort in {*ORDERS, ""} and line else None
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
    if (ids := _ids(origin, by)) is not None:
        return _among(ids, item, by)
    rows = _rows(item, origin, by)
    if rows is None:
        return None, None
    return _beside(rows, item, origin.sort, is_before=True), _beside(rows, item, origin.sort, is_before=False)


def _ids(origin: Origin, by: Actor) -> Sequence[UUID] | None:
    """The first documents of a list that is no plain set of rows, in its order; None for the others."""
    if origin.place == "find":
        query = parse(origin.line)
        if query.is_empty:
            return []
        return find_documents(query, by, sort=origin.sort, size=LOOKED_THROUGH, is_near=origin.is_near).ids
    if origin.place == "shared":
        put_away = ShareReception.objects.filter(share=OuterRef("pk"), user=by.user, hidden_at__isnull=False)
        shares = access.shares_received(by).exclude(Exists(put_away))
    elif origin.place == "lent":
        shares = access.shares_made(by)
    else:
        return None
    rows = shares.filter(document__isnull=False).order_by("-created_at", "-pk").values_list("document", flat=True)
    return list(dict.fromkeys(rows[:LOOKED_THROUGH]))


def _among(ids: Sequence[UUID], item: Document, by: Actor) -> tuple[Document | None, Document | None]:
    if item.pk not in ids:
        return None, None
    at = ids.index(item.pk)
    before, after = list(ids[at - 1 : at]) if at else [], list(ids[at + 1 : at + 2])
    rows = access.visible_documents(by).filter(pk__in=[*before, *after])
    found = {row.pk: row for row in rows.only("pk", "name", "user")}
    return found.get(before[0]) if before else None, found.get(after[0]) if after else None


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
