"""A searchable PDF: the words of a scan can be found where they stand, in any script, however the page is turned."""

import base64
import io
import json
import math
import os
from collections.abc import Callable, Iterator
from typing import Any

import pikepdf
import pypdfium2 as pdfium
import pytest
from django.test import Client
from PIL import Image, ImageDraw, ImageFont

from accounts.actors import Actor
from accounts.models import User
from documents import previews, uploads
from documents.actions.reading import read_waiting
from documents.extraction.frames import pack_words
from documents.extraction.lane import Lane
from documents.models import Document
from documents.tests.papers import PDF, docx
from documents.tests.readings import Told, told_of
from documents.tests.test_reading import put, reading_of
from sharing.access import Level
from sharing.actions import share
from sharing.models import AuditEvent

WORDS = ["Größe", "café", "naïve", "文書管理", "請求書", "Ελλάδα", "Договор", "żółć", "Ångström", "한국어", "ไทย"]
SIZE = (1000, 1400)


def boxes_of(words: list[str]) -> list[tuple[float, float, float, float, str]]:
    """One below the other, each at a place of its own, on a page of SIZE."""
    return [(100 + 20 * n, 100 + 110 * n, 400 + 20 * n, 150 + 110 * n, word) for n, word in enumerate(words)]


def a_pdf(*, rotate: int = 0, box: tuple[float, ...] = (0, 0, 500, 700), crop: tuple[float, ...] = ()) -> bytes:
    """One page with a line of its own, as an untidy program leaves it: scaled, and never put right again."""
    made = pikepdf.new()
    page = pikepdf.Dictionary(
        Type=pikepdf.Name.Page,
        MediaBox=pikepdf.Array([*box]),
        Contents=made.make_stream(b"0.1 0 0 0.1 77 33 cm q q 1 0 0 RG 0 0 m 99 99 l S"),
    )
    if rotate:
        page.Rotate = rotate
    if crop:
        page.CropBox = pikepdf.Array([*crop])
    made.pages.append(pikepdf.Page(made.make_indirect(page)))
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def copied(lane: Lane, original: bytes, turn: float, size: tuple[int, int] = SIZE, words: Any = WORDS) -> Told:
    told = {
        "number": 1,
        "turn": turn,
        "width": size[0],
        "height": size[1],
        "words": base64.b64encode(pack_words(boxes_of(words))).decode(),
    }
    with os.fdopen(os.memfd_create("told"), "w+b") as beside:
        beside.write(json.dumps([told]).encode())
        beside.seek(0)
        return told_of(lane, original, "a.pdf", "copy", beside=beside)


def words_on(data: bytes, number: int = 0) -> Iterator[tuple[str, tuple[float, float]]]:
    """Each word that pdfium finds, with its middle in fractions of the page as it is shown, from its top left."""
    document = pdfium.PdfDocument(data)
    page = document[number]
    text = page.get_textpage()
    whole = text.get_text_range()
    width, height = page.get_size()
    for word in dict.fromkeys(whole.split()):
        at = whole.index(word)
        boxes = [text.get_charbox(i) for i in range(at, at + len(word))]
        left, bottom = min(b[0] for b in boxes), min(b[1] for b in boxes)
        right, top = max(b[2] for b in boxes), max(b[3] for b in boxes)
        x, y = shown_at(page, (left + right) / 2, (bottom + top) / 2)
        yield word, (x / width, y / height)


def shown_at(page: Any, x: float, y: float) -> tuple[float, float]:
    """A point of the page's own space where a person sees it."""
    left, bottom, right, top = page.get_cropbox()
    across, up = right - left, top - bottom
    x, y = x - left, y - bottom
    x, y = {0: (x, y), 90: (y, across - x), 180: (across - x, up - y), 270: (up - y, x)}[page.get_rotation()]
    return x, page.get_size()[1] - y


PAGES = [(0, 0.0), (90, 0.0), (180, 0.0), (270, 0.0)]
TURNS = [*PAGES, (0, 90.0), (0, 180.0), (0, 270.0), (90, 270.0), (0, 3.0), (0, 87.0)]


@pytest.mark.parametrize(("rotate", "turn"), TURNS)
def test_words_are_found_where_they_stand_however_a_page_is_turned(
    rotate: int, turn: float, reading_lane: Lane
) -> None:
    box, crop = (20.0, 30.0, 560.0, 770.0), (40.0, 50.0, 540.0, 750.0)  # 500 x 700 are shown
    quarter = round(turn / 90) * 90
    is_sideways = (rotate in {90, 270}) != (quarter in {90, 270})
    size = (SIZE[1], SIZE[0]) if is_sideways else SIZE  # of the upright picture
    words = WORDS[:8]
    told = copied(reading_lane, a_pdf(rotate=rotate, box=box, crop=crop), turn, size, words)
    assert told.state == "ready", told.end
    found = dict(words_on(told.copy))
    assert set(found) == set(words)
    for left, top, right, bottom, word in boxes_of(words):
        x, y = lying((left + right) / 2, (top + bottom) / 2, size, turn)
        assert math.dist((x, y), found[word]) < 0.02, word


def lying(x: float, y: float, size: tuple[int, int], turn: float) -> tuple[float, float]:
    """A point of the upright picture, in fractions of the picture as it came: turned back by a picture itself."""
    quarter = round(turn / 90) * 90 % 360
    rest = math.radians(turn - round(turn / 90) * 90)
    a, b = x - size[0] / 2, y - size[1] / 2
    x = (a * math.cos(rest) + b * math.sin(rest) + size[0] / 2) / size[0]
    y = (-a * math.sin(rest) + b * math.cos(rest) + size[1] / 2) / size[1]
    return {0: (x, y), 90: (y, 1 - x), 180: (1 - x, 1 - y), 270: (1 - y, x)}[quarter]


def test_every_script_comes_out_as_it_went_in(reading_lane: Lane) -> None:
    words = [*WORDS, "𠮷野家"]  # the first letter lies beyond the first 65,536
    told = copied(reading_lane, a_pdf(), 0.0, words=words)
    document = pdfium.PdfDocument(told.copy)
    assert document[0].get_textpage().get_text_range().split() == words
    with pikepdf.open(io.BytesIO(told.copy)) as made:
        assert made.check_pdf_syntax() == [] if hasattr(made, "check_pdf_syntax") else True
        font = made.pages[0].Resources.Font["/DocuVaultWords"]
        assert bytes(font.DescendantFonts[0].FontDescriptor.FontFile2.read_bytes()).startswith(b"\0\1\0\0")


def test_words_from_right_to_left_are_in_their_own_order(reading_lane: Lane) -> None:
    words = ["שלום", "ירושלים", "مرحبا", "السلام"]
    told = copied(reading_lane, a_pdf(), 0.0, words=words)
    assert pdfium.PdfDocument(told.copy)[0].get_textpage().get_text_range().split() == words


def test_the_page_itself_looks_as_before(reading_lane: Lane) -> None:
    original = a_pdf(rotate=90)
    told = copied(reading_lane, original, 0.0, (SIZE[1], SIZE[0]))

    def drawn(data: bytes) -> bytes:
        return bytes(pdfium.PdfDocument(data)[0].render(scale=1).to_pil().tobytes())

    assert drawn(told.copy) == drawn(original)


# --- From a real scan, through the vault ----------------------------------------------------------------


def a_scan(*lines: str, turn: int = 0, size: tuple[int, int] = (1000, 700)) -> Image.Image:
    picture = Image.new("L", size, 255)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=34)
    for number, line in enumerate(lines):
        pen.text((80, 80 + 70 * number), line, fill=0, font=font)
    return picture.rotate(-turn, expand=True)


LINES = (
    "The harbour master sends the invoice", "for the berth of the yellow boat", "and asks for payment in November",
    "before the winter storms arrive here",
)  # fmt: skip


def packed(picture: Image.Image, kind: str, **more: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("plain.jpg", packed(a_scan(*LINES), "JPEG", quality=90, dpi=(150, 150))),
        ("turned.png", packed(a_scan(*LINES, turn=180), "PNG")),
        ("black-and-white.tif", packed(a_scan(*LINES).convert("1"), "TIFF", dpi=(200, 200))),
        ("scan.pdf", packed(a_scan(*LINES), "PDF", resolution=150)),
    ],
)
def test_a_scan_becomes_a_pdf_in_which_its_words_are_found(
    name: str, data: bytes, alice: User, alice_actor: Actor, reading_lane: Lane, client_for: Callable[[User], Client]
) -> None:
    document = put(name, data, alice_actor)
    read_waiting(reading_lane)
    row = reading_of(document)
    assert (row.state, row.is_scanned) == ("ready", True)
    client = client_for(alice)
    page = client.get(f"/documents/{document.pk}/").content.decode()
    assert f"/documents/{document.pk}/searchable/" in page
    answer = client.get(f"/documents/{document.pk}/searchable/")
    made = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert answer.headers["Content-Type"] == "application/pdf"
    assert int(answer.headers["Content-Length"]) == len(made)
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    found = dict(words_on(made))
    for word, across, down in (("harbour", 0.24, 0.14), ("berth", 0.25, 0.24), ("winter", 0.3, 0.44)):
        assert math.dist(found[word], (across, down)) < 0.08, (word, found[word])
    if name == "plain.jpg":
        with pikepdf.open(io.BytesIO(made)) as copy:
            assert copy.pages[0].Resources.XObject["/Im"].read_raw_bytes() == data
    assert b"".join(client.get(f"/documents/{document.pk}/download/").streaming_content) == data  # type: ignore[attr-defined]
    assert AuditEvent.objects.filter(action="document_downloaded", target_id=str(document.pk)).count() == 1


@pytest.mark.parametrize("held", range(1, 9))
def test_a_photograph_is_right_way_up_however_the_camera_was_held(held: int, reading_lane: Lane) -> None:
    back = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[held]  # fmt: skip
    upright = Image.new("RGB", (60, 40), "white")
    upright.paste("red", (0, 0, 30, 20))
    upright.paste("blue", (30, 20, 60, 40))
    stored = upright.transpose(back) if back is not None else upright
    exif = Image.Exif()
    exif[0x0112] = held
    told = copied(reading_lane, packed(stored, "JPEG", quality=95, exif=exif, subsampling=0), 0.0, (60, 40), [])
    assert told.state == "ready", told.end
    drawn = pdfium.PdfDocument(told.copy)[0].render(scale=2).to_pil().convert("RGB")
    assert drawn.width > drawn.height
    corners = [
        drawn.getpixel((round(drawn.width * x), round(drawn.height * y))) for x in (0.2, 0.8) for y in (0.2, 0.8)
    ]
    assert [colour_of(one) for one in corners] == ["red", "white", "white", "blue"]


def colour_of(pixel: Any) -> str:
    red, green, blue = pixel
    return "white" if green > 150 else "red" if red > blue else "blue"


def test_who_may_see_it_may_have_it_and_nobody_else(
    alice_actor: Actor, bob: User, charlie: User, reading_lane: Lane, client_for: Callable[[User], Client]
) -> None:
    document = put("scan.png", packed(a_scan(*LINES), "PNG"), alice_actor)
    share(document, bob, Level.VIEW, by=alice_actor)
    read_waiting(reading_lane)
    address = f"/documents/{document.pk}/searchable/"
    assert client_for(charlie).get(address).status_code == 404
    assert client_for(bob).get(address).status_code == 200
    before = document.current_version_id
    assert client_for(bob).get(f"{address}?version={before}").status_code == 200
    uploads.store_stream("scan.png", iter([PDF]), None, size_bound=len(PDF), by=alice_actor, replaces=document)
    assert client_for(bob).get(f"{address}?version={before}").status_code == 403


def test_what_has_no_recognised_words_has_no_such_copy(
    alice: User, alice_actor: Actor, reading_lane: Lane, client_for: Callable[[User], Client]
) -> None:
    client = client_for(alice)
    made: list[Document] = [put("a.pdf", PDF, alice_actor), put("b.docx", docx("words"), alice_actor)]
    read_waiting(reading_lane)
    for document in made:
        assert "searchable/" not in client.get(f"/documents/{document.pk}/").content.decode()
        assert client.get(f"/documents/{document.pk}/searchable/").status_code == 302
        assert document.current_version is not None
        with pytest.raises(previews.NotMade):
            previews.searchable_copy(document.current_version)
