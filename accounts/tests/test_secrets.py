"""Secrets rest as hashes or encrypted, and open with the right key alone."""

import os

import pytest
from allauth.mfa.models import Authenticator
from django.core.exceptions import ImproperlyConfigured, ValidationError
from pytest_django import Settings

from accounts.models import User
from accounts.secrets import LongestPassword, UnreadableSecret, hash_token, new_token, seal, unseal
from accounts.tests.conftest import SEED


def test_tokens_have_256_bits_and_are_kept_as_sha256() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert min(map(len, tokens)) == 43
    assert hash_token("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_is_sealed_opens_again_and_never_looks_the_same() -> None:
    first, second = seal("seed", "a"), seal("seed", "a")
    assert first != second
    assert "seed" not in first
    assert unseal(first, "a") == unseal(second, "a") == "seed"


def test_a_changed_byte_another_purpose_or_rubbish_does_not_open() -> None:
    sealed = seal("seed", "a")
    head, _, box = sealed.rpartition(":")
    for position in range(0, len(box) - 2, 3):
        other = "A" if box[position] != "A" else "B"
        with pytest.raises(UnreadableSecret):
            unseal(f"{head}:{box[:position]}{other}{box[position + 1 :]}", "a")
    for bad in ("", "1:t1:", "1:nokey:" + box, "2:" + sealed[2:], "plain text", sealed + ":x"):
        with pytest.raises(UnreadableSecret):
            unseal(bad, "a")
    with pytest.raises(UnreadableSecret):
        unseal(sealed, "b")


def test_an_older_key_still_opens_and_the_first_one_writes(settings: Settings) -> None:
    old, new = os.urandom(32), os.urandom(32)
    settings.MASTER_KEYS = {"k1": old}
    sealed = seal("seed", "a")
    settings.MASTER_KEYS = {"k2": new, "k1": old}
    assert unseal(sealed, "a") == "seed"
    assert seal("seed", "a").startswith("1:k2:")
    settings.MASTER_KEYS = {"k2": new}
    with pytest.raises(UnreadableSecret):
        unseal(sealed, "a")
    settings.MASTER_KEYS = {}
    with pytest.raises(ImproperlyConfigured):
        seal("seed", "a")


def test_the_seed_of_the_second_step_rests_encrypted(alice: User, with_second_step: object) -> None:
    with_second_step(alice)  # type: ignore[operator]
    assert SEED not in str(Authenticator.objects.get(user=alice).data)


def test_a_password_of_4096_bytes_is_long_enough() -> None:
    LongestPassword().validate("x" * 4096)
    LongestPassword().validate("é" * 2048)
    for password in ("x" * 4097, "é" * 2049):
        with pytest.raises(ValidationError):
            LongestPassword().validate(password)
