"""Tokens, keys and what protects them: made here, kept as hashes or encrypted, never in clear."""

import base64
import hashlib
import hmac
import secrets
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.utils.translation import gettext as _

from accounts.models import User

LONGEST_PASSWORD_BYTES = 4096
# One line per use of the master keys; a key derived for one purpose opens nothing of another.
SECOND_STEP = "docuvault/v1/second-step"
BACKUP_CANARY = "docuvault/v1/backup-canary"
TRAIL_SEALS = "docuvault/v1/trail-seals"
TRAIL_LABELS = "docuvault/v1/trail-labels"
NONCE_BYTES = 12


def new_token() -> str:
    """256 random bits, fit for an address."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """What is kept of a token. At that entropy no slow hash is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def session_fingerprint(session_key: str | None) -> str:
    """What the trail keeps of a session: enough to tell sessions apart, nothing to sign in with."""
    return hashlib.sha256(session_key.encode()).hexdigest()[:32] if session_key else ""


class UnreadableSecret(Exception):
    """A stored secret is not readable: changed, for another purpose, or its key is not configured."""


def _subkey(master: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(master)


def _master_keys() -> dict[str, bytes]:
    if settings.MASTER_KEYS:
        return dict(settings.MASTER_KEYS)
    if settings.DEBUG:
        return {"debug": hashlib.sha256(settings.SECRET_KEY.encode()).digest()}
    raise ImproperlyConfigured("DOCUVAULT_MASTER_KEYS is not set. It protects stored credentials.")


def seal(text: str, purpose: str, key: str = "") -> str:
    """Encrypt with the first master key (or the named one): "1:<key's name>:<base64 of nonce and ciphertext>"."""
    keys = _master_keys()
    name = key or next(iter(keys))
    master = keys[name]
    nonce = secrets.token_bytes(NONCE_BYTES)
    header = f"1:{name}"
    box = AESGCM(_subkey(master, purpose)).encrypt(nonce, text.encode(), f"{header}:{purpose}".encode())
    return f"{header}:{base64.urlsafe_b64encode(nonce + box).decode()}"


def unseal(sealed: str, purpose: str) -> str:
    """What `seal` was given. Raises UnreadableSecret, always the same one, for anything else."""
    try:
        version, name, encoded = sealed.split(":")
        raw = base64.urlsafe_b64decode(encoded)
        key = _subkey(_master_keys()[name], purpose)
        box = AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], f"{version}:{name}:{purpose}".encode())
    except (ValueError, KeyError, InvalidTag):
        raise UnreadableSecret("a stored secret is not readable with the configured keys") from None
    return box.decode()


def signing_key() -> str:
    """The name of the master key that signs."""
    return next(iter(_master_keys()))


class Signer:
    """HMAC-SHA256 with a key derived for one purpose. Raises UnreadableSecret where the named key is not configured."""

    def __init__(self, key: str, purpose: str) -> None:
        try:
            self._key = _subkey(_master_keys()[key], purpose)
        except KeyError:
            raise UnreadableSecret(f"the master key {key} is not configured") from None

    def sign(self, message: bytes) -> str:
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def has_signed(self, message: bytes, mac: str) -> bool:
        return hmac.compare_digest(self.sign(message), mac)


def sealed_with(text: str) -> str:
    """The name of the master key that sealed this; empty for what is not sealed."""
    version, _, rest = text.partition(":")
    name, _, box = rest.partition(":")
    return name if version == "1" and box else ""


def canaries() -> dict[str, str]:
    """A sealed word for each master key: who can open it has that key. Tells nothing to anybody else."""
    return {name: seal(name, BACKUP_CANARY, name) for name in _master_keys()}


def lacking_keys(found: dict[str, str]) -> list[str]:
    """The names of the canaries that the configured keys do not open."""
    lacking = []
    for name, canary in sorted(found.items()):
        try:
            is_open = unseal(canary, BACKUP_CANARY) == name
        except UnreadableSecret:
            is_open = False
        if not is_open:
            lacking.append(name)
    return lacking


class ResetTokens(PasswordResetTokenGenerator):
    """Password-reset tokens that also die with a newer request, a disabled account or ended sessions."""

    def _make_hash_value(self, user: AbstractBaseUser, timestamp: int) -> str:
        person: Any = user
        return (
            f"{super()._make_hash_value(user, timestamp)}"  # type: ignore[arg-type]
            f"{person.reset_epoch}.{person.session_epoch}.{person.is_active}"
        )


def is_too_long(password: str) -> bool:
    """Whether hashing this would be work without use."""
    return len(password.encode("utf-8", "surrogatepass")) > LONGEST_PASSWORD_BYTES


class LongestPassword:
    """A password validator: refuses before hashing what nobody types."""

    def validate(self, password: str, user: User | None = None) -> None:
        if is_too_long(password):
            raise ValidationError(self.get_help_text(), code="password_too_long")

    def get_help_text(self) -> str:
        return _("The password may have at most %(limit)s bytes.") % {"limit": LONGEST_PASSWORD_BYTES}
