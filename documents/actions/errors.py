"""Why a verb refuses, in words for the person who asked."""

from django.utils.translation import gettext as _

from documents.names import shown_name


class Refused(Exception):
    """Nothing has changed. `message` says what is the matter and what can be done."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NameTaken(Refused):
    """Something of that name is there already."""


class ChangedMeanwhile(Refused):
    """It is not as it was when it was shown; `name` is what it is called now."""

    def __init__(self, name: str, wanted: str) -> None:
        self.name = name
        super().__init__(
            _("Meanwhile it was renamed to “%(name)s”. Rename it once more to call it “%(wanted)s” all the same.")
            % {"name": shown_name(name), "wanted": shown_name(wanted)}
        )


class WouldLoop(Refused):
    """A folder cannot lie in itself."""


class TooDeep(Refused):
    """More levels than the vault allows."""


class OtherVault(Refused):
    """Things do not change their owner by being moved."""
