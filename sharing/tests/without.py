"""Takes a rule of sharing.access away: in the package, and in each of its modules that knows the name."""

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest

from sharing import access

PARTS = [access, *(import_module(f"{access.__name__}.{part.name}") for part in iter_modules(access.__path__))]


def replaced(monkeypatch: pytest.MonkeyPatch, name: str, other: Callable[..., Any]) -> None:
    """The rule of this name is another one, whoever asks."""
    known = [part for part in PARTS if name in vars(part)]
    assert known, f"sharing.access has no {name}"
    for part in known:
        monkeypatch.setattr(part, name, other)
