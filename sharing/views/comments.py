"""Comments on a document: write one, change or delete one's own."""

from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.middleware import PersonRequest
from documents.actions.errors import Refused
from docuvault.lib.htmx import done, show
from sharing import access
from sharing.access import Level
from sharing.actions import change_comment as change
from sharing.actions import delete_comment as delete
from sharing.actions import write_comment as write
from sharing.forms import CommentForm


@require_http_methods(["GET", "HEAD", "POST"])
def write_comment(request: PersonRequest, document_id: UUID) -> HttpResponse:
    """Say something to a document."""
    item = access.fetch_document(request.actor, document_id, Level.COMMENT)
    form = CommentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            write(item, form.cleaned_data["text"], by=request.actor)
        except Refused as refused:
            form.add_error("text", refused.message)
        else:
            return done(request, _("Your comment is there."), to=reverse("document", args=[item.pk]) + "#comments")
    context = {"item": item, "form": form, "title": _("Write a comment")}
    return show(request, "sharing/comment.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def change_comment(request: PersonRequest, document_id: UUID, comment_id: UUID) -> HttpResponse:
    """Other words for one's own comment."""
    item = access.fetch_document(request.actor, document_id, Level.COMMENT)
    comment = access.fetch_comment(request.actor, item, comment_id)
    if request.actor.user is None or comment.author_id != request.actor.user.pk:
        raise access.NotAllowed(_("Only its author can change a comment."))
    form = CommentForm(request.POST or None, initial={"text": comment.text})
    if request.method == "POST" and form.is_valid():
        try:
            change(comment, form.cleaned_data["text"], by=request.actor)
        except Refused as refused:
            form.add_error("text", refused.message)
        else:
            return done(request, _("Saved."), to=reverse("document", args=[item.pk]) + "#comments")
    context = {"item": item, "form": form, "title": _("Change your comment")}
    return show(request, "sharing/comment.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def delete_comment(request: PersonRequest, document_id: UUID, comment_id: UUID) -> HttpResponse:
    """Take a comment back."""
    item = access.fetch_document(request.actor, document_id)
    comment = access.fetch_comment(request.actor, item, comment_id)
    if request.actor.user is None or request.actor.user.pk not in {comment.author_id, item.user_id}:
        raise access.NotAllowed(_("Only its author and the document's owner can delete a comment."))
    if request.method == "POST":
        delete(comment, by=request.actor)
        return done(request, _("The comment is deleted."), to=reverse("document", args=[item.pk]) + "#comments")
    return show(request, "sharing/delete_comment.html", {"item": item, "comment": comment})
