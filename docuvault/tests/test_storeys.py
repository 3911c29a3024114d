"""The walls of the house stand, and each has been seen to fall when something is pushed through it."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = ("accounts", "documents", "sharing", "docuvault")
NO_STOREY = re.compile(r"(^|\.)(tests|migrations)(\.|$)|^docuvault\.stack(\.|$)")


def contracts() -> dict[str, dict[str, object]]:
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    return {contract["id"]: contract for contract in settings["tool"]["importlinter"]["contracts"]}


def storeys() -> set[str]:
    layers = contracts()["storeys"]["layers"]
    assert isinstance(layers, list)
    return {name for layer in layers for name in re.findall(r"[\w.]+", layer)}


def modules() -> list[str]:
    found = []
    for package in PACKAGES:
        for path in (CHECKOUT / package).rglob("*.py"):
            name = ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__")
            if name not in PACKAGES and not NO_STOREY.search(name):
                found.append(name)
    return found


def test_every_module_is_in_a_storey() -> None:
    known = storeys()
    parts = [name.split(".") for name in modules()]
    assert len(parts) > 50
    assert [".".join(name) for name in parts if ".".join(name[:2]) not in known] == []


BREACHES = [
    ("storeys", "documents/names.py", "import documents.views"),
    ("storeys", "documents/models/topics.py", "import sharing.models"),
    ("storeys", "accounts/models.py", "import documents.models"),
    ("storeys", "documents/storage.py", "import documents.uploads"),
    ("storeys", "documents/actions/folders.py", "import documents.tasks"),
    ("storeys", "documents/views/files.py", "import docuvault.urls"),
    ("storeys", "docuvault/lib/logs.py", "import accounts.models"),
    ("gateway", "documents/uploads/staged.py", "import boto3"),
    ("gateway", "documents/views/files.py", "from botocore.config import Config"),
    ("gateway", "sharing/access/rule.py", "import storages.backends.s3"),
    ("parsers-apart", "documents/views/files.py", "import pypdfium2"),
    ("parsers-apart", "documents/extraction/lane.py", "from PIL import Image"),
    ("plain-rules", "sharing/access/own.py", "import documents.storage"),
    ("plain-rules", "accounts/quota.py", "import accounts.secrets"),
    ("stack-apart", "docuvault/stack/web.py", "import accounts.models"),
    ("stack-apart", "docuvault/stack/run.py", "import django"),
    ("stack-alone", "documents/views/files.py", "import docuvault.stack.run"),
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the house whose walls may be broken."""
    copy = tmp_path_factory.mktemp("house")
    for package in PACKAGES:
        shutil.copytree(CHECKOUT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", copy)
    return copy


def lint(house: Path, contract: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()",
         "--contract", contract, "--cache-dir", str(house / "cache")],
        cwd=house,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(house)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize(("contract", "file", "line"), BREACHES, ids=lambda value: str(value))
def test_an_import_through_a_wall_is_refused(house: Path, contract: str, file: str, line: str) -> None:
    path = house / file
    before = path.read_text()
    path.write_text(f"{before}\n{line}\n")
    try:
        done = lint(house, contract)
    finally:
        path.write_text(before)
    assert done.returncode == 1, done.stdout
    assert "0 kept, 1 broken" in done.stdout


def test_each_contract_is_broken_by_one_of_these() -> None:
    assert {contract for contract, _, _ in BREACHES} == set(contracts())
