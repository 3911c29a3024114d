"""Pages of a list by key instead of by number: the thousandth page costs what the first does."""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, Prefetch, Q, QuerySet

from accounts.actors import Actor
from documents.models import Document, DocumentTopic, Picture, PictureKind, Reading, ReadingState, Star
from sharing import access

Row = TypeVar("Row", bound=Model)
PAGE_SIZES = (25, 50, 100)
DEFAULT_SIZE = 50


class BadCursor(ValueError):
    """A cursor that this vault has not made."""


@dataclass(frozen=True)
class Order:
    """How a list is sorted: by one column, then by id, so that no two rows are equal."""

    column: str
    parse: Callable[[str], Any]
    show: Callable[[Any], str]
    is_descending: bool = False


def _moment(value: datetime) -> str:
    return value.isoformat()


SORTS: dict[str, Order] = {}
for _name, _column, _parse, _show in (
    ("name", "name_key", str, str),
    ("created", "created_at", datetime.fromisoformat, _moment),
    ("size", "size_bytes", int, str),
    ("type", "content_type", str, str),
):
    SORTS[_name] = Order(_column, _parse, _show)
    SORTS[f"-{_name}"] = Order(_column, _parse, _show, is_descending=True)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows, and the cursor after the last one ("" where the list ends)."""

    rows: list[Row]
    after: str


def encode_cursor(order: Order, row: Model) -> str:
    raw = json.dumps([order.show(getattr(row, order.column)), str(row.pk)], ensure_ascii=False)
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def decode_cursor(order: Order, cursor: str, parse_id: Callable[[str], Any] = UUID) -> tuple[Any, Any]:
    """Raises BadCursor."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        value, key = json.loads(raw)
        if not isinstance(value, str) or not isinstance(key, str) or "\x00" in value:
            raise ValueError
        return order.parse(value), parse_id(key)
    except (binascii.Error, ValueError, TypeError, OverflowError) as error:
        raise BadCursor from error


def page_of(
    rows: QuerySet[Row],
    order: Order,
    *,
    after: str = "",
    size: int = DEFAULT_SIZE,
    parse_id: Callable[[str], Any] = UUID,
    within: str = "",
) -> Page[Row]:
    """The rows after the cursor, a page of them. Raises BadCursor.

    `within` names a column that is the same in all rows and leads the index: "is null" (the top of
    a vault) is no equality to the planner, which would sort the whole folder without it.
    """
    sign, comparison = ("-", "lt") if order.is_descending else ("", "gt")
    if after:
        value, key = decode_cursor(order, after, parse_id)
        # The first condition is the index range; the second drops the rows up to the cursor's own.
        rows = rows.filter(
            Q(**{f"{order.column}__{comparison}e": value}),
            Q(**{f"{order.column}__{comparison}": value}) | Q(**{f"pk__{comparison}": key}),
        )
    columns = [f"{sign}{column}" for column in (within, order.column, "id") if column]
    found = list(rows.order_by(*columns)[: size + 1])
    is_more = len(found) > size
    found = found[:size]
    return Page(found, encode_cursor(order, found[-1]) if is_more else "")


def with_topics(rows: QuerySet[Document], actor: Actor) -> QuerySet[Document]:
    """Each row with the topics the actor may see, in one more query (`shown_topics`)."""
    links = DocumentTopic.objects.filter(topic__in=access.visible_topics(actor)).select_related("topic")
    return rows.prefetch_related(Prefetch("document_topics", links.order_by("topic__name_key"), to_attr="shown_topics"))


def mark_for(rows: list[Document], actor: Actor) -> None:
    """Say of each row whether the actor has starred it, and whether its folder is none of his business.

    Also whether it has a picture, and how its reading stands while it is not read. (`is_starred`,
    `hides_folder`, `has_thumbnail`, `reading_state`.) A document shared by itself does not tell where
    its owner keeps it.
    """
    starred = set(
        Star.objects.filter(user=actor.user, document__in=[row.pk for row in rows]).values_list("document", flat=True)
    )
    owner_id = actor.user.pk if actor.user else None
    foreign = {row.folder_id for row in rows if row.folder_id and row.user_id != owner_id}
    seen = set(access.visible_folders(actor).filter(pk__in=foreign).values_list("pk", flat=True)) if foreign else set()
    current = [row.current_version_id for row in rows if row.current_version_id]
    shown = set(
        Picture.objects.filter(version__in=current, kind=PictureKind.THUMBNAIL).values_list("version", flat=True)
    )
    states = dict(Reading.objects.filter(version__in=current).exclude(state="ready").values_list("version", "state"))
    for row in rows:
        row.has_thumbnail = row.current_version_id in shown  # type: ignore[attr-defined]
        state = states.get(row.current_version_id) if row.current_version_id else None
        row.reading_state = ReadingState(state) if state else None  # type: ignore[attr-defined]
        row.is_starred = row.pk in starred  # type: ignore[attr-defined]
        row.hides_folder = row.folder_id in foreign - seen  # type: ignore[attr-defined]
