"""Office papers as PDF, by LibreOffice where a machine has it: never in our own processes, and behind walls.

The program gets a folder with the bytes under a name of ours, and gives back one PDF. Nothing of a
document's own name or words comes near its command line. Rejected: a service that runs on and takes
documents one after the other; whatever one of them does to it the next one would suffer.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import BinaryIO

from documents.extraction.lane import CHECKOUT
from documents.extraction.limits import MIB
from documents.extraction.office_cage import NO_WALLS

_OOXML, _ODF = "application/vnd.openxmlformats-officedocument.", "application/vnd.oasis.opendocument."
# What it takes, and by which ending it is told what a file is.
ENDINGS = {
    _OOXML + "wordprocessingml.document": ".docx",
    _OOXML + "spreadsheetml.sheet": ".xlsx",
    _OOXML + "presentationml.presentation": ".pptx",
    _ODF + "text": ".odt",
    _ODF + "spreadsheet": ".ods",
    _ODF + "presentation": ".odp",
    _ODF + "graphics": ".odg",
    "application/msword": ".doc",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/rtf": ".rtf",
}
NAMES = ("soffice", "libreoffice")
OFF = "off"
SECONDS, MEMORY_BYTES, OUTPUT_BYTES = 90, 1024 * MIB, 128 * MIB
LOOK_SECONDS = 0.1
# No macros, nothing active, no links brought up to date: a profile of its own, made anew each time.
_PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema">
{}
</oor:items>
"""
_ITEM = '<item oor:path="/org.openoffice.Office.{}"><prop oor:name="{}" oor:op="fuse"><value>{}</value></prop></item>'
_SETTINGS = (
    ("Common/Security/Scripting", "DisableMacrosExecution", "true"),
    ("Common/Security/Scripting", "MacroSecurityLevel", "3"),
    ("Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("Common/Security/Scripting", "DisableActiveContent", "true"),
    ("Common/Misc", "FirstRun", "false"),
    ("Writer/Content/Update", "Link", "2"),
    ("Calc/Content/Update", "Link", "2"),
)


class CannotConvert(Exception):
    """No PDF came of it; the word says why: program, walls, time, memory, output or nothing."""


@cache
def program(setting: str) -> str:
    """The office program to use; "" where there is none, or none is wanted."""
    if setting == OFF:
        return ""
    if setting:
        return setting if os.access(setting, os.X_OK) else ""
    return next((found for name in NAMES if (found := shutil.which(name))), "")


def to_pdf(office: str, file: BinaryIO, content_type: str) -> bytes:
    """The document as PDF. Raises CannotConvert."""
    ending = ENDINGS[content_type]
    with tempfile.TemporaryDirectory(prefix="docuvault-office-") as name:
        folder = Path(name)
        source, out, profile = folder / f"document{ending}", folder / "out", folder / "profile" / "user"
        out.mkdir()
        profile.mkdir(parents=True)
        items = "\n".join(_ITEM.format(*item) for item in _SETTINGS)
        (profile / "registrymodifications.xcu").write_text(_PROFILE.format(items), encoding="utf-8")
        with source.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        _run(folder, [
            office, "--headless", "--norestore", "--nolockcheck", "--nodefault", "--nologo",
            f"-env:UserInstallation=file://{folder}/profile", "--convert-to", "pdf", "--outdir", str(out), str(source),
        ])  # fmt: skip
        return _made(out / "document.pdf")


def _run(folder: Path, command: list[str]) -> None:
    walls = [str(folder), str(SECONDS), str(MEMORY_BYTES), str(OUTPUT_BYTES)]
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "documents.extraction.office_cage", *walls, *command],
            cwd=CHECKOUT,
            env={
                "PATH": os.defpath,
                "LANG": "C.UTF-8",
                "HOME": str(folder),
                "TMPDIR": str(folder),
                "SAL_USE_VCLPLUGIN": "svp",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise CannotConvert("program") from error
    why, ends_at = "", time.monotonic() + SECONDS
    try:
        while process.poll() is None and not why:
            if time.monotonic() > ends_at:
                why = "time"
            elif _held_by(process.pid) > MEMORY_BYTES:
                why = "memory"
            else:
                time.sleep(LOOK_SECONDS)
    finally:
        # Whatever it has started goes with it.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
    if why:
        raise CannotConvert(why)
    if process.returncode:
        raise CannotConvert("walls" if process.returncode == NO_WALLS else "nothing")


def _held_by(group: int) -> int:
    """Bytes of memory of the program and all that it has started."""
    held = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                held += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):
            continue
    return held


def _made(path: Path) -> bytes:
    """What lies there, if it is one plain file of bearable size that begins as a PDF does."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise CannotConvert("nothing") from error
    with os.fdopen(handle, "rb") as file:
        data = file.read(OUTPUT_BYTES + 1)
    if len(data) > OUTPUT_BYTES:
        raise CannotConvert("output")
    if not data.startswith(b"%PDF-"):
        raise CannotConvert("nothing")
    return data
