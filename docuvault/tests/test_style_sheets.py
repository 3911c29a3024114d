"""Each class has one meaning: it is defined in one style sheet, and others may only place what has it."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

SHEETS = Path(__file__).resolve().parents[2] / "static" / "css"
# The administration has pages of its own, which load none of the others' rooms.
APART = {"admin.css"}
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
LIST = re.compile(r",(?![^(\[]*[)\]])")
# One class, perhaps of one element and in one state. With another class, or for what it holds, it is that one's matter.
ALONE = re.compile(r"^[\w-]*\.([\w-]+)(?:::?(?!has)[\w-]+(?:\([^.]*\))?)*$")


def selectors(sheet: str) -> Iterator[str]:
    """Those of all rules, but for rules on paper: what is printed is a matter of each page."""
    stack: list[str] = []
    said = ""
    for piece in re.split(r"([{};])", COMMENT.sub("", sheet)):
        if piece == "{":
            stack.append(said.strip())
            is_printed = any(one.startswith("@media print") for one in stack)
            if not said.strip().startswith("@") and not is_printed:
                yield from (one.strip() for one in LIST.split(said))
        elif piece == "}" and stack:
            stack.pop()
        said = "" if piece in "{};" else piece


def defined(sheet: str) -> set[str]:
    """Classes that have a rule to themselves, wherever they stand in a page."""
    return {alone[1] for selector in selectors(sheet) if (alone := ALONE.match(selector))}


def test_each_class_is_defined_in_one_sheet() -> None:
    owners: dict[str, list[str]] = defaultdict(list)
    for path in sorted(SHEETS.glob("*.css")):
        if path.name not in APART:
            for name in defined(path.read_text()):
                owners[name].append(path.name)
    assert len(owners) > 200
    assert {name: sheets for name, sheets in owners.items() if len(sheets) > 1} == {}


def test_the_sheets_are_read_as_a_browser_reads_them() -> None:
    sheet = """
    @layer pages { .one, .one.more, a.two:hover { color: red; } .three .four { color: red }
      .five:has(.six > .seven), .eight::before { --x: "{"; }
      @media (width > 3px) { .nine { color: red; } }
      /* .ten { } */ @media print { .eleven { color: red; } } }
    """.replace('"{"', '"("')
    assert defined(sheet) == {"one", "two", "eight", "nine"}


def asks_everything_again(selector: str) -> bool:
    """Whether a browser looks through the whole page at every change of it, to know whether a rule still holds.

    So it does for what the page itself holds, and for a rule about whatever lies in, or beside, what holds something:
    a hundred files that are sent cost it a hundred looks at a thousand rows.
    """
    return bool(re.match(r"(:root|html|body)\b[^ ]*:has\(", selector)) or bool(
        re.search(r":has\((?:[^()]|\([^()]*\))*\)\s*[>+~]?\s*\*", selector)
    )


def test_no_rule_makes_a_browser_look_at_the_whole_page_again() -> None:
    assert asks_everything_again(":root:has(.bar.is-shown) .toasts")
    assert asks_everything_again(".rows:has(> .shared-row) > *")
    assert not asks_everything_again(".row:has(.choose:checked)")
    assert not asks_everything_again(".viewer:has([data-wrap]:checked) .lines")
    found = {
        f"{path.name}: {selector}"
        for path in SHEETS.glob("*.css")
        for selector in selectors(path.read_text())
        if asks_everything_again(selector)
    }
    assert found == set()
