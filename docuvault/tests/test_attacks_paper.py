"""The page of attacks and the tests agree: every test it names is there, and every test of an attack is on it."""

import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
NUMBERED = re.compile(r"^def (test_((?:[af]\d+_)+)\w*)\(", re.MULTILINE)
ROW = re.compile(r"^\| A(\d+) \| [^|]+ \| (.*) \|$", re.MULTILINE)
FOLDERS = ("accounts", "documents", "sharing", "docuvault", "tests")

Row = tuple[int, str, str]


def there() -> set[Row]:
    """Every test that has the number of an attack in its name: number, file, name."""
    return {
        (int(number), path.relative_to(CHECKOUT).as_posix(), name)
        for folder in FOLDERS
        for path in (CHECKOUT / folder).rglob("test_*.py")
        for name, numbers in NUMBERED.findall(path.read_text())
        for number in re.findall(r"a(\d+)", numbers)
    }


def test_the_page_names_every_test_of_an_attack_and_none_that_is_gone() -> None:
    named = {
        (int(number), file, name)
        for number, cell in ROW.findall((CHECKOUT / "docs" / "attacks.md").read_text())
        for part in cell.split("<br>")
        for file, *names in [re.findall(r"`(.*?)`", part)]
        for name in names
    }
    assert named
    assert sorted(there() - named) == []
    assert sorted(named - there()) == []
