"""Kinds that kreuzberg reads: the old binary Office files, RTF, and Outlook's mails."""

import re
from typing import Any, BinaryIO

import kreuzberg

from documents.extraction.limits import Limits
from documents.extraction.refusals import Locked, TooLarge, Unreadable
from documents.extraction.telling import Teller

FOREIGN_BYTES = 64 * 1024 * 1024
TYPES = {
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "msg": "application/vnd.ms-outlook",
    "rtf": "application/rtf",
}
# What RTF writes for a letter of its code page; kreuzberg leaves it in titles.
_HEX = re.compile(r"\\'([0-9a-fA-F]{2})")
_config = kreuzberg.ExtractionConfig(use_cache=False)


def read_foreign(kind: str, file: BinaryIO, teller: Teller, limits: Limits) -> None:
    file.seek(0)
    data = file.read(FOREIGN_BYTES + 1)
    if len(data) > FOREIGN_BYTES:
        raise TooLarge
    try:
        found = kreuzberg.extract_bytes_sync(data, TYPES[kind], config=_config)
    except kreuzberg.KreuzbergError as error:
        said = str(error).lower()
        if "password" in said or "encrypt" in said:
            raise Locked from error
        raise Unreadable from error
    metadata: dict[str, Any] = dict(found.metadata or {})
    title = str(metadata.get("title") or metadata.get("subject") or "")
    title = _HEX.sub(lambda match: bytes.fromhex(match.group(1)).decode("cp1252", "replace"), title)
    written_at = str(metadata.get("created_at") or "").replace("Z", "+00:00")
    sheets = [sheet for sheet in (found.pages or []) if sheet.get("tables")] if kind == "xls" else []
    if sheets:
        names = list(metadata.get("sheet_names") or [])
        teller.facts(kind, len(sheets), title, written_at)
        for index, sheet in enumerate(sheets):
            rows = ["\t".join(row).rstrip() for table in sheet["tables"] for row in table.cells]
            teller.page("\n".join([names[index] if index < len(names) else "", *rows]).strip())
        return
    text = found.content
    if attachments := metadata.get("attachments"):
        text += "\n\n" + "\n".join(f"[{name}]" for name in attachments)
    teller.facts(kind, None, title, written_at)
    teller.pieces(text)
