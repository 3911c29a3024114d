"""Pictures of pages: upright, of bounded size, encoded anew, so that no metadata and no trick comes along."""

from io import BytesIO

from PIL import Image

from documents.extraction.telling import Teller

THUMBNAIL_SIDE = 320
PAGE_SIDE = 1600
QUALITY = {"thumbnail": 72, "page": 78}
WHITE = 255
LANCZOS = Image.Resampling.LANCZOS


def upright(image: Image.Image, turn: float) -> Image.Image:
    """Turned clockwise by so many degrees."""
    if not turn:
        return image
    quarter = round(turn / 90) * 90
    if quarter % 360:
        image = image.rotate(-quarter, expand=True)
    rest = turn - quarter
    if abs(rest) > 0.05:
        fill = WHITE if image.mode == "L" else (WHITE,) * len(image.getbands())
        image = image.rotate(-rest, resample=Image.Resampling.BICUBIC, fillcolor=fill)
    return image


def on_white(image: Image.Image) -> Image.Image:
    """Colours a browser shows, nothing transparent."""
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (WHITE, WHITE, WHITE, WHITE))
        ground.alpha_composite(image)
        return ground.convert("RGB")
    if image.mode in {"I;16", "I;16B", "I;16L", "I", "F"}:
        return image.point(lambda value: value / 256).convert("L") if image.mode != "F" else image.convert("L")
    return image if image.mode in {"RGB", "L"} else image.convert("RGB")


def smaller(image: Image.Image, side: int, filtered: Image.Resampling = LANCZOS) -> Image.Image:
    """With no side longer than this. `thumbnail` would copy it first."""
    if max(image.size) <= side:
        return image
    share = side / max(image.size)
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    return image.resize(size, filtered, reducing_gap=2.0)


def tell_picture(image: Image.Image, kind: str, page: int, teller: Teller) -> None:
    """Scaled down (never up) to the side of its kind."""
    side = THUMBNAIL_SIDE if kind == "thumbnail" else PAGE_SIDE
    image = image if image.mode in {"RGB", "L"} else on_white(image)
    # What is small anyway takes the filter that is four times as quick.
    image = smaller(image, side, Image.Resampling.HAMMING if kind == "thumbnail" else LANCZOS)
    packed = BytesIO()
    image.save(packed, "WEBP", quality=QUALITY[kind], method=2)
    teller.picture(kind, page, image.width, image.height, packed.getvalue())
