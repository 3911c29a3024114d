"""Rules of filing and kept searches in an export: told on the way out, and made anew on the way in.

A rule comes switched off. What comes in with it was filed before, by hand or by that rule, and is read anew here:
a rule that acted at once would move what its person has put elsewhere since.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.translation import gettext as _

from accounts.actors import Actor
from documents.actions.errors import Refused
from documents.actions.rules import Deed, make_rule
from documents.actions.saved_views import save_view
from documents.exports.layout import FILING_FORMAT, moment
from documents.exports.records import FilingTold, RuleTold, TopicTold, ViewTold
from documents.models import FilingRule, Folder, SavedView, Topic
from documents.names import InvalidName, clean_name, free_name, name_key
from sharing import access


def filing_of(user_id: UUID) -> dict[str, Any]:
    """What a person has made for filing and finding."""
    rules = FilingRule.objects.filter(user_id=user_id).prefetch_related("topics").order_by("position", "name_key")
    views = SavedView.objects.filter(user_id=user_id).order_by("name_key")
    return {
        "format": FILING_FORMAT,
        "rules": [
            {
                "id": str(rule.pk),
                "name": rule.name,
                "query": rule.query,
                "topics": [
                    {"name": topic.name, "colour": topic.colour, "is_everybodys": topic.is_system}
                    for topic in sorted(rule.topics.all(), key=lambda topic: (topic.name_key, str(topic.pk)))
                ],
                "folder": str(rule.folder_id) if rule.folder_id else None,
                "moves": rule.moves,
                "mode": rule.mode,
                "is_on": rule.is_on,
                "created_at": moment(rule.created_at),
            }
            for rule in rules
        ],
        "views": [
            {
                "id": str(view.pk),
                "name": view.name,
                "query": view.query,
                "sort": view.sort,
                "created_at": moment(view.created_at),
            }
            for view in views
        ],
    }


@dataclass
class FilingTaking:
    """Makes the rules and searches of an export one's own. `rules` says which rule here was which one there."""

    by: Actor
    keys_here: Callable[[UUID], list[UUID]]
    topic: Callable[[TopicTold, str], Topic | None]
    folder: Callable[[UUID], Folder | None]
    refuse: Callable[[str, str], None]
    rules: dict[UUID, FilingRule] = field(default_factory=dict)
    rule_count: int = 0
    view_count: int = 0

    def take(self, told: FilingTold) -> None:
        for rule in told.rules:
            self._each(_("the rule “%(name)s”") % {"name": rule.name}, partial(self._rule, rule))
        for view in told.views:
            self._each(_("the saved view “%(name)s”") % {"name": view.name}, partial(self._view, view))

    def _each(self, shown: str, act: Callable[[], None]) -> None:
        try:
            act()
        except (InvalidName, Refused) as error:
            self.refuse(shown, error.message)
        except (Http404, PermissionDenied):
            self.refuse(shown, _("what it needs in the vault has just gone"))

    def _rule(self, told: RuleTold) -> None:
        own = access.own_rules(self.by)
        there = own.filter(pk__in=self.keys_here(told.key)).first()
        if there is not None:
            self.rules[told.key] = there
            return
        topics = {topic.pk: topic for each in told.topics if (topic := self.topic(each, told.name)) is not None}
        folder = self.folder(told.folder) if told.folder is not None else None
        folder = folder if folder is not None and folder.trash_id is None else None
        deed = Deed(told.query, list(topics.values()), folder, told.mode, is_resting=told.moves and folder is None)
        name = clean_name(told.name)
        named = own.filter(name_key=name_key(name), query=told.query, folder=folder).first()
        if named is not None and set(named.topics.values_list("pk", flat=True)) == set(topics):
            self.rules[told.key] = named
            return
        name = free_name(name, set(own.values_list("name_key", flat=True)))
        self.rules[told.key] = make_rule(name, deed, by=self.by, key=self.keys_here(told.key)[0], is_on=False)
        self.rule_count += 1

    def _view(self, told: ViewTold) -> None:
        own = access.own_views(self.by)
        name = clean_name(told.name)
        is_there = own.filter(pk__in=self.keys_here(told.key)).exists()
        if is_there or own.filter(name_key=name_key(name), query=told.query).exists():
            return
        name = free_name(name, set(own.values_list("name_key", flat=True)))
        save_view(name, told.query, told.sort, by=self.by, key=self.keys_here(told.key)[0])
        self.view_count += 1
