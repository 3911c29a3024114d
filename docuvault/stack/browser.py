"""Finds a Chromium for the browser tests, wherever this machine has one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from docuvault.stack.packages import CHECKOUT, NODE_MODULES, npm
from docuvault.stack.process import StackError

UNPACK = "import('@sparticuz/chromium').then(m => m.default.executablePath()).then(p => console.log(p))"
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")


def _named() -> str | None:
    named = os.environ.get("CHROMIUM_PATH")
    if named and not Path(named).exists():
        raise StackError(f"CHROMIUM_PATH names {named}, which is not there.")
    return named or None


def _on_path() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def _playwrights_own() -> str | None:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def _from_npm() -> str | None:
    """The packed Chromium of the npm package, unpacked once into node_modules."""
    if sys.platform != "linux" or not (NODE_MODULES / "@sparticuz" / "chromium").is_dir():
        return None
    node = shutil.which("node") or str(Path(npm()[0]).with_name("node"))
    folder = NODE_MODULES / ".chromium"
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [node, "--input-type=module", "-e", UNPACK],
        cwd=CHECKOUT,
        # It unpacks into the folder for temporary files, which would be shared with everybody.
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    return lines[-1] if done.returncode == 0 and lines else None


def _from_system() -> str | None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
    subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)  # type: ignore[call-overload]
    subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=False, **quiet)  # type: ignore[call-overload]
    return _on_path()


def _runs(path: str) -> bool:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


ORDER: tuple[Callable[[], str | None], ...] = (_named, _on_path, _playwrights_own, _from_npm, _from_system)


def find_browser() -> str:
    """The path of a Chromium that starts. Raises StackError in one line."""
    for look in ORDER:
        path = look()
        if path and _runs(path):
            return path
    raise StackError("No Chromium for the browser tests: install one, or set CHROMIUM_PATH to its program.")
