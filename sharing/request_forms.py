"""The forms of file requests: what is asked for, its limits, and where what has come is filed. Explicit fields only."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms import amount_field
from docuvault.lib import days
from sharing.actions.requests import MESSAGE_LIMIT, MOST_FILES, TITLE_LIMIT, Terms
from sharing.forms import last_day
from sharing.models_requests import FileKind, FileRequest

MEGABYTE = 1024 * 1024


class RequestForm(forms.Form):
    """What somebody asks for, and what is taken."""

    title = forms.CharField(
        label=_("What for"), max_length=TITLE_LIMIT, help_text=_("The senders read this, and your name.")
    )
    message = forms.CharField(
        label=_("Message to the senders"),
        max_length=MESSAGE_LIMIT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    until = forms.DateField(
        label=_("Last day"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    max_files = forms.IntegerField(label=_("Files at most"), required=False, min_value=1, max_value=MOST_FILES)
    max_file = amount_field(_("MB for one file"), is_needed=False)
    max_total = amount_field(_("MB in all"), is_needed=False)
    kinds = forms.MultipleChoiceField(
        label=_("Only these kinds of file"),
        choices=FileKind.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: all kinds. What counts is what a file is, not its name."),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=200,
        required=False,
        strip=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    no_password = forms.BooleanField(label=_("Without the password from now on"), required=False)
    is_notified = forms.BooleanField(label=_("Tell me by mail when files have come"), required=False, initial=True)

    def clean_until(self) -> datetime | None:
        return last_day(self.cleaned_data["until"])

    def terms(self, before: FileRequest | None = None) -> Terms:
        wanted = self.cleaned_data
        password = wanted["password"] or ("" if wanted["no_password"] else None)
        until = wanted["until"]
        if before is not None and "until" not in self.changed_data:
            until = before.expires_at
        return Terms(
            title=wanted["title"],
            message=wanted["message"],
            expires_at=until,
            max_files=wanted["max_files"],
            max_file_bytes=_bytes(wanted["max_file"]),
            max_total_bytes=_bytes(wanted["max_total"]),
            kinds=wanted["kinds"],
            is_notified=wanted["is_notified"],
            password=password if before is not None or password else None,
        )

    @classmethod
    def initial_of(cls, asked: FileRequest) -> dict[str, Any]:
        """The fields as they stand."""
        return {
            "title": asked.title,
            "message": asked.message,
            "until": days.last_day(asked.expires_at),
            "max_files": asked.max_files,
            "max_file": _in_megabytes(asked.max_file_bytes),
            "max_total": _in_megabytes(asked.max_total_bytes),
            "kinds": asked.kinds,
            "is_notified": asked.is_notified,
        }


def _bytes(megabytes: Decimal | None) -> int | None:
    return int(megabytes * MEGABYTE) if megabytes is not None else None


def _in_megabytes(size_bytes: int | None) -> str:
    """As a person would write it: at most three places, no zeros at the end."""
    return "" if size_bytes is None else f"{size_bytes / MEGABYTE:.3f}".rstrip("0").rstrip(".")


class AcceptForm(forms.Form):
    """Where a file that has come is filed, as what, and under which topics."""

    name = forms.CharField(label=_("Name"), max_length=4096, required=False, strip=False)
    to = forms.UUIDField(required=False)
