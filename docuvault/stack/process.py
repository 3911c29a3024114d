"""Child processes that live in a session of their own and never outlive the one that started them."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class StackError(Exception):
    """What went wrong and what to do, in one line for the person at the terminal."""


@dataclass(frozen=True)
class Account:
    """An unprivileged system user that a part runs as when we are root."""

    uid: int
    gid: int


def as_account(account: Account | None) -> dict[str, Any]:
    """What subprocess needs to run as somebody else."""
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}


def dying_with_us(death_signal: signal.Signals) -> Callable[[], None]:
    """What a child has to call first, so that the end of the thread that made it ends it as well."""
    parent = os.getpid()

    def in_child() -> None:
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:  # it died between fork and prctl
                os.kill(os.getpid(), death_signal)

    return in_child


def spawn(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    output: int | IO[bytes] | None = subprocess.DEVNULL,
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a part. Call from the main thread: its end would send `death_signal` to the child."""
    return subprocess.Popen(
        [str(word) for word in command],
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        umask=0o077,
        preexec_fn=dying_with_us(death_signal),
        **as_account(account),
    )


def end(process: subprocess.Popen[bytes], first: signal.Signals, *, patience: float = 15.0) -> None:
    """Ask the process to end, wait, then end its whole group."""
    if process.poll() is None:
        process.send_signal(first)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            pass
    end_group(process.pid)
    process.wait()


def end_group(pgid: int, *, patience: float = 3.0) -> None:
    """Kill what is left of a session we started, if anything."""
    deadline = time.monotonic() + patience
    try:
        os.killpg(pgid, signal.SIGTERM)
        while time.monotonic() < deadline:
            time.sleep(0.05)
            os.killpg(pgid, 0)
        os.killpg(pgid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def started_at(pid: int) -> str | None:
    """When a living process began, in the kernel's ticks: with the pid it names one process for good."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def sessions() -> dict[int, list[int]]:
    """Every living process by its session, read from /proc (empty where there is none)."""
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            found.setdefault(int(fields[3]), []).append(int(entry.name))
    return found


def family(pid: int) -> list[int]:
    """A process and all below it; PostgreSQL gives each of its own a session, so sessions do not tell."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def memory_bytes(pid: int) -> int:
    """A process's proportional share of memory; 0 where it cannot be read."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
