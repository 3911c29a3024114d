"""People, groups and invitations for admins: every change goes through its verb, so the trail knows."""

from decimal import Decimal
from typing import Any, ClassVar

import allauth.account.admin
import allauth.mfa.admin
import django.contrib.auth.admin
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminSplitDateTime
from django.contrib.auth.models import Group as DjangoGroup
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, FloatField, QuerySet
from django.db.models.functions import Cast, NullIf
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html
from django.utils.timezone import now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import actions
from accounts.actors import Actor
from accounts.models import Group, Invitation, Membership, QuotaRequest, QuotaRequestState, Role, User
from documents.names import InvalidName, clean_name, name_key

MEGABYTE = 1024 * 1024
__all__ = ["GroupAdmin", "InvitationAdmin", "QuotaRequestAdmin", "UserAdmin"]

# Registered by packages, and either without a trail row or with nothing to show here.
assert allauth.account.admin
assert allauth.mfa.admin
assert django.contrib.auth.admin
for model in (EmailAddress, Authenticator, DjangoGroup):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


def _to_own_password_page(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    return redirect("account_change_password")


# One way in, with the second step, limits and trail; one way to change a password.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.password_change = _to_own_password_page  # type: ignore[method-assign,assignment]
admin.site.password_change_done = _to_own_password_page  # type: ignore[method-assign,assignment]


def actor_of(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]
    """What an admin decides about a person."""

    limit = forms.DecimalField(
        label=_("Limit in MB"),
        min_value=0,
        max_value=Decimal(actions.LARGEST_LIMIT_BYTES // MEGABYTE),
        max_digits=20,
        decimal_places=3,
        help_text=_("Below what is kept already, nothing is lost; nothing more can be added."),
    )

    extra = forms.DecimalField(
        label=_("On top in MB"),
        min_value=0,
        max_value=Decimal(actions.LARGEST_LIMIT_BYTES // MEGABYTE),
        max_digits=20,
        decimal_places=3,
        required=False,
        help_text=_("Until the day below, then it ends by itself. Empty or 0: nothing on top."),
    )
    extra_until = forms.SplitDateTimeField(label=_("On top until"), required=False, widget=AdminSplitDateTime)
    file_limit = forms.IntegerField(
        label=_("Files at most"),
        min_value=0,
        max_value=2**31 - 1,
        required=False,
        help_text=_("Versions and the trash count too. Empty: as many as fit."),
    )

    class Meta:
        model = User
        fields: ClassVar = ["role", "is_active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "limit" in self.fields:
            quota = self.instance.quota
            self.initial["limit"] = _in_megabytes(quota.limit_bytes)
            self.initial["file_limit"] = quota.file_limit
            if quota.extra_bytes:
                self.initial["extra"] = _in_megabytes(quota.extra_bytes)
                self.initial["extra_until"] = quota.granted_until

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        until = cleaned.get("extra_until")
        if cleaned.get("extra") and "extra_until" in cleaned and (until is None or until <= now()):
            self.add_error("extra_until", gettext("Please give a day in the future, until when it is granted."))
        stays = cleaned.get("role") == Role.ADMIN and cleaned.get("is_active")
        others = User.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=self.instance.pk)
        if not stays and not others.exists():
            raise ValidationError(str(actions.LastAdmin()))
        return cleaned


def _in_megabytes(size_bytes: int) -> Decimal:
    """As one would write it: 100, not 1E+2."""
    return Decimal(f"{(Decimal(size_bytes) / MEGABYTE).quantize(Decimal('0.001')).normalize():f}")


@admin.register(User)
class UserAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = PersonForm
    list_display = (
        "handle",
        "display_name",
        "email",
        "role",
        "is_active",
        "used",
        "limit",
        "share",
        "last_login",
    )
    list_filter = ("role", "is_active", "last_login")
    search_fields = ("handle", "email", "display_name")
    ordering = ("handle",)
    list_select_related = ("quota",)
    list_per_page = 50
    readonly_fields = (
        "handle", "email", "display_name", "used", "under_way", "second_step", "last_login", "created_at",
    )  # fmt: skip
    fieldsets = (
        (None, {"fields": ("handle", "display_name", "email", "second_step", "last_login", "created_at")}),
        (_("What the person may do"), {"fields": ("role", "is_active")}),
        (_("Space"), {"fields": ("limit", "extra", "extra_until", "file_limit", "used", "under_way")}),
    )
    actions = ("send_reset", "disable", "enable")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        share = Cast(F("quota__used_bytes") + F("quota__reserved_bytes"), FloatField()) / NullIf(
            F("quota__limit_bytes"), 0
        )
        people: QuerySet[User] = super().get_queryset(request)
        return people.annotate(share=share)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # people come by invitation

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False  # disable instead: documents and trail have an owner

    @admin.display(description=_("used"), ordering="quota__used_bytes")
    def used(self, user: User) -> str:
        return filesizeformat(user.quota.used_bytes)

    @admin.display(description=_("under way"))
    def under_way(self, user: User) -> str:
        return filesizeformat(user.quota.reserved_bytes)

    @admin.display(description=_("limit"), ordering="quota__limit_bytes")
    def limit(self, user: User) -> str:
        return filesizeformat(user.quota.allowed_bytes)

    @admin.display(description=_("full"), ordering="share")
    def share(self, user: User) -> str:
        percent = user.quota.percent
        return format_html('<progress max="100" value="{}"></progress> {} %', percent, percent)

    @admin.display(description=_("second step"), boolean=True)
    def second_step(self, user: User) -> bool:
        return bool(is_mfa_enabled(user))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        by, wanted = actor_of(request), form.cleaned_data
        person = User.objects.get(pk=obj.pk)
        with transaction.atomic():
            if "limit" in form.changed_data:
                actions.change_limit(person, int(wanted["limit"] * MEGABYTE), by=by)
            if "file_limit" in form.changed_data:
                actions.change_file_limit(person, wanted["file_limit"], by=by)
            if {"extra", "extra_until"} & set(form.changed_data):
                if wanted["extra"]:
                    actions.give_room(person, int(wanted["extra"] * MEGABYTE), until=wanted["extra_until"], by=by)
                else:
                    actions.take_room_back(person, by=by)
            if wanted["is_active"]:
                actions.enable_user(person, by=by)
            actions.change_role(person, wanted["role"], by=by)
            if not wanted["is_active"]:
                actions.disable_user(person, by=by)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            answer: HttpResponse = super().changeform_view(request, *args, **kwargs)
        except actions.LastAdmin as refused:  # the form asked before; another admin was faster
            self.message_user(request, str(refused), messages.ERROR)
            return redirect(request.get_full_path())
        return answer

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        note = format_html(
            '<a href="{}">{}</a>', reverse("people"), gettext("People come by invitation: invite somebody")
        )
        return super().changelist_view(request, {**(extra_context or {}), "subtitle": note})

    @admin.action(description=_("Send a way to a new password (signs out everywhere)"))
    def send_reset(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        active = list(chosen.filter(is_active=True))
        for user in active:
            actions.send_reset(user, by=actor_of(request))
        self.message_user(request, gettext("Sent to %(count)d people.") % {"count": len(active)})

    @admin.action(description=_("Switch off: no sign-in, sessions end now"))
    def disable(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        try:
            with transaction.atomic():
                for user in chosen:
                    actions.disable_user(user, by=actor_of(request))
        except actions.LastAdmin as refused:
            self.message_user(request, str(refused), messages.ERROR)
        else:
            self.message_user(request, gettext("Switched off."))

    @admin.action(description=_("Switch on again"))
    def enable(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        for user in chosen:
            actions.enable_user(user, by=actor_of(request))
        self.message_user(request, gettext("Switched on."))


class GroupForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Group
        fields: ClassVar = ["name"]

    def clean_name(self) -> str:
        try:
            name = clean_name(self.cleaned_data["name"])
        except InvalidName as error:
            raise ValidationError(str(error)) from error
        if Group.objects.filter(name_key=name_key(name)).exclude(pk=self.instance.pk).exists():
            raise ValidationError(gettext("There is already a group with this name."))
        return name


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    extra = 1
    autocomplete_fields = ("user",)


@admin.register(Group)
class GroupAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = GroupForm
    list_display = ("name", "people", "created_at")
    search_fields = ("name",)
    ordering = ("name_key",)
    inlines = (MembershipInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).prefetch_related("members")

    @admin.display(description=_("people"))
    def people(self, group: Group) -> str:
        return ", ".join(sorted(member.handle for member in group.members.all()))

    def save_model(self, request: HttpRequest, obj: Group, form: Any, change: bool) -> None:
        name = form.cleaned_data["name"]
        if change:
            actions.rename_group(Group.objects.get(pk=obj.pk), name, by=actor_of(request))
            return
        made = actions.make_group(name, by=actor_of(request))
        obj.pk, obj.name, obj.name_key, obj.created_at = made.pk, made.name, made.name_key, made.created_at
        obj._state.adding = False

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        by, group = actor_of(request), Group.objects.get(pk=form.instance.pk)
        changed = formset.save(commit=False)
        for gone in formset.deleted_objects:
            actions.remove_member(group, gone.user, by=by)
        for membership in changed:
            before = Membership.objects.select_related("user").filter(pk=membership.pk).first()
            if before is not None and before.user_id != membership.user_id:
                actions.remove_member(group, before.user, by=by)
            actions.add_member(group, membership.user, by=by, role=membership.role)

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        actions.delete_group(obj, by=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        with transaction.atomic():
            for group in queryset:
                actions.delete_group(group, by=actor_of(request))


@admin.register(Invitation)
class InvitationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("email", "role", "state", "invited_by", "created_at", "expires_at", "accepted_by")
    list_filter = ("role", "created_at")
    search_fields = ("email", "invited_by__handle", "accepted_by__handle")
    list_select_related = ("invited_by", "accepted_by")
    ordering = ("-created_at",)
    fields = (
        "email", "role", "state", "invited_by", "created_at", "expires_at", "accepted_at", "accepted_by",
        "withdrawn_at",
    )  # fmt: skip
    actions = ("withdraw",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False

    @admin.display(description=_("state"))
    def state(self, invitation: Invitation) -> str:
        if invitation.accepted_at:
            return gettext("accepted")
        if invitation.withdrawn_at:
            return gettext("withdrawn")
        return gettext("expired") if invitation.expires_at <= now() else gettext("open")

    @admin.action(description=_("Withdraw"))
    def withdraw(self, request: HttpRequest, chosen: QuerySet[Invitation]) -> None:
        count = sum(actions.withdraw_invitation(one, by=actor_of(request)) for one in chosen)
        self.message_user(request, gettext("%(count)d withdrawn.") % {"count": count})


@admin.register(QuotaRequest)
class QuotaRequestAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What was asked for and answered. Answers are given on a page of the vault, through the verbs."""

    list_display = ("user", "wanted", "state", "created_at", "answered")
    list_filter = ("state", "created_at")
    search_fields = ("user__handle", "user__email")
    list_select_related = ("user", "decided_by")
    ordering = ("-created_at",)
    fields = ("user", "wanted", "reason", "state", "created_at", "answered", "answer", "decided_by", "decided_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: QuotaRequest | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: QuotaRequest | None = None) -> bool:
        return False

    @admin.display(description=_("wanted"), ordering="wanted_bytes")
    def wanted(self, asked: QuotaRequest) -> str:
        return filesizeformat(asked.wanted_bytes)

    @admin.display(description=_("answer"))
    def answered(self, asked: QuotaRequest) -> str:
        if asked.state != QuotaRequestState.OPEN:
            return asked.answer or "–"
        return format_html('<a href="{}">{}</a>', reverse("answer_request", args=[asked.pk]), gettext("Answer it"))
