"""A searchable PDF: the pages as they are, and over each the recognised words, invisible, where they stand."""

import base64
import math
from io import BytesIO
from typing import Any, BinaryIO

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

from documents.extraction import frames, images, pictures
from documents.extraction.limits import Limits
from documents.extraction.refusals import Locked, TooLarge, Unreadable

FONT = Name("/DocuVaultWords")
# Letters of this font have no shape; each is half as wide as it is high, and stands for itself.
MAP = b"""/CIDInit /ProcSet findresource begin 12 dict begin begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def /CMapType 2 def
1 begincodespacerange <0000> <FFFF> endcodespacerange
1 beginbfrange <0000> <FFFF> <0000> endbfrange
endcmap CMapName currentdict /CMap defineresource pop end end"""
Point = tuple[float, float]


def over_pdf(file: BinaryIO, pages: list[dict[str, Any]], limits: Limits) -> bytes:
    """The same PDF with words over the pages that were recognised."""
    file.seek(0)
    try:
        document = pikepdf.open(file, suppress_warnings=True)
    except pikepdf.PasswordError as error:
        raise Locked from error
    except pikepdf.PdfError as error:
        raise Unreadable from error
    with document:
        font = _font(document)
        for told in pages:
            if told["number"] > len(document.pages):
                continue
            page = document.pages[told["number"] - 1]
            page.add_resource(font, Name.Font, FONT, replace_existing=True)
            page.contents_add(document.make_stream(b"q"), prepend=True)
            page.contents_add(document.make_stream(b"Q\n" + _words(told, _place_on(page, told))))
        return _saved(document, limits)


def of_image(file: BinaryIO, pages: list[dict[str, Any]], limits: Limits) -> bytes:
    """A PDF of a picture's pages, upright, with the words over them."""
    image = images.open_image(file, limits)
    count = images.frames_of(image, limits)
    told = {page["number"]: page for page in pages}
    with pikepdf.new() as document:
        font = _font(document)
        for number in range(1, min(count, limits.pages) + 1):
            words = told.get(number, {"turn": 0.0, "words": ""})
            picture = pictures.upright(images.frame(image, number - 1, limits), words["turn"])
            packed = BytesIO()
            picture.save(packed, "JPEG", quality=85)
            width, height = picture.width * 72 / 200, picture.height * 72 / 200
            drawn = Stream(
                document,
                packed.getvalue(),
                Type=Name.XObject,
                Subtype=Name.Image,
                Width=picture.width,
                Height=picture.height,
                ColorSpace=Name.DeviceGray if picture.mode == "L" else Name.DeviceRGB,
                BitsPerComponent=8,
                Filter=Name.DCTDecode,
            )
            content = f"q {width:.3f} 0 0 {height:.3f} 0 0 cm /Im Do Q\n".encode()
            if words["words"]:
                scale = width / words["width"]
                content += _words(words, (scale, 0, 0, scale, 0, 0))
            page = Dictionary(
                Type=Name.Page,
                MediaBox=Array([0, 0, round(width, 3), round(height, 3)]),
                Resources=Dictionary(Font=Dictionary({str(FONT): font}), XObject=Dictionary(Im=drawn)),
                Contents=document.make_stream(content),
            )
            document.pages.append(pikepdf.Page(document.make_indirect(page)))
        return _saved(document, limits)


def _saved(document: pikepdf.Pdf, limits: Limits) -> bytes:
    out = BytesIO()
    document.save(out, compress_streams=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    if out.tell() > limits.frame_bytes:
        raise TooLarge
    return out.getvalue()


def _font(document: pikepdf.Pdf) -> pikepdf.Object:
    described = Dictionary(
        Type=Name.FontDescriptor, FontName=Name.Glyphless, Flags=5, FontBBox=Array([0, 0, 500, 1000]), ItalicAngle=0,
        Ascent=1000, Descent=0, CapHeight=1000, StemV=80,
    )  # fmt: skip
    letters = Dictionary(
        Type=Name.Font, Subtype=Name.CIDFontType2, BaseFont=Name.Glyphless, DW=500, CIDToGIDMap=Name.Identity,
        CIDSystemInfo=Dictionary(Registry="Adobe", Ordering="Identity", Supplement=0),
        FontDescriptor=document.make_indirect(described),
    )  # fmt: skip
    return document.make_indirect(
        Dictionary(
            Type=Name.Font, Subtype=Name.Type0, BaseFont=Name.Glyphless, Encoding=Name("/Identity-H"),
            DescendantFonts=Array([document.make_indirect(letters)]), ToUnicode=document.make_stream(MAP),
        )
    )  # fmt: skip


def _words(told: dict[str, Any], matrix: tuple[float, ...]) -> bytes:
    """Each word in its box; the matrix leads from the upright picture (y upwards) to the page."""
    lines = ["q", " ".join(f"{value:.6f}" for value in matrix) + " cm", "BT 3 Tr"]
    height = told["height"]
    for left, top, right, bottom, text in frames.unpack_words(base64.b64decode(told["words"])):
        letters = "".join(letter for letter in text if letter < "\U00010000")
        size = bottom - top
        if not letters or size <= 0 or right <= left:
            continue
        stretch = 100 * (right - left) / (size * 0.5 * len(letters))
        shown = (letters + " ").encode("utf-16-be").hex()
        lines.append(f"{FONT} {size:.2f} Tf {stretch:.2f} Tz 1 0 0 1 {left:.2f} {height - bottom:.2f} Tm <{shown}> Tj")
    return "\n".join([*lines, "ET", "Q"]).encode("ascii")


def _place_on(page: pikepdf.Page, told: dict[str, Any]) -> tuple[float, ...]:
    """The matrix from the upright picture to the page's own space, which may be turned and moved."""
    box = [float(value) for value in page.cropbox]
    left, bottom = min(box[0], box[2]), min(box[1], box[3])
    across, up = abs(box[2] - box[0]), abs(box[3] - box[1])
    rotation = int(page.obj.get("/Rotate", 0) or 0) % 360 if not page.rotation else int(page.rotation) % 360
    shown = (up, across) if rotation in {90, 270} else (across, up)
    width, height = told["width"], told["height"]

    def place(u: float, v: float) -> Point:
        x, y = _as_it_lay(u, height - v, width, height, told["turn"])
        x, y = x * shown[0], (1 - y) * shown[1]  # on the page as it is shown, y upwards
        if rotation == 90:
            x, y = across - y, x
        elif rotation == 180:
            x, y = across - x, up - y
        elif rotation == 270:
            x, y = y, up - x
        return left + x, bottom + y

    origin, right, above = place(0, 0), place(1, 0), place(0, 1)
    return (
        right[0] - origin[0], right[1] - origin[1], above[0] - origin[0], above[1] - origin[1], origin[0], origin[1],
    )  # fmt: skip


def _as_it_lay(u: float, v: float, width: float, height: float, turn: float) -> Point:
    """A point of the upright picture as fractions of the picture before it was turned (clockwise, by `turn`)."""
    quarter = round(turn / 90) * 90
    rest = math.radians(turn - quarter)
    x, y = u - width / 2, v - height / 2
    x, y = x * math.cos(rest) + y * math.sin(rest), -x * math.sin(rest) + y * math.cos(rest)
    x, y = x + width / 2, y + height / 2
    quarter %= 360
    if quarter == 90:
        return y / height, 1 - x / width
    if quarter == 180:
        return 1 - x / width, 1 - y / height
    if quarter == 270:
        return 1 - y / height, x / width
    return x / width, y / height
