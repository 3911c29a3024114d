"""Where a document can be a hit: sets of documents that together are all that a query finds, each within the rule.

Every set starts from `access.visible_documents`, once for what is the actor's own (his vault is part of the
index) and once for what others share with him. A document is a hit by its words, by a part of its
name (also before it was read), or by a topic that the actor may see.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.contrib.postgres.search import SearchVectorField
from django.db.models import Exists, F, Func, OuterRef, Q, QuerySet, Value
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Concat

from accounts.actors import Actor
from accounts.models import User
from documents.models import Document, DocumentTopic, SearchEntry, SearchPiece
from documents.names import name_key
from documents.search.conditions import Through, filters_of
from documents.search.grammar import Problem, Query
from documents.search.words import Stemmed, stemmed
from sharing import access
from sharing.access import Level

TOPIC_WORDS = 20


@dataclass(frozen=True)
class Asked:
    """A query made ready: what to look for in each place where a document can be a hit."""

    query: Query
    actor: Actor
    words: Stemmed
    vaults: Sequence[UUID]
    topics: tuple[frozenset[UUID], ...]
    through: Through
    problems: list[Problem]


def ask(query: Query, actor: Actor, *, is_near: bool = False, is_own: bool = False) -> Asked:
    """`is_own`: among the actor's own documents alone."""
    vaults = access.vaults_seen(actor)
    if is_own:
        vaults = vaults[:1]  # his own is the first
    through, problems = filters_of(query, actor)
    words = stemmed(query, vaults, is_near=is_near)
    return Asked(query, actor, words, vaults, _topics_of(query, actor), through, problems)


def _topics_of(query: Query, actor: Actor) -> tuple[frozenset[UUID], ...]:
    """For each wanted clause, the topics whose name holds one of its terms: of those the actor may see."""
    wanted = [[name_key(term.words) for term in clause.terms] for clause in query.clauses if not clause.is_not]
    if not wanted:
        return ()
    if (few := access.few_topics(actor)) is not None:
        found = [(topic.pk, topic.name_key) for topic in few]
    else:
        condition = Q(pk__in=[])
        for keys in wanted:
            for key in keys:
                condition |= Q(name_key__contains=key)
        found = list(access.visible_topics(actor).filter(condition).values_list("pk", "name_key")[: 10 * TOPIC_WORDS])
    return tuple(frozenset(pk for pk, name in found if any(key in name for key in keys)) for keys in wanted)


@dataclass(frozen=True)
class Part:
    """A part of what the actor sees: what is his own, or what others share with him. Of the index, their vaults
    alone."""

    actor: Actor
    vaults: list[UUID]
    is_own: bool

    @property
    def person(self) -> User:
        assert self.actor.user is not None  # who has no vault sees none
        return self.actor.user

    @property
    def level(self) -> Level:
        return Level.OWN if self.is_own else Level.VIEW

    @property
    def owners(self) -> list[list[UUID]]:
        """Whose documents they are, where the level does not say so."""
        return [] if self.is_own else [self.vaults]

    def documents(self) -> QuerySet[Document]:
        rows = access.visible_documents(self.actor, self.level)
        return rows if self.is_own else rows.filter(user__in=self.vaults)


@dataclass(frozen=True)
class Place:
    """A set of hits: documents of a part, through the filters, that are hits in one way.

    `words`: their entries hold them. `names`: where nothing else is asked of them, what their names hold. `rows` makes
    the rest of the set, for whoever can say it in no shorter way; `is_narrowed`: fewer than all of the part.
    """

    part: Part
    rows: Callable[[], QuerySet[Document]]
    words: Stemmed | None = None
    names: tuple[str, ...] = ()
    is_narrowed: bool = False

    @property
    def documents(self) -> QuerySet[Document]:
        rows = self.rows()
        if self.words is None:
            return rows
        rows = _in(rows, self.part).filter(search_entry__vector__holds=self.words.loose)
        return rows if self.words.loose == self.words.whole else rows.filter(_as_asked(self.words))


def hits(asked: Asked) -> Iterator[QuerySet[Document]]:
    """The sets that together are all hits; one document may be in several."""
    return (place.documents for place in places(asked))


def places(asked: Asked) -> Iterator[Place]:
    for part in _parts(asked):
        yield from _places_in(part, asked)


def own_hits(
    query: Query, actor: Actor, among: Sequence[UUID] | None = None
) -> tuple[QuerySet[Document], list[Problem]]:
    """All of the actor's own documents (or of these) that a query finds, in no order: what his rules are about."""
    asked = ask(query, actor, is_own=True)
    found = Q(pk__in=[])
    for rows in hits(asked):
        found |= Q(pk__in=(rows if among is None else rows.filter(pk__in=among)).values("pk"))
    return access.visible_documents(actor, Level.OWN).filter(found), asked.problems


def _parts(asked: Asked) -> Iterator[Part]:
    """His own documents, and what others share with him."""
    if not asked.vaults:
        return
    own, *others = asked.vaults
    yield Part(asked.actor, [own], is_own=True)
    if others:
        yield Part(asked.actor, others, is_own=False)


def _places_in(part: Part, asked: Asked) -> Iterator[Place]:
    words, clauses = asked.words, asked.query.clauses
    wanted = [clause for clause in clauses if not clause.is_not]
    unwanted = [clause for clause in clauses if clause.is_not]

    def rows() -> QuerySet[Document]:
        return asked.through(part.documents())

    def rest() -> QuerySet[Document]:
        """Without what must not be there."""
        left = rows()
        if words.unwanted:
            held = SearchEntry.objects.filter(
                document=OuterRef("pk"), user__in=part.vaults, vector__holds=words.unwanted
            )
            left = left.exclude(Exists(held))
        if words.unwanted_phrases:
            left = left.exclude(ExistsHere(_pieces(words.unwanted_phrases)))
        for clause in unwanted:
            for term in clause.terms:
                left = left.exclude(name_key__contains=name_key(term.words))
        return left

    def named() -> QuerySet[Document]:
        left = rest()
        for clause in wanted:
            condition = Q(pk__in=[])
            for term in clause.terms:
                condition |= Q(name_key__contains=name_key(term.words))
            left = left.filter(condition)
        return left

    def tagged(*each: frozenset[UUID]) -> QuerySet[Document]:
        left = rest()
        for topics in each:
            left = left.filter(Exists(DocumentTopic.objects.filter(document=OuterRef("pk"), topic__in=topics)))
        return left

    if not wanted:
        yield Place(part, rest)
        return
    if words.whole:
        yield Place(part, rows, words)
    is_plain = not unwanted and all(len(clause.terms) == 1 for clause in wanted)
    names = tuple(name_key(clause.terms[0].words) for clause in wanted) if is_plain else ()
    yield Place(part, named, names=names)
    for n, topics in enumerate(asked.topics):
        if topics:
            left = words.without(n)
            if len(wanted) == 1:
                yield Place(part, partial(tagged, topics))
            elif left.whole:
                yield Place(part, partial(tagged, topics), left, is_narrowed=True)
    if len(wanted) > 1 and all(asked.topics):
        yield Place(part, partial(tagged, *asked.topics))


def _in(rows: QuerySet[Document], part: Part) -> QuerySet[Document]:
    """The rows with their entries: of one vault, the index itself looks at no other."""
    vaults = part.vaults
    return rows.filter(search_entry__user=vaults[0]) if len(vaults) == 1 else rows.filter(search_entry__user__in=vaults)


class ExistsHere(Exists):
    """Asked of one row at a time: joined or hashed, it would read everybody's."""

    template = "EXISTS(%(subquery)s OFFSET 0)"


def _as_asked(words: Stemmed) -> Q:
    """What the index cannot say of an entry that holds the loose words: phrases. A long one knows no places; its
    pieces do."""
    in_pieces = Q(search_entry__is_long=True)
    if words.unwanted:
        in_pieces &= ~Q(search_entry__vector__holds=words.unwanted)
    if words.unwanted_phrases:
        in_pieces &= ~Q(ExistsHere(_pieces(words.unwanted_phrases)))
    for phrase in words.phrases:  # a name, a title and a note have places in the entry as well
        in_pieces &= Q(search_entry__vector__holds=phrase) | Q(ExistsHere(_pieces(phrase)))
    return Q(search_entry__is_long=False, search_entry__vector__holds=words.whole) | in_pieces


def _pieces(text: str) -> QuerySet[SearchPiece]:
    """Of a document, those that hold a text in its language, which its entry says."""
    language = Func(
        Concat(Value("="), OuterRef("search_entry__language")),
        template="array_to_tsvector(ARRAY[%(expressions)s])",
        output_field=SearchVectorField(),
    )
    said = CombinedExpression(F("vector"), "||", language, output_field=SearchVectorField())
    return SearchPiece.objects.filter(document=OuterRef("pk")).alias(said=said).filter(said__holds=text)
