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
LEAST_OCR_PIXELS = 6_000

pi_heif.register_heif_opener(thumbnails=False)
PngImagePlugin.MAX_TEXT_CHUNK = MIB
PngImagePlugin.MAX_TEXT_MEMORY = 4 * MIB
ImageFile.LOAD_TRUNCATED_IMAGES = True
Image.preinit()
Image.init()


def open_image(file: BinaryIO, limits: Limits) -> Image.Image:
    """Not decoded yet. Raises Unreadable, TooManyPixels."""
    Image.MAX_IMAGE_PIXELS = limits.pixels
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
    if image.width * image.height > limits.pixels:
        raise TooManyPixels
    if not image.width or not image.height:
        raise Unreadable


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
            side = int((limits.ocr_pixels * image.width / image.height) ** 0.5) + 1
            image.draft(None, (side, side))
        image.load()
        return pictures.on_white(ImageOps.exif_transpose(image))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise TooManyPixels from error
    except (TooManyPixels, Unreadable, MemoryError):
        raise
    except Exception as error:
        raise Unreadable from error


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
    if max(page.size) > pictures.PAGE_SIDE:
        page = page.copy()
        page.thumbnail((pictures.PAGE_SIDE, pictures.PAGE_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return page


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
