"""The trail for admins, to read and to filter (reading it is told as well); and the policy for sharing."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from accounts.actors import Actor
from accounts.models import User
from documents.admin import UncountedPaginator
from documents.names import shown_name
from sharing import audit
from sharing.actions import change_policy
from sharing.audit import Verb
from sharing.models import AuditEvent, SharingPolicy
from sharing.policy import policy

READING_TOLD_EVERY = timedelta(minutes=10)


class VerbFilter(admin.SimpleListFilter):
    """By what was done, in its wording."""

    title = _("what")
    parameter_name = "verb"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(verb.value, str(verb.label)) for verb in Verb]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        return queryset.filter(action=self.value()) if self.value() in Verb.values else queryset


class PersonFilter(admin.SimpleListFilter):
    """By who did it."""

    title = _("who")
    parameter_name = "person"
    SHOWN = 200

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        people = User.objects.order_by("handle").values_list("pk", "handle")[: self.SHOWN]
        return [(str(key), handle) for key, handle in people]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        known = {key for key, _handle in self.lookup_choices}
        return queryset.filter(actor_id=self.value()) if self.value() in known else queryset


class DayFilter(admin.SimpleListFilter):
    """By when."""

    title = _("when")
    parameter_name = "days"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("The last day")), ("7", _("The last week")), ("31", _("The last month"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        if self.value() in {"1", "7", "31"}:
            return queryset.filter(at__gte=now() - timedelta(days=int(str(self.value()))))
        return queryset


@admin.register(AuditEvent)
class AuditEventAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Read only, and without counting millions of rows."""

    paginator = UncountedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_display = ("at", "who", "what", "which", "result", "ip_address")
    list_filter = (DayFilter, VerbFilter, PersonFilter, "result")
    search_fields = ("target_name", "=target_id", "=actor_name", "=request_id")
    ordering = ("-id",)
    fields = (
        "at", "actor_kind", "actor_name", "what", "target_kind", "target_id", "which", "owner_id", "result",
        "ip_address", "request_id", "session_hash", "details",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description=_("Who"), ordering="actor_name")
    def who(self, row: AuditEvent) -> str:
        return row.actor_name or row.actor_kind

    @admin.display(description=_("What"), ordering="action")
    def what(self, row: AuditEvent) -> str:
        return str(Verb(row.action).label) if row.action in Verb.values else row.action

    @admin.display(description=_("Which"), ordering="target_name")
    def which(self, row: AuditEvent) -> str:
        return shown_name(row.target_name)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        self._tell(request)
        return super().changelist_view(request, extra_context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if self.has_view_permission(request):
            self._tell(request)
        return super().change_view(request, object_id, form_url, extra_context)

    def _tell(self, request: HttpRequest) -> None:
        """That somebody reads the trail, once in a while."""
        actor: Actor = request.actor  # type: ignore[attr-defined]
        lately = AuditEvent.objects.filter(
            action=Verb.TRAIL_READ, actor_id=actor.user.pk if actor.user else None, at__gt=now() - READING_TOLD_EVERY
        )
        if not lately.exists():
            with transaction.atomic():
                audit.record(Verb.TRAIL_READ, by=actor, target_kind="trail")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(SharingPolicy)
class SharingPolicyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The one row: its list is its form."""

    fieldsets = (
        (
            _("With people and groups"),
            {
                "fields": (
                    "default_days", "max_days", "lists_people", "members_make_groups", "members_invite", "review_days",
                )
            },
        ),
        (
            _("By link"),
            {
                "fields": (
                    "allows_links", "links_need_password", "link_password_length", "link_password_kinds",
                    "link_default_days", "link_min_days", "link_max_days",
                )
            },
        ),
    )  # fmt: skip

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect("admin:sharing_sharingpolicy_change", 1)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> SharingPolicy | None:
        return policy() if object_id == "1" else None

    def save_model(self, request: HttpRequest, obj: SharingPolicy, form: Any, change: bool) -> None:
        actor: Actor = request.actor  # type: ignore[attr-defined]
        change_policy(obj, by=actor)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
