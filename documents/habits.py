"""What a person files where, learned from the words of what he filed before, and what that suggests for others.

For each topic and folder with a few documents in it, scikit-learn finds the words that tell it from the rest
(`docuvault.lib.text_classifier`). The words are rows and stemmed already, so nothing is parsed twice; what was learned
are rows as well, a word and its weight each, and a new document is looked at by one statement.

Rejected: the library within the worker (120 MB for as long as it runs) and the nearest documents (asked anew for each,
and one odd paper decides). Only what the person filed himself is asked, only of what he may see now, and only so many
of the newest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.actors import Actor
from documents.locks import lock_habits, lock_vault
from documents.models import DocumentTopic, FilingHabit, Folder
from docuvault.lib.classifier import Classifier, Task
from sharing import access
from sharing.access import Level

# So many of the newest filings are learned from, and so many words of each document, its first ones, count.
EXAMPLES, WORDS_OF_ONE = 3_000, 400
# The fewest documents that make a habit, the most words that tell one, and the most habits: those with most documents.
FEWEST, WORDS_OF_HABIT, MOST_HABITS = 3, 200, 200
MOST_TOPICS = 3

# Words of some documents: of each the first ones. Long documents know no places; there a fixed choice by hash, so
# that two that have words in common still have them in common.
WORDS = """
    SELECT e.document_id, w.lexeme
    FROM unnest(%(documents)s::uuid[]) AS x(id) JOIN search_entries e ON e.document_id = x.id, LATERAL (
        SELECT u.lexeme FROM unnest(e.vector) AS u
        WHERE u.lexeme !~ '^[=0-9]' AND length(u.lexeme) <= 64 AND octet_length(u.lexeme) >= 3
        ORDER BY u.positions[1] NULLS LAST, hashtext(u.lexeme), u.lexeme LIMIT %(words_of_one)s
    ) AS w
"""
# In an order that ids have no part in: the same papers filed alike teach the same.
EXAMPLES_WORDS = f"""
SELECT w.document_id, array_agg(w.lexeme ORDER BY w.lexeme) FROM ({WORDS}) AS w GROUP BY w.document_id ORDER BY 2, 1
"""  # noqa: S608 (words of our own)
# As the classifier scores: weights over the square root of how many words a document has.
SCORE = f"""
WITH words AS ({WORDS}), sizes AS (SELECT document_id, sqrt(count(*)) AS length FROM words GROUP BY document_id)
SELECT w.document_id, h.id, sum(f.weight) / s.length / h.typical AS score,
       (array_agg(w.lexeme ORDER BY f.weight DESC, w.lexeme) FILTER (WHERE f.weight > 0))[1:3] AS telling
FROM words w JOIN sizes s USING (document_id)
JOIN filing_words f ON f.word = w.lexeme JOIN filing_habits h ON h.id = f.habit_id
WHERE h.user_id = %(user)s
GROUP BY w.document_id, s.length, h.id HAVING sum(f.weight) / s.length >= h.threshold
"""  # noqa: S608 (words of our own)
# The shortest word of the person's own that has the stem: "invoice" for "invoic".
WHOLE = """
    SELECT s.stem, (SELECT w.word FROM search_words w WHERE w.user_id = %(user)s AND w.word LIKE s.pattern
                    ORDER BY length(w.word), w.word LIMIT 1)
    FROM unnest(%(stems)s::text[], %(patterns)s::text[]) AS s(stem, pattern)
"""


@dataclass(frozen=True)
class Habit:
    """What a person files under a topic or into a folder, as rows of `filing_habits` and `filing_words` tell it."""

    label: UUID
    is_topic: bool
    examples: int
    threshold: float
    typical: float
    weights: dict[str, float]


@dataclass(frozen=True)
class Guess:
    """A topic or a folder for a document, how near it comes to what is there (1 is typical), and by which words."""

    document_id: UUID
    topic_id: UUID | None
    folder_id: UUID | None
    score: float
    words: tuple[str, ...]


def learn(actor: Actor, classifier: Classifier) -> list[Habit]:
    """Learn anew what the actor files where. Nothing is kept yet: `keep` does. Raises ClassifierFailed."""
    topics, folders = _examples(actor)
    documents_of: dict[tuple[UUID, bool], set[UUID]] = {}
    for label, document in topics:
        documents_of.setdefault((label, True), set()).add(document)
    for label, document in folders:
        documents_of.setdefault((label, False), set()).add(document)
    if max(map(len, documents_of.values()), default=0) < FEWEST:
        return []
    numbers, lexemes, rows = _words_of({key for held in documents_of.values() for key in held})
    known = [(label, held & numbers.keys()) for label, held in documents_of.items()]
    known = sorted((row for row in known if len(row[1]) >= FEWEST), key=lambda row: (-len(row[1]), row[0]))
    known = known[:MOST_HABITS]
    if not known:
        return []
    classes = [sorted(numbers[key] for key in held) for _label, held in known]
    found = classifier.learned(Task(rows, classes, FEWEST, WORDS_OF_HABIT))
    return [
        Habit(
            *known[row.index][0],
            len(classes[row.index]),
            row.threshold,
            row.typical,
            {lexemes[word]: weight for word, weight in zip(row.words, row.weights, strict=True)},
        )
        for row in found
    ]


def _words_of(documents: set[UUID]) -> tuple[dict[UUID, int], list[str], list[list[int]]]:
    """The documents that have words, numbered; the words; and of each document the numbers of its own."""
    numbers: dict[UUID, int] = {}
    words: dict[str, int] = {}
    rows: list[list[int]] = []
    with connection.cursor() as cursor:
        cursor.execute(EXAMPLES_WORDS, {"documents": list(documents), "words_of_one": WORDS_OF_ONE})
        for key, lexemes in cursor:
            numbers[key] = len(rows)
            rows.append([words.setdefault(lexeme, len(words)) for lexeme in lexemes])
    return numbers, list(words), rows


def _examples(actor: Actor) -> tuple[list[tuple[UUID, UUID]], list[tuple[UUID, UUID]]]:
    """The newest filings of the actor himself: (topic, document), (folder, document)."""
    links = DocumentTopic.objects.filter(
        added_by=actor.user,
        topic__in=access.visible_topics(actor),
        document__in=access.visible_documents(actor),
    )
    own = access.visible_documents(actor, Level.OWN).filter(folder__trash=None).exclude(folder=None)
    return (
        list(links.order_by("-created_at").values_list("topic", "document")[:EXAMPLES]),
        [(folder, key) for folder, key in own.order_by("-created_at").values_list("folder", "pk")[:EXAMPLES] if folder],
    )


ADD_WORDS = """
    INSERT INTO filing_words (habit_id, word, weight)
    SELECT * FROM unnest(%s::uuid[], %s::text[], %s::float8[])
"""


def keep(actor: Actor, learned: Sequence[Habit]) -> int:
    """Put what was learned in the place of what was known; answers how much of it is still there to be kept.

    In the caller's transaction. Topics before the vault, folders after it, as whoever deletes them.
    """
    assert actor.user is not None
    lock_habits(actor.user.pk)
    kept = {(key, True) for key in _held("topics", [row.label for row in learned if row.is_topic])}
    lock_vault(actor.user.pk, is_shared=True)
    kept |= {(key, False) for key in _held("folders", [row.label for row in learned if not row.is_topic])}
    FilingHabit.objects.filter(user=actor.user).delete()
    habits, words = [], []
    for row in learned:
        if (row.label, row.is_topic) not in kept:
            continue
        habit = FilingHabit(
            user=actor.user,
            topic_id=row.label if row.is_topic else None,
            folder_id=None if row.is_topic else row.label,
            examples=row.examples,
            threshold=row.threshold,
            typical=row.typical,
        )
        habits.append(habit)
        words += [(habit.pk, word, weight) for word, weight in row.weights.items()]
    FilingHabit.objects.bulk_create(habits)
    with connection.cursor() as cursor:
        cursor.execute(ADD_WORDS, [list(column) for column in zip(*words, strict=True)] or [[], [], []])
    return len(habits)


def _held(table: str, ids: list[UUID]) -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM {table} WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE", [ids])  # noqa: S608
        return {key for (key,) in cursor.fetchall()}


def guesses(actor: Actor, documents: Sequence[UUID]) -> list[Guess]:
    """What the actor's habits say of these documents, best first; few topics and one folder for each.

    Nothing is guessed that is so already, nor for a document that lies in a folder another folder.
    """
    assert actor.user is not None
    habits = {row.pk: row for row in FilingHabit.objects.filter(user=actor.user)}
    if not habits or not documents:
        return []
    rows = access.visible_documents(actor).filter(pk__in=documents)
    seen = {row.pk: row for row in rows.only("pk", "user_id", "folder_id")}
    changeable = set(access.visible_documents(actor, Level.EDIT).filter(pk__in=documents).values_list("pk", flat=True))
    own_topics = set(access.visible_topics(actor).filter(user=actor.user).values_list("pk", flat=True))
    all_topics = set(access.visible_topics(actor).values_list("pk", flat=True))
    folders = set(_own_folders(actor, habits.values()))
    on = set(DocumentTopic.objects.filter(document__in=seen).values_list("document", "topic"))
    with connection.cursor() as cursor:
        cursor.execute(SCORE, {"documents": list(seen), "words_of_one": WORDS_OF_ONE, "user": actor.user.pk})
        scored = sorted(cursor.fetchall(), key=lambda row: (row[0], -row[2], row[1]))
    found: list[Guess] = []
    counts: dict[tuple[UUID, bool], int] = {}
    for key, habit_id, score, stems in scored:
        document, habit = seen[key], habits[habit_id]
        if habit.topic_id:
            is_usable = habit.topic_id in (all_topics if key in changeable else own_topics)
            is_so = (key, habit.topic_id) in on
        else:
            is_usable = habit.folder_id in folders and document.user_id == actor.user.pk
            is_so = document.folder_id is not None
        kind = (key, habit.topic_id is not None)
        if not is_usable or is_so or counts.get(kind, 0) >= (MOST_TOPICS if habit.topic_id else 1):
            continue
        counts[kind] = counts.get(kind, 0) + 1
        found.append(Guess(key, habit.topic_id, habit.folder_id, float(score), tuple(stems)))
    return _with_whole_words(actor, found)


def _own_folders(actor: Actor, habits: Any) -> list[UUID]:
    wanted = [habit.folder_id for habit in habits if habit.folder_id]
    return list(Folder.objects.live().filter(user=actor.user, pk__in=wanted).values_list("pk", flat=True))


def _with_whole_words(actor: Actor, found: list[Guess]) -> list[Guess]:
    assert actor.user is not None
    stems = sorted({word for guess in found for word in guess.words})
    if not stems:
        return found
    patterns = [stem.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%" for stem in stems]
    with connection.cursor() as cursor:
        cursor.execute(WHOLE, {"user": actor.user.pk, "stems": stems, "patterns": patterns})
        whole = {stem: word or stem for stem, word in cursor.fetchall()}
    return [
        Guess(g.document_id, g.topic_id, g.folder_id, g.score, tuple(whole[word] for word in g.words)) for g in found
    ]


def to_be_filed(actor: Actor, limit: int) -> list[UUID]:
    """Documents that something may be suggested for: own ones without folder or topic, and what others share."""
    seen = access.visible_topics(actor)
    tagged = DocumentTopic.objects.filter(topic__in=seen).values("document")
    own = access.visible_documents(actor, Level.OWN)
    unfiled = own.filter(folder=None) | own.exclude(pk__in=tagged)
    mine = list(unfiled.order_by("-created_at").values_list("pk", flat=True)[:limit])
    others = (
        access.visible_documents(actor)
        .exclude(user=actor.user)
        .exclude(pk__in=DocumentTopic.objects.filter(topic__in=seen.filter(user=actor.user)).values("document"))
    )
    return mine + list(others.order_by("-created_at").values_list("pk", flat=True)[:limit])
