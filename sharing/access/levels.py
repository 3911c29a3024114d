"""How far a right goes, and the two ways in which it can be missing."""

from enum import IntEnum
from typing import TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _

from sharing.models import ShareLevel


class Level(IntEnum):
    """How far a right goes; each level holds those below it."""

    VIEW = ShareLevel.VIEW
    COMMENT = ShareLevel.COMMENT
    EDIT = ShareLevel.EDIT
    MANAGE = ShareLevel.MANAGE
    OWN = 50


class NotVisible(Http404):
    """The actor may not know that it exists."""


class NotAllowed(PermissionDenied):
    """The actor sees it, but may not do this."""


Row = TypeVar("Row", bound=Model)


def one_of(rows: QuerySet[Row] | list[Row]) -> Row:
    """The one of these rows, among what the actor may see. Raises NotVisible."""
    for row in rows[:1]:
        return row
    raise NotVisible


def require_level(level: Level | None, at_least: Level) -> None:
    if level is None:
        raise NotVisible(_("There is nothing here that you can see."))
    if level < at_least:
        raise NotAllowed(_("You can see this, but not change it in this way."))
