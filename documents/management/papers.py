"""Papers that look real, for the demo: small PDFs, pictures, tables, letters and mails made by our own code."""

import struct
import zlib
from collections.abc import Sequence


def pdf_file(objects: Sequence[bytes], info: int = 0) -> bytes:
    """A PDF of these objects, numbered from 1, the catalog first; `info` is the number of the one that tells of it."""
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    told = b" /Info %d 0 R" % info if info else b""
    out += b"trailer\n<< /Size %d /Root 1 0 R%s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, told, start)
    return bytes(out)


def pdf_stream(content: bytes) -> bytes:
    return b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content)


def pdf(title: str, lines: Sequence[str]) -> bytes:
    """A one-page PDF (A4) with a title and lines of text, readable by any viewer."""

    def text(line: str) -> str:
        safe = line.encode("cp1252", "replace").decode("cp1252")
        return safe.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")

    body = [f"BT /F2 18 Tf 64 760 Td ({text(title)}) Tj ET", "0.6 w 64 748 m 531 748 l S"]
    body += [f"BT /F1 11 Tf 64 {720 - 18 * n} Td ({text(line)}) Tj ET" for n, line in enumerate(lines)]
    content = "\n".join(body).encode("cp1252")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>",
        pdf_stream(content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
    ]
    return pdf_file(objects)


def png(width: int, height: int, seed: int) -> bytes:
    """A soft picture of stripes and a gradient, different for each seed."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            wave = (x * (seed % 5 + 1) // 24 + y // 16) % 7
            rows += bytes(
                (
                    (90 + x * 120 // width + wave * 5) % 256,
                    (120 + y * 90 // height) % 256,
                    (seed * 37 + wave * 9) % 256,
                )
            )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(rows), 9))
        + chunk(b"IEND", b"")
    )


def mail(sender: str, to: str, subject: str, text: str) -> bytes:
    """A plain e-mail as a file."""
    from email.message import EmailMessage

    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Date"] = "Mon, 03 Jun 2024 09:12:00 +0200"
    message.set_content(text)
    return message.as_bytes()


def table(rows: Sequence[Sequence[object]]) -> bytes:
    """A table as CSV."""
    import csv
    import io

    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


YEARS = (2022, 2023, 2024)
MONTHS = ("January", "February", "March", "April", "May", "June")


def household() -> list[tuple[str, str, bytes, tuple[str, ...]]]:
    """A family's papers: folder, name, bytes and topics."""
    papers: list[tuple[str, str, bytes, tuple[str, ...]]] = []

    def add(folder: str, name: str, data: bytes, *topics: str) -> None:
        papers.append((folder, name, data, topics))

    for year in YEARS:
        add(
            "Car/Insurance",
            f"Insurance policy {year}.pdf",
            pdf(
                f"Motor insurance {year}",
                [
                    "Policy KX-2210-77",
                    f"Premium {480 + year % 7 * 9}.20 for the year",
                    "Cover: third party, fire and theft",
                    "Insured: Alice Archer",
                ],
            ),
            "Insurance",
            "Car",
        )
        add(
            f"Taxes/{year}",
            f"Tax assessment {year}.pdf",
            pdf(
                f"Income tax assessment {year}",
                [
                    "Taxpayer: Alice Archer",
                    f"Taxable income {41_000 + year % 9 * 350}",
                    "The amount is due within one month.",
                ],
            ),
            "Tax",
            "Important",
        )
        add(
            f"Taxes/{year}",
            f"Donations {year}.csv",
            table(
                [
                    ["date", "to", "amount"],
                    [f"{year}-02-11", "Red Cross", 50],
                    [f"{year}-12-03", "Food bank", 80],
                ]
            ),
            "Tax",
        )
        add(
            "Home/Energy",
            f"Electricity bill {year}.pdf",
            pdf(
                f"Electricity {year}",
                ["Meter 884-120", f"{2410 + year % 5 * 60} kWh used", "Balance in your favour: 38.10"],
            ),
            "Bills",
        )
        add(
            "Health/Insurance",
            f"Contribution statement {year}.pdf",
            pdf(f"Health contributions {year}", ["Insured person: Alice Archer", "Paid in full"]),
            "Insurance",
            "Tax",
        )
        add(
            "Home/Rent",
            f"Service charges {year}.pdf",
            pdf(
                f"Service charges {year}",
                [
                    "Flat 4, Mill Lane 12",
                    "Heating, water, lift",
                    f"Additional payment {60 + year % 4 * 12}.40",
                ],
            ),
            "Bills",
        )
    for number, month in enumerate(MONTHS, 1):
        add(
            "Work/Payslips 2024",
            f"Payslip 2024-{number:02d}.pdf",
            pdf(
                f"Payslip {month} 2024",
                ["Employee: Alice Archer", f"Gross 3,{410 + number}.00", "Net 2,318.45"],
            ),
            "Work",
            "Tax",
        )
        add(
            "Home/Phone",
            f"Phone bill 2024-{number:02d}.pdf",
            pdf(f"Phone bill {month} 2024", ["Number ending in 71", f"Amount {19 + number}.99"]),
            "Bills",
        )
    add(
        "Car",
        "Registration certificate.pdf",
        pdf("Vehicle registration", ["Plate: KX 22 ABC", "First registered 2019-05-14"]),
        "Car",
        "Important",
    )
    add(
        "Car",
        "Garage invoice June.pdf",
        pdf("Invoice 2024-118", ["Brake pads, front", "Labour 1.5 h", "Total 284.60"]),
        "Car",
        "Bills",
    )
    add("Car", "Scratch on the door.png", png(480, 320, 3), "Insurance", "Car")
    add(
        "Car/Insurance",
        "Claim letter.txt",
        b"Dear Sir or Madam,\n\nattached is the photo of the damage to my car.\n\nKind regards\nAlice Archer\n",
        "Insurance",
    )
    add(
        "Home/Rent",
        "Tenancy agreement.pdf",
        pdf(
            "Tenancy agreement",
            ["Between Mill Lane Homes and Alice Archer", "Flat 4, Mill Lane 12", "Rent 910.00 a month"],
        ),
        "Important",
    )
    add(
        "Home/Rent",
        "Handover protocol.pdf",
        pdf("Handover protocol", ["All rooms in good order", "Keys: 3"]),
    )
    add(
        "Home",
        "Warranty dishwasher.pdf",
        pdf("Warranty", ["Dishwasher EcoWash 60", "Bought 2023-11-02, 3 years"]),
        "Warranty",
    )
    add(
        "Home",
        "Warranty bicycle.pdf",
        pdf("Warranty", ["Frame number 771-AX", "5 years on the frame"]),
        "Warranty",
    )
    add("Home", "Floor plan.png", png(420, 420, 7))
    add(
        "Health",
        "Vaccination record.pdf",
        pdf("Vaccination record", ["Tetanus 2021", "Influenza 2023"]),
        "Important",
    )
    add(
        "Health",
        "Blood test.pdf",
        pdf("Laboratory report", ["All values in range"]),
    )
    add(
        "Health",
        "Dentist appointment.eml",
        mail(
            "dentist@example.org",
            "alice@example.org",
            "Your appointment",
            "Dear Ms Archer,\n\nwe expect you on 17 June at 10:30.\n",
        ),
    )
    add(
        "Family",
        "Birth certificate.pdf",
        pdf("Certificate of birth", ["Name: Emma Archer", "Born 2018-09-02"]),
        "Important",
    )
    add(
        "Family",
        "School report 2024.pdf",
        pdf("School report", ["Emma Archer, class 1b", "A lively and friendly child."]),
    )
    add("Family", "Holiday at the lake.png", png(640, 420, 11))
    add(
        "Travel/Lisbon 2024",
        "Boarding pass.pdf",
        pdf("Boarding pass", ["Archer / Alice", "LIS 07:40, seat 14C"]),
        "Travel",
    )
    add(
        "Travel/Lisbon 2024",
        "Hotel confirmation.eml",
        mail(
            "stay@example.org",
            "alice@example.org",
            "Your stay in Lisbon",
            "Three nights from 4 May, breakfast included.\n",
        ),
        "Travel",
    )
    add(
        "Travel/Lisbon 2024",
        "Packing list.md",
        b"# Packing list\n\n- passport\n- charger\n- sun hat\n",
        "Travel",
    )
    add("Travel", "Passport copy.png", png(520, 360, 5), "Important", "Travel")
    add(
        "Work",
        "Employment contract.pdf",
        pdf("Employment contract", ["Starting 2021-03-01", "30 days of leave"]),
        "Work",
        "Important",
    )
    add(
        "Work",
        "Reference letter.txt",
        b"To whom it may concern\n\nAlice Archer has worked with us since 2021.\n",
        "Work",
    )
    add(
        "",
        "Scan from the letter box.pdf",
        pdf("City of Millbrook", ["Your appointment to renew the identity card", "Bring a photo"]),
    )
    add("", "To sort.txt", b"receipt for the lamp\nletter from the school\n")
    return papers


TOPICS = {
    "Tax": "green", "Insurance": "blue", "Car": "orange", "Bills": "amber", "Important": "red", "Work": "violet",
    "Warranty": "teal", "Travel": "sky",
}  # fmt: skip
