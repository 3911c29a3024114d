"""Office papers that are archives of XML: .docx, .pptx, .xlsx and the OpenDocument kinds.

Read by our own code, part by part in a stream: headers, footnotes, comments and speaker's notes come
along, sheets and slides are pages, and nothing is ever held that is larger than its limit.
"""

import posixpath
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import BinaryIO

from documents.extraction.limits import Limits
from documents.extraction.refusals import Locked, Unreadable
from documents.extraction.telling import Teller
from documents.extraction.xml_events import Archive, Attributes, parse

_NUMBER = re.compile(r"(\d+)")
CELLS_LIMIT = 200
ROW_LIMIT = 200_000


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _by_number(names: list[str], pattern: str) -> list[str]:
    found = [name for name in names if re.fullmatch(pattern, name)]
    return sorted(found, key=lambda name: [int(part) for part in _NUMBER.findall(name)])


def _properties(archive: Archive, part: str) -> tuple[str, str]:
    """Title and date as the file tells them; a damaged part tells nothing."""
    found: dict[str, str] = {}
    open_names: list[str] = []

    def text(data: str) -> None:
        if open_names:
            found[open_names[-1]] = (found.get(open_names[-1], "") + data)[:600]

    if part in archive:
        try:
            parse(
                archive.chunks(part),
                lambda name, _attributes: open_names.append(_local(name)),
                lambda _name: open_names.__delitem__(-1),
                text,
            )
        except Unreadable:
            pass
    moment = found.get("created") or found.get("creation-date") or found.get("date") or ""
    return found.get("title", "").strip(), moment.strip().replace("Z", "+00:00")


def _related(archive: Archive, part: str) -> dict[str, tuple[str, str]]:
    """The parts that a part names, by the id it calls them by: what each is to it, and its name. None from outside."""
    folder, name = posixpath.split(part)
    found: dict[str, tuple[str, str]] = {}

    def start(element: str, attributes: Attributes) -> None:
        target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", ""))).lstrip("/")
        if _local(element) == "Relationship" and attributes.get("TargetMode") != "External" and target in archive:
            found[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2], target)

    relations = f"{folder}/_rels/{name}.rels"
    if relations in archive:
        with suppress(Unreadable):
            parse(archive.chunks(relations), start)
    return found


def _id_of(attributes: Attributes) -> str:
    """By which a part is called: the attribute "id" of the relations' namespace, whatever that is called here."""
    return next((value for key, value in attributes.items() if ":" in key and _local(key) == "id"), "")


# --- Word ---------------------------------------------------------------------------------------------


class _Taker:
    """Collects the parts of pages, and knows when it is more than will be kept."""

    def __init__(self, limits: Limits) -> None:
        self.pages: list[list[str]] = [[]]
        self._left = limits.characters

    def put(self, part: str) -> None:
        self.pages[-1].append(part)
        self._left -= len(part) + 1

    def is_enough(self) -> bool:
        return self._left < 0

    def texts(self) -> list[str]:
        return [_tidy("".join(page)) for page in self.pages]


class _Word(_Taker):
    """Paragraphs to lines, cells to tabs, and a new page where the writer's program had one."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._is_text = False

    def start(self, name: str, attributes: Attributes) -> None:
        name = _local(name)
        if name in {"t", "delText"}:
            self._is_text = name == "t"
        elif name == "tab":
            self.put("\t")
        elif name in {"br", "cr"}:
            if attributes.get("w:type") == "page":
                self._break()
            else:
                self.put("\n")
        elif name == "lastRenderedPageBreak":
            self._break()

    def end(self, name: str) -> None:
        name = _local(name)
        if name in {"t", "delText"}:
            self._is_text = False
        elif name == "p":
            self.put("\n")
        elif name == "tc":
            self.put("\t")

    def text(self, data: str) -> None:
        if self._is_text:
            self.put(data)

    def _break(self) -> None:
        if any(part.strip() for part in self.pages[-1]):
            self.pages.append([])


def read_docx(file: BinaryIO, teller: Teller, limits: Limits) -> None:
    archive = Archive(file, limits.unpacked_bytes)
    title, written_at = _properties(archive, "docProps/core.xml")
    body = _Word(limits)
    parse(archive.chunks("word/document.xml"), body.start, body.end, body.text, body.is_enough)
    if body.is_enough():
        teller.cut = "characters"
    beside = _Word(limits)
    for part in _by_number(archive.names, r"word/(header|footer|footnotes|endnotes|comments)\d*\.xml"):
        try:
            parse(archive.chunks(part), beside.start, beside.end, beside.text, beside.is_enough)
        except Unreadable:
            continue
    pages = body.texts()
    extra = "\n".join(dict.fromkeys(line for page in beside.texts() for line in page.split("\n") if line.strip()))
    if extra:
        pages[-1] = f"{pages[-1]}\n\n{extra}".strip()
    # A program that never laid it out knows no pages.
    teller.facts("docx", len(pages) if len(pages) > 1 else None, title, written_at)
    _tell(pages, teller)


def _tell(pages: list[str], teller: Teller) -> None:
    if len(pages) == 1:
        teller.pieces(pages[0])
    else:
        for text in pages:
            teller.page(text)


# --- Slides --------------------------------------------------------------------------------------------


class _Slide:
    """The text of a slide, of its notes, and of comments and boxes of text wherever they are."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._is_text = False

    def start(self, name: str, _attributes: Attributes) -> None:
        name = _local(name)
        self._is_text = name in {"t", "text"}
        if name in {"br", "tc"}:
            self.parts.append("\n" if name == "br" else "\t")

    def end(self, name: str) -> None:
        self._is_text = False
        if _local(name) in {"p", "cm", "comment", "threadedComment"}:
            self.parts.append("\n")

    def text(self, data: str) -> None:
        if self._is_text:
            self.parts.append(data)


def read_pptx(file: BinaryIO, teller: Teller, limits: Limits) -> None:
    archive = Archive(file, limits.unpacked_bytes)
    title, written_at = _properties(archive, "docProps/core.xml")
    related = _related(archive, "ppt/presentation.xml")
    in_order: list[str] = []

    def start(name: str, attributes: Attributes) -> None:
        if _local(name) == "sldId" and (slide := related.get(_id_of(attributes))):
            in_order.append(slide[1])

    parse(archive.chunks("ppt/presentation.xml"), start)
    slides = in_order or _by_number(archive.names, r"ppt/slides/slide\d+\.xml")
    teller.facts("pptx", len(slides), title, written_at)
    for slide in slides[: limits.pages + 1]:
        reader = _Slide()
        parse(archive.chunks(slide), reader.start, reader.end, reader.text)
        _read_beside(archive, slide, {"notesSlide", "comments", "comment"}, reader)
        teller.page(_tidy("".join(reader.parts)))


def _read_beside(archive: Archive, part: str, kinds: set[str], reader: _Slide) -> None:
    """What belongs to a slide or a sheet and is a part of its own; a damaged one costs no more than itself."""
    parts = [(kind, name) for kind, name in _related(archive, part).values() if kind in kinds]
    # What is a thread stands in the older kind of comments too, as a hint to use a newer program.
    is_thread = any(kind == "threadedComment" for kind, _name in parts)
    for kind, name in parts:
        if not (is_thread and kind == "comments"):
            reader.parts.append("\n")
            with suppress(Unreadable):
                parse(archive.chunks(name), reader.start, reader.end, reader.text)


# --- Sheets ---------------------------------------------------------------------------------------------

_DATE_FORMATS = {*range(14, 23), *range(45, 48), *range(27, 37), *range(50, 59)}
_QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')


class _Strings:
    """The strings of a workbook, each once."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._parts: list[str] = []
        self._is_text = False
        self._is_sound = False

    def start(self, name: str, _attributes: Attributes) -> None:
        name = _local(name)
        if name == "si":
            self._parts = []
        self._is_sound = self._is_sound or name == "rPh"
        self._is_text = name == "t" and not self._is_sound

    def end(self, name: str) -> None:
        name = _local(name)
        self._is_text = False
        if name == "rPh":
            self._is_sound = False
        elif name == "si":
            self.found.append("".join(self._parts))

    def text(self, data: str) -> None:
        if self._is_text:
            self._parts.append(data)


def _dates_among_styles(archive: Archive) -> set[int]:
    """Which cell styles show a number as a date."""
    own: dict[int, str] = {}
    styles: list[int] = []
    inside: list[bool] = [False]

    def start(name: str, attributes: Attributes) -> None:
        name = _local(name)
        if name == "numFmt":
            own[int(attributes.get("numFmtId", "0"))] = attributes.get("formatCode", "")
        elif name == "cellXfs":
            inside[0] = True
        elif name == "xf" and inside[0]:
            styles.append(int(attributes.get("numFmtId", "0")))

    def end(name: str) -> None:
        if _local(name) == "cellXfs":
            inside[0] = False

    if "xl/styles.xml" in archive:
        try:
            parse(archive.chunks("xl/styles.xml"), start, end)
        except (Unreadable, ValueError):
            return set()
    return {
        index
        for index, number in enumerate(styles)
        if number in _DATE_FORMATS or re.search(r"[ymdhs]", _QUOTED.sub("", own.get(number, "")).lower())
    }


class _Sheet:
    def __init__(self, strings: list[str], dates: set[int], epoch: datetime) -> None:
        self.rows: list[str] = []
        self._strings, self._dates, self._epoch = strings, dates, epoch
        self._row: list[str] = []
        self._type = self._style = ""
        self._parts: list[str] = []
        self._is_value = False

    def start(self, name: str, attributes: Attributes) -> None:
        name = _local(name)
        if name == "row":
            self._row = []
        elif name == "c":
            self._type, self._style, self._parts = attributes.get("t", ""), attributes.get("s", ""), []
        self._is_value = name in {"v", "t"}

    def end(self, name: str) -> None:
        name = _local(name)
        self._is_value = False
        if name == "c" and len(self._row) < CELLS_LIMIT:
            self._row.append(self._shown("".join(self._parts)))
        elif name == "row" and any(self._row) and len(self.rows) < ROW_LIMIT:
            self.rows.append("\t".join(self._row).rstrip("\t"))

    def text(self, data: str) -> None:
        if self._is_value:
            self._parts.append(data)

    def _shown(self, value: str) -> str:
        try:
            if self._type == "s":
                return self._strings[int(value)]
            if self._type == "b":
                return "TRUE" if value == "1" else "FALSE"
            if value and self._type in {"", "n"}:
                number = float(value)
                if self._style.isdigit() and int(self._style) in self._dates and 0 < number < 100_000:
                    moment = self._epoch + timedelta(days=number)
                    return moment.strftime("%Y-%m-%d" if number == int(number) else "%Y-%m-%d %H:%M")
                return f"{number:.10g}"
        except (ValueError, IndexError, OverflowError):
            pass
        return value


def read_xlsx(file: BinaryIO, teller: Teller, limits: Limits) -> None:
    archive = Archive(file, limits.unpacked_bytes)
    title, written_at = _properties(archive, "docProps/core.xml")
    related = _related(archive, "xl/workbook.xml")
    names: list[str] = []
    in_order: list[str] = []
    epoch = [datetime(1899, 12, 30)]  # noqa: DTZ001 (cells know no zone)

    def start(name: str, attributes: Attributes) -> None:
        if _local(name) == "sheet":
            names.append(attributes.get("name", ""))
            in_order.append(related.get(_id_of(attributes), ("", ""))[1])
        elif _local(name) == "workbookPr" and attributes.get("date1904") in {"1", "true"}:
            epoch[0] = datetime(1904, 1, 1)  # noqa: DTZ001

    parse(archive.chunks("xl/workbook.xml"), start)
    strings = _Strings()
    if "xl/sharedStrings.xml" in archive:
        parse(archive.chunks("xl/sharedStrings.xml"), strings.start, strings.end, strings.text)
    dates = _dates_among_styles(archive)
    if not any(in_order):
        in_order = _by_number(archive.names, r"xl/worksheets/sheet\d+\.xml")
    sheets = [(part, names[at] if at < len(names) else "") for at, part in enumerate(in_order) if part]
    teller.facts("xlsx", len(sheets), title, written_at)
    for part, name in sheets[: limits.pages + 1]:
        sheet, beside = _Sheet(strings.found, dates, epoch[0]), _Slide()
        parse(archive.chunks(part), sheet.start, sheet.end, sheet.text)
        _read_beside(archive, part, {"comments", "threadedComment", "drawing"}, beside)
        teller.page("\n".join([name, *sheet.rows, _tidy("".join(beside.parts))]).strip())


# --- OpenDocument ----------------------------------------------------------------------------------------


class _Open(_Taker):
    """content.xml of all three kinds; `divider` is what begins a page: a table, a slide, a page break."""

    def __init__(self, divider: str, limits: Limits) -> None:
        super().__init__(limits)
        self._divider = divider
        self._depth = 0
        self._hidden = 0

    def start(self, name: str, attributes: Attributes) -> None:
        if name == self._divider:
            if any(part.strip() for part in self.pages[-1]):
                self.pages.append([])
            if name == "table:table":
                self.put(attributes.get("table:name", "") + "\n")
        if name in {"text:p", "text:h"}:
            self._depth += 1
        elif name == "text:tab":
            self.put("\t")
        elif name == "text:line-break":
            self.put("\n")
        elif name == "text:s":
            count = attributes.get("text:c", "1")
            self.put(" " * min(int(count) if count.isdigit() else 1, 100))
        elif name == "text:tracked-changes":
            self._hidden += 1

    def end(self, name: str) -> None:
        if name in {"text:p", "text:h"}:
            self._depth -= 1
            self.put("" if self._divider == "table:table" else "\n")
        elif name == "table:table-cell":
            self.put("\t")
        elif name == "table:table-row":
            self.put("\n")
        elif name == "text:tracked-changes":
            self._hidden -= 1

    def text(self, data: str) -> None:
        if self._depth and not self._hidden:
            self.put(data)


def _read_open(kind: str, divider: str, file: BinaryIO, teller: Teller, limits: Limits) -> None:
    archive = Archive(file, limits.unpacked_bytes)
    if "META-INF/manifest.xml" in archive and b"encryption-data" in archive.read("META-INF/manifest.xml"):
        raise Locked
    title, written_at = _properties(archive, "meta.xml")
    reader = _Open(divider, limits)
    parse(archive.chunks("content.xml"), reader.start, reader.end, reader.text, reader.is_enough)
    if reader.is_enough():
        teller.cut = "characters"
    pages = reader.texts()
    teller.facts(kind, len(pages) if kind != "odt" or len(pages) > 1 else None, title, written_at)
    _tell(pages, teller)


def read_odt(file: BinaryIO, teller: Teller, limits: Limits) -> None:
    _read_open("odt", "text:soft-page-break", file, teller, limits)


def read_ods(file: BinaryIO, teller: Teller, limits: Limits) -> None:
    _read_open("ods", "table:table", file, teller, limits)


def read_odp(file: BinaryIO, teller: Teller, limits: Limits) -> None:
    _read_open("odp", "draw:page", file, teller, limits)


def _lines(text: str) -> Iterator[str]:
    is_empty = False
    for line in text.split("\n"):
        line = line.rstrip()
        if line or not is_empty:
            yield line
        is_empty = not line


def _tidy(text: str) -> str:
    return "\n".join(_lines(text)).strip()
