"""The forms of sharing: with whom, how far, until when. Explicit fields only."""

from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.utils.timezone import get_current_timezone, localdate
from django.utils.translation import gettext_lazy as _

from sharing.access import Level
from sharing.actions.shares import MESSAGE_LIMIT, TYPED_LIMIT
from sharing.models import ShareLevel, SharingPolicy

# What each level lets somebody do, in plain words, each besides the one before.
MEANINGS = {
    ShareLevel.VIEW: _("See and download it."),
    ShareLevel.COMMENT: _("And write comments."),
    ShareLevel.EDIT: _("And rename, move, replace and add. What is added takes its owner's space."),
    ShareLevel.MANAGE: _("And share it with others."),
}


def end_of_day(day: date | None) -> datetime | None:
    """The moment at which this day is over, in the person's zone."""
    if day is None:
        return None
    after = day + timedelta(days=1)
    return datetime(after.year, after.month, after.day, tzinfo=get_current_timezone())


class TermsForm(forms.Form):
    """How far, and until when: the last day counts in full."""

    level = forms.TypedChoiceField(
        label=_("They may"), choices=ShareLevel.choices, coerce=lambda value: Level(int(value)), initial=ShareLevel.VIEW
    )
    until = forms.DateField(
        label=_("Last day"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def clean_until(self) -> datetime | None:
        day: date | None = self.cleaned_data["until"]
        if day is not None and day > localdate() + timedelta(days=36_525):
            raise forms.ValidationError(_("That is too far ahead: ten years at most, or leave the day empty."))
        return end_of_day(day)


class ShareForm(TermsForm):
    """With whom, besides."""

    who = forms.CharField(label=_("Handle or e-mail address"), max_length=TYPED_LIMIT, required=False)
    group = forms.UUIDField(required=False)
    message = forms.CharField(label=_("Message"), max_length=MESSAGE_LIMIT, required=False)
    invite = forms.BooleanField(required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and bool(cleaned.get("who")) == bool(cleaned.get("group")):
            self.add_error("who", _("Say with whom: a handle or an e-mail address, or choose a group."))
        return cleaned


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


class CommentForm(forms.Form):
    """What somebody has to say."""

    text = forms.CharField(label=_("Comment"), max_length=100_000, strip=False, required=False, widget=forms.Textarea)
