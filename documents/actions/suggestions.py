"""Suggestions of where a document goes: written down, accepted, which is filing, or dismissed, which is for good."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from accounts.actors import Actor
from documents.actions.documents import move_documents
from documents.actions.topics import tag_documents
from documents.models import Document, FilingSuggestion, SuggestionState, TopicReason
from docuvault.lib.asked_often import AskedOften
from sharing import access, audit
from sharing.audit import Verb

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


def offer(rows: list[FilingSuggestion]) -> list[tuple[UUID, UUID, bool]]:
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


@AskedOften
def _any_open(user_id: UUID, ids: list[UUID]) -> QuerySet[FilingSuggestion, UUID]:
    """Most documents have none, which is told by less than what may be suggested takes."""
    rows = FilingSuggestion.objects.filter(user=user_id, document__any_of=ids, state=SuggestionState.OPEN)
    return rows.values_list("document", flat=True)[:1]


def suggestions_for(documents: Sequence[Document], *, by: Actor) -> dict[UUID, list[FilingSuggestion]]:
    """What is suggested for each of these, topics first and the surest before others."""
    if by.user is None or not _any_open(by.user.pk, [document.pk for document in documents]):
        return {}
    rows = access.own_suggestions(by).filter(document__in=documents).select_related("topic", "folder", "rule")
    found: dict[UUID, list[FilingSuggestion]] = {}
    for row in sorted(rows, key=lambda row: (row.topic_id is None, row.rule_id is None, -row.score, row.pk)):
        found.setdefault(row.document_id, []).append(row)
    return found


@transaction.atomic
def accept_suggestions(document: Document, ids: Sequence[UUID] | None = None, *, by: Actor) -> list[FilingSuggestion]:
    """Do what is suggested for a document, or of it these; answers what was done. Raises NotVisible, NameTaken.

    What is not suggested any more is passed by: twice is the same as once.
    """
    access.fetch_document(by, document.pk)
    rows = _open(document, ids, by)
    for row in sorted((row for row in rows if row.topic is not None), key=lambda row: row.topic_id or row.pk):
        assert row.topic is not None
        tag_documents([document], row.topic, by=by, reason=TopicReason.SUGGESTION, rule=row.rule)
    # A document lies in one folder: of several the first one.
    places = [row for row in rows if row.folder is not None][:1]
    for row in places:
        move_documents([document], row.folder, by=by, rule=row.rule.name if row.rule else "")
    done = [row for row in rows if row.topic is not None] + places
    FilingSuggestion.objects.filter(pk__in=[row.pk for row in done], state=SuggestionState.OPEN).update(
        state=SuggestionState.ACCEPTED
    )
    return done


@transaction.atomic
def dismiss_suggestions(document: Document, ids: Sequence[UUID] | None = None, *, by: Actor) -> list[FilingSuggestion]:
    """Never again for this document: all that is suggested, or these; answers what was dismissed."""
    document = access.fetch_document(by, document.pk)
    rows = _open(document, ids, by)
    changed = FilingSuggestion.objects.filter(pk__in=[row.pk for row in rows], state=SuggestionState.OPEN).update(
        state=SuggestionState.DISMISSED
    )
    _tell(Verb.SUGGESTION_DISMISSED, document, changed, by)
    return rows


@transaction.atomic
def suggest_again(document: Document, ids: Sequence[UUID], *, by: Actor) -> int:
    """The way back from dismissing: they are open again; answers how many."""
    access.fetch_document(by, document.pk)
    rows = FilingSuggestion.objects.filter(user=by.user, document=document, pk__in=ids, state=SuggestionState.DISMISSED)
    changed = rows.update(state=SuggestionState.OPEN)
    _tell(Verb.SUGGESTION_REOPENED, document, changed, by)
    return changed


def _open(document: Document, ids: Sequence[UUID] | None, by: Actor) -> list[FilingSuggestion]:
    rows = suggestions_for([document], by=by).get(document.pk, [])
    return rows if ids is None else [row for row in rows if row.pk in set(ids)]


def _tell(verb: Verb, document: Document, changed: int, by: Actor) -> None:
    if changed and by.user is not None:
        audit.record(
            verb,
            by=by,
            target_kind="document",
            target_id=document.pk,
            target_name=document.name,
            # What is suggested to somebody is his own business, whoever owns the document.
            owner=by.user.pk,
            details={"count": changed},
        )
