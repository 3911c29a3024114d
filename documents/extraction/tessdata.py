"""The language data of OCR: packed in node_modules, unpacked once into a folder that is named explicitly."""

import gzip
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

PACKED = "4.0.0_best_int/{name}.traineddata.gz"
ORIENTATION = "osd"


def unpack(packages: Path, folder: Path) -> list[str]:
    """Unpack what is not there yet; answers the names of all that is. At set-up, never at a person's request."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in sorted(packages.glob("*/")):
        source = package / PACKED.format(name=package.name)
        target = folder / f"{package.name}.traineddata"
        if not source.is_file() or (target.is_file() and target.stat().st_mtime >= source.stat().st_mtime):
            continue
        half = folder / f".{package.name}.{os.getpid()}"
        with gzip.open(source) as packed, half.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
        half.replace(target)
    return installed(folder)


def installed(folder: Path) -> list[str]:
    """Which languages there are data for, without the one for orientation."""
    names = {path.name.partition(".")[0] for path in folder.glob("*.traineddata")}
    return sorted(names - {ORIENTATION})


def usable(folder: Path, wanted: Sequence[str]) -> list[str]:
    """Those of the wanted languages there are data for, in the wanted order."""
    there = set(installed(folder))
    return [name for name in dict.fromkeys(wanted) if name in there]
