"""Filing: what waits to be filed with what is suggested for it, and the rules with their runs."""

from uuid import UUID

from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.middleware import PersonRequest
from documents.actions import filing as acts
from documents.actions import rules as rule_acts
from documents.actions import suggestions as suggestion_acts
from documents.actions.errors import Refused
from documents.actions.rules import Deed
from documents.forms import RuleForm
from documents.listing import SORTS, BadCursor, mark_for, page_of
from documents.models import Document, DocumentTopic, FilingRule, FilingRun, Folder
from documents.tree import paths_of
from documents.views.asked import uuid_or_none, uuids
from docuvault.lib.htmx import back_to, done, is_fragment, show
from sharing import access
from sharing.access import Level
from sharing.reach import mark_audiences

ON_PAGE, RUNS_SHOWN, FOLDERS_SHOWN = 25, 10, 500


# --- To file --------------------------------------------------------------------------------------------


@require_safe
def to_file(request: PersonRequest) -> HttpResponse:
    """Documents that something is suggested for; or, with `all`, everything of one's own without folder or topic."""
    shows_all, after = "all" in request.GET, request.GET.get("after", "")
    rows = (_unfiled(request) if shows_all else _suggested(request)).select_related("folder")
    try:
        page = page_of(rows, SORTS["-created"], after=after, size=ON_PAGE)
    except BadCursor:
        raise BadRequest(_("This address is not one of ours."))
    mark_for(page.rows, request.actor)
    found = suggestion_acts.suggestions_for(page.rows, by=request.actor)
    items = [(document, found.get(document.pk, [])) for document in page.rows]
    context = {
        "items": items,
        "page": page,
        "shows_all": shows_all,
        "counts": {"suggested": _suggested(request).count(), "unfiled": _unfiled(request).count()},
        "has_rules": access.own_rules(request.actor).exists(),
        "place": "to_file",
    }
    template = "documents/to_file_more.html" if after and is_fragment(request) else "documents/to_file.html"
    return show(request, template, context)


def _suggested(request: PersonRequest) -> QuerySet[Document]:
    suggested = access.own_suggestions(request.actor).values("document")
    return access.visible_documents(request.actor).filter(pk__in=suggested)


def _unfiled(request: PersonRequest) -> QuerySet[Document]:
    tagged = DocumentTopic.objects.filter(topic__in=access.visible_topics(request.actor)).values("document")
    return access.visible_documents(request.actor, Level.OWN).filter(folder=None).exclude(pk__in=tagged)


@require_POST
def answer_suggestions(request: PersonRequest, document_id: UUID) -> HttpResponse:
    """Accept or dismiss what is suggested for a document: one of it (`suggestion`), or all."""
    document = access.fetch_document(request.actor, document_id)
    ids = uuids(request.POST.getlist("suggestion")) or None
    here = back_to(request, reverse("document", args=[document.pk]))
    undo_url = ""
    if "again" in request.POST or "again" in request.GET:
        suggestion_acts.suggest_again(document, uuids(request.GET.getlist("suggestion")), by=request.actor)
        return done(request, _("It is suggested again."), to=here)
    if "dismiss" in request.POST:
        rows = suggestion_acts.dismiss_suggestions(document, ids, by=request.actor)
        message = ngettext("Dismissed; it does not come back.", "Dismissed; they do not come back.", len(rows))
        keys = "&".join(f"suggestion={row.pk}" for row in rows)
        undo_url = f"{reverse('answer_suggestions', args=[document.pk])}?again=1&{keys}" if rows else ""
    else:
        try:
            rows = suggestion_acts.accept_suggestions(document, ids, by=request.actor)
        except Refused as error:
            return done(request, error.message, to=here, is_error=True)
        names = ", ".join(str(row.topic or row.folder) for row in rows)
        message = _("Filed “%(name)s”: %(places)s.") % {"name": document.name, "places": names}
    if not rows:
        message = _("This is not suggested any more.")
    return done(request, message, to=here, undo_url=undo_url)


# --- Rules ----------------------------------------------------------------------------------------------


@require_safe
def rules(request: PersonRequest) -> HttpResponse:
    """One's own rules in their order."""
    found = access.own_rules(request.actor).select_related("folder").prefetch_related("topics")
    rows = list(found.order_by("position", "name_key"))
    return show(request, "documents/rules.html", {"rules": rows, "place": "to_file"})


@require_safe
def rule(request: PersonRequest, rule_id: UUID) -> HttpResponse:
    """What a rule would do now, and what it has done."""
    item = access.fetch_rule(request.actor, rule_id)
    ahead = acts.preview(item, by=request.actor)
    runs = list(acts.runs_of(item, by=request.actor)[:RUNS_SHOWN])
    if item.folder is not None:
        mark_audiences(request.actor, [item.folder])
    context = {
        "rule": item,
        "topics": list(item.topics.order_by("name_key")),
        "ahead": ahead,
        "runs": runs,
        "is_running": any(run.state in acts.OPEN for run in runs),
        "place": "to_file",
    }
    return show(request, "documents/rule.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def make_rule(request: PersonRequest) -> HttpResponse:
    return _rule_form(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
def change_rule(request: PersonRequest, rule_id: UUID) -> HttpResponse:
    return _rule_form(request, access.fetch_rule(request.actor, rule_id))


def _rule_form(request: PersonRequest, item: FilingRule | None) -> HttpResponse:
    """A rule's name, words, deeds and habits; new (with `q`: of a search), or an old one changed."""
    first = {"query": request.GET.get("q", "").replace("\x00", "")[:2000], "mode": "hand"}
    if item is not None:
        first = {"name": item.name, "query": item.query, "mode": item.mode}
    form = RuleForm(request.POST or None, initial=first)
    chosen_topics: list[UUID] = [] if item is None else list(item.topics.values_list("pk", flat=True))
    chosen_folder = None if item is None else item.folder_id
    if request.method == "POST":
        chosen_topics, chosen_folder = uuids(request.POST.getlist("topic")), uuid_or_none(request.POST.get("folder"))
        topics = [access.fetch_topic(request.actor, key) for key in chosen_topics]
        folder = access.fetch_place(request.actor, chosen_folder, Level.OWN)
        if form.is_valid():
            deed = Deed(form.cleaned_data["query"], topics, folder, form.cleaned_data["mode"])
            try:
                if item is None:
                    saved = rule_acts.make_rule(form.cleaned_data["name"], deed, by=request.actor)
                else:
                    saved = rule_acts.change_rule(item, form.cleaned_data["name"], deed, by=request.actor)
            except Refused as error:
                form.add_error(None, error.message)
            else:
                message = _("Saved the rule “%(name)s”. This is what it would do.") % {"name": saved.name}
                return done(request, message, to=reverse("rule", args=[saved.pk]), is_moving=True)
    context = {
        "form": form,
        "rule": item,
        "all_topics": access.visible_topics(request.actor).order_by("name_key"),
        "on": set(chosen_topics),
        "folders": _own_folders(request),
        "chosen_folder": chosen_folder,
        "place": "to_file",
    }
    return show(request, "documents/rule_form.html", context, status=422 if form.errors else 200)


def _own_folders(request: PersonRequest) -> list[tuple[Folder, str]]:
    """Every folder of one's own with its way, in the order of the tree."""
    rows = list(access.visible_folders(request.actor, Level.OWN).order_by("name_key")[:FOLDERS_SHOWN])
    mark_audiences(request.actor, rows)
    paths = paths_of(rows, request.actor)
    named = [(row, f"{paths[row.pk]} / {row.name}" if paths[row.pk] else row.name) for row in rows]
    return sorted(named, key=lambda pair: pair[1].casefold())


@require_http_methods(["GET", "HEAD", "POST"])
def delete_rule(request: PersonRequest, rule_id: UUID) -> HttpResponse:
    item = access.fetch_rule(request.actor, rule_id)
    if request.method == "POST":
        rule_acts.delete_rule(item, by=request.actor)
        message = _("The rule “%(name)s” is gone; what it filed stays.") % {"name": item.name}
        return done(request, message, to=reverse("rules"), is_moving=True)
    return show(request, "documents/delete_rule.html", {"rule": item, "place": "to_file"})


@require_POST
def arrange_rule(request: PersonRequest, rule_id: UUID) -> HttpResponse:
    """Up, down, on, off, or once more as a copy."""
    item = access.fetch_rule(request.actor, rule_id)
    act, here = request.POST.get("act", ""), back_to(request, reverse("rules"))
    if act in {"up", "down"}:
        rule_acts.shift_rule(item, act == "up", by=request.actor)
        return done(request, _("“%(name)s” is in another place.") % {"name": item.name}, to=here)
    if act in {"on", "off"}:
        rule_acts.switch_rule(item, act == "on", by=request.actor)
        words = _("“%(name)s” is on.") if act == "on" else _("“%(name)s” is off.")
        return done(request, words % {"name": item.name}, to=here)
    if act != "copy":
        raise BadRequest(_("This cannot be done with a rule."))
    try:
        copy = rule_acts.copy_rule(item, by=request.actor)
    except Refused as error:
        return done(request, error.message, to=here, is_error=True)
    message = _("Copied as “%(name)s”.") % {"name": copy.name}
    return done(request, message, to=reverse("change_rule", args=[copy.pk]), is_moving=True)


# --- Runs -----------------------------------------------------------------------------------------------


@require_POST
def run_rule(request: PersonRequest, rule_id: UUID) -> HttpResponse:
    item = access.fetch_rule(request.actor, rule_id)
    here = reverse("rule", args=[item.pk])
    try:
        acts.begin_run(item, by=request.actor)
    except Refused as error:
        return done(request, error.message, to=here, is_error=True)
    return done(request, _("“%(name)s” runs.") % {"name": item.name}, to=here, is_moving=True)


@require_safe
def run(request: PersonRequest, run_id: UUID) -> HttpResponse:
    """How far a run is: a line that asks again until it has ended."""
    item = access.fetch_run(request.actor, run_id)
    template = "documents/_run.html" if is_fragment(request) else "documents/run.html"
    return show(request, template, {"run": item, "rule": item.rule, "place": "to_file"})


@require_POST
def stop_run(request: PersonRequest, run_id: UUID) -> HttpResponse:
    item = access.fetch_run(request.actor, run_id)
    acts.stop_run(item, by=request.actor)
    return done(request, _("The run is stopped."), to=_page_of(item), is_moving=True)


@require_http_methods(["GET", "HEAD", "POST"])
def undo_run(request: PersonRequest, run_id: UUID) -> HttpResponse:
    item = access.fetch_run(request.actor, run_id)
    if request.method == "POST":
        try:
            acts.undo_run(item, by=request.actor)
        except Refused as error:
            return done(request, error.message, to=_page_of(item), is_error=True)
        return done(request, _("The run is being undone."), to=_page_of(item), is_moving=True)
    return show(request, "documents/undo_run.html", {"run": item, "place": "to_file"})


def _page_of(item: FilingRun) -> str:
    return reverse("rule", args=[item.rule_id]) if item.rule_id else reverse("run", args=[item.pk])
