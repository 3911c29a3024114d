"""The page of faults and the tests agree: every test it names is there, and every test with a number is on it."""

import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
NUMBERED = re.compile(r"^def (test_f\d\d_\w+)", re.MULTILINE)
ROW = re.compile(r"^\| F(\d\d) \| [^|]+ \|([^|]*)\|?$", re.MULTILINE)
FOLDERS = ("accounts", "documents", "sharing", "docuvault", "tests")


def rows() -> dict[int, str]:
    """What the page says of each fault."""
    return {int(number): cell for number, cell in ROW.findall((CHECKOUT / "docs" / "faults.md").read_text())}


def named() -> dict[tuple[str, str], set[int]]:
    """Every test on the page, by file and name, with the faults it stands for."""
    found: dict[tuple[str, str], set[int]] = {}
    for number, cell in rows().items():
        for part in cell.split("<br>"):
            file, *tests = re.findall(r"`(.*?)`", part) or [""]
            for test in tests:
                found.setdefault((file, test), set()).add(number)
    return found


def test_every_fault_of_the_catalogue_has_its_row() -> None:
    assert sorted(rows()) == list(range(1, 45))


def test_every_test_the_page_names_is_there() -> None:
    missing = [
        (file, test)
        for file, test in named()
        if not re.search(rf"^def {test}\(", (CHECKOUT / file).read_text(), re.MULTILINE)
    ]
    assert missing == []


def test_every_test_with_a_number_is_in_the_row_of_that_number() -> None:
    on_the_page, astray = named(), []
    for path in (path for folder in FOLDERS for path in (CHECKOUT / folder).rglob("test_*.py")):
        for test in NUMBERED.findall(path.read_text()):
            numbers = {int(number) for number in re.findall(r"(?:(?<=^test)|(?<=\d))_f(\d\d)(?=_)", test)}
            if not numbers <= on_the_page.get((path.relative_to(CHECKOUT).as_posix(), test), set()):
                astray.append(test)
    assert astray == []
