"""One look: for the time of an answer that changes nothing, what somebody's shares open is asked for once.

A page asks the rule many times, for its rows, its frame and its form; without a look each asks anew. A verb
never works within one: what it decides by is as it stands then.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

Answer = TypeVar("Answer")
_seen: ContextVar[dict[Hashable, Any] | None] = ContextVar("seen", default=None)


@contextmanager
def one_look() -> Iterator[None]:
    if _seen.get() is not None:  # a part of a look
        yield
        return
    token = _seen.set({})
    try:
        yield
    finally:
        _seen.reset(token)


def once(question: Hashable, ask: Callable[[], Answer]) -> Answer:
    """The answer that this look has had already, else a new one."""
    seen = _seen.get()
    if seen is None:
        return ask()
    if question not in seen:
        seen[question] = ask()
    answer: Answer = seen[question]
    return answer
