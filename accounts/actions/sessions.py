"""What keeps a person signed in, and how it ends."""

from django.db.models import F

from accounts.models import RefreshToken, User


def end_sessions(user: User) -> None:
    """End every session, reset link and device token of a person, in the caller's transaction.

    Sessions carry a signature over `session_epoch`; one that no longer fits is thrown away at its next
    request. Rejected: looking for the person's rows among all sessions, which reads the whole table and
    misses one that is written at the same moment.
    """
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    user.refresh_from_db(fields=["session_epoch"])
    RefreshToken.objects.filter(user=user, revoked=False).update(revoked=True)
