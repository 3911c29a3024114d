"""A paper of each kind, made here: its words are found, on the right page, with what it says of itself."""

import io
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from email.mime.image import MIMEImage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import Any

import pytest
from PIL import Image

from documents.extraction.kinds import Kind, kind_of
from documents.extraction.lane import Lane
from documents.extraction.limits import Limits
from documents.sniffing import SIGNATURES, sniff
from documents.tests.papers import archive, docx, pdf
from documents.tests.readings import error_rate, told_of
from documents.tests.test_searchable import LINES, a_scan, packed

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
SLIDES = "http://schemas.openxmlformats.org/presentationml/2006/main"
ODF = "urn:oasis:names:tc:opendocument:xmlns"


def with_parts(parts: dict[str, str]) -> bytes:
    """A ZIP of these parts under their own names."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in parts.items():
            made.writestr(name, text, zipfile.ZIP_STORED if name == "mimetype" else None)
    return out.getvalue()


def xlsx() -> bytes:
    def sheet(cells: str) -> str:
        return f'<worksheet xmlns="{MAIN}"><sheetData><row>{cells}</row></sheetData></worksheet>'

    ids = "".join(
        f'<Relationship Id="r{n}" Type="{RELATIONS}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in (1, 2)
    )
    sheets = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, name in ((1, "Bills"), (2, "Rest")))
    return with_parts(
        {
            "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{sheets}</sheets></workbook>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{ids}</Relationships>',
            "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}"><si><t>harbour dues</t></si></sst>',
            "xl/worksheets/sheet1.xml": sheet('<c t="s"><v>0</v></c><c><v>42.5</v></c>'),
            "xl/worksheets/sheet2.xml": sheet('<c t="inlineStr"><is><t>second sheet</t></is></c>'),
        }
    )


def pptx() -> bytes:
    def slide(text: str) -> str:
        return f'<p:sld xmlns:p="{SLIDES}" xmlns:a="{DRAWING}"><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:sld>'

    return with_parts(
        {
            "ppt/presentation.xml": f'<p:presentation xmlns:p="{SLIDES}"/>',
            "ppt/slides/slide1.xml": slide("The first slide"),
            "ppt/slides/slide2.xml": slide("The second slide"),
        }
    )


def odf(kind: str, body: str) -> bytes:
    spaces = " ".join(f'xmlns:{name}="{ODF}:{name}:1.0"' for name in ("office", "text", "table"))
    spaces += f' xmlns:draw="{ODF}:drawing:1.0"'
    content = f"<office:document-content {spaces}><office:body>{body}</office:body></office:document-content>"
    return with_parts({"mimetype": f"application/vnd.oasis.opendocument.{kind}", "content.xml": content})


def epub() -> bytes:
    chapters = {
        f"c{n}.xhtml": f"<html><body><p>Chapter {word}</p></body></html>" for n, word in ((1, "one"), (2, "two"))
    }
    items = "".join(f'<item id="{name[:2]}" href="{name}" media-type="application/xhtml+xml"/>' for name in chapters)
    return with_parts(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfiles><rootfile full-path="b.opf"/></rootfiles></container>',
            "b.opf": (
                '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>A book</dc:title></metadata>'
                f'<manifest>{items}</manifest><spine><itemref idref="c1"/><itemref idref="c2"/></spine></package>'
            ),
            **chapters,
        }
    )


def eml() -> bytes:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["Date"] = "Größe der Boote", "a@b.test", "Wed, 31 Jan 2024 12:00:00 +0000"
    mail.set_content("The words of the letter")
    mail.add_attachment(b"x", maintype="application", subtype="pdf", filename="bill.pdf")
    return mail.as_bytes()


def saved_page() -> bytes:
    """As a browser saves a page with its pictures."""
    page = MIMEMultipart("related", type="text/html")
    page["From"], page["Subject"] = "<Saved by a browser>", "An order"
    page.attach(MIMEText(HTML, "html", "utf-8"))
    page.attach(MIMEImage(b"\x89PNG", "png"))
    return page.as_bytes()


RTF = rb"{\rtf1\ansi\ansicpg1252 The size is Gr\'f6\'dfe of boats.}"
HTML = "<html><head><title>Page</title><script>alert(1)</script></head><body><p>Größe &amp; words</p></body></html>"
# Name, bytes, kind, texts of the pages (in part), and the title it gives itself.
PAPERS: list[tuple[str, Callable[[], bytes], str, list[str], str]] = [
    ("a.pdf", lambda: pdf("First page", "Second page", title="Dues"), "pdf", ["First page", "Second page"], "Dues"),
    ("a.docx", lambda: docx("One paragraph", "and another"), "docx", ["One paragraph\nand another"], ""),
    ("a.xlsx", xlsx, "xlsx", ["harbour dues\t42.5", "second sheet"], ""),
    ("a.pptx", pptx, "pptx", ["The first slide", "The second slide"], ""),
    (
        "a.odt",
        lambda: odf("text", "<office:text><text:p>Words of Writer</text:p></office:text>"),
        "odt",
        ["Words of Writer"],
        "",
    ),
    (
        "a.ods",
        lambda: odf(
            "spreadsheet",
            '<office:spreadsheet><table:table table:name="S"><table:table-row><table:table-cell><text:p>cell words'
            "</text:p></table:table-cell></table:table-row></table:table></office:spreadsheet>",
        ),
        "ods",
        ["cell words"],
        "",
    ),
    (
        "a.odp",
        lambda: odf(
            "presentation",
            "<office:presentation><draw:page><text:p>Impress one</text:p></draw:page>"
            "<draw:page><text:p>Impress two</text:p></draw:page></office:presentation>",
        ),
        "odp",
        ["Impress one", "Impress two"],
        "",
    ),
    (
        "a.odg",
        lambda: odf(
            "graphics", "<office:drawing><draw:page><text:p>Plan of the attic</text:p></draw:page></office:drawing>"
        ),
        "odp",
        ["Plan of the attic"],
        "",
    ),
    ("a.epub", epub, "epub", ["Chapter one", "Chapter two"], "A book"),
    ("a.eml", eml, "mail", ["The words of the letter"], "Größe der Boote"),
    ("a.mhtml", saved_page, "page", ["Größe & words"], "An order"),
    ("a.rtf", lambda: RTF, "rtf", ["Größe"], ""),
    ("a.html", lambda: HTML.encode("latin-1"), "html", ["Größe & words"], "Page"),
    ("a.csv", lambda: "Name;Größe\nBoot;12".encode("utf-16"), "text", ["Boot;12"], ""),
    ("a.md", lambda: "# Größe\n".encode(), "text", ["# Größe"], ""),
    ("a.txt", lambda: "Die Straße führt über Köln nach Düsseldorf".encode("latin-1"), "text", ["Straße"], ""),
]


@pytest.mark.parametrize(("name", "make", "kind", "pages", "title"), PAPERS, ids=[paper[0] for paper in PAPERS])
def test_a_paper_of_each_kind_is_read(
    name: str, make: Callable[[], bytes], kind: str, pages: list[str], title: str, reading_lane: Lane
) -> None:
    told = told_of(reading_lane, make(), name)
    assert (told.state, told.end.reason, told.facts.kind, told.facts.title) == ("ready", "", kind, title)
    assert len(told.pages) == len(pages)
    for page, words in zip(told.pages, pages, strict=True):
        assert words in page.text
    assert "alert" not in told.text
    if name == "a.pdf":
        assert told.facts.written_at is not None
        assert [picture.kind for picture in told.pictures] == ["thumbnail"]
    if name == "a.eml":
        assert "bill.pdf" in told.text


PICTURES: list[tuple[str, str, dict[str, Any]]] = [
    ("a.jpg", "JPEG", {"quality": 90}),
    ("a.png", "PNG", {}),
    ("a.webp", "WEBP", {"quality": 90}),
    ("a.tif", "TIFF", {}),
    ("a.gif", "GIF", {}),
    ("a.bmp", "BMP", {}),
    ("a.pdf", "PDF", {"resolution": 150}),
]


@pytest.mark.parametrize("mark", [mark for mark in SIGNATURES if mark[2].startswith("image/")], ids=repr)
def test_what_is_told_to_be_a_picture_is_read_as_one(mark: tuple[int, bytes, str]) -> None:
    offset, letters, kind = mark
    data = bytes(offset) + letters + bytes(40)
    assert sniff(data, "a.bin") == kind
    assert kind_of(io.BytesIO(data), len(data), kind) == Kind.IMAGE


def relations(**parts: str) -> str:
    """The list of what a part names: the id, and with it the kind and the target."""
    made = (
        f'<Relationship Id="{key}" Type="{RELATIONS}/{kind}" Target="{target}"/>'
        for key, (kind, target) in ((key, said.split(" ")) for key, said in parts.items())
    )
    return f'<Relationships xmlns="{PACKAGE}">{"".join(made)}</Relationships>'


def test_slides_are_in_their_order_with_their_notes_and_comments(reading_lane: Lane) -> None:
    def drawn(text: str) -> str:
        return f'<p:sld xmlns:p="{SLIDES}" xmlns:a="{DRAWING}"><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:sld>'

    parts = {
        "ppt/presentation.xml": f'<p:presentation xmlns:p="{SLIDES}" xmlns:r="{RELATIONS}"><p:sldIdLst>'
        '<p:sldId id="256" r:id="b"/><p:sldId id="257" r:id="a"/><p:sldId id="258" r:id="none"/></p:sldIdLst>'
        "</p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations(a="slide slides/slide1.xml", b="slide /ppt/slides/slide2.xml"),
        "ppt/slides/slide1.xml": drawn("Written first"),
        "ppt/slides/slide2.xml": drawn("Shown first"),
        "ppt/slides/slide3.xml": drawn("Thrown away"),
        "ppt/slides/_rels/slide2.xml.rels": relations(
            n="notesSlide ../notesSlides/notesSlide7.xml",
            c="comments ../comments/comment1.xml",
            x="image ../../../etc/x",
        ),
        "ppt/notesSlides/notesSlide7.xml": drawn("Say this slowly"),
        "ppt/comments/comment1.xml": f'<p:cmLst xmlns:p="{SLIDES}"><p:cm><p:text>Too long</p:text></p:cm></p:cmLst>',
    }
    told = told_of(reading_lane, with_parts(parts), "a.pptx")
    assert [page.text.split("\n") for page in told.pages] == [
        ["Shown first", "", "Say this slowly", "", "Too long"],
        ["Written first"],
    ]


def test_sheets_are_in_their_order_with_comments_and_boxes(reading_lane: Lane) -> None:
    def sheet(text: str) -> str:
        cell = f'<c t="inlineStr"><is><t>{text}</t></is></c>'
        return f'<worksheet xmlns="{MAIN}"><sheetData><row>{cell}</row></sheetData></worksheet>'

    parts = {
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>'
        '<sheet name="Now" sheetId="2" r:id="b"/><sheet name="Before" sheetId="1" r:id="a"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(
            a="worksheet worksheets/sheet1.xml", b="worksheet worksheets/Other.xml"
        ),
        "xl/worksheets/sheet1.xml": sheet("older"),
        "xl/worksheets/Other.xml": sheet("newer"),
        "xl/worksheets/_rels/Other.xml.rels": relations(
            c="comments ../comments1.xml", d="drawing ../drawings/drawing1.xml", e="comments ../gone.xml"
        ),
        "xl/comments1.xml": f'<comments xmlns="{MAIN}"><commentList><comment ref="A1"><text><r><t>ask the bank</t></r>'
        "</text></comment></commentList></comments>",
        "xl/drawings/drawing1.xml": f'<d xmlns:a="{DRAWING}"><a:p><a:r><a:t>a box of text</a:t></a:r></a:p></d>',
    }
    told = told_of(reading_lane, with_parts(parts), "a.xlsx")
    assert [page.text.split("\n") for page in told.pages] == [
        ["Now", "newer", "ask the bank", "", "a box of text"],
        ["Before", "older"],
    ]
    # A thread is told by itself; what stands for it in older programs is not.
    parts["xl/worksheets/_rels/Other.xml.rels"] = relations(
        c="comments ../comments1.xml", t="threadedComment ../threads/t.xml"
    )
    parts["xl/threads/t.xml"] = (
        "<ThreadedComments><threadedComment><text>ask again</text></threadedComment></ThreadedComments>"
    )
    assert told_of(reading_lane, with_parts(parts), "a.xlsx").pages[0].text.split("\n") == ["Now", "newer", "ask again"]


@pytest.mark.parametrize(("name", "kind", "more"), PICTURES, ids=[picture[0] for picture in PICTURES])
def test_words_on_a_picture_are_recognised_with_their_places(
    name: str, kind: str, more: dict[str, Any], reading_lane: Lane
) -> None:
    told = told_of(reading_lane, packed(a_scan(*LINES), kind, **more), name)
    assert error_rate(told.text, "".join(LINES)) <= 0.01, told.text
    page = told.pages[0]
    assert (page.is_ocr, page.turn, told.end.language) == (True, 0.0, "en")
    assert page.words
    assert {picture.kind for picture in told.pictures} == {"thumbnail", "page"}


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_scan_that_lies_on_its_side_is_put_upright(turn: int, reading_lane: Lane) -> None:
    told = told_of(reading_lane, packed(a_scan(*LINES, turn=turn), "PNG"), "a.png")
    assert error_rate(told.text, "".join(LINES)) <= 0.01, told.text
    page = told.pages[0]
    assert round(page.turn) % 360 == (360 - turn) % 360
    assert (page.width or 0) > (page.height or 0)
    assert told.pictures[-1].width > told.pictures[-1].height


@pytest.mark.parametrize("hyphen", ["-", "\xad"])
def test_a_word_that_was_parted_at_the_end_of_a_line_is_told_as_such(hyphen: str, reading_lane: Lane) -> None:
    lines = f"The R\xfcck{hyphen}) Tj 0 -20 Td (zahlung of House 12{hyphen}) Tj 0 -20 Td (13"
    data = pdf(lines).replace(b"/BaseFont /Helvetica", b"/BaseFont /Helvetica /Encoding /WinAnsiEncoding")
    assert told_of(reading_lane, data, "a.pdf").text == "The Rück-\nzahlung of House 12-\n13"


def test_a_scan_that_lies_a_little_askew_is_put_upright(reading_lane: Lane) -> None:
    askew = a_scan(*LINES).rotate(-4, resample=Image.Resampling.BICUBIC, fillcolor=255)
    told = told_of(reading_lane, packed(askew, "PNG"), "a.png")
    assert error_rate(told.text, "".join(LINES)) <= 0.02, told.text


@pytest.mark.parametrize("label", ["", "; charset=iso-8859-1", "; charset=us-ascii", "; charset=no-such"])
def test_a_mail_is_read_whatever_it_says_of_its_letters(label: str, reading_lane: Lane) -> None:
    head = f"From: a@b.test\r\nSubject: Größe\r\nMIME-Version: 1.0\r\nContent-Type: text/plain{label}\r\n\r\n"
    told = told_of(reading_lane, f"{head}Die Größe der Bücher für 20 €\r\n".encode("cp1252"), "a.eml")
    assert "Subject: Größe" in told.text
    assert "Die Größe der Bücher für 20 €" in told.text


def test_each_page_of_a_tiff_is_a_page(reading_lane: Lane) -> None:
    first, second = a_scan("The first page of two"), a_scan("The second page of two")
    data = packed(first, "TIFF", save_all=True, append_images=[second], compression="tiff_deflate")
    told = told_of(reading_lane, data, "a.tif")
    assert told.facts.page_count == 2
    assert [page.text for page in told.pages] == ["The first page of two", "The second page of two"]


def test_a_broken_file_of_each_kind_says_so(reading_lane: Lane) -> None:
    for name, data in (
        ("a.pdf", b"%PDF-1.4\nnothing else"),
        ("a.png", b"\x89PNG\r\n\x1a\nnothing else"),
        ("a.docx", archive(word__document_xml="<not xml")),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "WordDocument".encode("utf-16-le")),
    ):
        told = told_of(reading_lane, data, name)
        assert (told.state, told.end.reason) == ("failed", "unreadable"), (name, told.end)
        assert told.facts.kind  # what it was taken for is known all the same
    for name, data in (
        ("a.bin", bytes(range(256)) * 4),
        ("a.zip", b"PK\x03\x04" + bytes(40)),
        ("a.gz", b"\x1f\x8b" + bytes(9)),
    ):
        assert told_of(reading_lane, data, name).state == "nothing", name


# The guess of a language is measured apart from the letters.
SAID = {
    "en": "The harbour master sends the invoice for the berth and asks for payment in November.",
    "de": "Der Hafenmeister schickt die Rechnung für den Liegeplatz und bittet um Zahlung im November.",
    "fr": "Le capitaine du port envoie la facture pour la place et demande le paiement en novembre.",
    "it": "Il capitano del porto manda la fattura per il posto barca e chiede il pagamento a novembre.",
    "es": "El capitán del puerto envía la factura del amarre y pide que se pague en noviembre.",
    "pt": "O capitão do porto envia a fatura do lugar e pede que seja paga em novembro.",
    "nl": "De havenmeester stuurt de rekening voor de ligplaats en vraagt om betaling in november.",
    "ru": "Начальник порта присылает счёт за стоянку и просит оплатить его в ноябре.",
    "zh": "港务长寄来泊位的发票,并要求在十一月付款。",
    "ja": "港長は係留の請求書を送り、十一月に支払うよう求めています。",
}


def test_the_language_of_a_text_is_guessed(reading_lane: Lane) -> None:
    found = {language: told_of(reading_lane, text.encode(), "a.txt").end.language for language, text in SAID.items()}
    assert found == {language: language for language in SAID}
    assert told_of(reading_lane, b"x1 y2", "a.txt").end.language == ""


def test_a_scan_in_another_language_is_recognised_in_it(reading_lane: Lane) -> None:
    # In letters that the font has which comes with Pillow.
    lines = ("Der Hafenmeister schickt die Rechnung", "und bittet darum sie im November zu zahlen", "bevor es schneit")
    told = told_of(reading_lane, packed(a_scan(*lines), "PNG"), "a.png")
    assert told.end.language == "de"
    assert error_rate(told.text, "".join(lines)) <= 0.01, told.text


def test_text_without_pages_is_kept_in_pieces_that_end_where_lines_do(reading_lane: Lane) -> None:
    text = "\n".join(f"line {number} of a long text" for number in range(6000))
    told = told_of(reading_lane, text.encode(), "a.txt")
    assert len(told.pages) > 2
    assert "".join(page.text for page in told.pages) == text
    assert all(page.text.endswith("\n") for page in told.pages[:-1])
    assert told_of(reading_lane, text.encode(), "a.txt", limits=Limits(characters=100)).end.reason == "characters"
