"""Why a verb refuses, in words for the person who asked."""


class Refused(Exception):
    """Nothing has changed. `message` says what is the matter and what can be done."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NameTaken(Refused):
    """Something of that name is there already."""


class WouldLoop(Refused):
    """A folder cannot lie in itself."""


class TooDeep(Refused):
    """More levels than the vault allows."""


class OtherVault(Refused):
    """Things do not change their owner by being moved."""
