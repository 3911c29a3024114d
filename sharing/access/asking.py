"""What pages ask again and again about what the actor may reach: the rule's own queryset, put into words once.

The words are kept for the rule that built them; whose rule it is, and the folders that are shared, are values.
"""

from collections.abc import Callable
from typing import Any, Generic
from uuid import UUID

from django.db.models import QuerySet

from accounts.actors import Actor
from accounts.models import User
from docuvault.lib.asked_often import Answered, AskedOften, Value
from sharing.access.levels import Level
from sharing.access.rule import (
    Reach,
    documents_within,
    folders_within,
    opened_at,
    visible_documents,
    visible_folders,
)

Rule = Callable[[UUID, list[UUID], Reach], QuerySet[Any]]


class AskedOfVisible(Generic[Answered]):
    """`build` gets the rows that the actor may reach at a level, the values and the shape."""

    def __init__(
        self,
        build: Callable[..., QuerySet[Any, Answered]],
        rule: Callable[[], Rule],
        of_nobody: Callable[[Actor, Level], QuerySet[Any]],
    ) -> None:
        def built(user_id: UUID, *values: Any, rule: Rule, reach: Reach, **shape: Any) -> QuerySet[Any, Answered]:
            folders, values = (values[0], values[1:]) if reach.has_folders else ([], values)
            return build(rule(user_id, folders, reach), *values, **shape)

        self._asked, self._build = AskedOften(built), build
        self._rule, self._of_nobody = rule, of_nobody

    def __call__(self, actor: Actor, *values: Value, at_least: Level = Level.VIEW, **shape: Any) -> list[Answered]:
        user = actor.active_user
        if user is None:  # what a link shows is asked for anew
            return list(self._build(self._of_nobody(actor, at_least), *values, **shape))
        whose, reach = _reach(user, at_least)
        return self._asked(*whose, *values, rule=self._rule(), reach=reach, **shape)

    def in_words(self, user: User, *values: Value, at_least: Level = Level.VIEW, **shape: Any) -> tuple[str, list[Any]]:
        """The statement about what somebody reaches, and its parameters, to stand within another one."""
        whose, reach = _reach(user, at_least)
        return self._asked.in_words(*whose, *values, rule=self._rule(), reach=reach, **shape)


def _reach(user: User, at_least: Level) -> tuple[list[Value], Reach]:
    folders, reach = opened_at(user, at_least)
    return [user.pk, folders] if reach.has_folders else [user.pk], reach


def asked_of_documents(build: Callable[..., QuerySet[Any, Answered]]) -> AskedOfVisible[Answered]:
    """Decorates what is asked of the live documents that the actor may reach at a level."""
    return AskedOfVisible(build, lambda: documents_within, lambda *who: visible_documents(*who))


def asked_of_folders(build: Callable[..., QuerySet[Any, Answered]]) -> AskedOfVisible[Answered]:
    """Decorates what is asked of the live folders that the actor may reach at a level."""
    return AskedOfVisible(build, lambda: folders_within, lambda *who: visible_folders(*who))
