"""Pictures: PNG, JPEG, GIF, BMP, WebP, TIFF, AVIF, HEIC. Each frame of a TIFF is a page; of a GIF the first counts."""

import warnings
from collections.abc import Iterator
from typing import BinaryIO

import pi_heif
from PIL import ExifTags, Image, ImageFile, ImageOps, PngImagePlugin

from documents.extraction import pictures
from documents.extraction.limits import MIB, Limits
from documents.extraction.ocr import Recogniser
from documents.extraction.refusals import TooManyPixels, Unreadable
from documents.extraction.telling import Teller

# All that Pillow may try, however else it was built.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "HEIF")
# A pixel in colour takes four bytes, one in grey or black and white a single one, and a photo can be decoded small at
# once: what may have how many times the pixels.
SMALL_AT_ONCE, OF_ONE_BYTE = 4, 2
ONE_BYTE = {"1", "L"}
# A picture is made smaller as soon as it is there if it has more than so many times the pixels that are recognised,
# or if both would take more than this share of the memory.
ROOM, SHARE = 2.5, 0.85
LEAST_OCR_PIXELS = 6_000

pi_heif.register_heif_opener(thumbnails=False)
PngImagePlugin.MAX_TEXT_CHUNK = MIB
PngImagePlugin.MAX_TEXT_MEMORY = 4 * MIB
ImageFile.LOAD_TRUNCATED_IMAGES = True
Image.preinit()
Image.init()


def open_image(file: BinaryIO, limits: Limits) -> Image.Image:
    """Not decoded yet. Raises Unreadable, TooManyPixels."""
    Image.MAX_IMAGE_PIXELS = limits.pixels * max(SMALL_AT_ONCE, OF_ONE_BYTE)
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    file.seek(0)
    try:
        image = Image.open(file, formats=FORMATS)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise TooManyPixels from error
    except Exception as error:
        raise Unreadable from error
    _check(image, limits)
    return image


def _check(image: Image.Image, limits: Limits) -> None:
    most = limits.pixels
    if _is_small_at_once(image):
        most *= SMALL_AT_ONCE
    elif image.mode in ONE_BYTE:
        most *= OF_ONE_BYTE
    if image.width * image.height > most:
        raise TooManyPixels
    if not image.width or not image.height:
        raise Unreadable


def _is_small_at_once(image: Image.Image) -> bool:
    """A photo whose decoder holds no more of it than a few rows: one that comes in passes is held as a whole."""
    return image.format in {"JPEG", "MPO"} and not image.info.get("progressive")


def frames_of(image: Image.Image, limits: Limits) -> int:
    """How many pages: the frames of a TIFF; anything that moves is one."""
    if image.format != "TIFF":
        return 1
    try:
        return min(int(getattr(image, "n_frames", 1)), limits.pages + 1)
    except Exception as error:
        raise Unreadable from error


def frame(image: Image.Image, number: int, limits: Limits) -> Image.Image:
    """One page of it, decoded, as its camera meant it, in colours that can be shown."""
    try:
        if number:
            image.seek(number)
        _check(image, limits)
        if image.format in {"JPEG", "MPO"}:
            part = min(8, 1 << (_part_of(image, limits) - 1).bit_length())  # what its decoder can give: 2, 4 or 8
            image.draft(None, (max(1, image.width // part), max(1, image.height // part)))
        image.load()
        return pictures.on_white(_taken_over(image, limits))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise TooManyPixels from error
    except (TooManyPixels, Unreadable, MemoryError):
        raise
    except Exception as error:
        raise Unreadable from error


def _part_of(image: Image.Image, limits: Limits) -> int:
    """By how much each side is divided until the picture has room."""
    pixels, part = image.width * image.height, 1
    while pixels / part**2 > limits.ocr_pixels * ROOM:
        part += 1
    return part


def _taken_over(image: Image.Image, limits: Limits) -> Image.Image:
    """What was decoded, upright, and in parts of its size where it is far larger than can be recognised or shown.

    The file's own picture holds the same from then on: at 64 megapixels there is no room for a second one.
    """
    part, size = _part_of(image, limits), image.width * image.height * (1 if image.mode in ONE_BYTE else 4)
    if part > 1 and size * (1 + 1 / part**2) > limits.memory_bytes * SHARE:
        part += 1
    if part > 1 and image.mode == "1":
        image = image.convert("L")
    taken = image._new(image.im)
    if part > 1 and image.mode in {"L", "RGB", "RGBA", "CMYK"}:
        taken = image._new(image.im.reduce((part, part), (0, 0, *image.size)))
        image.im, image._size = taken.im, taken.size
    ImageOps.exif_transpose(taken, in_place=True)
    image.im, image._size = taken.im, taken.size
    return taken


def _taken_at(image: Image.Image) -> str:
    try:
        exif = image.getexif()
        said = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
        day, _space, hour = str(said or "").partition(" ")
        return f"{day.replace(':', '-')}T{hour[:8]}" if len(day) == 10 and day[:4].isdigit() and len(hour) >= 8 else ""
    except Exception:  # noqa: BLE001 (EXIF of cameras is what it is)
        return ""


def _readable(image: Image.Image, limits: Limits) -> Iterator[tuple[int, Image.Image]]:
    for number in range(frames_of(image, limits)):
        yield number + 1, frame(image, number, limits)


def read_image(file: BinaryIO, teller: Teller, limits: Limits, recogniser: Recogniser) -> None:
    image = open_image(file, limits)
    count = frames_of(image, limits)
    teller.facts("image", count, "", _taken_at(image))
    for number, page in _readable(image, limits):
        if number > limits.pages:
            teller.cut = "pages"
            break
        turn = 0.0
        if recogniser.is_able and number <= limits.ocr_pages and page.width * page.height >= LEAST_OCR_PIXELS:
            found = recogniser.read(page)
            turn = found.turn if found.text else 0.0
            teller.page(
                found.text,
                number,
                is_ocr=True,
                width=found.width,
                height=found.height,
                turn=turn,
                words=found.words,
            )
        else:
            teller.page("", number, width=page.width, height=page.height)
        if number == 1:
            shown = pictures.upright(_smaller(page), turn)
            pictures.tell_picture(shown, "thumbnail", 1, teller)
            pictures.tell_picture(shown, "page", 1, teller)


def _smaller(page: Image.Image) -> Image.Image:
    """Scaled to the page's picture before it is turned: turning is dear."""
    return pictures.smaller(page, pictures.PAGE_SIDE)


def show_image(file: BinaryIO, teller: Teller, limits: Limits, pages: list[tuple[int, float]]) -> None:
    """Pictures of these pages, each turned by so much."""
    image = open_image(file, limits)
    count = frames_of(image, limits)
    for number, turn in pages:
        if number <= count:
            page = pictures.upright(_smaller(frame(image, number - 1, limits)), turn)
            if number == 1:
                pictures.tell_picture(page, "thumbnail", 1, teller)
            pictures.tell_picture(page, "page", number, teller)
