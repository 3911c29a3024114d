"""PDFs that somebody has filled in or written notes on: what was typed is found and seen as what is printed is."""

import io

import pikepdf
from PIL import Image

from documents.extraction.lane import Lane
from documents.tests.papers import NAME, PDF, field, form, pdf
from documents.tests.readings import Told, told_of
from documents.tests.test_searchable import LINES, a_scan, packed


def read(lane: Lane, data: bytes, name: str = "form.pdf") -> Told:
    return told_of(lane, data, name)


def ink(told: Told) -> int:
    """How much of the first picture is dark."""
    with Image.open(io.BytesIO(told.pictures[0].data)) as picture:
        return sum(picture.convert("L").histogram()[:128])


def test_what_a_form_was_filled_in_with_is_read_and_seen(reading_lane: Lane) -> None:
    told = read(
        reading_lane,
        form(
            NAME,
            field("Ch", "20 130 300 150", "/Ff 131072 /T (land) /Opt [(Utrecht) (Drenthe)] /V (Drenthe)"),
            field("Tx", "20 190 300 210", "/T (secret) /Ff 8192 /V (hunter2)"),
            field("Btn", "20 160 40 180", "/T (box) /V /Yes /AS /Yes"),
            field("Tx", "20 100 300 120", "/T (empty)"),
            field("Tx", "20 70 300 90", "/F 2 /T (hidden) /V (unseen)").replace("/F 4 ", ""),
        ),
    )
    assert told.text.split("\n") == ["Application for a residence permit", "Wilhelmina Oosterbeek", "Drenthe"]
    assert ink(told) > ink(read(reading_lane, form())) * 1.3


def test_a_value_that_stands_with_the_fields_parent_is_read(reading_lane: Lane) -> None:
    """As where one field is shown in several places: the values of these are with what they have in common."""
    data = form(
        "/Subtype /Widget /Parent 8 0 R /Rect [20 220 300 240] /F 4",
        "/Kids [7 0 R] /FT /Tx /T (n) /V (Bergen op Zoom)",
        fields="8 0 R",
    )
    assert "Bergen op Zoom" in read(reading_lane, data).text


def test_comments_are_read_and_links_and_what_is_hidden_are_not(reading_lane: Lane) -> None:
    told = read(
        reading_lane,
        form(
            "/Subtype /Text /Contents (Ask the notary about the seal) /Rect [350 250 370 270]",
            r"/Subtype /FreeText /Contents (Paid on Tuesday\rin cash) /DA (/Helv 12 Tf 0 g) /Rect [200 60 380 80]",
            "/Subtype /Highlight /Contents <FEFF0441043F0430044104380431043E>"
            " /QuadPoints [20 270 200 270 20 255 200 255] /Rect [20 255 200 270]",
            "/Subtype /Link /Contents (a link) /Rect [20 20 100 40]",
            "/Subtype /Text /F 2 /Contents (hidden words) /Rect [350 200 370 220]",
            "/Subtype /Text /Contents (resident) /Rect [0 0 9 9]",
            "/Subtype /Stamp /Contents (residence permit) /Rect [20 10 90 40]",
        ),
    )
    printed, *said = told.text.split("\n")
    assert printed == "Application for a residence permit"
    assert said == ["Ask the notary about the seal", "Paid on Tuesday", "in cash", "спасибо", "resident"], (
        "what is printed too is said once"
    )


def test_a_page_with_nothing_but_notes_is_not_empty(reading_lane: Lane) -> None:
    told = read(reading_lane, form(NAME, printed=""))
    assert (told.state, told.text) == ("ready", "Wilhelmina Oosterbeek")


def test_a_scanned_form_that_was_filled_in_has_both(reading_lane: Lane) -> None:
    scan = packed(a_scan(*LINES), "PDF", resolution=150)
    with pikepdf.open(io.BytesIO(scan)) as document:
        note = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Text, Contents="Ask the notary", Rect=[10, 10, 20, 20]
        )
        document.pages[0].obj.Annots = document.make_indirect(pikepdf.Array([document.make_indirect(note)]))
        out = io.BytesIO()
        document.save(out)
    told = read(reading_lane, out.getvalue())
    assert told.pages[0].is_ocr
    assert LINES[0] in told.text
    assert told.text.endswith("\nAsk the notary")


def test_what_is_wrong_with_notes_costs_only_them(reading_lane: Lane) -> None:
    """Lists that name themselves, numbers without an object, values of the wrong kind and of no end."""
    kinds = (
        "/Subtype /Widget /Parent 7 0 R /Kids [7 0 R] /FT /Tx /V 7 0 R /Rect [0 0 9 9]",
        "/Subtype /Text /Contents 12",
        "/Subtype /Nothing /Contents (odd) /Rect [0 0 1 1]",
        "/Subtype /Text /Contents <D800FEFF00>",
    )
    told = read(reading_lane, form(*kinds, fields="7 0 R 7 0 R 99 0 R 3 0 R"))
    assert told.state == "ready"
    assert told.text.startswith("Application for a residence permit")
    long = read(reading_lane, form(f"/Subtype /Text /Contents ({'x' * 300_000}) /Rect [0 0 9 9]", NAME))
    assert long.text.split("\n") == ["Application for a residence permit", "Wilhelmina Oosterbeek"]
    many = read(
        reading_lane, form(*(f"/Subtype /Text /Contents (note {n} of many) /Rect [0 0 9 9]" for n in range(7_000)))
    )
    assert many.state == "ready"
    assert "note 4000 of many" in many.text
    assert len(many.text) < 120_000


def test_a_paper_without_notes_reads_as_before(reading_lane: Lane) -> None:
    assert read(reading_lane, PDF).text == "Invoice of the harbour master, number 4711"
    assert [page.text for page in read(reading_lane, pdf("one page of two", "two pages of two")).pages] == [
        "one page of two",
        "two pages of two",
    ]
