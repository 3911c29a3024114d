"""Forms of the documents room: explicit fields only."""

from django import forms
from django.utils.translation import gettext_lazy as _

from documents.models import TopicColour
from documents.names import InvalidName, clean_name


class NameForm(forms.Form):
    """A name, cleaned by the one rule."""

    name = forms.CharField(label=_("Name"), max_length=1000, strip=False, required=False)

    def clean_name(self) -> str:
        try:
            return clean_name(self.cleaned_data["name"])
        except InvalidName as error:
            raise forms.ValidationError(error.message)


class TopicForm(NameForm):
    """A topic's name and colour."""

    colour = forms.ChoiceField(label=_("Colour"), choices=TopicColour.choices, initial=TopicColour.SLATE)


class VersionNoteForm(forms.Form):
    """What a version is about."""

    note = forms.CharField(label=_("Note"), max_length=500, required=False)
