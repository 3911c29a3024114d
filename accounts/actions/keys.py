"""Whether the configured master keys open what is stored encrypted. Asked at start and after a restore."""

from collections import Counter
from collections.abc import Iterator

from allauth.mfa.models import Authenticator
from django.db import transaction

from accounts.actors import Actor
from accounts.secrets import SECOND_STEP, UnreadableSecret, sealed_with, unseal
from sharing import access, audit, gate
from sharing.gate import Kind
from sharing.models import ShareLink


class KeysMissing(Exception):
    """Something stored cannot be decrypted. Carries the names of the keys, and how many secrets want each."""

    def __init__(self, wanted: Counter[str]) -> None:
        self.wanted = wanted
        named = ", ".join(f"{name} ({count} secrets)" for name, count in sorted(wanted.items()))
        super().__init__(f"DOCUVAULT_MASTER_KEYS lacks, or has changed, what stored secrets were sealed with: {named}.")


def check_keys() -> int:
    """How many stored secrets there are, all readable. Raises KeysMissing."""
    wanted: Counter[str] = Counter()
    count = 0
    for _row, sealed in _sealed():
        count += 1
        if not _is_readable(sealed):
            wanted[sealed_with(sealed)] += 1
    for link in _sealed_addresses():
        count += 1
        if not _address_is_readable(link):
            wanted[sealed_with(link.token_sealed)] += 1
    if wanted:
        raise KeysMissing(wanted)
    return count


@transaction.atomic
def forget_unreadable(*, by: Actor) -> int:
    """Turn off each second step that nobody can decrypt any more, as an admin decides; answers for how many people."""
    access.require_admin(by)
    lost = {row.user_id for row, sealed in _sealed() if not _is_readable(sealed)}
    for row in Authenticator.objects.filter(user__in=lost, type=Authenticator.Type.TOTP).select_related("user"):
        audit.record(
            audit.Verb.TOTP_OFF,
            by=by,
            target_kind="user",
            target_id=row.user.pk,
            target_name=row.user.handle,
            owner=row.user.pk,
            details={"reason": "its key is lost"},
        )
    Authenticator.objects.filter(user__in=lost).delete()
    # Such a link goes on opening what it opens; its address cannot be read again.
    unread = [link.pk for link in _sealed_addresses() if not _address_is_readable(link)]
    ShareLink.objects.filter(pk__in=unread).update(token_sealed="")
    return len(lost)


def _sealed_addresses() -> Iterator[ShareLink]:
    return ShareLink.objects.exclude(token_sealed="").only("pk", "token_sealed").iterator(500)


def _address_is_readable(link: ShareLink) -> bool:
    try:
        gate.reveal_token(Kind.LINK, link.pk, link.token_sealed)
    except UnreadableSecret:
        return False
    return True


def _sealed() -> Iterator[tuple[Authenticator, str]]:
    for row in Authenticator.objects.iterator(500):
        for value in row.data.values():
            if isinstance(value, str) and sealed_with(value):
                yield row, value


def _is_readable(sealed: str) -> bool:
    try:
        unseal(sealed, SECOND_STEP)
    except UnreadableSecret:
        return False
    return True
