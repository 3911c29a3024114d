"""What shares, links and offers have in common: they are about a document or a folder, and they end."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.db.models import Q
from django.utils.timezone import now

from documents.models import Document, Folder


def exactly_one(first: str, second: str) -> Q:
    return Q(**{f"{first}__isnull": True, f"{second}__isnull": False}) | Q(
        **{f"{first}__isnull": False, f"{second}__isnull": True}
    )


class _OneOfTwo(Protocol):
    @property
    def document_id(self) -> UUID | None: ...
    @property
    def document(self) -> Document | None: ...
    @property
    def folder(self) -> Folder | None: ...


class _Ending(Protocol):
    @property
    def expires_at(self) -> datetime | None: ...


class OfItem:
    """Of a table that points at exactly one of a document and a folder."""

    @property
    def item(self: _OneOfTwo) -> Document | Folder:
        found = self.document if self.document_id is not None else self.folder
        assert found is not None
        return found


class Ending:
    """Of a table whose rows may have an end."""

    @property
    def is_over(self: _Ending) -> bool:
        return self.expires_at is not None and self.expires_at <= now()
