"""How a line of the trail is read aloud."""

from typing import Any

from django import template
from django.utils.translation import gettext as _

from accounts.actors import ActorKind
from documents.names import shown_name
from sharing.audit import Verb
from sharing.models import AuditEvent

register = template.Library()

ICONS = {
    "added": "plus", "viewed": "eye", "downloaded": "download", "renamed": "pencil", "moved": "move",
    "trashed": "trash-2", "restored": "rotate-ccw", "purged": "x", "tagged": "tag", "untagged": "tag",
    "starred": "star", "unstarred": "star", "made": "plus", "in": "log-in", "out": "log-out", "failed": "circle-alert",
    "paused": "pause", "resumed": "play", "revoked": "x", "opened": "link",
}  # fmt: skip


@register.filter
def wording(event: AuditEvent) -> str:
    """What was done, in the words of the vocabulary."""
    return str(Verb(event.action).label) if event.action in Verb.values else event.action


@register.filter
def trail_icon(event: AuditEvent) -> str:
    return ICONS.get(event.action.rpartition("_")[2], "activity")


@register.filter
def is_of_self(event: AuditEvent) -> bool:
    """Whether somebody did it to nobody but themself, so that the name would only be said twice."""
    if event.action in {Verb.EMERGENCY_ASKED, Verb.EMERGENCY_WITHDRAWN}:
        return True  # the contact is who asks
    return event.target_kind == "user" and bool(event.actor_id) and event.target_id == str(event.actor_id)


@register.simple_tag(takes_context=True)
def actor_of(context: dict[str, Any], event: AuditEvent) -> str:
    """Who did it, as the reader would say it."""
    user = context["request"].user
    if event.actor_id and event.actor_id == user.pk:
        return _("You")
    if event.action == Verb.FILE_RECEIVED:
        return _("Somebody without an account")
    if event.actor_kind == ActorKind.LINK:
        return _("Somebody with the link “%(name)s”") % {"name": shown_name(event.actor_name)}
    return event.actor_name or _("The vault")


@register.filter
def aside(event: AuditEvent) -> str:
    """The detail worth a few words: an old name, a place, a topic."""
    details = event.metadata if isinstance(event.metadata, dict) else {}
    if event.action.endswith("renamed") and details.get("from"):
        return _("before: %(name)s") % {"name": shown_name(details["from"])}
    words = ""
    if event.action.endswith("moved"):
        words = _("to %(place)s") % {"place": shown_name(details.get("to") or "") or _("Files")}
    elif event.action.startswith("link_") and event.actor_kind != ActorKind.LINK and details.get("to"):
        words = shown_name(str(details["to"]))
    elif details.get("topic"):
        words = shown_name(str(details["topic"]))
    if words and details.get("rule"):
        return _("%(what)s, by the rule “%(name)s”") % {"what": words, "name": shown_name(str(details["rule"]))}
    return words
