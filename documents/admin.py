"""Documents for admins: facts, never content; everybody's topics; what is under way; jobs and their failures."""

from typing import Any, ClassVar

import django_q.admin
from django import forms
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.functional import cached_property
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django_q.models import Failure, OrmQ, Schedule, Success

from accounts.actors import Actor
from documents import jobs, uploads
from documents.actions import topics as topic_verbs
from documents.actions.errors import Refused
from documents.models import (
    Document,
    EntryKind,
    JobRun,
    JobState,
    PendingDeletion,
    StrayObject,
    Topic,
    UpkeepRun,
    Upload,
    UploadState,
)
from documents.names import InvalidName, clean_name, shown_name
from sharing import audit

# The queue's own tables are told by JobRun; changing them by hand leaves no trail.
assert django_q.admin
for model in (Schedule, Success, Failure, OrmQ):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


def actor_of(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


class UncountedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages without counting a table of millions: it says there are as many rows as anybody would leaf through."""

    LEAFABLE = 10_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[: self.LEAFABLE].count())


class LookOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Facts to read: nothing is added, changed or deleted here."""

    paginator = UncountedPaginator
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Document)
class DocumentAdmin(LookOnly):
    """What is kept, without a way to what is in it."""

    list_display = ("shown", "owner", "size", "content_type", "state", "created_at")
    list_filter = ("content_type", ("trash", admin.EmptyFieldListFilter), "created_at")
    list_select_related = ("user", "trash")
    search_fields = ("name", "user__handle", "=id")
    ordering = ("-created_at",)
    fields = ("id", "shown", "owner", "size", "content_type", "sha256", "state", "created_at", "updated_at")
    readonly_fields = fields

    @admin.display(description=_("Name"), ordering="name_key")
    def shown(self, row: Document) -> str:
        return shown_name(row.name)

    @admin.display(description=_("Owner"), ordering="user__handle")
    def owner(self, row: Document) -> str:
        return row.user.handle

    @admin.display(description=_("Size"), ordering="size_bytes")
    def size(self, row: Document) -> str:
        return filesizeformat(row.size_bytes)

    @admin.display(description=_("State"))
    def state(self, row: Document) -> str:
        if row.trash is None:
            return gettext("Kept")
        return gettext("Waits to be filed") if row.trash.kind == EntryKind.RECEIVED else gettext("In the trash")


class TopicForm(forms.ModelForm):  # type: ignore[type-arg]
    """A topic for everybody."""

    class Meta:
        model = Topic
        fields: ClassVar = ["name", "colour"]

    def clean_name(self) -> str:
        try:
            return clean_name(self.cleaned_data["name"])
        except InvalidName as error:
            raise forms.ValidationError(error.message)


@admin.register(Topic)
class TopicAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Everybody's topics, made and changed through their verbs; people's own are not shown."""

    form = TopicForm
    list_display = ("name", "colour", "created_at")
    search_fields = ("name",)
    ordering = ("name_key",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Topic]:
        return Topic.objects.filter(user=None)

    def save_model(self, request: HttpRequest, obj: Topic, form: forms.ModelForm, change: bool) -> None:  # type: ignore[type-arg]
        by = actor_of(request)
        if change:
            saved = topic_verbs.change_topic(obj, form.cleaned_data["name"], form.cleaned_data["colour"], by=by)
        else:
            saved = topic_verbs.make_topic(
                form.cleaned_data["name"], form.cleaned_data["colour"], by=by, is_system=True
            )
        obj.pk, obj.name_key = saved.pk, saved.name_key
        obj._state.adding = False

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            with transaction.atomic():
                return super().changeform_view(request, *args, **kwargs)
        except Refused as error:
            messages.error(request, error.message)
            request.method = "GET"
            return super().changeform_view(request, *args, **kwargs)

    def delete_model(self, request: HttpRequest, obj: Topic) -> None:
        topic_verbs.delete_topic(obj, by=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Topic]) -> None:
        with transaction.atomic():
            for topic in queryset:
                topic_verbs.delete_topic(topic, by=actor_of(request))

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """Documents only lose the topic: nothing of theirs is listed, or refused, here."""
        rows = list(objs)
        return [shown_name(row.name) for row in rows], {str(_("topics")): len(rows)}, set(), []


@admin.register(Upload)
class UploadAdmin(LookOnly):
    """What is being received."""

    list_display = ("shown", "user", "state", "arrived", "created_at", "expires_at", "failure")
    list_filter = ("state", "created_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__handle", "=id")
    ordering = ("-created_at",)
    actions = ("stop",)

    @admin.display(description=_("Name"))
    def shown(self, row: Upload) -> str:
        return shown_name(row.name)

    @admin.display(description=_("Arrived"))
    def arrived(self, row: Upload) -> str:
        return f"{filesizeformat(row.received_bytes)} / {filesizeformat(row.declared_bytes)}"

    @admin.action(description=_("Stop and give the space back"))
    def stop(self, request: HttpRequest, queryset: QuerySet[Upload]) -> None:
        live = queryset.filter(state__in=[UploadState.RECEIVING, UploadState.FINISHING])
        count = sum(uploads.stop_upload(row.pk, by=actor_of(request)) for row in live)
        self.message_user(request, ngettext("Stopped %d upload.", "Stopped %d uploads.", count) % count)


@admin.register(JobRun)
class JobRunAdmin(LookOnly):
    """Background jobs: what waits, runs, went well and failed."""

    list_display = ("task", "state", "tries", "created_at", "due_at", "finished_at", "error")
    list_filter = ("state", "task", "created_at")
    search_fields = ("task", "last_error", "=id")
    ordering = ("-created_at",)
    actions = ("start_again",)

    @admin.display(description=_("Tries"))
    def tries(self, row: JobRun) -> str:
        return f"{row.attempts} / {row.max_attempts}"

    @admin.display(description=_("Last error"))
    def error(self, row: JobRun) -> str:
        return row.last_error[:120]

    @admin.action(description=_("Start failed jobs again"))
    def start_again(self, request: HttpRequest, queryset: QuerySet[JobRun]) -> None:
        failed = list(queryset.filter(state=JobState.FAILED))
        for row in failed:
            with transaction.atomic():
                jobs.repeat(row)
                audit.record(
                    audit.Verb.JOB_REPEATED,
                    by=actor_of(request),
                    target_kind="job",
                    target_id=row.pk,
                    target_name=row.task,
                )
        message = ngettext("Started %d job again.", "Started %d jobs again.", len(failed)) % len(failed)
        self.message_user(request, message)


@admin.register(PendingDeletion)
class PendingDeletionAdmin(LookOnly):
    """Stored bytes that wait to be deleted."""

    list_display = ("object_key", "noted_at", "due_at", "attempts", "last_error")
    ordering = ("due_at",)


@admin.register(UpkeepRun)
class UpkeepRunAdmin(LookOnly):
    """What the rounds of upkeep found."""

    list_display = ("kind", "started_at", "finished_at", "objects_seen", "breaches", "repaired", "failure")
    list_filter = ("kind", "started_at")
    ordering = ("-started_at",)


@admin.register(StrayObject)
class StrayObjectAdmin(LookOnly):
    """Stored bytes that no row names; they are watched before they are deleted."""

    list_display = ("object_key", "size_bytes", "modified_at", "first_seen_at", "last_seen_at")
    ordering = ("first_seen_at",)
