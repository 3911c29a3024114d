"""Run beside a stack by `manage.py shell`: the search itself timed against one bare statement, and judged."""

import json
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import connection, transaction

from accounts.actions import make_user
from accounts.actors import Actor
from accounts.models import User
from bench.quality import SEED, by_way, letters, measured, questions
from bench.report import in_turns
from documents.actions import learning
from documents.actions.topics import make_topic, tag_documents
from documents.models import Document, FilingSuggestion
from documents.search import find_documents, index_documents, parse
from docuvault.lib.classifier import Classifier

# The same work without the rule: stems by the same configurations, the newest 400 hits of one vault, ranked.
BARE = """
    WITH asked AS (SELECT %(function)s AS words), found AS MATERIALIZED (
        SELECT d.id, d.created_at, e.vector FROM search_entries e JOIN documents d ON d.id = e.document_id
        WHERE e.user_id = %%(owner)s AND e.vector @@ (SELECT words FROM asked)
        ORDER BY d.created_at DESC, d.id DESC LIMIT 400
    )
    SELECT id, ts_rank(vector, (SELECT words FROM asked)) AS rank FROM found
    ORDER BY rank DESC, created_at DESC LIMIT 25
"""
WRITTEN = {"insurannce": "insurance"}


def say(asked: dict[str, Any]) -> None:
    """Print how long each line takes this person, and the bare statement over the owner's vault."""
    by = Actor.for_user(User.objects.get(handle=asked["handle"]))
    answer = {}
    for name, line in asked["lines"].items():
        query = parse(line)
        ours, bare = in_turns(asked["times"], partial(find_documents, query, by), _bare(line, asked["owner"]))
        answer[name] = {"ours": ours, "bare": bare}
    print(json.dumps(answer))


def grow(asked: dict[str, Any]) -> None:
    """Print how long each line takes the same kind of person in a small library and in a large one, in turns."""
    people = [Actor.for_user(User.objects.get(handle=handle)) for handle in asked["handles"]]
    answer = {}
    for name, line in asked["lines"].items():
        query = parse(line)
        small, large = in_turns(asked["times"], *(partial(find_documents, query, by) for by in people))
        answer[name] = {"small": small, "large": large}
    print(json.dumps(answer))


def _bare(line: str, owner: str) -> Callable[[], object]:
    function = "phraseto_tsquery" if line.startswith('"') else "plainto_tsquery"
    words = WRITTEN.get(line, line.strip('"'))
    sql = BARE % {"function": f"{function}('vault_en', %(words)s)"}

    def ask() -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(sql, {"words": words, "owner": owner})
            return list(cursor.fetchall())

    return ask


FILL = (
    """INSERT INTO documents (id, user_id, name, name_key, current_version_id, object_key, size_bytes, sha256,
                              content_type)
       SELECT id, %(owner)s, name, name, id, id::text, 1, repeat('0', 64), 'application/pdf'
       FROM unnest(%(ids)s::uuid[], %(names)s::text[]) AS x(id, name)""",
    """INSERT INTO versions (id, document_id, number, object_key, size_bytes, sha256, content_type)
       SELECT id, id, 1, id::text, 1, repeat('0', 64), 'application/pdf' FROM unnest(%(ids)s::uuid[]) AS x(id)""",
    """INSERT INTO readings (version_id, owner_id, state, page_count, language)
       SELECT id, %(owner)s, 'ready', 1, language
       FROM unnest(%(ids)s::uuid[], %(languages)s::text[]) AS x(id, language)""",
    """INSERT INTO pages (reading_id, number, text)
       SELECT id, 1, text FROM unnest(%(ids)s::uuid[], %(texts)s::text[]) AS x(id, text)""",
)


@transaction.atomic
def fill(user: User, prefix: str = "") -> dict[uuid.UUID, str]:
    """The set with known answers in somebody's vault, as if it had been read; answers the names by id."""
    made = letters()
    ids = [uuid.uuid4() for _ in made]
    names = [prefix + row.name for row in made]
    values: dict[str, Any] = {
        "owner": user.pk,
        "ids": ids,
        "names": names,
        "languages": [row.language for row in made],
        "texts": [row.text for row in made],
    }
    with connection.cursor() as cursor:
        for statement in FILL:
            cursor.execute(statement, values)
    index_documents(ids)
    return dict(zip(ids, names, strict=True))


@dataclass(frozen=True)
class Filed:
    """Topics suggested for what nobody had filed: how many should have been, how many were, how many are wrong."""

    expected: int
    right: int
    wrong: int


def file_half(user: User, names: Mapping[uuid.UUID, str]) -> Filed:
    """Put half of the letters, by chance, under topics for kind and sender, and see what that suggests for the rest."""
    by, of = Actor.for_user(user), {row.name: row for row in letters()}
    keys = sorted(names, key=lambda key: names[key])
    random.Random(SEED).shuffle(keys)
    filed, rest = keys[: len(keys) // 2], keys[len(keys) // 2 :]
    labels = {key: {of[names[key]].kind, of[names[key]].sender} for key in keys}
    for label in sorted({label for held in labels.values() for label in held}):
        rows = Document.objects.filter(pk__in=[key for key in filed if label in labels[key]])
        tag_documents(list(rows), make_topic(label, "blue", by=by), by=by)
    with Classifier() as classifier:
        learning.learn(user, classifier)
    offered = FilingSuggestion.objects.filter(user=user, topic__isnull=False).values_list("document", "topic__name")
    right = sum(label in labels[key] for key, label in offered)
    return Filed(sum(len(labels[key]) for key in rest), right, len(offered) - right)


def judge() -> None:
    """Print how good finding is, all in all and by the way of asking; and how good what is suggested of topics is."""
    user = make_user("judge", "judge@bench.test", by=Actor.system(), password=uuid.uuid4().hex, is_confirmed=True)
    names, by, asked = fill(user), Actor.for_user(user), questions(letters())

    def find(line: str) -> list[str]:
        return [names[key] for key in find_documents(parse(line), by).ids]

    def said(of: list[Any]) -> dict[str, float]:
        quality = measured(of, find)
        return {"recall": quality.recall, "reciprocal": quality.reciprocal}

    ways = {way: said(of) for way, of in by_way(asked)}
    answer = {"count": len(asked), "all": said(asked), "ways": ways, "filing": vars(file_half(user, names))}
    print(json.dumps(answer))
