"""The main job, by a real Chromium: drop a scan, see it being read, find it by a word, land on the marked page."""

import io
import signal
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Page, expect

from docuvault.stack.process import end
from tests.browser.conftest import CHECKOUT, Site
from tests.browser.hands import DESKTOP, PHONE, Visit, add, drop, thing, toast_says

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]
WIDTH, HEIGHT = 1240, 1754
# Where the word stands that is looked for: its line, and the share of the page's height.
WORD, LINE_AT = "Walnussbaum", 0.4
# How dark the picture is within the current mark, and around the whole of it: letters against paper.
INK = """async () => {
  const box = document.querySelector('.word-hit.is-current');
  const sheet = box.closest('.sheet');
  const picture = sheet.querySelector('img');
  await picture.decode();
  const frame = sheet.querySelector('.turn');
  const canvas = new OffscreenCanvas(picture.naturalWidth, picture.naturalHeight);
  const context = canvas.getContext('2d');
  context.drawImage(picture, 0, 0);
  const part = (name, all) => parseFloat(box.style[name]) / 100 * all;
  const [x, y] = [part('left', canvas.width), part('top', canvas.height)];
  const [w, h] = [part('width', canvas.width), part('height', canvas.height)];
  const dark = (...area) => {
    const { data } = context.getImageData(...area.map(Math.round));
    let count = 0;
    for (let i = 0; i < data.length; i += 4) count += data[i] < 128;
    return count / (data.length / 4);
  };
  const ink = { inside: dark(x, y, w, h), above: dark(x, y - h, w, h * 0.8) };
  return { ...ink, top: y / canvas.height, upright: canvas.height > canvas.width };
}"""


def scan(turned: int = 0) -> bytes:
    """A letter as a scanner gives it: lines of words as dots, perhaps upside down."""
    paper = Image.new("L", (WIDTH, HEIGHT), 250)
    pen, font = ImageDraw.Draw(paper), ImageFont.load_default(36)
    lines = [
        "Sehr geehrte Damen und Herren,",
        "hiermit senden wir den Auftrag vom Montag",
        "hinter dem Garten neben dem Haus.",
        "Wir danken sehr herzlich, auch im Namen der Nachbarn,",
        "die von der Arbeit am meisten haben werden.",
        "Alles Weitere steht in dem Brief, der diesem beiliegt.",
        f"Der alte {WORD} wird im Herbst geschnitten.",
        "Bitte sagen Sie uns bis Ende des Monats, ob das so bleibt.",
        "Der Wagen kommt am Morgen und steht vor dem Tor,",
        "damit niemand durch die Beete gehen muss.",
        "Was abgeschnitten wird, nehmen wir gleich wieder mit.",
        "Mit den besten Worten von uns allen",
    ]
    for number, line in enumerate(lines):
        pen.text((120, HEIGHT * LINE_AT + 90 * (number - 6)), line, font=font, fill=20)
    made = io.BytesIO()
    paper.rotate(-turned, expand=True).save(made, "PNG")
    return made.getvalue()


@pytest.fixture(scope="module")
def readers(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The part of the stack that reads, beside the site."""
    with (tmp_path_factory.mktemp("reader") / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "read"],
            cwd=CHECKOUT,
            env={**site.environment, "DOCUVAULT_READERS": "1", "DOCUVAULT_DB_POOL_SIZE": "0"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        yield
        end(process, signal.SIGTERM, patience=15)


def until_read(page: Page) -> None:
    """The state beside the document says so by itself, in the page that stays."""
    page.evaluate("window.isTheSamePage = true")
    expect(page.locator(".reading-state .badge")).to_have_text("Read", timeout=120_000)
    expect(page.locator("#viewer")).to_have_attribute("data-viewer", "scan", timeout=20_000)
    assert page.evaluate("window.isTheSamePage"), "the page was loaded anew"


def look_for(page: Page, words: str, name: str = "") -> None:
    """By the box of every page, and from the hit of this name, or the first, to its page."""
    page.locator("#search").fill(words)
    page.locator("#search").press("Enter")
    page.wait_for_url("**/find/**")
    page.locator(".hit-name a").filter(has_text=name).first.click()


def searchable(page: Page, folder: Path) -> pdfium.PdfDocument:
    """What the button gives: a PDF of the scan with its words."""
    with page.expect_download(timeout=60_000) as sent:
        page.get_by_role("link", name="Download searchable PDF").click()
    assert sent.value.suggested_filename.endswith(".pdf")
    sent.value.save_as(folder / "searchable.pdf")
    return pdfium.PdfDocument(folder / "searchable.pdf")


def assert_marked(page: Page) -> None:
    """The page of the hit is shown, and the mark lies on the ink of the word, where that was drawn."""
    expect(page.locator(".word-hit.is-current")).to_be_visible(timeout=60_000)
    expect(page.locator("[data-find-told]")).to_have_text("1 of 1")
    found = page.evaluate(INK)
    assert found["upright"]
    assert found["inside"] > 0.08, found
    assert found["above"] < 0.02, found
    assert abs(found["top"] - LINE_AT) < 0.03, found


def test_a_scan_that_was_dropped_is_read_and_found_by_a_word_on_its_page(
    visit: Visit, readers: None, tmp_path: Path
) -> None:
    visitor = visit(**DESKTOP)
    page = visitor.page
    (tmp_path / "letter.png").write_bytes(scan())
    page.goto("/files/")
    drop(page, tmp_path / "letter.png")
    expect(page.locator(".tray-item.is-done")).to_have_count(1, timeout=60_000)
    thing(page, "letter.png").click()
    until_read(page)
    visitor.check_access()

    # The words are there to be selected, in reading order.
    words = page.locator(".scan-text span")
    expect(words.first).to_be_attached()
    page.evaluate("getSelection().selectAllChildren(document.querySelector('.scan-text'))")
    selected = " ".join(page.evaluate("getSelection().toString()").split())
    assert "hiermit senden wir den Auftrag" in selected
    assert "neben dem Haus. Wir danken" in selected

    look_for(page, WORD.lower())
    assert_marked(page)
    visitor.check_access()
    # Turned by hand the mark goes along; larger, it stays in sight.
    before = page.locator(".word-hit.is-current").bounding_box()
    page.keyboard.press("r")
    after = page.locator(".word-hit.is-current").bounding_box()
    assert before is not None
    assert after is not None
    assert before["width"] > before["height"]
    assert after["width"] < after["height"]
    sheet = page.locator(".sheet").bounding_box()
    assert sheet is not None
    assert sheet["width"] > sheet["height"]
    assert sheet["x"] - 1 <= after["x"]
    assert after["y"] + after["height"] <= sheet["y"] + sheet["height"] + 1


def test_scans_on_their_head_and_on_their_side_are_put_upright_marked_there_and_downloaded_with_their_words(
    visit: Visit, readers: None, tmp_path: Path
) -> None:
    visitor = visit(**DESKTOP)
    page = visitor.page
    scans = {"headfirst.png": 180, "on its side.png": 90}
    for name, turned in scans.items():
        (tmp_path / name).write_bytes(scan(turned))
    page.goto("/files/")
    add(page, [tmp_path / name for name in scans])
    # In the list, too, it is told when they have been read: their pictures come, their clocks go.
    page.evaluate("window.isTheSamePage = true")
    expect(page.locator(".row img.thumb")).to_have_count(2, timeout=120_000)
    expect(page.locator("[data-waiting]")).to_have_count(0)
    assert page.evaluate("window.isTheSamePage"), "the page was loaded anew"
    thing(page, "headfirst.png").click()
    until_read(page)
    for name in scans:
        look_for(page, WORD, name)
        assert_marked(page)
    # The one on its side, as a PDF in which words can be found and copied; the scan itself is as it was.
    made = searchable(page, tmp_path)
    text = made[0].get_textpage()
    assert text.search(WORD).get_next() is not None
    assert "hiermit senden wir den Auftrag" in text.get_text_bounded()
    width, height = made[0].get_size()
    assert height > width, "upright, as it is shown"
    with page.expect_download() as sent:
        page.get_by_role("link", name="Download", exact=True).click()
    sent.value.save_as(tmp_path / "original.png")
    assert (tmp_path / "original.png").read_bytes() == (tmp_path / "on its side.png").read_bytes()


def test_the_same_on_a_phone(visit: Visit, readers: None, tmp_path: Path) -> None:
    visitor = visit(**PHONE)
    page = visitor.page
    (tmp_path / "letter.png").write_bytes(scan())
    page.goto("/files/")
    add(page, [tmp_path / "letter.png"])
    thing(page, "letter.png").click()
    until_read(page)
    visitor.check_access()
    look_for(page, WORD)
    assert_marked(page)
    box = page.locator(".word-hit.is-current").bounding_box()
    assert box is not None
    assert 0 <= box["x"] <= 390 - box["width"]
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_what_hangs_on_a_mail_is_kept_by_its_button_and_is_a_document_of_its_own(visit: Visit, tmp_path: Path) -> None:
    visitor = visit(**DESKTOP)
    page = visitor.page
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "Ann <a@b.example>", "c@d.example", "The papers"
    letter.set_content("Dear all,\n\nhere they are.")
    letter.add_attachment(b"the first words", "text", "plain", filename="first.txt")
    letter.add_attachment(scan(), "image", "png", filename="second.png")
    (tmp_path / "papers.eml").write_bytes(letter.as_bytes())
    page.goto("/files/")
    add(page, [tmp_path / "papers.eml"])
    thing(page, "papers.eml").click()
    page.get_by_role("link", name="Keep in my vault…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("first.txt")).to_be_checked()
    visitor.check_access()
    dialog.get_by_label("second.png").uncheck()
    dialog.get_by_role("button", name="Keep in my vault").click()
    toast_says(page, "1 file is kept.")
    expect(dialog).to_have_count(0)
    page.goto("/files/")
    expect(thing(page, "second.png")).to_have_count(0)
    thing(page, "first.txt").click()
    expect(page.locator("#viewer")).to_contain_text("the first words")
    page.goto("/files/")
    # Without scripts and a second time: the rest comes, and what is there is not doubled.
    thing(page, "papers.eml").click()
    page.goto(page.get_by_role("link", name="Keep in my vault…").get_attribute("href") or "")
    page.get_by_role("button", name="Keep in my vault").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("second.png")
    page.goto("/files/")
    expect(thing(page, "second.png")).to_have_count(1)
    expect(thing(page, "first.txt")).to_have_count(1)
