"""What happens to one document, in a process of its own that ends with it."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from documents.extraction import (
    archives,
    books,
    foreign,
    images,
    languages,
    mail,
    markup,
    office,
    outlook,
    pdf,
    searchable,
    texts,
)
from documents.extraction.kinds import Kind, kind_of
from documents.extraction.limits import Limits
from documents.extraction.ocr import Recogniser
from documents.extraction.refusals import Locked, NothingToRead, TooLarge, Unreadable
from documents.extraction.telling import Teller

TEXT_BYTES = 32 * 1024 * 1024
Read = Callable[[BinaryIO, Teller, Limits], None]
_READERS: dict[Kind, Read] = {
    Kind.DOCX: office.read_docx,
    Kind.XLSX: office.read_xlsx,
    Kind.PPTX: office.read_pptx,
    Kind.ODT: office.read_odt,
    Kind.ODS: office.read_ods,
    Kind.ODP: office.read_odp,
    Kind.EPUB: books.read_epub,
    Kind.MAIL: mail.read_mail,
    Kind.SAVED_PAGE: mail.read_saved_page,
    Kind.ZIP: archives.read_zip,
}
_FOREIGN = {Kind.DOC, Kind.XLS, Kind.PPT, Kind.MSG, Kind.RTF}


def warm_up() -> None:
    """What every document would load: done once, before any is there."""
    languages.warm_up()
    rehearse()
    texts.decode("Die Größe der Bücher über Äpfel und Öfen ist für uns schön".encode("latin-1"))


def rehearse() -> None:
    """Read a page of our own before there is a document: before the fork, and after it behind all walls.

    Finding the fonts is what takes the reader its time. What is touched for the first time after a fork has to be
    copied: for a short letter that is more than reading it.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    page = os.memfd_create("rehearsal")
    os.write(page, pdf.SAMPLE)
    request = {"work": "read", "content_type": "application/pdf", "tessdata": "", "languages": []}
    work({**request, "limits": Limits().as_plain()}, page, nowhere, None)
    os.close(nowhere)
    os.close(page)


def work(request: dict[str, Any], handle: int, output: int, beside: int | None) -> None:
    """Do what is asked, and tell how it ended. Whatever goes wrong is told in one word."""
    limits = Limits(**request["limits"])
    teller = Teller(output, limits)
    try:
        with open(handle, "rb", closefd=False) as file:
            size = os.fstat(handle).st_size
            if size > limits.file_bytes:
                raise TooLarge
            _WORKS[request["work"]](request, file, size, teller, limits, beside)
    except Unreadable as error:
        teller.end(error.state, error.reason)
    except NothingToRead as error:
        teller.end(error.state, error.reason)
    except MemoryError:
        teller.end("failed", "memory")
    except RecursionError:
        teller.end("failed", "unreadable", detail="RecursionError")
    except BrokenPipeError:
        return
    except Exception as error:  # noqa: BLE001 (parsers of foreign bytes fail in every way there is)
        teller.end("failed", "unreadable", detail=f"{type(error).__name__}: {error}"[:200])
    else:
        teller.end("ready", teller.cut, languages.guess(teller.sample))


def _read(
    request: dict[str, Any], file: BinaryIO, size: int, teller: Teller, limits: Limits, _beside: int | None
) -> None:
    kind = kind_of(file, size, request["content_type"])
    if kind is Kind.NOTHING:
        raise NothingToRead
    if kind is Kind.ENCRYPTED:
        raise Locked
    teller.facts(kind.value)  # known even if nothing else comes to be
    if kind in {Kind.PDF, Kind.IMAGE}:
        recogniser = Recogniser(Path(request["tessdata"]), request["languages"], limits)
        (pdf.read_pdf if kind is Kind.PDF else images.read_image)(file, teller, limits, recogniser)
    elif kind in _FOREIGN:
        foreign.read_foreign(kind.value, file, teller, limits)
    elif kind in _READERS:
        _READERS[kind](file, teller, limits)
    else:
        _read_text(kind, file, request["content_type"], teller)


def _read_text(kind: Kind, file: BinaryIO, content_type: str, teller: Teller) -> None:
    file.seek(0)
    data = file.read(TEXT_BYTES + 1)
    if len(data) > TEXT_BYTES:
        data, teller.cut = data[:TEXT_BYTES], "characters"
    if kind is Kind.HTML:
        text, title = markup.html_text(markup.decode_html(data))
    else:
        text, title = texts.decode(data), ""
        if content_type == "image/svg+xml":
            text = markup.without_tags(text)
    teller.facts(kind.value, None, title)
    teller.pieces(text)


def _show(
    request: dict[str, Any], file: BinaryIO, size: int, teller: Teller, limits: Limits, _beside: int | None
) -> None:
    """Pictures of some pages."""
    pages = [(int(number), float(turn)) for number, turn in request["pages"]]
    kind = kind_of(file, size, request["content_type"])
    if kind is Kind.PDF:
        pdf.show_pdf(file, teller, limits, pages)
    elif kind is Kind.IMAGE:
        images.show_image(file, teller, limits, pages)
    else:
        raise NothingToRead


def _copy(
    request: dict[str, Any], file: BinaryIO, size: int, teller: Teller, limits: Limits, beside: int | None
) -> None:
    """A searchable PDF, from the words that were recognised before."""
    assert beside is not None
    with open(beside, "rb", closefd=False) as told:
        pages = json.load(io.TextIOWrapper(told, "utf-8"))
    kind = kind_of(file, size, request["content_type"])
    if kind is Kind.PDF:
        searchable.over_pdf(file, pages, teller.copy())
    elif kind is Kind.IMAGE:
        searchable.of_image(file, pages, limits, teller.copy())
    else:
        raise NothingToRead


def _attachments(
    request: dict[str, Any], file: BinaryIO, size: int, teller: Teller, limits: Limits, _beside: int | None
) -> None:
    """The files that hang on a mail: their names and sizes, and the bytes of those that are asked for."""
    wanted = {int(number) for number in request["numbers"]}
    kind = kind_of(file, size, request["content_type"])
    if kind is Kind.MAIL:
        mail.tell_attachments(file, teller, limits, wanted)
    elif kind is Kind.MSG:
        outlook.tell_attachments(file, teller, limits, wanted)
    else:
        raise NothingToRead


_WORKS = {"read": _read, "show": _show, "copy": _copy, "attachments": _attachments}
