"""The gate before what is opened to whoever holds an address: tokens, tries, passwords, and proofs of having given one.

Knows no table: everything goes by a kind and the id of a row. A token is kept as its hash, and sealed for its owner,
who may copy it again. Tries are counted before they are looked at, so that many at once count as many. A proof lives
in a cookie of its own instead of a session: signed, for one row, and void once anything in its stamp has changed.
"""

import hashlib
import re
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache
from uuid import UUID

from allauth.core.internal import ratelimit
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core import signing
from django.core.cache import cache as shared_cache
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.secrets import LONGEST_PASSWORD_BYTES, hash_token, is_too_long, new_token, seal, unseal

TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
# Without what is mistaken for something else when it is read out.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
GENERATED_GROUPS, GROUP_SIZE = 4, 4
PROOF_LIFE = timedelta(hours=12)
TICKET_LIFE = timedelta(hours=12)
# Windows that grow: who goes on is let in ever more rarely. Per source, and for passwords per row as well.
RATES = {"guess": "30/m/key,120/h/key,600/d/key", "password": "10/m/key,40/h/key,120/d/key"}


class Kind(StrEnum):
    """What an address opens."""

    LINK = "link"
    REQUEST = "request"
    INVITATION = "invitation"


# --- Tokens ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Token:
    """A new token: for its holder in clear, for the table as a hash, for its owner sealed."""

    clear: str
    hash: str
    sealed: str


def make_token(kind: Kind, row_id: UUID) -> Token:
    """256 random bits."""
    clear = new_token()
    return Token(clear, hash_token(clear), seal(clear, _purpose(kind, row_id)))


def reveal_token(kind: Kind, row_id: UUID, sealed: str) -> str:
    """The token once more, for whoever may manage the row. Raises UnreadableSecret."""
    return unseal(sealed, _purpose(kind, row_id))


def hash_of(token: str) -> str:
    """What to look up; the hash of nothing for what can be no token."""
    return hash_token(token if TOKEN.fullmatch(token) else "")


def _purpose(kind: Kind, row_id: UUID) -> str:
    return f"docuvault/v1/{kind}-token/{row_id}"


# --- Tries -------------------------------------------------------------------------------------------------


def may_guess(kind: Kind, address: str | None) -> bool:
    """Whether this source may ask for a token at all; asking costs nothing."""
    key = f"{kind}:{_source(address)}"
    rates = ratelimit.get_rates(app="docuvault", action="guess", config=RATES)
    keys = {
        ratelimit.get_cache_key(_NOBODY, app="docuvault", action="guess", rate=rate, key=key): rate for rate in rates
    }
    # Read without the lock under which tries are counted: pages come with many requests at once.
    found = shared_cache.get_many(keys)
    return all(
        ratelimit.apply_rate(list(found.get(name, [])), time.time(), rate, dry_run=True)[0]
        for name, rate in keys.items()
    )


def count_miss(kind: Kind, address: str | None) -> None:
    """A token that opened nothing, whatever the reason."""
    _consume("guess", f"{kind}:{_source(address)}")


def may_try_password(kind: Kind, row_id: UUID, address: str | None) -> bool:
    """Count one try, and whether it may be looked at. Not given back by a right one, here or elsewhere."""
    by_source = _consume("password", f"{kind}:from:{_source(address)}")
    return _consume("password", f"{kind}:{row_id}") and by_source


# Asked for nothing where the key is given.
_NOBODY = HttpRequest()


def _consume(action: str, key: str) -> bool:
    used = ratelimit.consume(_NOBODY, app="docuvault", action=action, config=RATES, key=key, limit_get=True)
    return used is not None


def _source(address: str | None) -> str:
    """One household, so the /64 of an IPv6 address."""
    return ratelimit.truncate_ip(address) if address else "unknown"


# --- Passwords ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Strength:
    """The least that a password must be."""

    length: int
    kinds: int


def new_password(strength: Strength) -> str:
    """A password that can be read out: groups of letters and digits, with a capital and a sign where they must be."""
    groups = max(GENERATED_GROUPS, -(-(strength.length + 1) // (GROUP_SIZE + 1)))
    while True:
        parts = ["".join(secrets.choice(ALPHABET) for _at in range(GROUP_SIZE)) for _group in range(groups)]
        made = "-".join([parts[0].capitalize(), *parts[1:]])
        if not weaknesses(made, Strength(strength.length, 4)):
            return made


def weaknesses(password: str, strength: Strength) -> list[str]:
    """What is wrong with a password, in words; nothing where it will do."""
    if is_too_long(password):
        return [_("The password may have at most %(limit)s bytes.") % {"limit": LONGEST_PASSWORD_BYTES}]
    found = []
    if len(password) < strength.length:
        found.append(_("The password needs at least %(count)d characters.") % {"count": strength.length})
    signs = (str.islower, str.isupper, str.isdigit, lambda c: not c.isalnum())
    if sum(any(map(sign, password)) for sign in signs) < strength.kinds:
        words = _("The password needs %(count)d of these: small letters, capital letters, digits, other signs.")
        found.append(words % {"count": strength.kinds})
    try:
        _common().validate(password)
    except ValidationError:
        found.append(_("Many people use this password. Choose another."))
    return found


@cache
def _common() -> CommonPasswordValidator:
    """Its list is read once."""
    return CommonPasswordValidator()


def hash_password(password: str) -> str:
    return make_password(password)


def is_password(typed: str, hashed: str) -> bool:
    """Slow by design; what nobody types is refused before it costs anything."""
    return not is_too_long(typed) and check_password(typed, hashed)


# --- Proofs and tickets ------------------------------------------------------------------------------------------


def stamp_of(*parts: object) -> str:
    """What a proof stands on, such as the hashes of password and token: one of them changed, and it is void."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def new_visit() -> str:
    """A visit of somebody without a name."""
    return secrets.token_hex(16)


def make_proof(kind: Kind, row_id: UUID, stamp: str, visit: str) -> str:
    """Says that this visit was let in."""
    return signing.dumps([str(kind), str(row_id), stamp, visit], salt="sharing.gate.proof")


def visit_of(kind: Kind, row_id: UUID, stamp: str, proof: str) -> str | None:
    """The visit that this proof lets in; None for a proof of anything else, or of what has changed since."""
    try:
        found = signing.loads(proof, salt="sharing.gate.proof", max_age=PROOF_LIFE)
    except signing.BadSignature:
        return None
    match found:
        case [str(of_kind), str(of_row), str(of_stamp), str(visit)]:
            same = (of_kind, of_row, of_stamp) == (str(kind), str(row_id), stamp)
            return visit if same else None
    return None


def make_ticket(kind: Kind, row_id: UUID, visit: str = "") -> str:
    """Stands in a form, so that it was our page that sent it; with a visit, the page of that one."""
    return signing.dumps([str(kind), str(row_id), visit], salt="sharing.gate.ticket")


def is_ticket(kind: Kind, row_id: UUID, ticket: str, visit: str = "") -> bool:
    try:
        found = signing.loads(ticket, salt="sharing.gate.ticket", max_age=TICKET_LIFE)
    except signing.BadSignature:
        return False
    return bool(found == [str(kind), str(row_id), visit])
