"""How commands that take long tell of it: a bar of bytes on a terminal, names that cannot steer it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def bar_of_bytes() -> Iterator[Callable[[int, int], None]]:
    """What to call with (done, total); draws on a terminal only."""
    with tqdm(total=0, unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:

        def step(done: int, total: int) -> None:
            bar.total = max(total, done)
            bar.update(done - bar.n)

        yield step


def printable(text: str) -> str:
    """A name for the terminal: nothing in it can steer the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
