"""The same act on everything chosen in a list."""

from django.core.exceptions import BadRequest
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts.middleware import PersonRequest
from documents.actions.errors import Refused
from documents.actions.selection import move_items, trash_items
from documents.actions.topics import tag_documents, untag_documents
from documents.downloads import zip_documents
from documents.models import Document, Folder
from documents.views.asked import chosen, uuid_or_none
from documents.views.files import places_to_pick
from docuvault.lib.htmx import back_to, done, show
from sharing import access
from sharing.access import Level
from sharing.reach import mark_audiences


@require_POST
def selection(request: PersonRequest) -> HttpResponseBase:
    """Move, tag, untag, throw away or download what a form names: all of it, or nothing."""
    acts = {"move": _move, "tag": _tag, "untag": _untag, "trash": _trash, "download": _download}
    act = acts.get(request.POST.get("action", ""))
    if act is None:
        raise BadRequest(_("Choose what to do."))
    if not request.POST.getlist("document") and not request.POST.getlist("folder"):
        return show(request, "documents/nothing_chosen.html", {"back": back_to(request, reverse("files"))}, status=422)
    return act(request)


def _count(documents: list[Document], folders: list[Folder]) -> dict[str, int]:
    return {"count": len(documents) + len(folders)}


def _move(request: PersonRequest) -> HttpResponseBase:
    documents, folders = chosen(request, Level.EDIT)
    error = ""
    if "is_decided" in request.POST:
        to = access.fetch_place(request.actor, uuid_or_none(request.POST.get("to")), Level.EDIT)
        if "is_dragged" in request.POST and (seen := _who_will_see(request, to, [*documents, *folders])):
            return seen
        try:
            move_items(documents, folders, to, by=request.actor, keep_both="keep_both" in request.POST)
        except Refused as refused:
            error = refused.message
        else:
            count = _count(documents, folders)
            message = ngettext(
                "Moved %(count)d thing to %(place)s.", "Moved %(count)d things to %(place)s.", count["count"]
            )
            here = reverse("folder", args=[to.pk]) if to else reverse("files")
            return done(request, message % {**count, "place": to.name if to else _("Files")}, to=here)
    context = {"documents": documents, "folders": folders, "error": error}
    context["items"] = [*folders, *documents]
    context["places"] = places_to_pick(request, [*folders, *documents])
    return show(request, "documents/move.html", context, status=422 if error else 200)


def _who_will_see(request: PersonRequest, to: Folder | None, items: list[Document | Folder]) -> HttpResponseBase | None:
    """What is dropped into a folder that more people see is asked about first; None where nobody more sees it."""
    if to is None:
        return None
    mark_audiences(request.actor, [to], items)
    if not to.audience or to.pk in {item.folder_id if isinstance(item, Document) else item.parent_id for item in items}:  # type: ignore[attr-defined]
        return None
    documents = [item for item in items if isinstance(item, Document)]
    context = {"to": to, "documents": documents, "folders": [i for i in items if isinstance(i, Folder)], "items": items}
    return show(request, "documents/move_seen.html", context)


def _tag(request: PersonRequest) -> HttpResponseBase:
    return _topic(request, is_off=False)


def _untag(request: PersonRequest) -> HttpResponseBase:
    return _topic(request, is_off=True)


def _topic(request: PersonRequest, *, is_off: bool) -> HttpResponseBase:
    documents, folders = chosen(request, Level.VIEW)
    error = ""
    if "is_decided" in request.POST:
        topic_id = uuid_or_none(request.POST.get("topic"))
        if topic_id is None:
            error = _("Choose a topic.")
        else:
            topic = access.fetch_topic(request.actor, topic_id)
            act = untag_documents if is_off else tag_documents
            count = act(documents, topic, by=request.actor)
            message = (
                ngettext(
                    "Took “%(topic)s” off %(count)d document.",
                    "Took “%(topic)s” off %(count)d documents.",
                    count,
                )
                if is_off
                else ngettext(
                    "Put “%(topic)s” on %(count)d document.", "Put “%(topic)s” on %(count)d documents.", count
                )
            )
            here = back_to(request, reverse("files"))
            return done(request, message % {"topic": topic.name, "count": count}, to=here)
    topics = access.visible_topics(request.actor).order_by("name_key")
    if is_off:
        topics = topics.filter(document_topics__document__in=documents).distinct()
    context = {
        "documents": documents,
        "folders": folders,
        "all_topics": list(topics),
        "is_off": is_off,
        "error": error,
        "next": back_to(request, reverse("files")),
    }
    return show(request, "documents/choose_topic.html", context, status=422 if error else 200)


def _trash(request: PersonRequest) -> HttpResponseBase:
    documents, folders = chosen(request, Level.OWN)
    entries = trash_items(documents, folders, by=request.actor)
    count = _count(documents, folders)
    message = ngettext("%(count)d thing is in the trash.", "%(count)d things are in the trash.", count["count"]) % count
    undo = "&".join(f"entry={entry.pk}" for entry in entries)
    return done(request, message, to=back_to(request, reverse("files")), undo_url=f"{reverse('undo_trash')}?{undo}")


def _download(request: PersonRequest) -> HttpResponseBase:
    documents, folders = chosen(request, Level.VIEW)
    if len(documents) == 1 and not folders:
        return redirect("download_document", documents[0].pk)
    name = f"{folders[0].name}.zip" if len(folders) == 1 and not documents else "DocuVault.zip"
    return zip_documents(documents, folders, name, by=request.actor)
