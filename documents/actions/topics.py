"""Topics: making and changing them, and putting them on documents."""

from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from documents.actions.errors import NameTaken, Refused
from documents.jobs import learn_soon
from documents.locks import lock_vault
from documents.models import Document, DocumentTopic, FilingRule, FilingRun, Topic, TopicColour, TopicReason
from documents.names import clean_name, name_key
from sharing import access, audit
from sharing.access import Level
from sharing.audit import Verb


@transaction.atomic
def make_topic(name: str, colour: str, *, by: Actor, is_system: bool = False) -> Topic:
    """A topic of one's own, or by an admin for everybody. Raises InvalidName, NameTaken."""
    if is_system:
        access.require_admin(by)
    elif by.active_user is None:
        raise access.NotVisible
    name = clean_name(name)
    topic = Topic(user=None if is_system else by.user, name=name, name_key=name_key(name), colour=_colour(colour))
    _save(topic, is_new=True)
    _tell(Verb.TOPIC_MADE, topic, by)
    return topic


@transaction.atomic
def change_topic(topic: Topic, name: str, colour: str, *, by: Actor) -> Topic:
    """Another name or colour. Raises InvalidName, NameTaken, NotVisible, NotAllowed."""
    topic = _held(topic, by, to_change=True)
    before = topic.name
    topic.name = clean_name(name)
    topic.name_key, topic.colour = name_key(topic.name), _colour(colour)
    _save(topic, is_new=False)
    _tell(Verb.TOPIC_CHANGED, topic, by, {"from": before, "colour": topic.colour})
    return topic


@transaction.atomic
def delete_topic(topic: Topic, *, by: Actor) -> None:
    """Remove a topic; the documents stay, without it."""
    topic = _held(topic, by, to_change=True)
    _tell(Verb.TOPIC_DELETED, topic, by, {"documents": topic.document_topics.count()})
    topic.delete()


@transaction.atomic
def tag_documents(
    documents: Sequence[Document],
    topic: Topic,
    *,
    by: Actor,
    reason: TopicReason = TopicReason.HAND,
    rule: FilingRule | None = None,
    run: FilingRun | None = None,
) -> int:
    """Put a topic on documents; answers on how many it was new. Says why, and by which rule and run.

    One's own topics go on everything one may see: nobody else sees them. Everybody's topics are
    part of the document and need the right to edit it.
    """
    topic = _held(topic, by)
    rows = _fetch(documents, topic, by)
    there = set(DocumentTopic.objects.filter(topic=topic, document__in=rows).values_list("document", flat=True))
    new = [row for row in rows if row.pk not in there]
    DocumentTopic.objects.bulk_create(
        [DocumentTopic(document=row, topic=topic, added_by=by.user, reason=reason, rule=rule, run=run) for row in new],
        ignore_conflicts=True,
    )
    _tell_each(Verb.DOCUMENT_TAGGED, new, topic, by, rule.name if rule is not None else "")
    if new:
        learn_soon(by)
    return len(new)


@transaction.atomic
def untag_documents(documents: Sequence[Document], topic: Topic, *, by: Actor) -> int:
    """Take a topic off documents; answers off how many."""
    topic = _held(topic, by)
    rows = _fetch(documents, topic, by)
    links = DocumentTopic.objects.filter(topic=topic, document__in=rows)
    there = set(links.values_list("document", flat=True))
    links.delete()
    _tell_each(Verb.DOCUMENT_UNTAGGED, [row for row in rows if row.pk in there], topic, by)
    if there:
        learn_soon(by)
    return len(there)


def _held(topic: Topic, by: Actor, *, to_change: bool = False) -> Topic:
    """The topic, with nobody else changing it or its documents before this transaction ends.

    Foreign keys are checked at the commit only: without the lock, what is put on a document while
    its topic is deleted would fail there.
    """
    access.fetch_topic(by, topic.pk, to_change=to_change)
    list(Topic.objects.select_for_update().filter(pk=topic.pk))
    return access.fetch_topic(by, topic.pk, to_change=to_change)


def _fetch(documents: Sequence[Document], topic: Topic, by: Actor) -> list[Document]:
    """The documents, which nobody purges before this transaction ends."""
    level, ids = Level.EDIT if topic.is_system else Level.VIEW, [document.pk for document in documents]
    for owner in sorted(access.owners_of(access.fetch_documents(by, ids, level))):
        lock_vault(owner, is_shared=True)
    return access.fetch_documents(by, ids, level)


def _colour(colour: str) -> str:
    if colour not in TopicColour.values:
        raise Refused(_("Choose one of the colours."))
    return colour


def _save(topic: Topic, *, is_new: bool) -> None:
    try:
        with transaction.atomic():
            topic.save(force_insert=is_new, force_update=not is_new)
    except IntegrityError as error:
        if "uq_topics_user_name" not in str(error):
            raise
        raise NameTaken(_("There is a topic “%(name)s” already.") % {"name": topic.name})


def _tell(verb: Verb, topic: Topic, by: Actor, details: dict[str, object] | None = None) -> None:
    audit.record(
        verb,
        by=by,
        target_kind="topic",
        target_id=topic.pk,
        target_name=topic.name,
        owner=topic.user_id,
        details=details,
    )


def _tell_each(verb: Verb, documents: list[Document], topic: Topic, by: Actor, rule: str = "") -> None:
    by_id = by.user.pk if by.user else None
    # A topic of one's own is named in one's own trail only, never in the owner's.
    audit.record_many(
        verb,
        [
            (
                "document",
                row.pk,
                row.name,
                row.user_id if topic.is_system or topic.user_id == row.user_id else topic.user_id,
                # A rule is its person's own: of others' documents their owner reads the topic alone.
                {"topic": topic.name, "rule": rule} if rule and row.user_id == by_id else {"topic": topic.name},
            )
            for row in documents
        ],
        by=by,
    )
