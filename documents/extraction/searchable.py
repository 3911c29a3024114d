"""A searchable PDF: the pages as they are, and on each the recognised words, invisible, where they stand.

The words come before what a page draws, so nothing that a page leaves behind (a scale, a clip) moves
them. A JPEG goes into its PDF byte by byte: nothing of the picture is lost.
"""

import base64
import math
import unicodedata
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, BinaryIO

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream
from PIL import ExifTags, Image

from documents.extraction import frames, glyphless, images
from documents.extraction.limits import Limits
from documents.extraction.refusals import Locked, Unreadable

FONT = Name("/DocuVaultWords")
NESTED = 60
USUAL_DPI, LEAST_DPI, MOST_DPI = 200.0, 60.0, 1200.0
LONGEST_SIDE = 14_000.0  # of a page, in points
ENCODED_PIXELS = 24_000_000
QUALITY = 85
Point = tuple[float, float]
Matrix = tuple[float, float, float, float, float, float]
Told = dict[str, Any]


def over_pdf(file: BinaryIO, pages: list[Told], out: BinaryIO) -> None:
    """The same PDF with words on the pages that were recognised."""
    file.seek(0)
    try:
        document = pikepdf.open(file, suppress_warnings=True)
    except pikepdf.PasswordError as error:
        raise Locked from error
    except pikepdf.PdfError as error:
        raise Unreadable from error
    with document:
        font, count = _font(document), len(document.pages)
        for told in pages:
            if told["number"] > count or not told["words"]:
                continue
            page = document.pages[told["number"] - 1]
            _give_font(page.obj, font)
            page.contents_add(document.make_stream(_words(told, _place_on(page, told))), prepend=True)
        _save(document, out)


def of_image(file: BinaryIO, pages: list[Told], limits: Limits, out: BinaryIO) -> None:
    """A PDF of a picture's pages, right way up, with the words on them."""
    image = images.open_image(file, limits)
    count = min(images.frames_of(image, limits), limits.pages)
    told_of = {page["number"]: page for page in pages}
    with pikepdf.new() as document:
        font = _font(document)
        for number in range(1, count + 1):
            told = told_of.get(number, {"turn": 0.0, "words": ""})
            quarter = round(told["turn"] / 90) * 90 % 360
            drawn, width, height, matrix = _drawn(document, image, file, number, quarter, limits)
            content = f"q {_numbers(matrix)} cm /Im Do Q\n".encode()
            if told["words"]:
                content = _words(told, _on_upright(told, quarter, width, height)) + b"\n" + content
            page = Dictionary(
                Type=Name.Page,
                MediaBox=Array([0, 0, round(width, 3), round(height, 3)]),
                Resources=Dictionary(Font=Dictionary({str(FONT): font}), XObject=Dictionary(Im=drawn)),
                Contents=document.make_stream(content),
            )
            document.pages.append(pikepdf.Page(document.make_indirect(page)))
        _save(document, out)


def _save(document: pikepdf.Pdf, out: BinaryIO) -> None:
    document.save(out, compress_streams=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    out.flush()


# --- Words -----------------------------------------------------------------------------------------------


def _font(document: pikepdf.Pdf) -> pikepdf.Object:
    described = Dictionary(
        Type=Name.FontDescriptor, FontName=Name.Glyphless, Flags=5,
        FontBBox=Array([0, 0, glyphless.WIDTH, glyphless.HEIGHT]), ItalicAngle=0, Ascent=glyphless.HEIGHT, Descent=0,
        CapHeight=glyphless.HEIGHT, StemV=80, FontFile2=document.make_stream(glyphless.font_file()),
    )  # fmt: skip
    letters = Dictionary(
        Type=Name.Font, Subtype=Name.CIDFontType2, BaseFont=Name.Glyphless, DW=glyphless.WIDTH,
        CIDToGIDMap=document.make_stream(glyphless.GLYPH_OF_EACH),
        CIDSystemInfo=Dictionary(Registry="Adobe", Ordering="Identity", Supplement=0),
        FontDescriptor=document.make_indirect(described),
    )  # fmt: skip
    return document.make_indirect(
        Dictionary(
            Type=Name.Font, Subtype=Name.Type0, BaseFont=Name.Glyphless, Encoding=Name("/Identity-H"),
            DescendantFonts=Array([document.make_indirect(letters)]),
            ToUnicode=document.make_stream(glyphless.TO_UNICODE),
        )
    )  # fmt: skip


def _give_font(page: pikepdf.Object, font: pikepdf.Object) -> None:
    """Among resources of the page's own: those it had from above or shared with others stay as they are."""
    found = _inherited(page, "/Resources")
    resources = Dictionary({key: found[key] for key in found.keys()}) if isinstance(found, Dictionary) else Dictionary()  # noqa: SIM118
    fonts = resources.get("/Font")
    known = {key: fonts[key] for key in fonts.keys()} if isinstance(fonts, Dictionary) else {}  # noqa: SIM118
    resources[Name.Font] = Dictionary({**known, str(FONT): font})
    page[Name.Resources] = resources


def _inherited(page: pikepdf.Object, key: str) -> Any:
    node: Any = page
    for _level in range(NESTED):
        if not isinstance(node, Dictionary):
            return None
        if (found := node.get(key)) is not None:
            return found
        node = node.get("/Parent")
    return None


def _words(told: Told, matrix: Matrix) -> bytes:
    """Each word in its box; the matrix leads from the upright picture (y upwards) to the page."""
    lines = ["q", f"{_numbers(matrix)} cm", "BT 3 Tr"]
    height = told["height"]
    for left, top, right, bottom, text in frames.unpack_words(base64.b64decode(told["words"])):
        shown = text.encode("utf-16-be", "ignore")
        size = bottom - top
        if not shown or size <= 0 or right <= left:
            continue
        stretch = 100 * (right - left) / (size * glyphless.WIDTH / glyphless.HEIGHT * (len(shown) // 2))
        if not 0.01 <= stretch <= 100_000:
            continue
        # What is written from right to left is so here, in its own order: readers then put nothing round.
        way, start = (-1, right) if _is_leftwards(text) else (1, left)
        lines.append(
            f"{FONT} {size:.2f} Tf {stretch:.3f} Tz {way} 0 0 1 {start:.2f} {height - bottom:.2f} Tm"
            f" <{shown.hex()}0020> Tj"
        )
    return "\n".join([*lines, "ET", "Q"]).encode("ascii")


def _is_leftwards(text: str) -> bool:
    """Whether most of its letters are of Hebrew, Arabic and their kin."""
    ways = [unicodedata.bidirectional(letter) for letter in text]
    return sum(way in {"R", "AL"} for way in ways) > sum(way == "L" for way in ways)


def _numbers(matrix: Matrix) -> str:
    return " ".join(f"{value:.6f}" for value in matrix)


# --- Where they stand ------------------------------------------------------------------------------------


def _matrix(place: Callable[[float, float], Point]) -> Matrix:
    """That of a map which is known by what it does to three points."""
    origin, right, above = place(0, 0), place(1, 0), place(0, 1)
    return (
        right[0] - origin[0], right[1] - origin[1], above[0] - origin[0], above[1] - origin[1], origin[0], origin[1],
    )  # fmt: skip


def _box(page: pikepdf.Page) -> tuple[float, float, float, float]:
    """What is shown of a page, as the reader took it that recognised it: its crop within its medium."""
    medium = _sides(_inherited(page.obj, "/MediaBox")) or (0.0, 0.0, 612.0, 792.0)
    crop = _sides(_inherited(page.obj, "/CropBox"))
    if crop is None:
        return medium
    left, bottom = max(crop[0], medium[0]), max(crop[1], medium[1])
    right, top = min(crop[2], medium[2]), min(crop[3], medium[3])
    return (left, bottom, right, top) if right > left and top > bottom else medium


def _sides(box: Any) -> tuple[float, float, float, float] | None:
    try:
        a, b, c, d = (float(value) for value in box)
    except (TypeError, ValueError):
        return None
    return (min(a, c), min(b, d), max(a, c), max(b, d)) if a != c and b != d else None


def _place_on(page: pikepdf.Page, told: Told) -> Matrix:
    """From the upright picture to the page's own space, which may be turned and moved."""
    left, bottom, right, top = _box(page)
    across, up = right - left, top - bottom
    try:
        rotation = round(float(_inherited(page.obj, "/Rotate") or 0) / 90) * 90 % 360
    except (TypeError, ValueError):
        rotation = 0
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

    return _matrix(place)


def _on_upright(told: Told, quarter: int, width: float, height: float) -> Matrix:
    """From the upright picture to a page that shows it turned by quarters alone."""

    def place(u: float, v: float) -> Point:
        lay = _as_it_lay(u, told["height"] - v, told["width"], told["height"], told["turn"] - quarter)
        return lay[0] * width, (1 - lay[1]) * height

    return _matrix(place)


def _as_it_lay(u: float, v: float, width: float, height: float, turn: float) -> Point:
    """A point of the upright picture as fractions of the picture before it was turned (clockwise, by `turn`)."""
    quarter = round(turn / 90) * 90
    rest = math.radians(turn - quarter)
    x, y = u - width / 2, v - height / 2
    x, y = x * math.cos(rest) + y * math.sin(rest), -x * math.sin(rest) + y * math.cos(rest)
    return _quarter_back((x + width / 2) / width, (y + height / 2) / height, quarter % 360)


def _quarter_back(x: float, y: float, quarter: int) -> Point:
    """In fractions, y downwards: where a point was before the picture was turned clockwise."""
    return {90: (y, 1 - x), 180: (1 - x, 1 - y), 270: (1 - y, x)}.get(quarter, (x, y))


def _quarter_on(x: float, y: float, quarter: int) -> Point:
    return _quarter_back(x, y, (360 - quarter) % 360)


# --- Pictures --------------------------------------------------------------------------------------------

# Where a point of the stored picture is shown, by what its camera says of how it was held.
_HELD: dict[int, Callable[[float, float], Point]] = {
    1: lambda a, b: (a, b),
    2: lambda a, b: (1 - a, b),
    3: lambda a, b: (1 - a, 1 - b),
    4: lambda a, b: (a, 1 - b),
    5: lambda a, b: (b, a),
    6: lambda a, b: (1 - b, a),
    7: lambda a, b: (1 - b, 1 - a),
    8: lambda a, b: (b, 1 - a),
}


def _drawn(
    document: pikepdf.Pdf, image: Image.Image, file: BinaryIO, number: int, quarter: int, limits: Limits
) -> tuple[Stream, float, float, Matrix]:
    """A page of a picture as an object of the PDF, the size of its page, and how it is drawn there."""
    held = 1
    if image.format == "JPEG" and image.mode in {"RGB", "L"}:
        held = _held(image)
        pixels = image.size
        file.seek(0)
        drawn = _stream(document, file.read(), *pixels, is_gray=image.mode == "L", Filter=Name.DCTDecode)
    else:
        drawn, pixels = _encoded(document, image, number, limits)
    is_sideways = (held >= 5) != (quarter in {90, 270})
    across, down = pixels[::-1] if is_sideways else pixels
    scale = min(72 / _dpi(image), LONGEST_SIDE / max(across, down))
    width, height = across * scale, down * scale

    def place(s: float, t: float) -> Point:
        x, y = _quarter_on(*_HELD[held](s, 1 - t), quarter)
        return x * width, (1 - y) * height

    return drawn, width, height, _matrix(place)


def _encoded(document: pikepdf.Pdf, image: Image.Image, number: int, limits: Limits) -> tuple[Stream, tuple[int, int]]:
    """Black and white stays what it is; everything else becomes a JPEG."""
    if number > 1:
        image.seek(number - 1)
    is_bilevel = image.mode == "1"
    picture = images.frame(image, number - 1, limits)
    if is_bilevel:
        bits = picture.convert("1", dither=Image.Dither.NONE)
        return _stream(document, bits.tobytes(), *bits.size, is_gray=True, bits=1), bits.size
    if picture.width * picture.height > ENCODED_PIXELS:
        factor = (ENCODED_PIXELS / (picture.width * picture.height)) ** 0.5
        picture.thumbnail((int(picture.width * factor), int(picture.height * factor)), reducing_gap=2.0)
    packed = BytesIO()
    picture.save(packed, "JPEG", quality=QUALITY)
    is_gray = picture.mode == "L"
    return _stream(document, packed.getvalue(), *picture.size, is_gray=is_gray, Filter=Name.DCTDecode), picture.size


def _stream(
    document: pikepdf.Pdf, data: bytes, width: int, height: int, *, is_gray: bool, bits: int = 8, **more: Any
) -> Stream:
    return Stream(
        document, data, Type=Name.XObject, Subtype=Name.Image, Width=width, Height=height, BitsPerComponent=bits,
        ColorSpace=Name.DeviceGray if is_gray else Name.DeviceRGB, **more,
    )  # fmt: skip


def _held(image: Image.Image) -> int:
    try:
        found = int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 (EXIF of cameras is what it is)
        return 1
    return found if found in _HELD else 1


def _dpi(image: Image.Image) -> float:
    try:
        found = float(next(iter(_values(image.info.get("dpi"))), USUAL_DPI))
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return USUAL_DPI
    # What cameras and screens write (72) says nothing about paper.
    return found if LEAST_DPI < found <= MOST_DPI and found not in {72.0, 96.0} else USUAL_DPI


def _values(found: Any) -> Iterator[Any]:
    yield from found if isinstance(found, tuple) else ()
