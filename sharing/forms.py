"""The forms of sharing: with whom, how far, until when. Explicit fields only."""

from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _

from docuvault.lib.days import end_of
from sharing.access import Level
from sharing.actions.links import COUNT_LIMIT, NAME_LIMIT
from sharing.actions.shares import MESSAGE_LIMIT, TYPED_LIMIT
from sharing.models import LinkLevel, ShareLevel, SharingPolicy

# What each level lets somebody do, in plain words, each besides the one before.
MEANINGS = {
    ShareLevel.VIEW: _("See and download it."),
    ShareLevel.COMMENT: _("And write comments."),
    ShareLevel.EDIT: _("And rename, move, replace and add. What is added takes its owner's space."),
    ShareLevel.MANAGE: _("And share it with others."),
}


LINK_MEANINGS = {
    LinkLevel.VIEW: _(
        "Look at pages in the browser. The file itself is not given away; screenshots cannot be stopped."
    ),
    LinkLevel.DOWNLOAD: _("Look at it and download it."),
    LinkLevel.UPLOAD: _("Put files in and see nothing of what is there. They take the owner's space."),
    LinkLevel.EDIT: _("And put new files in and add new versions. Nothing can be renamed, moved or thrown away."),
}


def last_day(day: date | None) -> datetime | None:
    """The end of the last day. Raises ValidationError past what a moment can hold everywhere."""
    if day is not None and day > localdate() + timedelta(days=36_525):
        raise forms.ValidationError(_("That is too far ahead: ten years at most, or leave the day empty."))
    return end_of(day) if day is not None else None


class TermsForm(forms.Form):
    """How far, and until when: the last day counts in full."""

    level = forms.TypedChoiceField(
        label=_("They may"), choices=ShareLevel.choices, coerce=lambda value: Level(int(value)), initial=ShareLevel.VIEW
    )
    until = forms.DateField(
        label=_("Last day"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def clean_until(self) -> datetime | None:
        return last_day(self.cleaned_data["until"])


class ReceiverForm(forms.Form):
    """With whom: somebody as he is typed, or a group."""

    who = forms.CharField(label=_("Handle or e-mail address"), max_length=TYPED_LIMIT, required=False)
    group = forms.UUIDField(required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and bool(cleaned.get("who")) == bool(cleaned.get("group")):
            self.add_error("who", _("Say with whom: a handle or an e-mail address, or choose a group."))
        return cleaned


class ShareForm(ReceiverForm, TermsForm):
    """With whom, how far, and what is said with it."""

    message = forms.CharField(label=_("Message"), max_length=MESSAGE_LIMIT, required=False)
    invite = forms.BooleanField(required=False)


def terms_of(policy: SharingPolicy) -> dict[str, Any]:
    """The last day that is offered, and the latest that is allowed."""
    days = policy.default_days if policy.default_days is not None else policy.max_days
    if days is not None and policy.max_days is not None:
        days = min(days, policy.max_days)
    today = localdate()
    return {
        "until": today + timedelta(days=days) if days is not None else None,
        "first": today,
        "last": today + timedelta(days=policy.max_days) if policy.max_days is not None else None,
    }


class LinkForm(forms.Form):
    """What a link is to be. `protect`: no password, the one that is there, or the new one that was typed."""

    name = forms.CharField(label=_("For whom or what"), max_length=NAME_LIMIT, required=False)
    level = forms.TypedChoiceField(
        label=_("Whoever holds it may"), choices=LinkLevel.choices, coerce=lambda value: LinkLevel(int(value))
    )
    until = forms.DateField(label=_("Last day"), required=False)
    protect = forms.ChoiceField(
        label=_("Password"), choices=[("none", "none"), ("keep", "keep"), ("new", "new")], required=False
    )
    password = forms.CharField(label=_("Password"), max_length=1024, required=False)
    max_opens = forms.IntegerField(label=_("Opened at most"), min_value=1, max_value=COUNT_LIMIT, required=False)
    max_downloads = forms.IntegerField(
        label=_("Downloaded at most"), min_value=1, max_value=COUNT_LIMIT, required=False
    )
    message = forms.CharField(label=_("Message"), max_length=MESSAGE_LIMIT, required=False)

    def clean_until(self) -> datetime | None:
        return last_day(self.cleaned_data["until"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("protect") == "new" and not cleaned.get("password") and not self.errors:
            self.add_error("password", _("Type a password, or choose to ask for none."))
        return cleaned


def link_terms_of(policy: SharingPolicy) -> dict[str, Any]:
    """The last day that is offered for a link, and the first and the latest that are allowed."""
    days = policy.link_default_days if policy.link_default_days is not None else policy.link_max_days
    today = localdate()
    return {
        "until": today + timedelta(days=days) if days is not None else None,
        "first": today + timedelta(days=policy.link_min_days or 0),
        "last": today + timedelta(days=policy.link_max_days) if policy.link_max_days is not None else None,
        "needs_password": policy.links_need_password,
    }


class CommentForm(forms.Form):
    """What somebody has to say."""

    text = forms.CharField(label=_("Comment"), max_length=100_000, strip=False, required=False, widget=forms.Textarea)
