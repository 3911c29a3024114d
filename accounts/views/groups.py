"""Groups: those one is in, their people, and what their managers do."""

from uuid import UUID

from django.core.exceptions import BadRequest, ValidationError
from django.db.models import Count
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.actions import add_known, add_member, make_group, manages, remove_member
from accounts.actions import delete_group as delete
from accounts.forms import GroupNameForm, MemberForm
from accounts.middleware import PersonRequest
from accounts.models import MembershipRole
from docuvault.lib.htmx import done, show
from sharing import access
from sharing.listing import known_people
from sharing.policy import may_make_groups

SHOWN = 200


@require_http_methods(["GET", "HEAD", "POST"])
def groups(request: PersonRequest) -> HttpResponse:
    """The groups one is in (all of them for an admin), and a new one where that is allowed."""
    form = GroupNameForm(request.POST or None)
    if request.method == "POST":
        if not may_make_groups(request.actor):
            raise access.NotAllowed(_("Only an admin makes groups here."))
        if form.is_valid():
            try:
                made = make_group(form.cleaned_data["name"], by=request.actor)
            except ValidationError as error:
                form.add_error("name", error)
            else:
                message = _("The group “%(name)s” is there.") % {"name": made.name}
                return done(request, message, to=reverse("group", args=[made.pk]), is_moving=True)
    rows = access.visible_groups(request.actor).annotate(people=Count("memberships")).order_by("name_key")[:SHOWN]
    context = {
        "groups": list(rows),
        "form": form,
        "may_make": may_make_groups(request.actor),
        "place": "shared_with_me",
        "tab": "groups",
    }
    return show(request, "accounts/groups.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def group(request: PersonRequest, group_id: UUID) -> HttpResponse:
    """Who is in it; its managers put somebody in."""
    found = access.fetch_group(request.actor, group_id)
    is_manager = manages(found, request.actor)
    form = MemberForm(request.POST or None)
    if request.method == "POST":
        if not is_manager:
            raise access.NotAllowed(_("Only its managers change a group."))
        if form.is_valid():
            try:
                add_known(found, form.cleaned_data["who"], by=request.actor)
            except ValidationError as error:
                form.add_error("who", error)
            else:
                here = reverse("group", args=[found.pk])
                return done(request, _("Added to “%(name)s”.") % {"name": found.name}, to=here)
    rows = found.memberships.select_related("user").order_by("user__handle")
    context = {
        "group": found,
        "members": list(rows[:SHOWN]),
        "is_manager": is_manager,
        "is_member": rows.filter(user=request.actor.user).exists(),
        "form": form,
        "people": known_people(request.actor) if is_manager else [],
        "place": "shared_with_me",
        "tab": "groups",
    }
    return show(request, "accounts/group.html", context, status=422 if form.errors else 200)


@require_POST
def change_member(request: PersonRequest, group_id: UUID, user_id: UUID) -> HttpResponse:
    """Make somebody a manager or a plain member, take him out, or go oneself."""
    found = access.fetch_group(request.actor, group_id)
    membership = found.memberships.select_related("user").filter(user=user_id).first()
    if membership is None:
        raise access.NotVisible
    act = request.POST.get("act", "")
    if act == "remove":
        remove_member(found, membership.user, by=request.actor)
    elif act in MembershipRole.values:
        add_member(found, membership.user, by=request.actor, role=act)
    else:
        raise BadRequest(_("Choose what to do."))
    is_gone = act == "remove" and request.actor.user == membership.user
    to = reverse("groups") if is_gone else reverse("group", args=[found.pk])
    return done(request, _("You have left the group.") if is_gone else _("Saved."), to=to, is_moving=is_gone)


@require_http_methods(["GET", "HEAD", "POST"])
def delete_group(request: PersonRequest, group_id: UUID) -> HttpResponse:
    """End a group, and with it what is shared with it."""
    found = access.fetch_group(request.actor, group_id)
    if not manages(found, request.actor):
        raise access.NotAllowed(_("Only its managers change a group."))
    if request.method == "POST":
        delete(found, by=request.actor)
        return done(request, _("The group is deleted."), to=reverse("groups"), is_moving=True)
    return show(request, "accounts/delete_group.html", {"group": found, "place": "shared_with_me"})
