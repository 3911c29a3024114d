"""Remembers which processes belong to the stack of one data folder, by pid and moment of birth."""

import fcntl
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from docuvault.stack.configuration import write_private
from docuvault.stack.process import StackError, end_group, sessions, started_at

SUPERVISOR = "supervisor"


@dataclass(frozen=True)
class Entry:
    """One process: its pid and start tick name it for good."""

    name: str
    pid: int
    started: str | None
    address: str = ""

    @property
    def is_alive(self) -> bool:
        return self.started is not None and started_at(self.pid) == self.started


@dataclass
class Record:
    """The running stack of one data folder, kept in DATA/run."""

    folder: Path
    handle: IO[str] | None = None
    entries: dict[str, Entry] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.folder / "parts.json"

    def claim(self, data: Path) -> None:
        """Hold the folder for this process alone. Raises StackError when another stack holds it."""
        self.handle = (self.folder / "lock").open("a+")
        try:
            fcntl.flock(self.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.handle.close()
            self.handle = None
            raise StackError(
                f"DocuVault already runs on {data}. Stop it with `make stop`, or choose another folder: "
                "make run DOCUVAULT_DATA=…"
            ) from None

    def is_held(self) -> bool:
        """Whether some process, perhaps another, runs a stack here."""
        if self.handle is not None:
            return True
        try:
            with (self.folder / "lock").open() as handle:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def note(self, name: str, pid: int, address: str = "") -> None:
        self.entries[name] = Entry(name, pid, started_at(pid), address)
        self._write()

    def forget(self, name: str) -> None:
        self.entries.pop(name, None)
        self._write()

    def _write(self) -> None:
        entries = [asdict(entry) for entry in self.entries.values()]
        write_private(self.file, json.dumps({"boot": boot_id(), "parts": entries}, indent=1))

    def read(self) -> dict[str, Entry]:
        """What was written last, by whichever process; nothing from before the machine was restarted."""
        try:
            kept = json.loads(self.file.read_text())
            if kept["boot"] != boot_id():
                return {}
            return {part["name"]: Entry(**part) for part in kept["parts"]}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def end_left_overs(self, *, patience: float = 10) -> list[str]:
        """End what a killed stack left behind; answers the names. Never by a name: a pid with its birth."""
        ended = []
        alive = sessions()
        for entry in reversed(self.read().values()):
            # A session's number is not given out again while a member lives, even without its leader.
            is_orphaned = started_at(entry.pid) is None and entry.pid in alive
            if entry.name != SUPERVISOR and (entry.is_alive or is_orphaned):
                end_group(entry.pid, patience=patience)
                ended.append(entry.name)
        return ended

    def close(self) -> None:
        self.file.unlink(missing_ok=True)
        if self.handle is not None:
            self.handle.close()
            self.handle = None


def boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
