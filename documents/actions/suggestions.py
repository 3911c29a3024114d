"""Suggestions of where a document goes: accepting one is filing it, dismissing one is for good."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from accounts.actors import Actor
from documents.actions.documents import move_documents
from documents.actions.topics import tag_documents
from documents.models import Document, FilingSuggestion, SuggestionState, TopicReason
from sharing import access, audit
from sharing.audit import Verb


def suggestions_for(documents: Sequence[Document], *, by: Actor) -> dict[UUID, list[FilingSuggestion]]:
    """What is suggested for each of these, topics first and the surest before others."""
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
    if changed and by.user is not None:
        audit.record(
            Verb.SUGGESTION_DISMISSED,
            by=by,
            target_kind="document",
            target_id=document.pk,
            target_name=document.name,
            # What is suggested to somebody is his own business, whoever owns the document.
            owner=by.user.pk,
            details={"count": changed},
        )
    return rows


@transaction.atomic
def suggest_again(document: Document, ids: Sequence[UUID], *, by: Actor) -> int:
    """The way back from dismissing: they are open again; answers how many."""
    access.fetch_document(by, document.pk)
    rows = FilingSuggestion.objects.filter(user=by.user, document=document, pk__in=ids, state=SuggestionState.DISMISSED)
    changed = rows.update(state=SuggestionState.OPEN)
    if changed and by.user is not None:
        audit.record(
            Verb.SUGGESTION_REOPENED,
            by=by,
            target_kind="document",
            target_id=document.pk,
            target_name=document.name,
            owner=by.user.pk,
            details={"count": changed},
        )
    return changed


def _open(document: Document, ids: Sequence[UUID] | None, by: Actor) -> list[FilingSuggestion]:
    rows = suggestions_for([document], by=by).get(document.pk, [])
    return rows if ids is None else [row for row in rows if row.pk in set(ids)]
