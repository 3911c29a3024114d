"""Every file of the corpus ends in a state that its row of the manifest allows, with the text and pages it names."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conftest import CORPUS
from documents.extraction.lane import Lane
from documents.extraction.limits import Limits
from documents.tests.readings import Told, error_rate, letters_of, told_of, told_once

STATES = {"ready", "failed", "encrypted", "nothing"}
SAYS = re.compile(
    r"(?:(?<!striprtf )text|OCR\([^)]*\)|(?:document|slide1|sharedStrings|content)\.xml|index\.html|as [\w-]+)"
    r" contains '([^']+)'"
)
# What ends so by what its row says, in words of the manifest.
REFUSALS = (
    ('extraction reports "encrypted"', {"encrypted"}),
    ("marked unreadable or partly readable", {"ready", "failed"}),
    ("marked unreadable", {"failed"}),
    ("pixel limit", {"failed"}),
    ("gigapixels refused", {"ready", "failed"}),
    ("900 megapixels", {"failed"}),
    ("preview fails within the memory limit", {"failed"}),
    ("fails within the memory limit", {"failed", "nothing"}),
    # Or it is text, whatever it is called: then it is read as that.
    ("extraction fails cleanly", {"failed", "nothing", "ready"}),
    ("extraction stops at its size limit", {"ready", "failed"}),
    ("extraction is killed at its limits", {"ready", "failed"}),
    ("shown decoded or with replacement", {"ready"}),
)
# What the row names cannot be in the text that is kept, for a reason.
WITHOUT_TEXT = {
    # The name of its attachment, decoded as it is shown.
    "mail/nonascii-filename.eml",
    # A picture of 81 megapixels: more than is decoded by default. Its thumbnail is drawn.
    "hostile/pdf/enormous-page.pdf",
}
# Scans that take seconds each; others like them are read in every run.
SLOW = {"scans/typewriter-dutch.png", "scans/huckleberry-page.pdf", "scans/hebrew.png"}
KEEPS_PAGES = ("pdf", "tiff", "image")


@dataclass(frozen=True)
class Case:
    path: str
    expected: str

    @property
    def words(self) -> list[str]:
        return [] if self.path in WITHOUT_TEXT else SAYS.findall(self.expected)

    @property
    def pages(self) -> int | None:
        found = re.search(r"(?:pages=|TIFF \d+x\d+ frames=)(\d+)", self.expected)
        return int(found.group(1)) if found else None

    @property
    def states(self) -> set[str]:
        return next((states for words, states in REFUSALS if words in self.expected), STATES)


def cases() -> list[Case]:
    """From the manifest itself: a file that is added there is a case here."""
    if not CORPUS.is_dir():
        return []
    rows = (line.split("\t") for line in (CORPUS / "MANIFEST.tsv").read_text().splitlines()[1:])
    return [Case(row[0], row[6]) for row in rows if not row[0].startswith("hostile/names")]


def has_words(told: Told, words: str) -> bool:
    """In the text or in the title, whatever the white space, and where lines end in a word."""
    there = letters_of(told.text + told.facts.title).replace("-", "").casefold()
    return letters_of(words).replace("-", "").casefold() in there


def test_the_corpus_is_here() -> None:
    if not cases():
        pytest.skip("the corpus of files (../shared/corpus) is not beside this checkout")
    assert len(cases()) > 150
    assert sum(bool(case.words) for case in cases()) > 40
    assert sum(case.states != STATES for case in cases()) > 15


def parameters() -> list[Any]:
    slow = pytest.mark.soak
    return [pytest.param(case, id=case.path, marks=[slow] if case.path in SLOW else []) for case in cases()]


@pytest.mark.parametrize("case", parameters())
def test_a_file_of_the_corpus_is_read_as_its_row_says(case: Case, reading_lane: Lane) -> None:
    told = told_once(reading_lane, CORPUS / case.path)
    assert told.state in case.states, told.end
    assert told.end.reason not in {"died", "time"}, told.end
    assert told.seconds < 60
    assert told.end.peak_bytes < 400 * 1024 * 1024
    assert all("\x00" not in page.text for page in told.pages)
    if "fails cleanly" in case.expected:
        assert told.facts.kind == "text" or told.state != "ready"
    if told.state == "encrypted":
        assert not told.text
        return
    for words in case.words:
        assert has_words(told, words), told.text[:2000]
    if case.pages is not None and told.state == "ready" and told.facts.kind in KEEPS_PAGES:
        assert told.facts.page_count == case.pages


GOLD = {
    "phototest": [
        "phototest.tif", "phototest-image-only.pdf", "phototest-rotated-180.png", "phototest-rotated-L.png",
        "phototest-exif6.jpg", "phototest.heic", "phototest.webp",
    ]
}  # fmt: skip


@pytest.mark.parametrize("name", GOLD["phototest"])
def test_recognised_letters_are_right_but_for_one_in_a_hundred(name: str, corpus: Path, reading_lane: Lane) -> None:
    gold = (corpus / "scans" / "phototest.gold.txt").read_text()
    told = told_once(reading_lane, corpus / "scans" / name)
    assert error_rate(told.text, gold) <= 0.01, told.text
    assert told.end.language == "en"
    page = told.pages[0]
    assert page.is_ocr
    assert page.words
    # Upright: the lines of this page are wider than the page is high.
    assert (page.width or 0) > (page.height or 0)
    assert [picture.kind for picture in told.pictures][-2:] == ["thumbnail", "page"]
    assert told.pictures[-1].width > told.pictures[-1].height


def test_six_languages_on_one_page_are_recognised_when_they_are_named(
    corpus: Path, reading_lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_lane, "languages", ["+".join(reading_lane.languages)])
    told = told_of(reading_lane, corpus / "scans" / "eurotext.tif")
    assert error_rate(told.text, (corpus / "scans" / "eurotext.gold.txt").read_text()) <= 0.01, told.text


def test_pages_with_text_are_not_recognised_once_more(corpus: Path, reading_lane: Lane) -> None:
    told = told_once(reading_lane, corpus / "scans" / "multipage-6.pdf")
    # The second is the picture of 81 megapixels, which is more than is decoded by default.
    assert [page.is_ocr for page in told.pages] == [True, False, True, False, True, True]
    assert [page.number for page in told.pages if len(page.text) < 20] == [2]
    assert (told.state, told.end.reason) == ("ready", "pixels")
    told = told_once(reading_lane, corpus / "hostile" / "pdf" / "enormous-page.pdf")
    assert (told.end.reason, [picture.kind for picture in told.pictures]) == ("pixels", ["thumbnail"])


def test_a_password_is_told_of_every_kind(corpus: Path, reading_lane: Lane) -> None:
    locked = sorted((corpus / "pdf").glob("*passw*")) + sorted((corpus / "pdf").glob("*pw-secret*"))
    locked += [corpus / "office" / "encrypted.odt", corpus / "office" / "protected-password-tika.docx"]
    assert len(locked) >= 5
    assert {told_once(reading_lane, path).state for path in locked} == {"encrypted"}


def test_limits_cut_and_say_so(corpus: Path, reading_lane: Lane) -> None:
    told = told_of(reading_lane, corpus / "pdf" / "merged-400-pages.pdf", limits=Limits(pages=7))
    assert (told.state, told.end.reason, len(told.pages)) == ("ready", "pages", 7)
    told = told_of(reading_lane, corpus / "text" / "udhr-article1-all-languages.txt", limits=Limits(characters=5000))
    assert (told.state, told.end.reason, len(told.text)) == ("ready", "characters", 5000)
