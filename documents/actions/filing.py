"""What rules do: a look ahead, runs over what is there with a way back, and new documents as they are read.

A run goes through the person's documents in the order of their ids, some in each transaction, and notes how far
it is: one that broke off goes on. Each change is a row, so undoing takes back exactly what this run changed and
nobody has changed since. Locks are taken in one order: the rule, its run, topics, the vault, documents.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils.timezone import localdate, now
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import User
from documents import habits
from documents.actions.documents import move_documents
from documents.actions.errors import Refused
from documents.actions.rules import held_rule
from documents.actions.topics import tag_documents
from documents.jobs import enqueue
from documents.locks import lock_vault
from documents.models import (
    Document,
    DocumentTopic,
    FilingChange,
    FilingLook,
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

BATCH, SHOWN, LOOKS_AT_ONCE, MOST_ATTEMPTS, LEARNED_AT_ONCE, MOST_LOOKED_AT = 200, 50, 50, 3, 500, 2_000
CLAIM_HOLDS = timedelta(minutes=5)
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
    so = found if rule.folder is None else found.filter(folder=rule.folder)
    for topic in topics:
        so = so.filter(Exists(DocumentTopic.objects.filter(document=OuterRef("pk"), topic=topic)))
    rows = list(found.select_related("folder").order_by("-created_at", "-pk")[:SHOWN])
    on = set(DocumentTopic.objects.filter(document__in=rows, topic__in=topics).values_list("document", "topic"))
    clashing = _clashing(rows, rule.folder)
    ahead = [
        Ahead(
            row,
            [topic for topic in topics if (row.pk, topic.pk) not in on],
            rule.folder is not None and row.folder_id != rule.folder_id and row.pk not in clashing,
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
    _hold([rule], run.user_id)
    found, _problems = own_hits(parse(rule.query), by)
    if run.last_id is not None:
        found = found.filter(pk__gt=run.last_id)
    documents = list(found.order_by("pk")[:BATCH])
    if not documents or rule.is_resting:
        state = RunState.DONE if not documents else RunState.STOPPED
        FilingRun.objects.filter(pk=run.pk).update(state=state, finished_at=now())
        return False
    if rule.mode == RuleMode.SUGGEST:
        changed, left = _suggest(rule, run, documents), 0
    else:
        changed, left = _apply(rule, run, documents, by)
    FilingRun.objects.filter(pk=run.pk).update(
        state=RunState.RUNNING,
        seen=F("seen") + len(documents),
        changed=F("changed") + changed,
        left=F("left") + left,
        last_id=documents[-1].pk,
    )
    return True


def _hold(rules: Sequence[FilingRule], owner_id: UUID) -> None:
    """Topics of all of them before the vault, which is held alone where something may move."""
    topics = Topic.objects.filter(pk__in=FilingRule.topics.through.objects.filter(filingrule__in=rules).values("topic"))
    list(topics.order_by("pk").select_for_update())
    lock_vault(owner_id, is_shared=not any(rule.moves for rule in rules))


def _apply(rule: FilingRule, run: FilingRun, documents: Sequence[Document], by: Actor) -> tuple[int, int]:
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


# What is deleted for good meanwhile gets no suggestion.
HOLD = "SELECT id FROM documents WHERE id = ANY(%s::uuid[]) ORDER BY id FOR KEY SHARE"
SUGGEST = """
    INSERT INTO filing_suggestions (user_id, document_id, topic_id, folder_id, rule_id, run_id, score, because)
    SELECT * FROM unnest(%(users)s::uuid[], %(documents)s::uuid[], %(topics)s::uuid[], %(folders)s::uuid[],
                         %(rules)s::uuid[], %(runs)s::uuid[], %(scores)s::float8[], %(because)s::text[])
    ON CONFLICT (user_id, document_id, topic_id, folder_id) DO UPDATE
    SET rule_id = coalesce(excluded.rule_id, filing_suggestions.rule_id), score = excluded.score,
        because = excluded.because
    WHERE filing_suggestions.state = 'open'
    RETURNING id, document_id, xmax = 0
"""


def _offer(rows: list[FilingSuggestion]) -> list[tuple[UUID, UUID, bool]]:
    """Write suggestions down, or keep those that are open; what was answered stays answered.

    Answers which are open now, for which document, and whether it was not there before.
    """
    with connection.cursor() as cursor:
        cursor.execute(HOLD, [[row.document_id for row in rows]])
        there = {key for (key,) in cursor.fetchall()}
    rows = [row for row in rows if row.document_id in there]
    if not rows:
        return []
    rows = sorted(rows, key=lambda row: (row.document_id, str(row.topic_id), str(row.folder_id)))
    with connection.cursor() as cursor:
        cursor.execute(
            SUGGEST,
            {
                "users": [row.user_id for row in rows],
                "documents": [row.document_id for row in rows],
                "topics": [row.topic_id for row in rows],
                "folders": [row.folder_id for row in rows],
                "rules": [row.rule_id for row in rows],
                "runs": [row.run_id for row in rows],
                "scores": [row.score for row in rows],
                "because": [row.because for row in rows],
            },
        )
        return list(cursor.fetchall())


def _suggest(rule: FilingRule, run: FilingRun | None, documents: Sequence[Document]) -> int:
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
    return len({document for _key, document, is_new in _offer(rows) if is_new})


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


# --- New documents --------------------------------------------------------------------------------------

WAIT = """
    INSERT INTO filing_looks (document_id, user_id)
    SELECT d.id, d.user_id FROM documents d JOIN readings r ON r.version_id = d.current_version_id
    WHERE d.id = %(document)s AND d.trash_id IS NULL AND r.state IN ('ready', 'nothing', 'encrypted') AND (
        EXISTS (SELECT 1 FROM filing_rules r WHERE r.user_id = d.user_id AND r.is_on AND r.mode <> 'hand')
        OR EXISTS (SELECT 1 FROM filing_habits h WHERE h.user_id = d.user_id))
    ON CONFLICT (document_id) DO NOTHING
"""
CLAIM = """
    UPDATE filing_looks SET attempts = attempts + 1, claimed_at = clock_timestamp()
    WHERE document_id IN (
        SELECT document_id FROM filing_looks
        WHERE looked_at IS NULL AND attempts < %(most)s AND (claimed_at IS NULL OR claimed_at < %(before)s)
          AND user_id = (SELECT user_id FROM filing_looks WHERE looked_at IS NULL AND attempts < %(most)s
                         AND (claimed_at IS NULL OR claimed_at < %(before)s) ORDER BY user_id LIMIT 1)
        ORDER BY document_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    RETURNING document_id, user_id
"""


def let_wait(document_id: UUID) -> None:
    """A document that has been read passes its owner's rules once in its life; nothing for one that was not.

    In the caller's transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(WAIT, {"document": document_id})


def file_waiting(limit: int = LOOKS_AT_ONCE) -> int:
    """Let some new documents of one person pass his rules; answers how many."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"most": MOST_ATTEMPTS, "before": now() - CLAIM_HOLDS, "limit": limit})
        claimed = cursor.fetchall()
    if not claimed:
        return 0
    user = User.objects.filter(pk=claimed[0][1], is_active=True).first()
    with transaction.atomic():
        ids = [key for key, _owner in claimed]
        if user is not None:
            _file(user, ids)
        FilingLook.objects.filter(pk__in=ids).update(looked_at=now())
    return len(claimed)


def _file(user: User, ids: list[UUID]) -> None:
    """Rules in their order, each seeing what those before it did; the first that moves a document has moved it."""
    by = Actor.job(user)
    active = FilingRule.objects.filter(user=user, is_on=True).exclude(mode=RuleMode.HAND)
    list(active.order_by("pk").select_for_update())
    rules = [rule for rule in active.select_related("folder").order_by("position", "name_key") if not rule.is_resting]
    runs = {rule.pk: _run_of_today(rule) for rule in rules if rule.mode == RuleMode.AUTO}
    _hold([rule for rule in rules if rule.pk in runs], user.pk)
    moved: set[UUID] = set()
    for rule in rules:
        found, _problems = own_hits(parse(rule.query), by, ids)
        documents = list(found.order_by("pk"))
        if not documents:
            continue
        if rule.pk not in runs:
            _suggest(rule, None, documents)
            continue
        run = runs[rule.pk]
        apart = [row for row in documents if row.pk in moved] if rule.moves else []
        changed, left = _apply(rule, run, [row for row in documents if row not in apart], by)
        if apart:
            changed += _apply(_without_moving(rule), run, apart, by)[0]
        if rule.moves:
            moved |= {row.pk for row in documents}
        FilingRun.objects.filter(pk=run.pk).update(
            total=F("total") + len(documents), seen=F("seen") + len(documents),
            changed=F("changed") + changed, left=F("left") + left,
        )  # fmt: skip
    FilingRun.objects.filter(pk__in=[run.pk for run in runs.values()], changed=0, left=0).delete()
    offer_learned(by, ids)


def _without_moving(rule: FilingRule) -> FilingRule:
    """The rule for documents that one before it has given their place."""
    other = FilingRule.objects.get(pk=rule.pk)
    other.folder, other.moves = None, False
    return other


def _run_of_today(rule: FilingRule) -> FilingRun:
    """What a rule does by itself on one day is one run. One that was undone is over, and the next day's is another."""
    today = localdate()
    run, _is_new = FilingRun.objects.get_or_create(
        rule=rule,
        day=today,
        state=RunState.DONE,
        defaults={"user_id": rule.user_id, "rule_name": rule.name, "finished_at": now()},
    )
    return run


def offer_learned(by: Actor, ids: Sequence[UUID]) -> set[UUID]:
    """Suggest what the person's habits say of these documents; answers which are open. In the caller's transaction."""
    assert by.user is not None
    rows = [
        FilingSuggestion(
            user=by.user,
            document_id=guess.document_id,
            topic_id=guess.topic_id,
            folder_id=guess.folder_id,
            score=guess.score,
            because=", ".join(guess.words)[:255],
        )
        for guess in habits.guesses(by, ids)
    ]
    return {key for key, _document, _is_new in _offer(rows)}


# --- Learning -------------------------------------------------------------------------------------------


def learn(user: User) -> int:
    """Learn anew what a person files where, and look at all that waits to be filed; answers how many habits he has."""
    by = Actor.job(user)
    with transaction.atomic():
        count, still = habits.learn(by), set()
        waiting = habits.to_be_filed(by, MOST_LOOKED_AT)
        for start in range(0, len(waiting) if count else 0, LEARNED_AT_ONCE):
            still |= offer_learned(by, waiting[start : start + LEARNED_AT_ONCE])
        # What is suggested as before keeps its id: somebody may have the page open.
        learned = FilingSuggestion.objects.filter(user=user, state=SuggestionState.OPEN, rule=None)
        learned.exclude(pk__in=still).delete()
    return count


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
