"""Forms of the documents room: explicit fields only."""

from django import forms
from django.utils.translation import gettext_lazy as _

from documents.models import RuleMode, TopicColour
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


class RuleForm(NameForm):
    """A rule's name, the words of what it is about, and what it does by itself. Topics and folder are picked beside."""

    query = forms.CharField(label=_("Which documents"), max_length=4000, required=False)
    mode = forms.ChoiceField(
        label=_("When new documents have been read"), choices=RuleMode.choices, initial=RuleMode.HAND
    )


class VersionNoteForm(forms.Form):
    """What a version is about."""

    note = forms.CharField(label=_("Note"), max_length=500, required=False)
