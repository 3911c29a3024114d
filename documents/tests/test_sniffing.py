"""What bytes are, whatever the name and the sender claim."""

from pathlib import Path

import puremagic
import pytest

from documents import sniffing
from documents.sniffing import HEAD_BYTES, sniff

OOXML = "application/vnd.openxmlformats-officedocument."
ZIP = b"PK\x03\x04" + b"\x00" * 26


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        (b"%PDF-1.7", "x.html", "application/pdf"),
        (b"first a line\n%PDF-2.0", "x.pdf", "application/pdf"),
        (b"first a line\n%PDF-2.0", "x.txt", "text/plain"),
        (b"<html>\n%PDF-2.0", "x.pdf", "text/html"),
        (b"\xff\xd8\xff\xe0", "x.png", "image/jpeg"),
        (b"<!DOCTYPE html><script>", "x.png", "text/html"),
        (b"  \n<SCRIPT>", "photo.jpg", "text/html"),
        (b'<?xml version="1.0"?><svg xmlns', "x.txt", "image/svg+xml"),
        (b"a,b\n1,2\n", "x.csv", "text/csv"),
        (b"From: <Saved>\r\nMIME-Version: 1.0\r\n", "x.mhtml", "multipart/related"),
        (b"not one of them", "x.mht", "text/plain"),
        (b"a\tb\n1\t2\n", "x.tsv", "text/tab-separated-values"),
        (b"plain words", "x.docx", "text/plain"),
        (b"\x1b[31mred\x07", "x.txt", "text/plain"),
        (ZIP + b"[Content_Types].xml", "x.docx", OOXML + "wordprocessingml.document"),
        (ZIP + b"[Content_Types].xml", "x.xlsm", OOXML + "spreadsheetml.sheet"),
        (ZIP + b"[Content_Types].xml", "x.pdf", "application/zip"),
        (ZIP + b"word/document.xml", "x.doc", OOXML + "wordprocessingml.document"),
        (
            ZIP + b"mimetypeapplication/vnd.oasis.opendocument.textPK",
            "x.zip",
            "application/vnd.oasis.opendocument.text",
        ),
        (ZIP + b"photo.jpg", "x.docx", "application/zip"),
        (b"PK\x05\x06", "x.docx", "application/zip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "x.doc", "application/msword"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "x.docx", "application/x-ole-storage"),
        (b"x" * 257 + b"ustar", "x.tar", "application/x-tar"),
        (b"", "x.pdf", "application/x-empty"),
        (b"\x00\x01\x02\x03", "x.html", "application/octet-stream"),
        (b"\xff\xfea\x00", "x.csv", "text/csv"),
    ],
)
def test_the_type_is_what_the_bytes_show(head: bytes, name: str, expected: str) -> None:
    assert sniff(head, name) == expected


def test_no_lie_of_the_corpus_is_believed(corpus: Path) -> None:
    expected = {
        "hostile/lies/html-then-pdf.pdf": "text/html",
        "hostile/lies/docx-named.doc": OOXML + "wordprocessingml.document",
        "hostile/lies/jpeg-with-script-comment.jpg": "image/jpeg",
        "hostile/lies/zip-named.docx": "application/zip",
        "hostile/lies/zero-bytes.pdf": "application/x-empty",
        "hostile/active/magick-named.jpg": "text/plain",
        "office/macro.xlsm": OOXML + "spreadsheetml.sheet",
        "pdf/pdf20-offset-start.pdf": "application/pdf",
    }
    for path, kind in expected.items():
        file = corpus / path
        assert sniff(file.read_bytes()[:HEAD_BYTES], file.name) == kind, path


def test_the_short_cut_past_the_long_list_never_changes_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    marks = {(row.offset, row.byte_match) for row in puremagic.main.magic_header_array if row.offset >= 0}
    heads = [
        bytes(offset) + mark + bytes(40) + b"\xff" for offset, mark in marks if offset + len(mark) < HEAD_BYTES - 50
    ]
    quick = [sniff(head, "a") for head in heads]
    monkeypatch.setattr(sniffing, "_BEGINNINGS", {(0, 0): {b""}})
    assert len(heads) > 1000
    assert quick == [sniff(head, "a") for head in heads]
    assert len(set(quick)) > 50
