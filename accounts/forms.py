"""The forms of signing in, signing up and of a person's own settings, in our words."""

import zoneinfo
from datetime import datetime, time
from decimal import Decimal
from typing import Any

from allauth.account import forms as account
from allauth.core import context
from allauth.mfa.base import forms as mfa
from allauth.mfa.models import Authenticator
from allauth.mfa.totp import forms as totp
from django import forms
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import make_aware
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.actions import NameTaken, clean_handle, make_user, note_reset_asked, reset_password
from accounts.models import Role, User
from accounts.secrets import is_too_long

CODE_SECONDS = 30
HANDLE_HELP = _("For signing in, and how others find you: small letters, digits, dots and hyphens.")


PASSWORD_HELP = _("At least 10 characters; no common password, and nothing close to your name or address.")


class Plainly:
    """Mixed into a form: our labels and hints, and no placeholders, which vanish as one types."""

    labels: dict[str, Any] = {}
    hints: dict[str, Any] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():  # type: ignore[attr-defined]
            field.widget.attrs.pop("placeholder", None)
            field.label = self.labels.get(name, field.label)
            field.help_text = self.hints.get(name, "")


class SignInForm(Plainly, account.LoginForm):  # type: ignore[misc]
    labels = {"login": _("E-mail address or handle"), "password": _("Password")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].widget.attrs.update(
            autocomplete="username", autocapitalize="none", spellcheck="false", autofocus=True
        )
        self.fields["login"].validators.append(MaxLengthValidator(320))

    def user_credentials(self) -> dict[str, str]:
        # One way per text, so that each try costs one hash: a name never holds an @.
        login = self.cleaned_data["login"]
        return {
            "email" if "@" in login else "username": login,
            "password": self.cleaned_data.get("password", ""),
        }


class SignUpForm(Plainly, account.SignupForm):  # type: ignore[misc]
    labels = {"email": _("E-mail address"), "username": _("Handle"), "password1": _("Password")}
    hints = {"username": HANDLE_HELP, "password1": PASSWORD_HELP}

    account_already_exists: bool

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])  # the same work as for a new account
        try:
            user, response = super().try_save(request)
        except NameTaken:  # somebody was a moment faster; for the address nothing shows
            self.account_already_exists = True
            user, response = super().try_save(request)
        return user, response

    def save(self, request: HttpRequest) -> User:
        return make_user(
            self.cleaned_data["username"],
            self.cleaned_data["email"],
            password=self.cleaned_data["password1"],
            by=request.actor,  # type: ignore[attr-defined]
        )


class AskResetForm(Plainly, account.ResetPasswordForm):  # type: ignore[misc]
    labels = {"email": _("E-mail address")}

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        for user in self.users or [None]:
            note_reset_asked(user, by=request.actor)  # type: ignore[attr-defined]
        return str(super().save(request, **kwargs))


class ResetForm(Plainly, account.ResetPasswordKeyForm):  # type: ignore[misc]
    labels = {"password1": _("New password"), "password2": _("New password, once more")}
    hints = {"password1": PASSWORD_HELP}

    def save(self) -> None:
        reset_password(self.user, self.cleaned_data["password1"], by=context.request.actor)


class ChangePasswordForm(Plainly, account.ChangePasswordForm):  # type: ignore[misc]
    labels = {
        "oldpassword": _("Current password"),
        "password1": _("New password"),
        "password2": _("New password, once more"),
    }
    hints = {"password1": PASSWORD_HELP}

    def clean_oldpassword(self) -> str:
        if is_too_long(self.cleaned_data.get("oldpassword", "")):
            raise ValidationError(gettext("This is not your current password."))
        return str(super().clean_oldpassword())


class SetPasswordForm(Plainly, account.SetPasswordForm):  # type: ignore[misc]
    labels = {"password1": _("New password"), "password2": _("New password, once more")}
    hints = {"password1": PASSWORD_HELP}


class ChangeEmailForm(Plainly, account.AddEmailForm):  # type: ignore[misc]
    labels = {"email": _("New e-mail address")}


class ReauthenticateForm(Plainly, account.ReauthenticateForm):  # type: ignore[misc]
    labels = {"password": _("Password")}


def _use_once(user: User, code: str) -> bool:
    """Whether this code of the app is used for the first time: it lives for three steps."""
    digits = "".join(filter(str.isdigit, code))
    return cache.add(f"second-step:{user.pk}:{digits}", 1, timeout=3 * CODE_SECONDS)


class Code(Plainly):
    """Mixed into a form with a code: from the app, each good once, or a recovery code."""

    fields: dict[str, forms.Field]
    user: User
    authenticator: Authenticator
    labels = {"code": _("Code")}
    hints = {"code": _("From your authenticator app, or one of your recovery codes.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].validators.append(MaxLengthValidator(40))
        self.fields["code"].widget.attrs.update(inputmode="numeric", autofocus=True)

    def clean_code(self) -> str:
        code = str(super().clean_code())  # type: ignore[misc]
        if self.authenticator.type == Authenticator.Type.TOTP and not _use_once(self.user, code):
            raise ValidationError(gettext("This code is not right, or no longer."))
        return code


class CodeForm(Code, mfa.AuthenticateForm):  # type: ignore[misc]
    """The second step of signing in."""


class CodeAgainForm(Code, mfa.ReauthenticateForm):  # type: ignore[misc]
    """The same, to go on with something delicate."""


class TurnOnForm(Plainly, totp.ActivateTOTPForm):  # type: ignore[misc]
    labels = {"code": _("Code from the app")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs.update(inputmode="numeric", maxlength="10")


# --- Our own ------------------------------------------------------------------------------------------


def _zones() -> list[tuple[str, Any]]:
    """By part of the world; the server's own first."""
    parts: dict[str, list[tuple[str, str]]] = {}
    for zone in sorted(zoneinfo.available_timezones()):
        part, _slash, place = zone.partition("/")
        if place and part not in {
            "Etc",
            "SystemV",
            "posix",
            "right",
            "US",
            "Brazil",
            "Canada",
            "Chile",
            "Mexico",
        }:
            parts.setdefault(part, []).append((zone, place.replace("_", " ").replace("/", ", ")))
    server = gettext("The server's (%(zone)s)") % {"zone": settings.TIME_ZONE}
    return [("", server), ("UTC", "UTC"), *parts.items()]


class ProfileForm(forms.Form):
    display_name = forms.CharField(
        label=_("Name"),
        max_length=120,
        required=False,
        help_text=_("How you are shown to others. Without one, your handle is shown."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"), required=False, choices=_zones, help_text=_("Times are shown in this zone.")
    )


class InviteForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail address"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    role = forms.ChoiceField(label=_("Role"), choices=Role, initial=Role.MEMBER)


class JoinForm(forms.Form):
    """What an invited person decides; the address is asked for only where the invitation has none."""

    email = forms.EmailField(
        label=_("E-mail address"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
    handle = forms.CharField(
        label=_("Handle"),
        max_length=64,
        help_text=HANDLE_HELP,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    display_name = forms.CharField(
        label=_("Name"),
        max_length=120,
        required=False,
        help_text=_("How you are shown to others. Without one, your handle is shown."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        help_text=PASSWORD_HELP,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, asks_email: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not asks_email:
            del self.fields["email"]

    def clean_handle(self) -> str:
        return clean_handle(self.cleaned_data["handle"])


# --- Room -------------------------------------------------------------------------------------------

UNITS = {"mb": 1024**2, "gb": 1024**3, "tb": 1024**4}


def amount_field(label: Any, *, is_needed: bool = True) -> forms.DecimalField:
    """How many of a unit of bytes, down to a thousandth."""
    return forms.DecimalField(
        label=label,
        required=is_needed,
        min_value=Decimal("0.001"),
        max_value=Decimal(1024**2),
        max_digits=12,
        decimal_places=3,
        localize=False,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )


class RoomForm(forms.Form):
    """An amount of space, in the unit people choose; `size_bytes` of the cleaned data is what it comes to."""

    amount = amount_field(_("How much more"))
    unit = forms.ChoiceField(label=_("Unit"), choices=[("mb", _("MB")), ("gb", _("GB")), ("tb", _("TB"))], initial="mb")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("amount") and cleaned.get("unit"):
            cleaned["size_bytes"] = int(cleaned["amount"] * UNITS[cleaned["unit"]])
        return cleaned


class AskForRoomForm(RoomForm):
    reason = forms.CharField(
        label=_("What for"),
        max_length=500,
        required=False,
        help_text=_("The admin reads this."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class AnswerForm(RoomForm):
    """What an admin decides. The amount is needed only to grant."""

    decision = forms.ChoiceField(choices=[("grant", _("Grant")), ("refuse", _("Refuse"))], widget=forms.HiddenInput)
    until = forms.DateField(
        label=_("Until and with"),
        required=False,
        help_text=_("It ends by itself after this day. Empty: for good."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    answer = forms.CharField(
        label=_("A word to the person"), max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        if data is not None and data.get("decision") == "refuse":
            for name in ("amount", "unit", "until"):
                self.fields[name].required = False

    def clean_until(self) -> datetime | None:
        """The end of that day, in the zone of the admin who answers."""
        day = self.cleaned_data["until"]
        try:
            return make_aware(datetime.combine(day, time(23, 59, 59))) if day else None
        except (OverflowError, ValueError):
            raise forms.ValidationError(gettext("Please give a date."))


class GroupNameForm(forms.Form):
    """What a group is called."""

    name = forms.CharField(label=_("Name of the new group"), max_length=255)


class MemberForm(forms.Form):
    """Who is to be put in."""

    who = forms.CharField(label=_("Handle or e-mail address"), max_length=254)
