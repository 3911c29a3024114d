"""What somebody wrote onto pages of a PDF: how a form was filled in, and comments. Neither is in the page itself."""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw

MOST_LOOKED_AT, MOST_LETTERS = 5_000, 100_000
# Password fields and what is not to be seen stay unread; a link's words are those that it lies on.
HIDDEN = raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW
PASSWORD = 1 << 13
TYPED = {raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX}
NO_COMMENT = {raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP}


def begin_forms(document: pdfium.PdfDocument) -> None:
    """Before any page is looked at: forms are then drawn as they are filled in, and can be asked. Runs no scripts."""
    with suppress(pdfium.PdfiumError):
        document.init_forms()


def written_on(document: pdfium.PdfDocument, page: pdfium.PdfPage, text: str) -> str:
    """Values and comments, a line each, but for those that `text` has already."""
    lines: list[str] = []
    seen, room = f" {' '.join(text.split())} ", MOST_LETTERS
    for index in range(min(raw.FPDFPage_GetAnnotCount(page), MOST_LOOKED_AT)):
        note = raw.FPDFPage_GetAnnot(page, index)
        if not note:
            continue
        try:
            said = "\n".join(line for line in _said(document, note) if f" {' '.join(line.split())} " not in seen)
        finally:
            raw.FPDFPage_CloseAnnot(note)
        if said and len(said) <= room:
            lines.append(said)
            seen, room = f"{seen}{' '.join(said.split())} ", room - len(said)
    return "\n".join(lines)


def _said(document: pdfium.PdfDocument, note: Any) -> Iterator[str]:
    kind = raw.FPDFAnnot_GetSubtype(note)
    if raw.FPDFAnnot_GetFlags(note) & HIDDEN or kind in NO_COMMENT:
        return
    if kind != raw.FPDF_ANNOT_WIDGET:
        yield from _lines(raw.FPDFAnnot_GetStringValue, note, b"Contents")
    elif (
        (form := document.formenv)
        and raw.FPDFAnnot_GetFormFieldType(form, note) in TYPED
        and not raw.FPDFAnnot_GetFormFieldFlags(form, note) & PASSWORD
    ):
        yield from _lines(raw.FPDFAnnot_GetFormFieldValue, form, note)


def _lines(ask: Callable[..., int], *whom: Any) -> Iterator[str]:
    """What one of PDFium's functions writes into a buffer, as UTF-16 with a zero at its end."""
    size = ask(*whom, None, 0)
    if not 2 < size <= MOST_LETTERS * 2:
        return
    buffer = ctypes.create_string_buffer(size)
    ask(*whom, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size)
    for line in buffer.raw[: size - 2].decode("utf-16-le", "replace").splitlines():
        if line.strip().isprintable() and line.strip():
            yield line.strip()
