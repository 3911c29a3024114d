"""What rules do: a look ahead, and runs over what is there with a way back.

A run goes through the person's documents in the order of their ids, some in each transaction, and notes how far
it is: one that broke off goes on. Each change is a row, so undoing takes back exactly what this run changed and
nobody has changed since. Locks are taken in one order: the rule, its run, topics, the vault, documents.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts.actors import Actor
from documents.actions.documents import move_documents
from documents.actions.errors import Refused
from documents.actions.rules import held_rule
from documents.actions.suggestions import offer
from documents.actions.topics import tag_documents
from documents.jobs import enqueue
from documents.locks import lock_vault
from documents.models import (
    Document,
    DocumentTopic,
    FilingChange,
    FilingRule,
    FilingRun,
    FilingSuggestion,
    Folder,
    RuleMode,
    RunState,
    SuggestionState,
    Topic,
    TopicReason,
)
from documents.search import own_hits, parse
from documents.search.grammar import Problem
from sharing import access, audit
from sharing.access import Level
from sharing.audit import Verb

BATCH, SHOWN = 200, 50
OPEN = (RunState.WAITING, RunState.RUNNING)


# --- A look ahead ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ahead:
    """What a rule would do with one document."""

    document: Document
    topics: list[Topic]
    is_moved: bool
    is_in_the_way: bool

    @property
    def is_so_already(self) -> bool:
        return not self.topics and not self.is_moved and not self.is_in_the_way


@dataclass(frozen=True)
class Preview:
    """What a run would do: how many it is about, how many of those are so already, and the newest of them."""

    total: int
    already: int
    rows: list[Ahead]
    problems: list[Problem] = field(default_factory=list)

    @property
    def to_change(self) -> int:
        return self.total - self.already


def preview(rule: FilingRule, *, by: Actor) -> Preview:
    """What a run of this rule would do now. Nothing is changed."""
    found, problems = own_hits(parse(rule.query), by)
    topics = list(rule.topics.order_by("name_key"))
    folder = None if rule.is_resting else rule.folder
    so = found if folder is None else found.filter(folder=folder)
    for topic in topics:
        so = so.filter(Exists(DocumentTopic.objects.filter(document=OuterRef("pk"), topic=topic)))
    rows = list(found.select_related("folder").order_by("-created_at", "-pk")[:SHOWN])
    on = set(DocumentTopic.objects.filter(document__in=rows, topic__in=topics).values_list("document", "topic"))
    clashing = _clashing(rows, folder)
    ahead = [
        Ahead(
            row,
            [topic for topic in topics if (row.pk, topic.pk) not in on],
            folder is not None and row.folder_id != folder.pk and row.pk not in clashing,
            row.pk in clashing,
        )
        for row in rows
    ]
    return Preview(found.count(), so.count(), ahead, problems)


def _clashing(rows: Sequence[Document], folder: Folder | None) -> set[UUID]:
    """Those that cannot be moved there: another of the name lies there, or comes along before."""
    if folder is None:
        return set()
    moving = [row for row in rows if row.folder_id != folder.pk]
    there = Document.objects.live().filter(folder=folder, name_key__in=[row.name_key for row in moving])
    taken = set(there.values_list("name_key", flat=True))
    clashing = set()
    for row in moving:
        if row.name_key in taken:
            clashing.add(row.pk)
        taken.add(row.name_key)
    return clashing


# --- Runs -----------------------------------------------------------------------------------------------


@transaction.atomic
def begin_run(rule: FilingRule, *, by: Actor) -> FilingRun:
    """Have a rule go through all of the person's documents, as a job. Raises Refused where it runs or cannot."""
    rule = held_rule(rule, by)
    if rule.is_resting:
        raise Refused(_("The folder of this rule is gone. Choose another one first."))
    if FilingRun.objects.filter(rule=rule, state__in=OPEN).exists():
        raise Refused(_("The rule is running already."))
    found, _problems = own_hits(parse(rule.query), by)
    run = FilingRun.objects.create(user_id=rule.user_id, rule=rule, rule_name=rule.name, total=found.count())
    enqueue("documents.tasks.run_rule", run.pk)
    _tell(Verb.RULE_RUN, run, by, {"documents": run.total})
    return run


@transaction.atomic
def stop_run(run: FilingRun, *, by: Actor) -> None:
    """No further; what it has done stays, and can be undone."""
    run = _held_run(run, by)
    if FilingRun.objects.filter(pk=run.pk, state__in=OPEN).update(state=RunState.STOPPED, finished_at=now()):
        _tell(Verb.RULE_STOPPED, run, by, {"documents": run.changed})


@transaction.atomic
def undo_run(run: FilingRun, *, by: Actor) -> None:
    """Have everything taken back that this run changed and nobody has changed since, as a job."""
    run = _held_run(run, by)
    if run.state not in {RunState.DONE, RunState.STOPPED}:
        raise Refused(_("A run can be undone once, when it has ended."))
    FilingRun.objects.filter(pk=run.pk).update(state=RunState.UNDOING, finished_at=None)
    enqueue("documents.tasks.undo_run", run.pk)
    _tell(Verb.RULE_UNDONE, run, by, {"documents": run.changed})


def _held_run(run: FilingRun, by: Actor) -> FilingRun:
    """The run with its rule, neither of which anybody changes before this transaction ends."""
    run = access.fetch_run(by, run.pk)
    if run.rule_id is not None:
        list(FilingRule.objects.select_for_update().filter(pk=run.rule_id))
    list(FilingRun.objects.select_for_update().filter(pk=run.pk))
    return access.fetch_run(by, run.pk)


def work_on_run(run_id: UUID, until: datetime) -> bool:
    """Go on with a run until it has ended or the moment has come; answers whether it has ended."""
    return _go_on(_one_batch, run_id, until)


def _go_on(step: Callable[[UUID], bool], run_id: UUID, until: datetime) -> bool:
    """One step in each transaction; answers whether all are done before the moment comes."""
    while True:
        with transaction.atomic():
            if not step(run_id):
                return True
        if now() >= until:
            return False


def _one_batch(run_id: UUID) -> bool:
    """The next documents of a run; answers whether there may be more."""
    row = FilingRun.objects.select_related("user").filter(pk=run_id).first()
    if row is None or not row.user.is_active:
        FilingRun.objects.filter(pk=run_id, state__in=OPEN).update(state=RunState.STOPPED, finished_at=now())
        return False
    by = Actor.job(row.user)
    run = _held_run(row, by)
    if run.state not in OPEN or run.rule is None:
        FilingRun.objects.filter(pk=run.pk, state__in=OPEN).update(state=RunState.STOPPED, finished_at=now())
        return False
    rule = run.rule
    hold_for([rule], run.user_id)
    found, _problems = own_hits(parse(rule.query), by)
    if run.last_id is not None:
        found = found.filter(pk__gt=run.last_id)
    documents = list(found.order_by("pk")[:BATCH])
    if not documents or rule.is_resting:
        state = RunState.DONE if not documents else RunState.STOPPED
        FilingRun.objects.filter(pk=run.pk).update(state=state, finished_at=now())
        return False
    if rule.mode == RuleMode.SUGGEST:
        changed, left = suggest(rule, run, documents), 0
    else:
        changed, left = apply(rule, run, documents, by)
    FilingRun.objects.filter(pk=run.pk).update(
        state=RunState.RUNNING,
        seen=F("seen") + len(documents),
        changed=F("changed") + changed,
        left=F("left") + left,
        last_id=documents[-1].pk,
    )
    return True


def hold_for(rules: Sequence[FilingRule], owner_id: UUID) -> None:
    """Topics of all of them before the vault, which is held alone where something may move."""
    topics = Topic.objects.filter(pk__in=FilingRule.topics.through.objects.filter(filingrule__in=rules).values("topic"))
    list(topics.order_by("pk").select_for_update())
    lock_vault(owner_id, is_shared=not any(rule.moves for rule in rules))


def apply(rule: FilingRule, run: FilingRun, documents: Sequence[Document], by: Actor) -> tuple[int, int]:
    """Do what the rule says to these; answers how many it changed, and how many it could not move."""
    changed: set[UUID] = set()
    changes: list[FilingChange] = []
    for topic in rule.topics.order_by("pk"):
        on = DocumentTopic.objects.filter(topic=topic, document__in=documents).values_list("document", flat=True)
        there = set(on)
        new = [row for row in documents if row.pk not in there]
        if new:
            tag_documents(new, topic, by=by, reason=TopicReason.RULE, rule=rule, run=run)
            changes += [FilingChange(run=run, document=row, topic=topic) for row in new]
            changed |= {row.pk for row in new}
    clashing = _clashing(documents, rule.folder)
    moving = [row for row in documents if rule.folder and row.folder_id != rule.folder_id and row.pk not in clashing]
    if moving:
        before = {row.pk: row.folder_id for row in moving}
        move_documents(moving, rule.folder, by=by, rule=rule.name)
        changes += [
            FilingChange(
                run=run,
                document_id=key,
                moved_from_id=folder_id,
                moved_to=rule.folder,
                was_at_top=folder_id is None,
            )
            for key, folder_id in before.items()
        ]
        changed |= set(before)
    FilingChange.objects.bulk_create(changes)
    return len(changed), len(clashing)


def suggest(rule: FilingRule, run: FilingRun | None, documents: Sequence[Document]) -> int:
    """Suggest what the rule says; answers for how many documents there is something to suggest."""
    topics = list(rule.topics.order_by("pk"))
    on = set(DocumentTopic.objects.filter(document__in=documents, topic__in=topics).values_list("document", "topic"))
    rows = []
    for document in documents:
        new: list[tuple[Topic | None, Folder | None]] = [(t, None) for t in topics if (document.pk, t.pk) not in on]
        if rule.folder is not None and document.folder_id != rule.folder_id:
            new.append((None, rule.folder))
        rows += [
            FilingSuggestion(user_id=rule.user_id, document=document, rule=rule, run=run, topic=topic, folder=folder)
            for topic, folder in new
        ]
    return len({document for _key, document, is_new in offer(rows) if is_new})


# --- The way back ---------------------------------------------------------------------------------------


def work_on_undoing(run_id: UUID, until: datetime) -> bool:
    """Take back what is left of a run's changes, until all is done or the moment has come."""
    return _go_on(_undo_some, run_id, until)


def _undo_some(run_id: UUID) -> bool:
    row = FilingRun.objects.select_related("user").filter(pk=run_id, state=RunState.UNDOING).first()
    if row is None or not row.user.is_active:
        return False
    by = Actor.job(row.user)
    run = _held_run(row, by)
    left = FilingChange.objects.filter(run=run, is_past=False)
    # All of a document's changes at once, so that each is counted once.
    ids = list(left.order_by("document").values_list("document", flat=True).distinct()[:BATCH])
    changes = list(left.filter(document__in=ids).order_by("pk"))
    if not changes:
        FilingSuggestion.objects.filter(run=run, state=SuggestionState.OPEN).delete()
        FilingRun.objects.filter(pk=run.pk).update(state=RunState.UNDONE, finished_at=now())
        return False
    list(Topic.objects.filter(pk__in=[c.topic_id for c in changes if c.topic_id]).order_by("pk").select_for_update())
    lock_vault(run.user_id, is_shared=not any(change.topic_id is None for change in changes))
    undone = _take_off(run, changes, by) | _move_back(run, changes, by)
    FilingChange.objects.filter(pk__in=[change.pk for change in changes]).update(is_past=True)
    FilingRun.objects.filter(pk=run.pk).update(undone=F("undone") + len(undone))
    return True


def _take_off(run: FilingRun, changes: Sequence[FilingChange], by: Actor) -> set[UUID]:
    """Topics that are there by this run and no other hand."""
    wanted = [change.document_id for change in changes if change.topic_id]
    own = access.visible_documents(by, Level.OWN).filter(pk__in=wanted)
    links = DocumentTopic.objects.filter(run=run, document__in=own).select_related("document", "topic")
    topics = {change.topic_id for change in changes}
    gone = [(link.document, link.topic) for link in links if link.topic_id in topics]
    links.filter(topic__in=topics).delete()
    audit.record_many(
        Verb.DOCUMENT_UNTAGGED,
        [
            ("document", document.pk, document.name, run.user_id, {"topic": topic.name, "rule": run.rule_name})
            for document, topic in gone
        ],
        by=by,
    )
    return {document.pk for document, _topic in gone}


def _move_back(run: FilingRun, changes: Sequence[FilingChange], by: Actor) -> set[UUID]:
    """Documents that still lie where the run has put them, to where they were, if that is there and has room."""
    moves = {change.document_id: change for change in changes if change.topic_id is None}
    own = access.visible_documents(by, Level.OWN).filter(pk__in=list(moves))
    places: dict[UUID | None, list[Document]] = {}
    for document in own:
        change = moves[document.pk]
        if document.folder_id == change.moved_to_id and (change.was_at_top or change.moved_from_id):
            places.setdefault(change.moved_from_id, []).append(document)
    live = {row.pk: row for row in access.visible_folders(by, Level.OWN).filter(pk__in=[key for key in places if key])}
    back: set[UUID] = set()
    for place, documents in places.items():
        if place is not None and place not in live:
            continue
        folder = live[place] if place is not None else None
        there = Document.objects.live().filter(user=run.user_id, folder=folder)
        taken = set(there.filter(name_key__in=[row.name_key for row in documents]).values_list("name_key", flat=True))
        free = [row for row in documents if row.name_key not in taken]
        if free:
            move_documents(free, folder, by=by, rule=run.rule_name)
            back |= {row.pk for row in free}
    return back


def _tell(verb: Verb, run: FilingRun, by: Actor, details: dict[str, object]) -> None:
    audit.record(
        verb,
        by=by,
        target_kind="rule",
        target_id=run.rule_id or run.pk,
        target_name=run.rule_name,
        owner=run.user_id,
        details=details,
    )


def runs_of(rule: FilingRule, *, by: Actor) -> QuerySet[FilingRun]:
    """What a rule has done, newest first."""
    return access.own_runs(by).filter(rule=rule).order_by("-created_at")
