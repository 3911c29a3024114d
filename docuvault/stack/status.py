"""`make status` and `make stop`: looks at a running stack, and ends it, from another terminal."""

import json
import os
import signal
import time
from collections.abc import Mapping

from docuvault.stack.configuration import read_configuration, read_lines
from docuvault.stack.process import family, memory_bytes, started_at
from docuvault.stack.record import SUPERVISOR, Entry, Record
from docuvault.stack.web import Web

STOP_LIMIT = 75.0


def status(environ: Mapping[str, str]) -> int:
    """One line for each part; 0 when all is well, 3 when nothing runs, 1 when something is amiss."""
    configuration = read_configuration(environ)
    record = Record(configuration.run)
    if not record.is_held():
        print(f"DocuVault is not running on {configuration.data}.")
        return 3
    started_with = read_lines(configuration.stack_env) if configuration.stack_env.exists() else {}
    configuration = read_configuration({**environ, **started_with})
    total = 0
    print(f"{'part':<12}{'pid':>8}{'processes':>11}{'memory':>10}  address")
    for entry in record.read().values():
        pids = processes_of(entry)
        used = sum(memory_bytes(pid) for pid in pids)
        total += used
        state = entry.address if entry.is_alive else "(starting again)"
        print(f"{entry.name:<12}{entry.pid:>8}{len(pids):>11}{used / 1e6:>7.0f} MB  {state}")
    print(f"{'together':<12}{'':>8}{'':>11}{total / 1e6:>7.0f} MB")
    code, body = Web(configuration, {}).health()
    print(f"{configuration.base_url}: {_in_words(code, body)}")
    return 0 if code == 200 else 1


def processes_of(entry: Entry) -> list[int]:
    """The supervisor alone, or a part with all below it."""
    return [entry.pid] if entry.name == SUPERVISOR else family(entry.pid)


def _in_words(code: int, body: str) -> str:
    if not code:
        return "does not answer"
    try:
        parts = {name: part["status"] for name, part in json.loads(body).items() if isinstance(part, dict)}
    except (ValueError, AttributeError, KeyError, TypeError):
        return f"answers {code}"
    return ", ".join(f"{name} {state}" for name, state in parts.items())


def stop(environ: Mapping[str, str]) -> int:
    """Ask the supervisor to end, and wait until it has."""
    configuration = read_configuration(environ)
    record = Record(configuration.run)
    supervisor = record.read().get(SUPERVISOR)
    if not record.is_held():
        ended = record.end_left_overs()
        record.file.unlink(missing_ok=True)
        left = f" Ended what a killed one left behind: {', '.join(ended)}." if ended else ""
        print(f"DocuVault is not running on {configuration.data}.{left}")
        return 0
    if supervisor is None or not supervisor.is_alive:
        print(f"The folder {configuration.data} is held by a process that is not a stack of this machine.")
        return 1
    os.kill(supervisor.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_LIMIT
    while record.is_held() or started_at(supervisor.pid) == supervisor.started:
        if time.monotonic() > deadline:
            print(f"The stack (pid {supervisor.pid}) has not ended after {STOP_LIMIT:.0f} s.")
            return 1
        time.sleep(0.05)
    print("DocuVault has stopped.")
    return 0
