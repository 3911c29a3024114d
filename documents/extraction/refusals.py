"""Why a document is not read, or only in part: raised by readers, told by the child as its end."""


class Unreadable(Exception):
    """It is not what it begins as, or too damaged to be read."""

    state, reason = "failed", "unreadable"


class TooLarge(Unreadable):
    """One of the limits would be passed."""

    reason = "too_large"


class TooManyPixels(Unreadable):
    reason = "pixels"


class Locked(Unreadable):
    """Only a password opens it."""

    state, reason = "encrypted", "encrypted"


class NothingToRead(Unreadable):
    """No kind that is read here."""

    state, reason = "nothing", ""
