"""Learning what a person files where, and suggesting it for what waits to be filed."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from accounts.actors import Actor
from accounts.models import User
from documents import habits
from documents.actions.suggestions import offer
from documents.models import FilingSuggestion, SuggestionState
from docuvault.lib.classifier import Classifier

LEARNED_AT_ONCE, MOST_LOOKED_AT = 500, 2_000


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
    return {key for key, _document, _is_new in offer(rows)}


def learn(user: User, classifier: Classifier) -> int:
    """Learn anew what a person files where, and look at all that waits to be filed; answers how many habits he has.

    Raises ClassifierFailed.
    """
    by = Actor.job(user)
    learned = habits.learn(by, classifier)
    with transaction.atomic():
        count, still = habits.keep(by, learned), set()
        waiting = habits.to_be_filed(by, MOST_LOOKED_AT)
        for start in range(0, len(waiting) if count else 0, LEARNED_AT_ONCE):
            still |= offer_learned(by, waiting[start : start + LEARNED_AT_ONCE])
        # What is suggested as before keeps its id: somebody may have the page open.
        open_rows = FilingSuggestion.objects.filter(user=user, state=SuggestionState.OPEN, rule=None)
        open_rows.exclude(pk__in=still).delete()
    return count
