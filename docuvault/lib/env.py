"""Reads the vault's settings from the environment, or from the file a running stack leaves."""

import base64
import binascii
import os
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

MINIMUM_SECRET_LENGTH = 50
# Set by the plugin that starts what tests stand on (docuvault/stack/pytest_services.py).
TEST_MARK = "DOCUVAULT_TEST_SERVICES"
EXAMPLE_MARKS = ("change-me", "changeme", "example", "insecure", "secret-key")


def data_directory(checkout: Path) -> Path:
    """Where this vault keeps its run-time files; relative paths count from the checkout."""
    return (checkout / (os.environ.get("DOCUVAULT_DATA") or "var")).resolve()


def read_environment(checkout: Path) -> environ.Env:
    """The environment, filled up from `DATA/run/stack.env` when no database is named in it."""
    if not os.environ.get("DATABASE_URL"):
        stack_file = data_directory(checkout) / "run" / "stack.env"
        if stack_file.is_file():
            environ.Env.read_env(str(stack_file))
    env = environ.Env()
    # A name without a value, as .env.example has many, is a name not given.
    env.ENVIRON = {name: value for name, value in os.environ.items() if value}
    return env


def is_under_test() -> bool:
    """Whether a run of the tests has started this process, or the one that did."""
    return os.environ.get(TEST_MARK) == "1"


def secret_key(env: environ.Env, *, debug: bool) -> str:
    """The signing secret. Raises ImproperlyConfigured when it is missing or weak and debug is off."""
    value = str(env.str("DOCUVAULT_SECRET_KEY", default=""))
    if debug:
        return value or "debug-only-" + "x" * MINIMUM_SECRET_LENGTH
    if not value:
        raise ImproperlyConfigured("DOCUVAULT_SECRET_KEY is not set. Give it at least 50 random characters.")
    weak = (
        len(value) < MINIMUM_SECRET_LENGTH
        or len(set(value)) < 10
        or any(mark in value.lower() for mark in EXAMPLE_MARKS)
    )
    if weak:
        raise ImproperlyConfigured("DOCUVAULT_SECRET_KEY is weak. Give it at least 50 random characters.")
    return value


def master_keys(value: str, *, debug: bool) -> dict[str, bytes]:
    """Named 32-byte keys from "k2:<base64>,k1:<base64>", the writing key first."""
    keys: dict[str, bytes] = {}
    for entry in filter(None, (part.strip() for part in value.split(","))):
        name, _, encoded = entry.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not name or len(key) != 32:
            raise ImproperlyConfigured(
                "DOCUVAULT_MASTER_KEYS must be name:base64 pairs of 32 bytes each, separated by commas."
            )
        keys[name] = key
    if not keys and not debug:
        raise ImproperlyConfigured("DOCUVAULT_MASTER_KEYS is not set. It protects stored credentials.")
    return keys
