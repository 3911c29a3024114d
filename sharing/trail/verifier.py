"""Verifies an exported trail. Needs Python 3.9 and nothing else: no database, no DocuVault.

    python verify.py FOLDER_OR_ZIP

It reads events.jsonl and seals.json, takes the hash of the rows of every seal again, and follows the chain of
seals. What it cannot know: whether the last seals were cut off. Compare the printed head with one that was
written down elsewhere (the server's log, the bucket, a colleague's copy).
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

FORMAT = "docuvault-trail/1"
# The order in which a row is written down for its hash; label_hash stands for the names, which may be erased.
COLUMNS = (
    "id", "at", "xact", "actor_id", "actor_kind", "on_behalf_of", "action", "target_kind", "target_id", "owner_id",
    "request_id", "ip_address", "session_hash", "result", "details", "label_hash",
)  # fmt: skip
SEAL_FIELDS = (
    "number", "stretch", "last_xact", "first_id", "last_id", "row_count", "first_at", "last_at", "rows_hash",
    "previous_head", "sealed_at", "key_name",
)  # fmt: skip
BEGINNING = "0" * 64


def label_hash(salt: str, actor_name: str, target_name: str) -> str:
    """What stands for the names of a row."""
    return hashlib.sha256(f"{salt}\x1f{actor_name}\x1f{target_name}".encode()).hexdigest()


def canonical(values: list[Any]) -> bytes:
    """The bytes of a row or a seal: a JSON list in a fixed order, and a line feed."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def head_of(seal: dict[str, Any]) -> str:
    """The hash of a seal's own text."""
    return hashlib.sha256(canonical([FORMAT, *(seal[field] for field in SEAL_FIELDS)])).hexdigest()


def verify(seals: Iterable[dict[str, Any]], events: Iterable[dict[str, Any]]) -> str:
    """The first thing that is wrong in words, or "" where all of it holds. Both in the order of the export."""
    previous: dict[str, Any] | None = None
    waiting: Iterator[dict[str, Any]] = iter(events)
    for seal in seals:
        name = f"seal {seal['number']}"
        if head_of(seal) != seal["head"]:
            return f"{name}: its own text was changed"
        if previous is not None:
            if seal["number"] != previous["number"] + 1:
                return f"{name}: the seal before it is missing"
            if seal["previous_head"] != previous["head"]:
                return f"{name}: it does not follow the seal before it"
        previous = seal
        if seal.get("pruned"):
            continue
        digest = hashlib.sha256()
        for position in range(seal["row_count"]):
            event = next(waiting, None)
            if event is None:
                return f"{name}: {seal['row_count'] - position} rows are missing"
            names = label_hash(event["label_salt"], event["actor_name"], event["target_name"])
            if not event["erased"] and names != event["label_hash"]:
                return f"{name}: the names in row {event['id']} were changed"
            digest.update(canonical([event[column] for column in COLUMNS]))
        if digest.hexdigest() != seal["rows_hash"]:
            return f"{name}: its rows are not those that were sealed (ids {seal['first_id']} to {seal['last_id']})"
    return ""


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    place = Path(sys.argv[1])
    lines: Iterable[str]
    if place.is_dir():
        seals = json.loads((place / "seals.json").read_text(encoding="utf-8"))
        lines = (place / "events.jsonl").open(encoding="utf-8")
    else:
        archive = zipfile.ZipFile(place)
        seals = json.loads(archive.read("seals.json"))
        lines = io.TextIOWrapper(archive.open("events.jsonl"), encoding="utf-8")
    if seals["format"] != FORMAT:
        print(f"This is {seals['format']}; this verifier knows {FORMAT}.")
        return 2
    wrong = verify(seals["seals"], (json.loads(line) for line in lines))
    if wrong:
        print(f"NOT SOUND: {wrong}.")
        return 1
    if not seals["seals"]:
        print("There is no seal in this export.")
        return 0
    first, last = seals["seals"][0], seals["seals"][-1]
    rows = sum(seal["row_count"] for seal in seals["seals"] if not seal.get("pruned"))
    print(f"Sound: {rows} rows in seals {first['number']} to {last['number']}. Head: {last['head']}")
    if first["previous_head"] != BEGINNING:
        print(f"It begins after a seal with head {first['previous_head']}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
