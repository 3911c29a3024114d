"""Recognising text on pictures: upright first, in the languages that are likely, with a box for each word."""

from dataclasses import dataclass
from pathlib import Path

import tesserocr
from PIL import Image

from documents.extraction import languages
from documents.extraction.limits import Limits
from documents.extraction.pictures import upright
from documents.extraction.tessdata import ORIENTATION

# Below the first sureness a page may lie on its side; below the second what was found is no text.
DOUBTFUL, NOISE = 72, 38
LEAST_SURE_WORD = 20
SMALL_SIDE, LEAST_SIDE = 700, 24
SKEWED, MOST_SKEWED = 1.0, 20.0
Word = tuple[float, float, float, float, str]


@dataclass
class Recognised:
    """What a page says: the text, its words with their boxes on the upright picture, and how it was turned."""

    text: str
    words: list[Word]
    width: int
    height: int
    turn: float = 0.0
    sureness: int = 0


def _is_on_its_side(words: list[Word]) -> bool:
    """Whether most of its longer words are higher than wide: the engine reads such lines as they lie."""
    longer = [(right - left, bottom - top) for left, top, right, bottom, text in words if len(text) > 3]
    return sum(height > width for width, height in longer) > len(longer) / 2


class Recogniser:
    """One for each document: it remembers the language that the pages before were in."""

    def __init__(self, folder: Path, wanted: list[str], limits: Limits) -> None:
        self.folder, self.wanted, self.limits = f"{folder}/", wanted, limits
        self._engines: dict[str, tesserocr.PyTessBaseAPI] = {}
        # The first two by the operator's order; after the first page, what that page was in.
        self._likely = "+".join(wanted[:2])
        self._is_settled = len(wanted) < 2

    @property
    def is_able(self) -> bool:
        return bool(self.wanted)

    def read(self, picture: Image.Image) -> Recognised:
        """Words and boxes are on the picture as given, turned upright."""
        gray, factor = self._prepared(picture)
        if min(gray.size) < LEAST_SIDE:
            return Recognised("", [], *picture.size)
        found = self._read_upright(gray, 0.0)
        if found.sureness < DOUBTFUL or not found.words:
            found = self._turned(gray, found)
        if not self._is_settled and len(found.text) > 40 and found.sureness >= NOISE:
            found = self._settled(gray, found)
        if found.sureness < NOISE:
            found.text, found.words = "", []
        if factor != 1.0:
            found.words = [(a / factor, b / factor, c / factor, d / factor, text) for a, b, c, d, text in found.words]
            found.width, found.height = round(found.width / factor), round(found.height / factor)
        return found

    def _prepared(self, picture: Image.Image) -> tuple[Image.Image, float]:
        """In grey, neither too small for letters to be told apart nor larger than is of use."""
        gray = picture if picture.mode == "L" else picture.convert("L")
        pixels = gray.width * gray.height
        factor = 1.0
        if pixels > self.limits.ocr_pixels:
            factor = (self.limits.ocr_pixels / pixels) ** 0.5
        elif max(gray.size) < SMALL_SIDE:
            factor = 2.0
        if factor != 1.0:
            size = (max(1, round(gray.width * factor)), max(1, round(gray.height * factor)))
            gray = gray.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
        return gray, factor

    def _engine(self, names: str, mode: int = tesserocr.PSM.AUTO) -> tesserocr.PyTessBaseAPI:
        if names not in self._engines:
            while len(self._engines) > 1:  # tens of megabytes each
                self._engines.pop(next(iter(self._engines))).End()
            self._engines[names] = tesserocr.PyTessBaseAPI(path=self.folder, lang=names, psm=mode)
        return self._engines[names]

    def _recognise(self, gray: Image.Image, turn: float) -> tuple[Recognised, float]:
        """The page turned by so much, and by how much it is still askew."""
        page = upright(gray, turn)
        engine = self._engine(self._likely)
        engine.SetImageBytes(page.tobytes(), page.width, page.height, 1, page.width)
        engine.SetSourceResolution(300 if max(page.size) > 2000 else 150)
        text = engine.GetUTF8Text()
        words: list[Word] = []
        askew = 0.0
        letters = engine.GetIterator()
        if letters is not None and text.strip():
            level = tesserocr.RIL.WORD
            try:
                askew = float(letters.Orientation()[3]) * 57.29578
            except (RuntimeError, ValueError, IndexError):
                askew = 0.0
            for item in tesserocr.iterate_level(letters, level):
                if item.Empty(level):
                    continue
                box = item.BoundingBox(level)
                said = item.GetUTF8Text(level).strip()
                if box and said and item.Confidence(level) >= LEAST_SURE_WORD:
                    words.append((*map(float, box), said))
        sureness = int(engine.MeanTextConf()) if text.strip() else 0
        found = Recognised(text.strip(), words, page.width, page.height, turn, sureness)
        return found, askew

    def _read_upright(self, gray: Image.Image, turn: float) -> Recognised:
        """Read, and once more if it turns out to lie a little askew, or on its side and was read all the same."""
        found, askew = self._recognise(gray, turn)
        for other in (270.0, 90.0) if not turn and _is_on_its_side(found.words) else ():
            upright_now = self._read_upright(gray, other)
            if upright_now.sureness >= found.sureness - 5:
                return upright_now
        if SKEWED <= abs(askew) <= MOST_SKEWED and len(found.words) > 5:
            straight, _rest = self._recognise(gray, turn + askew)
            if straight.sureness >= found.sureness - 1:
                return straight
        return found

    def _turned(self, gray: Image.Image, found: Recognised) -> Recognised:
        """The page as it reads best, if it lies on its side or upside down."""
        engine = self._engine(ORIENTATION, tesserocr.PSM.OSD_ONLY)
        engine.SetImageBytes(gray.tobytes(), gray.width, gray.height, 1, gray.width)
        said = engine.DetectOrientationScript()
        degrees = int(said.get("orient_deg") or 0) if said else 0
        # On its side: the engine is not always right about which one.
        for turn in {90: (270, 90), 180: (180,), 270: (90, 270)}.get(degrees, ()):
            turned = self._read_upright(gray, float(turn))
            if turned.sureness > found.sureness:
                found = turned
            if found.sureness >= DOUBTFUL:
                break
        return found

    def _settled(self, gray: Image.Image, found: Recognised) -> Recognised:
        """The language of the first page with text holds for the document; read again if it was another."""
        self._is_settled = True
        codes = {languages.BY_DATA.get(name, ""): name for name in reversed(self.wanted)}
        guessed = codes.get(languages.guess(found.text, tuple(code for code in codes if code)), "")
        before = self._likely
        if guessed and guessed not in before.split("+"):
            self._likely = "+".join(dict.fromkeys([guessed, *(name for name in self.wanted if name == "eng")]))
            again, _askew = self._recognise(gray, found.turn)
            if again.sureness >= found.sureness - 1:
                return again
            self._likely = before
        elif guessed:
            # Fewer languages are quicker, and English words stand in papers of all.
            self._likely = "+".join(dict.fromkeys([guessed, *(name for name in self.wanted[:2] if name == "eng")]))
        return found
