"""What a person files where, learned from the words of what he filed before, and what that suggests for others.

For each topic and folder with a few documents in it: the words that stand there and seldom elsewhere, each with
the logarithm of its odds times its share. A document's score is the sum over the words it has; the threshold lies
between what the documents that are filed there reach and what all others do, and what the two cannot be told
apart by is not learned. All of it is done in PostgreSQL, where the words are rows and stemmed already: nothing is
parsed twice, nothing is held in a process, and what was learned are rows as well.

Rejected: scikit-learn (160 MB with scipy, loaded for arithmetic that one statement does) and the nearest documents
(asked anew for each, and one odd paper decides). Only what the person filed himself is asked, only of what he may
see now, and only so many of the newest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.actors import Actor
from documents.locks import lock_habits, lock_vault
from documents.models import DocumentTopic, FilingHabit, Folder
from sharing import access
from sharing.access import Level

# So many of the newest filings are learned from, and so many words of each document, its first ones, count.
EXAMPLES, WORDS_OF_ONE = 3_000, 400
# The fewest documents that make a habit, the most words that stand for one, and the least odds of a word.
FEWEST, WORDS_OF_HABIT, LEAST_ODDS = 3, 80, 0.7
# A document has to reach this share of what is typical, and more than the others do, apart from a few that may only
# not have been filed yet; a habit whose others come as near to what is typical as that cannot be told apart.
NEAR_ENOUGH, UNFILED, APART = 0.5, 0.2, 0.85
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
LEARN = f"""
WITH examples AS MATERIALIZED (
    SELECT DISTINCT * FROM unnest(%(labels)s::uuid[], %(filed)s::uuid[]) AS x(label, document_id)
), words AS MATERIALIZED ({WORDS}),
known AS MATERIALIZED (SELECT DISTINCT document_id FROM words),
sizes AS MATERIALIZED (
    SELECT label, count(*)::float AS n FROM examples JOIN known USING (document_id)
    GROUP BY label HAVING count(*) >= %(fewest)s
), everywhere AS (
    SELECT lexeme, count(*)::float AS df FROM words GROUP BY lexeme HAVING count(*) >= 2
), inside AS (
    SELECT x.label, w.lexeme, count(*)::float AS df
    FROM examples x JOIN sizes USING (label) JOIN words w USING (document_id)
    GROUP BY x.label, w.lexeme HAVING count(*) >= 2
), weighed AS (
    SELECT i.label, i.lexeme, i.df / s.n * (
        ln((i.df + 0.5) / (s.n + 1)) - ln((e.df - i.df + 0.5) / ((SELECT count(*) FROM known) - s.n + 1))) AS weight,
        ln((i.df + 0.5) / (s.n + 1)) - ln((e.df - i.df + 0.5) / ((SELECT count(*) FROM known) - s.n + 1)) AS odds
    FROM inside i JOIN sizes s USING (label) JOIN everywhere e USING (lexeme)
), telling AS MATERIALIZED (
    SELECT label, lexeme, weight FROM (
        SELECT *, row_number() OVER (PARTITION BY label ORDER BY weight DESC, lexeme) AS place
        FROM weighed WHERE odds >= %(least_odds)s
    ) AS ranked WHERE place <= %(words_of_habit)s
), scores AS (
    SELECT t.label, w.document_id, sum(t.weight) AS score, (x.document_id IS NOT NULL) AS is_in
    FROM words w JOIN telling t USING (lexeme)
    LEFT JOIN examples x ON x.label = t.label AND x.document_id = w.document_id
    GROUP BY t.label, w.document_id, x.document_id
), told AS (
    SELECT s.label, z.n, percentile_cont(0.5) WITHIN GROUP (ORDER BY s.score) FILTER (WHERE s.is_in) AS typical,
           coalesce((array_agg(s.score ORDER BY s.score DESC) FILTER (WHERE NOT s.is_in))
                    [1 + floor(z.n * %(unfiled)s)::int], 0) AS others
    FROM scores s JOIN sizes z USING (label) GROUP BY s.label, z.n
)
SELECT o.label, o.n::int, greatest(o.typical * %(near_enough)s, o.others * 1.05) AS threshold, o.typical,
       array_agg(t.lexeme ORDER BY t.weight DESC, t.lexeme), array_agg(t.weight ORDER BY t.weight DESC, t.lexeme)
FROM told o JOIN telling t USING (label)
WHERE o.typical > 0 AND o.others < o.typical * %(apart)s
GROUP BY o.label, o.n, o.typical, o.others
"""  # noqa: S608 (words of our own)
SCORE = f"""
WITH words AS ({WORDS})
SELECT w.document_id, h.id, sum(f.weight) / h.typical AS score,
       (array_agg(w.lexeme ORDER BY f.weight DESC, w.lexeme))[1:3] AS telling
FROM words w JOIN filing_words f ON f.word = w.lexeme JOIN filing_habits h ON h.id = f.habit_id
WHERE h.user_id = %(user)s
GROUP BY w.document_id, h.id HAVING sum(f.weight) >= h.threshold
"""  # noqa: S608 (words of our own)
# The shortest word of the person's own that has the stem: "invoice" for "invoic".
WHOLE = """
    SELECT s.stem, (SELECT w.word FROM search_words w WHERE w.user_id = %(user)s AND w.word LIKE s.pattern
                    ORDER BY length(w.word), w.word LIMIT 1)
    FROM unnest(%(stems)s::text[], %(patterns)s::text[]) AS s(stem, pattern)
"""


@dataclass(frozen=True)
class Guess:
    """A topic or a folder for a document, how near it comes to what is there (1 is typical), and by which words."""

    document_id: UUID
    topic_id: UUID | None
    folder_id: UUID | None
    score: float
    words: tuple[str, ...]


def learn(actor: Actor) -> int:
    """Learn anew what the actor files where; answers how many habits he has. In the caller's transaction."""
    assert actor.user is not None
    lock_habits(actor.user.pk)
    topics, folders = _examples(actor)
    pairs = [*topics, *folders]
    with connection.cursor() as cursor:
        cursor.execute(
            LEARN,
            {
                "labels": [label for label, _document in pairs],
                "filed": [document for _label, document in pairs],
                "documents": list({document for _label, document in pairs}),
                "words_of_one": WORDS_OF_ONE,
                "fewest": FEWEST,
                "least_odds": LEAST_ODDS,
                "words_of_habit": WORDS_OF_HABIT,
                "unfiled": UNFILED,
                "near_enough": NEAR_ENOUGH,
                "apart": APART,
            },
        )
        found = cursor.fetchall()
    return _keep(actor, found, {label for label, _document in topics})


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


def _keep(actor: Actor, found: Sequence[tuple[Any, ...]], topics: set[UUID]) -> int:
    """Topics before the vault, folders after it, as whoever deletes them; what is gone meanwhile is no habit."""
    assert actor.user is not None
    wanted = [row[0] for row in found]
    kept = _held("topics", wanted)
    lock_vault(actor.user.pk, is_shared=True)
    kept |= _held("folders", wanted)
    FilingHabit.objects.filter(user=actor.user).delete()
    habits, words = [], []
    for label, examples, threshold, typical, lexemes, weights in found:
        if label not in kept:
            continue
        habit = FilingHabit(
            user=actor.user,
            topic_id=label if label in topics else None,
            folder_id=None if label in topics else label,
            examples=examples,
            threshold=threshold,
            typical=typical,
        )
        habits.append(habit)
        words += [(habit.pk, word, weight) for word, weight in zip(lexemes, weights, strict=True)]
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
