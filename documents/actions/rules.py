"""Rules of filing: making, changing, copying, ordering and deleting them. Each person's own."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from accounts.actors import Actor
from documents.actions.errors import NameTaken, Refused
from documents.models import (
    FilingRule,
    FilingRun,
    FilingSuggestion,
    Folder,
    RuleMode,
    RunState,
    SuggestionState,
    Topic,
)
from documents.names import clean_name, free_name, name_key
from documents.search import parse
from sharing import access, audit
from sharing.access import Level
from sharing.audit import Verb

RULES_LIMIT, TOPICS_LIMIT, LONGEST = 100, 10, 2000


@dataclass(frozen=True)
class Deed:
    """What a rule is to do with what its words find."""

    line: str
    topics: Sequence[Topic] = ()
    folder: Folder | None = None
    mode: str = RuleMode.HAND
    # It would move, but its folder is gone: it does nothing until it has another.
    is_resting: bool = False


@transaction.atomic
def make_rule(name: str, deed: Deed, *, by: Actor, key: UUID | None = None, is_on: bool = True) -> FilingRule:
    """A rule, after those that are there; `key` is the id it is to have.

    Raises InvalidName, NameTaken, Refused, NotVisible.
    """
    if by.active_user is None:
        raise access.NotVisible
    name, query = clean_name(name), _checked(deed, by)
    rules = access.own_rules(by)
    if rules.count() >= RULES_LIMIT:
        raise Refused(_("You can have %(limit)d rules. Delete one first.") % {"limit": RULES_LIMIT})
    rule = FilingRule(
        pk=key or uuid.uuid4(),
        user=by.active_user,
        name=name,
        name_key=name_key(name),
        query=query,
        folder=deed.folder,
        moves=deed.folder is not None or deed.is_resting,
        mode=deed.mode,
        is_on=is_on,
        position=(rules.aggregate(last=Max("position"))["last"] or 0) + 1,
    )
    _save(rule, is_new=True)
    rule.topics.set(deed.topics)
    _tell(Verb.RULE_MADE, rule, by)
    return rule


@transaction.atomic
def change_rule(rule: FilingRule, name: str, deed: Deed, *, by: Actor) -> FilingRule:
    """Another name, other words, other deeds. Raises what making one does, and Refused while it runs."""
    name, query = clean_name(name), _checked(deed, by)
    rule = held_rule(rule, by)
    _must_stand_still(rule)
    before = rule.name
    rule.name, rule.name_key, rule.query, rule.mode = name, name_key(name), query, deed.mode
    rule.folder, rule.moves = deed.folder, deed.folder is not None
    _save(rule, is_new=False)
    rule.topics.set(deed.topics)
    _tell(Verb.RULE_CHANGED, rule, by, {"from": before})
    return rule


@transaction.atomic
def copy_rule(rule: FilingRule, *, by: Actor) -> FilingRule:
    """The same again under another name, for the person to change; it does nothing by itself."""
    rule = access.fetch_rule(by, rule.pk)
    taken = set(access.own_rules(by).values_list("name_key", flat=True))
    deed = Deed(rule.query, list(rule.topics.all()), None if rule.is_resting else rule.folder)
    if not deed.topics and deed.folder is None:
        raise Refused(_("The folder of this rule is gone: there is nothing to copy."))
    return make_rule(free_name(rule.name, taken), deed, by=by)


@transaction.atomic
def delete_rule(rule: FilingRule, *, by: Actor) -> None:
    """The rule goes; what it has filed stays as it is, and its runs can still be undone."""
    rule = held_rule(rule, by)
    running = FilingRun.objects.filter(rule=rule, state__in=[RunState.WAITING, RunState.RUNNING])
    running.update(state=RunState.STOPPED)
    # What was answered stays answered, so that it does not come back another way.
    FilingSuggestion.objects.filter(rule=rule, state=SuggestionState.OPEN).delete()
    _tell(Verb.RULE_DELETED, rule, by)
    rule.delete()


@transaction.atomic
def switch_rule(rule: FilingRule, is_on: bool, *, by: Actor) -> None:
    """Let it look at new documents, or not for now; the same again changes nothing."""
    rule = held_rule(rule, by)
    if rule.is_on == is_on:
        return
    rule.is_on = is_on
    rule.save(update_fields=["is_on"])
    _tell(Verb.RULE_CHANGED, rule, by, {"fields": ["is_on"]})


@transaction.atomic
def shift_rule(rule: FilingRule, is_up: bool, *, by: Actor) -> None:
    """One place up or down in the order in which they are gone through."""
    rows = list(access.own_rules(by).select_for_update().order_by("pk"))
    rows.sort(key=lambda row: (row.position, row.name_key))
    at = next((n for n, row in enumerate(rows) if row.pk == rule.pk), None)
    if at is None:
        raise access.NotVisible
    to = at - 1 if is_up else at + 1
    if not 0 <= to < len(rows):
        return
    rows[at], rows[to] = rows[to], rows[at]
    for place, row in enumerate(rows, 1):
        if row.position != place:
            FilingRule.objects.filter(pk=row.pk).update(position=place)
    _tell(Verb.RULE_CHANGED, rule, by, {"fields": ["position"]})


def held_rule(rule: FilingRule, by: Actor) -> FilingRule:
    """The rule, which nobody changes before this transaction ends."""
    access.fetch_rule(by, rule.pk)
    list(FilingRule.objects.select_for_update().filter(pk=rule.pk))
    return access.fetch_rule(by, rule.pk)


def _checked(deed: Deed, by: Actor) -> str:
    """The words of a rule as they are kept, if it can be followed; else Refused, saying what is wrong."""
    query = parse(deed.line)
    if query.problems:
        raise Refused(" ".join(f"{problem.part}: {problem.message}" for problem in query.problems))
    if query.is_empty:
        raise Refused(_("Say which documents are meant: words, or a filter such as type:pdf."))
    if len(query.line) > LONGEST:
        raise Refused(_("This is too long for a rule."))
    if not deed.topics and deed.folder is None and not deed.is_resting:
        raise Refused(_("Choose at least one topic or a folder: a rule has to do something."))
    if len(deed.topics) > TOPICS_LIMIT:
        raise Refused(_("A rule can put %(limit)d topics at most.") % {"limit": TOPICS_LIMIT})
    if deed.mode not in RuleMode.values:
        raise Refused(_("Choose what it does with new documents."))
    for topic in deed.topics:
        access.fetch_topic(by, topic.pk)
    if deed.folder is not None:
        # Of one's own vault, since documents stay in theirs.
        access.fetch_folder(by, deed.folder.pk, Level.OWN)
    return query.line


def _must_stand_still(rule: FilingRule) -> None:
    if FilingRun.objects.filter(rule=rule, state__in=[RunState.WAITING, RunState.RUNNING]).exists():
        raise Refused(_("The rule is running. Stop it, or wait until it has ended."))


def _save(rule: FilingRule, *, is_new: bool) -> None:
    try:
        with transaction.atomic():
            rule.save(force_insert=is_new, force_update=not is_new)
    except IntegrityError as error:
        if "uq_filing_rules_user_name" not in str(error):
            raise
        raise NameTaken(_("There is a rule “%(name)s” already.") % {"name": rule.name})


def _tell(verb: Verb, rule: FilingRule, by: Actor, details: dict[str, object] | None = None) -> None:
    audit.record(
        verb,
        by=by,
        target_kind="rule",
        target_id=rule.pk,
        target_name=rule.name,
        owner=rule.user_id,
        details=details,
    )
