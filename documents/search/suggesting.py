"""What the box offers while somebody types, and what he may have meant. All of it from what he may see."""

from dataclasses import dataclass, replace
from typing import TypeVar

from django.db.models import Case, Model, QuerySet, Value, When

from accounts.actors import Actor
from documents.models import Folder, SavedView, Topic
from documents.names import name_key
from documents.search.grammar import Query, Term
from documents.search.places import Asked, ask, hits
from documents.search.words import near_words
from sharing import access

Row = TypeVar("Row", bound=Model)
MEANT_LOOKED_AT = 4


@dataclass(frozen=True)
class Named:
    """Folders, topics and saved views with the typed letters in their name."""

    folders: list[Folder]
    topics: list[Topic]
    views: list[SavedView]

    def __bool__(self) -> bool:
        return bool(self.folders or self.topics or self.views)


def named(text: str, actor: Actor, limit: int, *, with_views: bool = True) -> Named:
    key = name_key(text)
    if not key:
        return Named([], [], [])
    return Named(
        _folders_named(actor, key, limit=limit),
        _topics(actor, key, limit),
        list(_matching(access.visible_views(actor), key, limit)) if with_views else [],
    )


def _topics(actor: Actor, key: str, limit: int) -> list[Topic]:
    few = access.few_topics(actor)
    if few is None:
        return list(_matching(access.visible_topics(actor), key, limit))
    fitting = [topic for topic in few if key in topic.name_key]
    return sorted(fitting, key=lambda topic: not topic.name_key.startswith(key))[:limit]


def _matching(rows: QuerySet[Row], key: str, limit: int) -> QuerySet[Row]:
    """Rows whose name holds the words; those that begin with them come first."""
    begins = Case(When(name_key__startswith=key, then=Value(0)), default=Value(1))
    return rows.filter(name_key__contains=key).order_by(begins, "name_key", "id")[:limit]


@access.asked_of_folders
def _folders_named(rows: QuerySet[Folder], key: str, *, limit: int) -> QuerySet[Folder]:
    return _matching(rows, key, limit)


def meant(query: Query, actor: Actor) -> Query | None:
    """The query with its misspelt words put right, if the actor sees anything that it finds."""
    vaults = access.vaults_seen(actor)
    plain = [term for term in query.wanted if not (term.is_phrase or term.is_part)]
    near = near_words(plain, vaults)
    changed = query
    for place, clause in enumerate(query.clauses):
        if clause.is_not or len(clause.terms) > 1 or clause.terms[0] not in near:
            continue
        term = clause.terms[0]
        for word in [w for w in near[term] if name_key(term.words) not in w][:MEANT_LOOKED_AT]:
            clauses = list(changed.clauses)
            clauses[place] = replace(clause, terms=(Term(word),))
            other = replace(changed, clauses=tuple(clauses))
            if _finds_any(ask(other, actor)):
                changed = other
                break
    return changed if changed != query else None


def _finds_any(asked: Asked) -> bool:
    return any(rows.exists() for rows in hits(asked))
