"""What an export consists of, as docs/export.md describes it: its files, its records, and its lists."""

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

FORMAT = 1
# Of the list of rules and searches, which came later and may be missing.
FILING_FORMAT = 1
MARK = "docuvault-export.json"
GUIDE = "READ-ME.txt"
INDEX = "index.csv"
SUMS = "SHA256SUMS"
MISSING = "not-exported.csv"
ROOT_FILES = (MARK, GUIDE, INDEX, SUMS, MISSING)
FILES, TRASH, RECORDS = "files", "trash", "records"
FOLDERS, TOPICS, FILING = "folders.jsonl", "topics.json", "filing.json"

INDEX_COLUMNS = (
    "person", "place", "name", "file", "record", "size_bytes", "sha256", "type", "version", "versions",
    "added_at", "changed_at", "starred", "topics", "in_trash",
)  # fmt: skip
MISSING_COLUMNS = ("person", "place", "name", "version", "what", "record")
# Instead of a flaw: deleted for good since the export was begun.
GONE = "gone"
# What a spreadsheet takes for the beginning of a formula, the wide forms too.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# For spreadsheets, which otherwise guess another encoding.
BYTE_ORDER_MARK = "\ufeff"

GUIDE_TEXT = """\
This folder (or ZIP) is an export of a DocuVault: everything that people kept there, readable without DocuVault.

  <person>/files/       the documents, in folders as they were filed; names that a file system cannot hold were
                        changed a little
  <person>/trash/       what was in the trash
  <person>/records/     for each document a JSON file with its exact name and place, its topics, dates, notes and
                        versions; the bytes of older versions lie beside it
  <person>/topics.json, <person>/folders.jsonl
                        the topics, and the folders (one JSON object on each line), the empty ones too
  <person>/filing.json  the rules of filing and the searches that are kept
  index.csv             one row for each document, for a spreadsheet. A cell that would be taken for a formula
                        begins with an apostrophe
  SHA256SUMS            checksums of all files: `sha256sum -c SHA256SUMS`
  not-exported.csv      what could not be read when the export was made; not there if there was nothing
  docuvault-export.json when this was made, of which vault, and the number of the format

Take it into a DocuVault again with `manage.py import`. Dates are ISO 8601, all text is UTF-8, sizes are bytes.
"""


def moment(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat() if value is not None else None


def to_json(value: Any) -> bytes:
    """As a file that a person can read."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def to_line(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def csv_line(cells: Iterable[object]) -> bytes:
    """One row; what a spreadsheet would take for a formula is text."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow([_cell(cell) for cell in cells])
    return buffer.getvalue().encode()


def _cell(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def csv_head(columns: Iterable[str]) -> bytes:
    return BYTE_ORDER_MARK.encode() + csv_line(columns)


def sums_line(sha256: str, path: str) -> bytes:
    """As sha256sum writes and checks it; no path of ours holds a line feed or a backslash."""
    return f"{sha256}  {path}\n".encode()


def index_row(record: dict[str, Any], record_path: str) -> bytes:
    current: dict[str, Any] = next(
        (row for row in record["versions"] if row["number"] == record["current_version"]), {}
    )
    return csv_line(
        (
            record["owner"],
            "/".join(record["place"]),
            record["name"],
            current.get("file") or "",
            record_path,
            current.get("size_bytes", 0),
            current.get("sha256", ""),
            current.get("type", ""),
            record["current_version"],
            len(record["versions"]),
            record["created_at"],
            record["updated_at"],
            "yes" if record["is_starred"] else "",
            ", ".join(topic["name"] for topic in record["topics"]),
            "yes" if record["trash"] else "",
        )
    )


def lost_versions(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Those whose bytes could not be read. One deleted while the export was made is no loss."""
    return [row for row in record["versions"] if row["flaw"] and row["flaw"] != GONE]


def missing_rows(record: dict[str, Any], record_path: str) -> list[bytes]:
    """A row for each version whose bytes could not be read."""
    return [
        csv_line((record["owner"], "/".join(record["place"]), record["name"], row["number"], row["flaw"], record_path))
        for row in lost_versions(record)
    ]
