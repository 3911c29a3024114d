"""Pages of a list by key instead of by number: the thousandth page costs what the first does."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Model, Q, QuerySet

from accounts.actors import Actor
from documents.models import Document, Folder, PictureKind, ReadingState
from docuvault.lib.connections import prepared_statements
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


class ShownTopic(NamedTuple):
    """A topic as it stands beside a document in a list."""

    pk: UUID
    name: str
    colour: str


MARKS = """
    SELECT x.id, EXISTS (SELECT FROM stars s WHERE s.user_id = %(user)s AND s.document_id = x.id),
           EXISTS (SELECT FROM pictures p WHERE p.version_id = x.version AND p.kind = %(thumbnail)s),
           (SELECT r.state FROM readings r WHERE r.version_id = x.version AND r.state <> 'ready'),
           (SELECT coalesce(nullif(u.display_name, ''), u.handle) FROM users u
            WHERE u.id = x.owner AND x.owner <> %(user)s::uuid),
           ARRAY(SELECT t.topic_id FROM document_topics t WHERE t.document_id = x.id)
    FROM unnest(%(ids)s::uuid[], %(versions)s::uuid[], %(owners)s::uuid[]) AS x(id, version, owner)
"""


@access.asked_of_folders
def _visible_of(rows: QuerySet[Folder], ids: list[UUID]) -> QuerySet[Folder, UUID]:
    return rows.filter(pk__any_of=ids).values_list("pk", flat=True)


def mark_for(rows: Sequence[Document], actor: Actor, within: Folder | None = None) -> None:
    """Say of each row what a list shows of it to the actor, in few statements however many rows there are.

    `shown_topics`: those the actor may see, by name. `is_starred`, `has_thumbnail`; `reading_state` while it is not
    read. `owner_name`: whose it is, if not the person's own. `hides_folder`: a document shared by itself does not tell
    where its owner keeps it. `within`: the folder that the actor has fetched, where all rows lie in it.
    """
    if not rows:
        return
    owner_id = actor.user.pk if actor.user else None
    foreign = {row.folder_id for row in rows if row.folder_id and row.user_id != owner_id}
    foreign -= {within.pk} if within is not None else set()
    seen = set(_visible_of(actor, list(foreign))) if foreign else set()
    ids = [row.pk for row in rows]
    with prepared_statements(), connection.cursor() as cursor:
        wanted: dict[str, Any] = {"user": owner_id, "thumbnail": PictureKind.THUMBNAIL, "ids": ids}
        wanted |= {"versions": [row.current_version_id for row in rows], "owners": [row.user_id for row in rows]}
        cursor.execute(MARKS, wanted)
        marks = {key: said for key, *said in cursor.fetchall()}
    topics = access.few_topics(actor)
    if topics is None:
        tagged = {topic for *_others, on_it in marks.values() for topic in on_it}
        topics = list(access.visible_topics(actor).filter(pk__in=tagged).order_by("name_key"))
    shown = [ShownTopic(topic.pk, topic.name, topic.colour) for topic in topics]
    for row in rows:
        is_starred, has_thumbnail, state, owner_name, on_it = marks[row.pk]
        row.owner_name = owner_name or ""  # type: ignore[attr-defined]
        row.is_starred = is_starred  # type: ignore[attr-defined]
        row.has_thumbnail = has_thumbnail  # type: ignore[attr-defined]
        row.reading_state = ReadingState(state) if state else None  # type: ignore[attr-defined]
        row.hides_folder = row.folder_id in foreign - seen  # type: ignore[attr-defined]
        row.shown_topics = [topic for topic in shown if topic.pk in on_it]  # type: ignore[attr-defined]
