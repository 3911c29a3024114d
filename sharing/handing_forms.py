"""The forms of handing over and of emergency access. Explicit fields only."""

from django import forms
from django.utils.translation import gettext_lazy as _

from sharing.actions.emergency import LONGEST_WAIT
from sharing.actions.shares import MESSAGE_LIMIT, TYPED_LIMIT


class HandOverForm(forms.Form):
    """To whom it is to belong."""

    who = forms.CharField(label=_("To whom? Handle or e-mail address"), max_length=TYPED_LIMIT)
    message = forms.CharField(label=_("Message"), max_length=MESSAGE_LIMIT, required=False)
    keeps_view = forms.BooleanField(label=_("I want to go on reading it; they can end that"), required=False)


class EmergencyForm(forms.Form):
    """Who may ask, and how long the owner has to refuse."""

    who = forms.CharField(label=_("Whom? Handle or e-mail address"), max_length=TYPED_LIMIT)
    days = forms.IntegerField(label=_("Days to refuse"), min_value=1, max_value=LONGEST_WAIT, initial=14)
