"""Small papers of each kind, made here: enough of the format for a reader to find the words."""

import io
import zipfile

from documents.management.papers import pdf_file, pdf_stream


def pdf(*pages: str, title: str = "") -> bytes:
    """A PDF with a line of text on each page."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(count))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for index, text in enumerate(pages):
        content = f"BT /F1 18 Tf 72 720 Td ({text}) Tj ET".encode("latin-1")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * index} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(pdf_stream(content))
    if title:
        objects.append(f"<< /Title ({title}) /CreationDate (D:20240131120000Z) >>".encode())
    return pdf_file(objects, info=len(objects) if title else 0)


PDF = pdf("Invoice of the harbour master, number 4711", title="Harbour dues")
_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def archive(**members: str) -> bytes:
    """A ZIP of these members; two underscores stand for a slash, one for a dot."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in members.items():
            made.writestr(name.replace("__", "/").replace("_", "."), text)
    return out.getvalue()


def docx(*paragraphs: str) -> bytes:
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    return archive(
        word__document_xml=f'<?xml version="1.0"?><w:document {_W}><w:body>{body}</w:body></w:document>',
    )


# A page that things are written on.
_PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >>"


def form(*notes: str, fields: str = "", printed: str = "Application for a residence permit") -> bytes:
    """A page with these things on it, numbered from 7; `fields` are those that stand in the form's list."""
    numbers = " ".join(f"{number} 0 R" for number in range(7, 7 + len(notes)))
    drawn = f"BT /F1 14 Tf 20 260 Td ({printed}) Tj ET" if printed else ""
    return pdf_file(
        [
            b"<< /Type /Catalog /Pages 2 0 R /AcroForm 6 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            _PAGE + f" /Annots [{numbers}] >>".encode(),
            pdf_stream(drawn.encode()),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            f"<< /Fields [{fields or numbers}] /NeedAppearances true /DR << /Font << /Helv 5 0 R >> >>"
            " /DA (/Helv 12 Tf 0 g) >>".encode(),
            *(f"<< /Type /Annot {note} >>".encode() for note in notes),
        ]
    )


def field(kind: str, rect: str, more: str) -> str:
    return f"/Subtype /Widget /FT /{kind} /Rect [{rect}] /F 4 /DA (/Helv 12 Tf 0 g) {more}"


NAME = field("Tx", "20 220 300 240", "/T (name) /V (Wilhelmina Oosterbeek)")
