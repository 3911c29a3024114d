"""The papers beside the code tell the truth about it."""

import re
from pathlib import Path

import pytest
from django.apps import apps

from docuvault.tests.test_storeys import CHECKOUT, modules

OURS = {"accounts", "documents", "sharing"}
PAPERS = [
    "README.md",
    "CONTRIBUTING.md",
    *(f"docs/{name}.md" for name in ("map", "schema", "decisions", "limits", "faults", "attacks")),
]


def read(name: str) -> str:
    return (CHECKOUT / name).read_text()


def test_the_map_names_every_module_and_none_that_is_gone() -> None:
    stack = {path.relative_to(CHECKOUT).as_posix() for path in (CHECKOUT / "docuvault" / "stack").glob("*.py")}
    there = {f"{name.replace('.', '/')}.py" for name in modules()}
    wanted = {path for path in there | stack if (CHECKOUT / path).is_file() and not path.endswith("apps.py")}
    wanted -= {"docuvault/stack/__init__.py"}
    named = set(
        re.findall(r"^- `((?:accounts|documents|sharing|docuvault)/[^`]+\.py)`", read("docs/map.md"), re.MULTILINE)
    )
    assert named == wanted


def test_the_schema_names_every_table_of_ours() -> None:
    tables = {model._meta.db_table for model in apps.get_models() if model._meta.app_label in OURS}
    named = set(re.findall(r"^\| `(\w+)`", read("docs/schema.md"), re.MULTILINE))
    assert named == tables | {"cache_entries"}


def test_the_readme_names_every_command_of_the_makefile() -> None:
    makefile = set(re.findall(r"^([a-z]+):[^#\n]*## ", read("Makefile"), re.MULTILINE))
    named = set(re.findall(r"^\| `make (\w+)`", read("README.md"), re.MULTILINE))
    assert makefile - {"help", "lock", "clean"} == named


def test_the_build_server_runs_the_readmes_test_command() -> None:
    assert "make test" in read(".ci/run")
    assert re.search(r"^make test", read("README.md"), re.MULTILINE)


@pytest.mark.parametrize("paper", PAPERS)
def test_every_file_a_paper_names_is_there(paper: str) -> None:
    text = read(paper)
    linked = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [name for name in linked if not (CHECKOUT / paper).parent.joinpath(name).exists()] == []
    named = re.findall(r"`([\w.-]+/[\w./-]+)`", text)
    made = ("var/", "node_modules")
    missing = [name for name in named if not name.startswith(made) and not (CHECKOUT / name).exists()]
    assert missing == []


def test_the_papers_pictures_are_small() -> None:
    for picture in (CHECKOUT / "docs" / "images").iterdir():
        assert picture.suffix == ".png"
        assert Path(picture).stat().st_size < 400_000, picture
