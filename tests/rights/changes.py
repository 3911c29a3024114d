"""What a request changes, table by table, and whether the trail is told of it in the very transaction of the change.

The world stands in one open transaction, so each transaction of a request is a savepoint in it: what each outermost
block has touched is counted when it ends, and a statement outside of any block by itself.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from django.db import connection, transaction

# What is kept for the server's own sake, not a person's things.
HOUSEKEEPING = frozenset({"django_session", "cache_entries", "audit_log", "reading_marks", "django_q_ormq"})
COUNTS = (
    "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables"
    " WHERE n_tup_ins + n_tup_upd + n_tup_del > 0"
)
Counts = Counter[str]


def _now() -> Counts:
    """How many rows of each table this transaction has touched so far, undone or not."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS)
        return Counter({str(name): int(count) for name, count in cursor.fetchall()})


class Changes:
    """Counted only where something else than reading is said to the database: counting takes longer than most pages."""

    def __init__(self) -> None:
        self.blocks: list[Counts] = []
        self.undone: Counts = Counter()
        self.queries = 0
        self._first: Counts | None = None  # before the first change of all
        self._begun: dict[int, Counts | None] = {}
        self._base = len(connection.savepoint_ids)
        self._whole: Counts = Counter()

    def executed(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        """Before a statement that may change something."""
        self.queries += str(sql) != COUNTS
        said = str(sql).lstrip(" (").split(None, 1)[0].upper()
        # A WITH may change something, too. Savepoints and settings change no rows.
        may_change = said not in {"SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK", "SET", "SHOW"}
        if may_change and (self._first is None or None in self._begun.values()):
            counts = _now()
            self._first = counts if self._first is None else self._first
            self._begun = {key: counts if before is None else before for key, before in self._begun.items()}
        if not may_change or self._begun:
            return execute(sql, params, many, context)
        before = _now()  # outside of any block a statement is a transaction of its own
        answer = execute(sql, params, many, context)
        self.blocks.append(_now() - before)
        return answer

    def entered(self, block: transaction.Atomic) -> None:
        if len(connection.savepoint_ids) == self._base:
            self._begun[id(block)] = None

    def left(self, block: transaction.Atomic, is_undone: bool) -> None:
        before = self._begun.pop(id(block), None)
        if before is None:
            return
        found = _now() - before
        if is_undone:
            self.undone += found
        else:
            self.blocks.append(found)

    def ended(self) -> None:
        self._whole = Counter() if self._first is None else _now() - self._first

    def touched(self) -> frozenset[str]:
        return frozenset(self._whole)

    def silent(self, quiet: frozenset[str]) -> Iterator[frozenset[str]]:
        """Tables changed in one transaction without a line of the trail, and those changed outside of any."""
        for block in self.blocks:
            if "audit_log" not in block and set(block) - quiet:
                yield frozenset(set(block) - quiet)
        if outside := set(self._whole - sum(self.blocks, self.undone)) - quiet:
            yield frozenset(outside)


@contextmanager
def watched() -> Iterator[Changes]:
    """Within: what the requests asked here change."""
    changes = Changes()
    enter, leave = transaction.Atomic.__enter__, transaction.Atomic.__exit__

    def entered(self: Any) -> None:
        changes.entered(self)
        enter(self)

    def left(self: Any, kind: Any, value: Any, traceback: Any) -> None:
        is_undone = kind is not None or connection.needs_rollback
        leave(self, kind, value, traceback)
        changes.left(self, is_undone)

    with ExitStack() as stack:
        stack.enter_context(connection.execute_wrapper(changes.executed))
        stack.enter_context(patch.object(transaction.Atomic, "__enter__", entered))
        stack.enter_context(patch.object(transaction.Atomic, "__exit__", left))
        yield changes
        changes.ended()
