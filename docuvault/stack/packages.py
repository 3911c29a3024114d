"""Brings the pinned packages into .venv and node_modules, and does nothing when they are there.

Runs before anything is installed, so it knows the standard library alone.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
NODE_MODULES = CHECKOUT / "node_modules"
RUNNING, TESTING = "running", "testing"
LOCKS = {RUNNING: "requirements.txt", TESTING: "requirements-dev.txt"}
NPM_LOCK, NODE_LOCK = "package-lock.json", "requirements-node.txt"


class CannotInstall(Exception):
    """What failed and what to do, for the person at the terminal."""


def _digest(*names: str) -> str:
    digest = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    for name in names:
        digest.update((CHECKOUT / name).read_bytes())
    return digest.hexdigest()


def _has(stamp: Path, kind: str, digest: str) -> bool:
    """Whether this very lock was installed; what testing needs includes what running needs."""
    try:
        return bool(json.loads(stamp.read_text()).get(kind) == digest)
    except (OSError, ValueError, AttributeError):
        return False


def _note(stamp: Path, kinds: dict[str, str]) -> None:
    stamp.write_text(json.dumps(kinds))


def _run(command: list[str | Path], what: str) -> None:
    try:
        done = subprocess.run(command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except OSError as error:
        raise CannotInstall(f"{what} failed: {error}") from None
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()
        raise CannotInstall("\n".join([f"{what} failed:", *lines[-12:]]))


def _install(lock: str) -> None:
    _run(
        [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes",
         "--only-binary=:all:", "-r", lock],
        f"Installing {lock}",
    )  # fmt: skip


def bring_python_packages(kind: str) -> None:
    """Make .venv where there is none, and install the lock that changed."""
    stamp = VENV / "docuvault.json"
    if PYTHON.exists() and _has(stamp, kind, _digest(LOCKS[kind])):
        return
    print(f"Installing Python packages for {kind} (only when they changed) …", flush=True)
    if not PYTHON.exists():
        _run(
            [sys.executable, "-m", "venv", "--clear", VENV],
            "Making .venv (on Debian and Ubuntu it needs the package python3-venv)",
        )
    _install(LOCKS[kind])
    kinds = {RUNNING: _digest(LOCKS[RUNNING])}
    if kind == TESTING:
        kinds[TESTING] = _digest(LOCKS[TESTING])
    _note(stamp, kinds)


def npm() -> list[str | Path]:
    """The npm program: the machine's, or the pinned wheel's."""
    own = VENV / "bin" / "npm"
    if own.exists():
        return [own]
    found = shutil.which("npm")
    if found and shutil.which("node"):
        return [found]
    print("Installing Node (this machine has no npm) …", flush=True)
    _install(NODE_LOCK)
    return [own]


def bring_front_end_packages(kind: str) -> None:
    stamp = NODE_MODULES / "docuvault.json"
    digest = _digest(NPM_LOCK)
    if _has(stamp, kind, digest):
        return
    print(f"Installing front-end packages for {kind} (only when they changed) …", flush=True)
    program = npm()
    os.environ["PATH"] = f"{Path(program[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [*program, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    _run([*command, "--omit=dev"] if kind == RUNNING else command, "Installing package-lock.json")
    _note(stamp, {RUNNING: digest} if kind == RUNNING else {RUNNING: digest, TESTING: digest})


def bring(kind: str) -> None:
    """One at a time: two commands started together must not write into the same folders."""
    with (CHECKOUT / NPM_LOCK).open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        bring_python_packages(kind)
        bring_front_end_packages(kind)


def main() -> int:
    kind = sys.argv[1] if len(sys.argv) > 1 else RUNNING
    try:
        bring(kind)
    except CannotInstall as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}. Packages go into this checkout.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
