"""PDF: the text of each page where there is one, recognised where a page is only a picture, and pictures of pages."""

import ctypes
import mmap
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pypdfium2 as pdfium
import pypdfium2.raw as raw
from PIL import Image

from documents.extraction import pictures
from documents.extraction.annotations import begin_forms, written_on
from documents.extraction.limits import Limits
from documents.extraction.ocr import Recogniser
from documents.extraction.refusals import Locked, Unreadable
from documents.extraction.telling import Teller

# A page with fewer letters than this may be a scan with a stamp on it.
LITTLE_TEXT = 12
OCR_DPI, LEAST_DPI = 300, 72
MOST_SIDE = 20_000
OBJECTS_LOOKED_AT = 200
PIXEL_BITS = 24
# Where a word was parted at the end of a line: PDFium's own signs for it, and other hyphens than the plain one.
_PARTED = re.compile("[\x02\ufffe]|[\u00ad\u2010]\n")
_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?")


def _sample() -> bytes:
    """A letter with the fonts that every PDF may use."""
    names = ("Helvetica", "Times-Roman", "Courier", "Arial")
    fonts = " ".join(f"/F{n} << /Type /Font /Subtype /Type1 /BaseFont /{name} >>" for n, name in enumerate(names))
    line = "the quick brown fox of a letter that nobody has written jumps over a lazy dog, 1234567890"
    drawn = "BT 8 TL 20 66 Td " + " ".join(f"/F{n % len(names)} 9 Tf ({line}) Tj T*" for n in range(8)) + " ET"
    return (
        f"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
        f"2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n"
        f"3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 842 72] /Contents 4 0 R"
        f" /Resources << /Font << {fonts} >> >> >>\nendobj\n"
        f"4 0 obj\n<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream\nendobj\n"
        "trailer\n<< /Root 1 0 R >>\n%%EOF"
    ).encode()


SAMPLE = _sample()


@contextmanager
def open_pdf(file: BinaryIO) -> Iterator[pdfium.PdfDocument]:
    """Over the file itself, mapped: only what is looked at is read. Raises Locked, Unreadable."""
    file.seek(0)
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    held = (ctypes.c_ubyte * len(mapped)).from_buffer(mapped)
    try:
        document = pdfium.PdfDocument(held)
    except pdfium.PdfiumError as error:
        if getattr(error, "err_code", None) in {raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY}:
            raise Locked from error
        raise Unreadable from error
    begin_forms(document)
    try:
        yield document
    finally:
        document.close()


def read_pdf(file: BinaryIO, teller: Teller, limits: Limits, recogniser: Recogniser) -> None:
    with open_pdf(file) as document:
        count = len(document)
        title, written_at = _said(document)
        readable = min(count, limits.pages)
        if not count or not _has_any_page(document, min(count, 50)):
            raise Unreadable
        teller.facts("pdf", count if count <= limits.pages else _honest(document, count), title, written_at)
        without_text: list[int] = []
        missing = 0
        first: pdfium.PdfPage | None = None  # kept open: its picture comes after the text
        for index in range(readable):
            page = _page(document, index)
            if index == 0:
                first = page
            if page is None:
                missing += 1
                if missing > 200:  # a claimed number of pages that are not there
                    break
                continue
            try:
                text = _text_of(page)
                is_good = _is_good(text)
                if not is_good and recogniser.is_able and _may_be_picture(page, text):
                    without_text.append(index)
                    if len(without_text) <= limits.ocr_pages:
                        continue
                shown = text if is_good or _is_shown(text) else ""
                teller.page(
                    _joined(shown, written_on(document, page, shown)),
                    index + 1,
                    width=page.get_width(),
                    height=page.get_height(),
                )
            finally:
                if index:
                    page.close()
        if count > readable:
            teller.cut = "pages"
        if not without_text:
            teller.text_done()
        is_heavy = first is not None and _is_too_heavy(first, limits)
        if first is not None and not is_heavy:
            _tell_thumbnail(first, teller, 0.0)
        for index in without_text[: limits.ocr_pages]:
            _recognise(document, index, teller, limits, recogniser)
        if len(without_text) > limits.ocr_pages:
            teller.cut = "pages"
        if first is not None and is_heavy:  # last, as it may take more than there is: then only the picture is missing
            teller.text_done()
            _tell_thumbnail(first, teller, 0.0)
        if first is not None:
            first.close()


def _honest(document: pdfium.PdfDocument, count: int) -> int:
    """How many pages there are of so many that are claimed: the last one has to be there."""
    page = _page(document, count - 1)
    if page is None:
        return 0
    page.close()
    return count


def _has_any_page(document: pdfium.PdfDocument, among: int) -> bool:
    for index in range(among):
        page = _page(document, index)
        if page is not None:
            page.close()
            return True
    return False


def _page(document: pdfium.PdfDocument, index: int) -> pdfium.PdfPage | None:
    try:
        return document[index]
    except (pdfium.PdfiumError, IndexError):
        return None


def _text_of(page: pdfium.PdfPage) -> str:
    try:
        text_page = page.get_textpage()
    except pdfium.PdfiumError:
        return ""
    try:
        return _PARTED.sub("-\n", str(text_page.get_text_bounded()).replace("\r\n", "\n").replace("\r", "\n"))
    except (pdfium.PdfiumError, ValueError, UnicodeError):
        return ""
    finally:
        text_page.close()


def _is_good(text: str) -> bool:
    """Letters that mean something: fonts without a mapping give control and private characters."""
    letters = "".join(text[:4000].split())
    if len(letters) < LITTLE_TEXT:
        return False
    if letters.isprintable() and "\ufffd" not in letters:
        return True
    odd = sum(
        1 for letter in letters if not letter.isprintable() or "\ue000" <= letter <= "\uf8ff" or letter == "\ufffd"
    )
    return odd < len(letters) * 0.3


def _may_be_picture(page: pdfium.PdfPage, text: str) -> bool:
    """Whether there is something on the page to recognise: a picture beside a short text, anything without one."""
    if not raw.FPDFPage_CountObjects(page):
        return False
    if not _is_shown(text):
        return True
    try:
        things = page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3)
        return next(iter(things), None) is not None
    except pdfium.PdfiumError:
        return False


def _render(page: pdfium.PdfPage, scale: float, pixels: int, *, is_gray: bool = False) -> Image.Image | None:
    """The page as a picture of at most so many pixels; None where there is nothing to draw on."""
    width, height = page.get_size()
    if not (0 < width < 1e6 and 0 < height < 1e6):
        return None
    scale = min(scale, (pixels / (width * height)) ** 0.5, MOST_SIDE / max(width, height))
    if width * scale < 1 or height * scale < 1:
        return None
    try:
        bitmap = page.render(scale=scale, grayscale=is_gray, optimize_mode=None)
        picture: Image.Image = bitmap.to_pil()
        return picture if picture.mode in {"RGB", "L"} else picture.convert("RGB")
    except (pdfium.PdfiumError, ValueError):
        return None


def _tell_thumbnail(page: pdfium.PdfPage, teller: Teller, turn: float) -> None:
    width, height = page.get_size()
    picture = _render(page, pictures.THUMBNAIL_SIDE * 1.5 / max(width, height, 1), 4_000_000)
    if picture is not None:
        pictures.tell_picture(pictures.upright(picture, turn), "thumbnail", 1, teller)


def _is_too_heavy(page: pdfium.PdfPage, limits: Limits) -> bool:
    """Whether a picture on it has more pixels than may be decoded; those in black and white take little."""
    most = limits.pixels * PIXEL_BITS
    try:
        for index, thing in enumerate(page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3)):
            told = thing.get_metadata()
            if index > OBJECTS_LOOKED_AT or told.width * told.height * max(told.bits_per_pixel, 2) > most:
                return True
    except (pdfium.PdfiumError, ValueError):
        return True
    return False


def _dpi_of(page: pdfium.PdfPage) -> float:
    """That of the largest picture on it, within bounds: drawing a scan larger than it is adds nothing."""
    best = 0.0
    try:
        for index, thing in enumerate(page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3)):
            if index > OBJECTS_LOOKED_AT:
                break
            left, bottom, right, top = thing.get_bounds()
            across, down = thing.get_px_size()
            if right - left > page.get_width() * 0.5 and top - bottom > page.get_height() * 0.3:
                best = max(best, 72 * across / max(right - left, 1), 72 * down / max(top - bottom, 1))
    except (pdfium.PdfiumError, ValueError, AttributeError):
        return OCR_DPI
    return min(max(best, LEAST_DPI * 2), OCR_DPI) if best else OCR_DPI


def _recognise(
    document: pdfium.PdfDocument, index: int, teller: Teller, limits: Limits, recogniser: Recogniser
) -> None:
    page = _page(document, index)
    if page is None:
        return
    own = _text_of(page)
    written = written_on(document, page, own)
    if _is_too_heavy(page, limits):
        page.close()
        teller.cut = "pixels"
        teller.page(_joined(own if _is_shown(own) else "", written), index + 1)
        return
    picture = _render(page, _dpi_of(page) / 72, limits.ocr_pixels, is_gray=True)
    if picture is None:
        page.close()
        teller.page(written, index + 1)
        return
    found = recogniser.read(picture)
    turn = found.turn if found.text else 0.0
    # A few letters of the file's own (a stamp, a page number) are not lost.
    text = found.text if own.strip() in found.text or not _is_shown(own) else _joined(found.text, own)
    text = _joined(text, written_on(document, page, text))
    teller.page(text, index + 1, is_ocr=True, width=found.width, height=found.height, turn=turn, words=found.words)
    if index == 0 and found.text:
        if turn:
            _tell_thumbnail(page, teller, turn)
        pictures.tell_picture(pictures.upright(picture, turn), "page", 1, teller)
    page.close()


def _joined(text: str, more: str) -> str:
    return f"{text.rstrip()}\n{more.strip()}".lstrip() if more.strip() else text


def _is_shown(text: str) -> bool:
    """Whether these letters, however few, are ones a reader would see."""
    shown = "".join(text.split())
    return bool(shown) and shown.isprintable()


def show_pdf(file: BinaryIO, teller: Teller, limits: Limits, pages: list[tuple[int, float]]) -> None:
    """Pictures of these pages, each turned by so much."""
    with open_pdf(file) as document:
        for number, turn in pages:
            page = _page(document, number - 1) if number <= len(document) else None
            if page is None:
                continue
            side = pictures.PAGE_SIDE if not _is_too_heavy(page, limits) else pictures.PAGE_SIDE // 4
            picture = _render(page, side / max(*page.get_size(), 1), 8_000_000)
            page.close()
            if picture is not None:
                shown = pictures.upright(picture, turn)
                if number == 1:
                    pictures.tell_picture(shown, "thumbnail", 1, teller)
                pictures.tell_picture(shown, "page", number, teller)


def _said(document: pdfium.PdfDocument) -> tuple[str, str]:
    try:
        said = document.get_metadata_dict(skip_empty=True)
    except (pdfium.PdfiumError, UnicodeError, ValueError):
        return "", ""
    title = str(said.get("Title", "")).strip()
    return ("" if title.lower() in {"untitled", "untitled document"} else title), _moment(said.get("CreationDate", ""))


def _moment(said: str) -> str:
    found = _DATE.match(said)
    if not found:
        return ""
    year, month, day, hour, minute, second = ((part or "") for part in found.groups())
    month, day = month or "01", day or "01"
    if not ("01" <= month <= "12" and "01" <= day <= "31"):
        return ""
    return f"{year}-{month}-{day}T{hour or '00'}:{minute or '00'}:{second or '00'}"
