"""The trail to take away: a ZIP with every sealed row, the seals, and a program that verifies both without us."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext as _
from zipstream import ZIP_DEFLATED, ZipStream

from accounts.actors import Actor
from docuvault.lib.connections import let_go_of_database
from sharing import access, audit
from sharing.models import TrailSeal
from sharing.trail import verifier
from sharing.trail.rows import Labels, Range, Row
from sharing.trail.sealing import text_of
from sharing.trail.stretches import range_of, stretches_by_number

# A cell that begins with one of these is a formula to a spreadsheet.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
CSV_COLUMNS = (
    "id", "at", "actor_name", "action", "target_kind", "target_name", "result", "ip_address", "details", "actor_id",
    "actor_kind", "on_behalf_of", "target_id", "owner_id", "request_id", "session_hash",
)  # fmt: skip


def safe_cell(value: str) -> str:
    """As text, whatever a spreadsheet would like to make of it."""
    return f"'{value}" if value.startswith(FORMULA) else value


def export_trail(*, by: Actor, since: datetime | None = None) -> ZipStream:
    """All seals from the first that reaches into the wanted time, with their rows. Raises NotAllowed.

    Rows that no seal holds yet are left for the next export: what is exported can be verified.
    """
    access.require_admin(by)
    rows = TrailSeal.objects.order_by("number")
    seals = list(rows.filter(last_at__gte=since) if since else rows)
    with transaction.atomic():
        audit.record(
            audit.Verb.TRAIL_EXPORTED,
            by=by,
            target_kind="trail",
            details={"entries": len(seals), "count": sum(seal.row_count for seal in seals)},
        )
    ranges = list(_ranges(seals))
    archive = ZipStream(compress_type=ZIP_DEFLATED)
    archive.add(_about(seals), "READ ME.txt")
    archive.add(Path(verifier.__file__).read_bytes(), "verify.py")
    archive.add(_seals(seals), "seals.json")
    archive.add(_in_chunks(_json_lines(ranges)), "events.jsonl")
    archive.add(_in_chunks(_csv_lines(ranges)), "events.csv")
    return archive


def _ranges(seals: list[TrailSeal]) -> Iterator[tuple[TrailSeal, Range]]:
    before = TrailSeal.objects.filter(number=seals[0].number - 1).first() if seals else None
    stretches = stretches_by_number()
    for seal in seals:
        if seal.pruned_at is None:
            yield seal, range_of(seal, before, stretches)
        before = seal


def _rows(ranges: list[tuple[TrailSeal, Range]]) -> Iterator[Row]:
    for seal, wanted in ranges:
        yield from wanted.rows(Labels(seal.key_name))

        let_go_of_database()


def _json_lines(ranges: list[tuple[TrailSeal, Range]]) -> Iterator[str]:
    for row in _rows(ranges):
        event = dict(zip(verifier.COLUMNS, row.values, strict=True))
        event.update(actor_name=row.actor_name, target_name=row.target_name, label_salt=row.salt, erased=not row.salt)
        yield json.dumps(event, ensure_ascii=False) + "\n"


def _csv_lines(ranges: list[tuple[TrailSeal, Range]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(CSV_COLUMNS)
    for row in _rows(ranges):
        event = dict(zip(verifier.COLUMNS, row.values, strict=True))
        event.update(actor_name=row.actor_name, target_name=row.target_name)
        writer.writerow([safe_cell(str(event[column])) for column in CSV_COLUMNS])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _in_chunks(lines: Iterator[str], size: int = 64 * 1024) -> Iterator[bytes]:
    waiting: list[str] = []
    length = 0
    for line in lines:
        waiting.append(line)
        length += len(line)
        if length >= size:
            yield "".join(waiting).encode()
            waiting, length = [], 0
    yield "".join(waiting).encode()


def _seals(seals: list[TrailSeal]) -> str:
    rows = [
        {**text_of(seal), "head": seal.head, "mac": seal.mac, "pruned": seal.pruned_at is not None} for seal in seals
    ]
    return json.dumps({"format": verifier.FORMAT, "seals": rows}, indent=1)


def _about(seals: list[TrailSeal]) -> str:
    return _(
        "The trail of a DocuVault.\n\n"
        "events.jsonl  every sealed row, one JSON object a line, in the order of the seals\n"
        "events.csv    the same for spreadsheets; cells that look like formulas begin with an apostrophe\n"
        "seals.json    the seals: each holds the hash of its rows and of the seal before it\n"
        "verify.py     python verify.py FOLDER verifies all of it; it needs Python and nothing else\n\n"
        "Last seal: %(number)s, head %(head)s\n"
        "Compare the head with one kept elsewhere (the server's log, the bucket): a chain proves that nothing in it\n"
        "was changed, and only a head from outside proves that its end was not cut off.\n"
    ) % {"number": seals[-1].number if seals else 0, "head": seals[-1].head if seals else "-"}
