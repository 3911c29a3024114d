"""New documents pass their owner's rules: once in the life of each, when it has been read, one person's at a time."""

from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.utils.timezone import localdate, now

from accounts.actors import Actor
from accounts.models import User
from documents.actions import filing
from documents.actions.learning import offer_learned
from documents.models import FilingLook, FilingRule, FilingRun, RuleMode, RunState
from documents.search import own_hits, parse

LOOKS_AT_ONCE, MOST_ATTEMPTS = 50, 3
CLAIM_HOLDS = timedelta(minutes=5)

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
    filing.hold_for([rule for rule in rules if rule.pk in runs], user.pk)
    moved: set[UUID] = set()
    for rule in rules:
        found, _problems = own_hits(parse(rule.query), by, ids)
        documents = list(found.order_by("pk"))
        if not documents:
            continue
        if rule.pk not in runs:
            filing.suggest(rule, None, documents)
            continue
        run = runs[rule.pk]
        apart = [row for row in documents if row.pk in moved] if rule.moves else []
        changed, left = filing.apply(rule, run, [row for row in documents if row not in apart], by)
        if apart:
            changed += filing.apply(_without_moving(rule), run, apart, by)[0]
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
