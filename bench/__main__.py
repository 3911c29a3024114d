"""`make bench`: start a vault of its own, measure, print the table, say what was missed."""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench import lists, many, reading, reconcile, search, sharing, trail, transfer
from bench.report import Row, print_table
from bench.vault import RunningVault, free_port, running_vault

PARTS = ["lists", "sharing", "transfer", "many", "reading", "search", "trail", "reconcile"]
IDLE_LIMIT_MB, AFTER_LIMIT_MB, READY_LIMIT = 700, 1_100, 6.0


def memory_row(vault: RunningVault, when: str, limit: int) -> Row:
    used = vault.memory_mb()
    parts = ", ".join(f"{name} {size:.0f}" for name, size in vault.memory_by_part().items())
    name = f"memory of all processes, {when} (PSS: {parts})"
    return Row(name, f"{used:.0f} MB", "", "", f"< {limit} MB", used < limit)


def measured(parts: list[str]) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="docuvault-bench-") as folder:
        Path(folder).chmod(0o711)  # as root PostgreSQL is somebody else and must pass through
        data = Path(folder) / "data"
        port = free_port()  # the same both times, as a person's is
        with running_vault(data, port):
            time.sleep(2)
        with running_vault(data, port) as vault:
            ready = vault.started_in
            yield Row("start on existing data until ready", f"{ready:.1f} s", "", "", "< 6 s", ready < READY_LIMIT)
            time.sleep(15)
            yield memory_row(vault, "idle", IDLE_LIMIT_MB)
            if "lists" in parts:
                yield from lists.rows(vault)
            if "sharing" in parts:
                yield from sharing.rows(vault)
            if "transfer" in parts:
                yield from transfer.rows(vault)
            if "many" in parts:
                yield from many.rows(vault)
            if "reading" in parts:
                yield from reading.rows(vault)
            if "search" in parts:
                yield from search.rows(vault)
            if "trail" in parts:
                yield from trail.rows(vault)
            time.sleep(5)
            yield memory_row(vault, "after the bench", AFTER_LIMIT_MB)
        if "reconcile" in parts:
            yield from reconcile.rows(Path(folder) / "store")


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("parts", nargs="*", default=PARTS, help=", ".join(PARTS))
    parts = parser.parse_args().parts
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}; figures are p50 / p95")
    rows = []
    for row in measured(parts):
        rows.append(row)
        beside = f", beside {row.floor}: {row.ratio}" if row.floor else ""
        print(f"  {row.name}: {row.ours}{beside}", file=sys.stderr, flush=True)
    print_table(rows)
    missed = [row.name for row in rows if row.is_met is False]
    print(f"{len(rows)} rows, {len(missed)} goals missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
