"""Comments on documents: plain text by whoever may comment; one's own can be changed, the owner may remove any."""

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts.actors import Actor
from documents.actions.errors import Refused
from documents.locks import lock_vault
from documents.models import Document
from sharing import access, audit
from sharing.access import Level, NotAllowed
from sharing.audit import Verb
from sharing.models import Comment

TEXT_LIMIT = 4000


class CannotSay(Refused):
    """A comment with nothing in it, or with too much."""


def _clean(text: str) -> str:
    text = text.replace("\x00", "").replace("\r\n", "\n").strip()
    if not text:
        raise CannotSay(_("Write something first."))
    if len(text) > TEXT_LIMIT:
        raise CannotSay(_("A comment has %(limit)d characters at most.") % {"limit": TEXT_LIMIT})
    return text


@transaction.atomic
def write_comment(document: Document, text: str, *, by: Actor) -> Comment:
    """Say something to a document. Raises NotVisible, NotAllowed, CannotSay."""
    document = _held(document, by)
    assert by.user is not None
    comment = Comment.objects.create(document=document, author=by.user, text=_clean(text))
    _tell(Verb.COMMENT_MADE, document, by)
    return comment


@transaction.atomic
def change_comment(comment: Comment, text: str, *, by: Actor) -> Comment:
    """Other words for what one has said oneself. Raises NotVisible, NotAllowed, CannotSay."""
    document = _held(comment.document, by)
    comment = access.fetch_comment(by, document, comment.pk)
    if by.user is None or comment.author_id != by.user.pk:
        raise NotAllowed(_("Only its author can change a comment."))
    text = _clean(text)
    if text != comment.text:
        comment.text, comment.edited_at = text, now()
        comment.save(update_fields=["text", "edited_at"])
        _tell(Verb.COMMENT_CHANGED, document, by)
    return comment


@transaction.atomic
def delete_comment(comment: Comment, *, by: Actor) -> None:
    """Take back what one has said; the document's owner may remove anybody's. Raises NotVisible, NotAllowed."""
    document = _held(comment.document, by, Level.VIEW)
    comment = access.fetch_comment(by, document, comment.pk)
    if by.user is None or by.user.pk not in {comment.author_id, document.user_id}:
        raise NotAllowed(_("Only its author and the document's owner can delete a comment."))
    comment.delete()
    _tell(Verb.COMMENT_DELETED, document, by)


def _held(document: Document, by: Actor, at_least: Level = Level.COMMENT) -> Document:
    access.require_document(by, document, at_least)
    lock_vault(document.user_id, is_shared=True)
    return access.fetch_document(by, document.pk, at_least)


def _tell(verb: Verb, document: Document, by: Actor) -> None:
    """That something was said, never what: the trail keeps no words that can be taken back."""
    audit.record(
        verb,
        by=by,
        **audit.about(document),
    )
