"""Whoever sends files comes before what is read meanwhile: reading waits while a great deal is being done.

How much that is, the trail tells: its rows are numbered, so two looks at the last one say how many came in between.
Nothing waits for ever: in a vault that is being filled for hours, waiting and reading take turns.
"""

import time
from collections.abc import Callable

from sharing import audit

# Between two looks; also how long is waited before the next.
LOOK_SECONDS = 0.2
# What people do one by one stays below this; files that come by the hundred do not.
MANY_PER_SECOND = 15
TURN_SECONDS = 5.0


class GivingWay:
    """Asked before each document that would be read."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked_at, self._last_row = clock(), 0
        self._is_much = False
        # When waiting began; reading has its turn after it, and then it begins anew.
        self._since: float | None = None

    def must_wait(self) -> bool:
        moment = self._clock()
        if not self._last_row or moment - self._looked_at >= LOOK_SECONDS:
            self._look(moment)
        if not self._is_much:
            self._since = None
            return False
        if self._since is None or moment - self._since >= 2 * TURN_SECONDS:
            self._since = moment
        return moment - self._since < TURN_SECONDS

    def _look(self, moment: float) -> None:
        last = audit.last_number()
        passed = max(moment - self._looked_at, LOOK_SECONDS)
        self._is_much = bool(self._last_row) and (last - self._last_row) / passed >= MANY_PER_SECOND
        self._looked_at, self._last_row = moment, last
