"""EPUB: the chapters in the order of the book, each as a page."""

import posixpath
from typing import BinaryIO
from urllib.parse import unquote

from documents.extraction import markup
from documents.extraction.limits import Limits
from documents.extraction.refusals import Locked, Unreadable
from documents.extraction.telling import Teller
from documents.extraction.xml_events import Archive, Attributes, parse

CHAPTER_BYTES = 8 * 1024 * 1024


def read_epub(file: BinaryIO, teller: Teller, limits: Limits) -> None:
    archive = Archive(file, limits.unpacked_bytes)
    # Fonts alone may be encrypted; a book that is has its rights beside it.
    has_rights = "META-INF/rights.xml" in archive or "META-INF/license.lcpl" in archive
    if has_rights and "META-INF/encryption.xml" in archive:
        raise Locked
    package = _package_of(archive)
    items: dict[str, str] = {}
    spine: list[str] = []
    said: dict[str, str] = {}
    open_names: list[str] = []

    def start(name: str, attributes: Attributes) -> None:
        open_names.append(name.rpartition(":")[2])
        if open_names[-1] == "item":
            items[attributes.get("id", "")] = attributes.get("href", "")
        elif open_names[-1] == "itemref":
            spine.append(attributes.get("idref", ""))

    def text(data: str) -> None:
        if open_names and open_names[-1] in {"title", "date"}:
            said[open_names[-1]] = (said.get(open_names[-1], "") + data)[:600]

    parse(archive.chunks(package), start, lambda _name: open_names.__delitem__(-1), text)
    folder = posixpath.dirname(package)
    parts = [posixpath.normpath(posixpath.join(folder, unquote(items[key]))) for key in spine if items.get(key)]
    chapters = [part for part in parts if part in archive]
    if not chapters:
        raise Unreadable
    moment = said.get("date", "").strip()
    teller.facts("epub", len(chapters), said.get("title", "").strip(), moment if len(moment) >= 10 else "")
    for part in chapters[: limits.pages + 1]:
        data = archive.read(part)[:CHAPTER_BYTES]
        teller.page(markup.html_text(markup.decode_html(data))[0])


def _package_of(archive: Archive) -> str:
    found: list[str] = []

    def start(name: str, attributes: Attributes) -> None:
        if name.rpartition(":")[2] == "rootfile" and attributes.get("full-path"):
            found.append(attributes["full-path"])

    parse(archive.chunks("META-INF/container.xml"), start)
    if not found or found[0] not in archive:
        raise Unreadable
    return found[0]
