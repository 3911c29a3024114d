"""`manage.py add PATH… --owner HANDLE`: files and folders from this machine's disk into a vault."""

import hashlib
import stat
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from accounts.actors import Actor
from accounts.models import User
from accounts.quota import QuotaExceeded
from documents.actions.errors import Refused
from documents.actions.folders import ensure_folder_path
from documents.models import Document, Folder
from documents.names import InvalidName, clean_name, name_key
from documents.storage import StoreUnavailable
from documents.uploads import UploadRefused, store_stream

READ_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Item:
    """A file on disk and the folders it goes into."""

    path: Path
    directories: tuple[str, ...]
    size_bytes: int


@dataclass
class Report:
    """What came in, what was there already, and what was refused and why."""

    added: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


class Command(BaseCommand):
    help = "Bring files and folders from disk into a person's vault."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH", help="a file, or a folder with all in it")
        parser.add_argument("--owner", required=True, metavar="HANDLE", help="whose vault")
        parser.add_argument("--folder", default="", metavar="A/B", help="where in the vault (made if missing)")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = User.objects.filter(handle__iexact=options["owner"], is_active=True).first()
        if owner is None:
            raise CommandError(f"There is no active person with the handle {options['owner']}.")
        actor, report = Actor.command(owner), Report()
        try:
            base = [clean_name(part) for part in options["folder"].split("/") if part]
            items = [item for path in options["paths"] for item in walk(Path(path), base, report)]
            total = sum(item.size_bytes for item in items)
            with tqdm(total=total, unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:
                for item in items:
                    bar.set_postfix_str(item.path.name[:40], refresh=False)
                    add(item, actor, report, bar)
        except InvalidName as error:
            raise CommandError(f"--folder: {error.message}")
        except StoreUnavailable as error:
            self.tell(report)
            raise CommandError(f"The vault cannot reach its storage: {error}. Run the same command again later.")
        except KeyboardInterrupt:
            self.tell(report)
            raise CommandError("Stopped. What came in stays; run the same command again for the rest.")
        self.tell(report)
        if report.refused:
            sys.exit(1)

    def tell(self, report: Report) -> None:
        self.stdout.write(
            f"{len(report.added)} came in, {len(report.known)} were there already, {len(report.refused)} were refused."
        )
        for name in report.known:
            self.stdout.write(f"  there already: {printable(name)}")
        for name, reason in report.refused:
            self.stdout.write(f"  refused: {printable(name)}: {reason}")


def printable(name: str) -> str:
    """A name for the terminal: nothing in it can steer the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in name)


def walk(path: Path, directories: list[str], report: Report) -> Iterator[Item]:
    """The files at and below a path, in a stable order. Links and special files are refused, and said."""
    try:
        status = path.lstat()
        if stat.S_ISREG(status.st_mode):
            yield Item(path, tuple(directories), status.st_size)
        elif stat.S_ISDIR(status.st_mode):
            for child in sorted(path.iterdir()):
                yield from walk(child, [*directories, path.resolve().name], report)
        else:
            report.refused.append((str(path), "neither a file nor a folder (a link or a device)"))
    except OSError as error:
        report.refused.append((str(path), error.strerror or "cannot be read"))


def add(item: Item, actor: Actor, report: Report, bar: "tqdm[Any]") -> None:
    """One file, through the same verb as the browser's."""
    shown = str(item.path)
    try:
        name = clean_name(item.path.name)
        place = ensure_folder_path(item.directories, None, by=actor)
        if is_there(item, name, place, actor):
            report.known.append(shown)
            bar.update(item.size_bytes)
            return
        with item.path.open("rb") as stream:

            def chunks() -> Iterator[bytes]:
                while chunk := stream.read(READ_BYTES):
                    bar.update(len(chunk))
                    yield chunk

            store_stream(name, chunks(), place, size_bound=item.size_bytes, by=actor)
        report.added.append(shown)
    except (InvalidName, Refused, UploadRefused, QuotaExceeded) as error:
        report.refused.append((shown, error.message))
    except OSError as error:
        report.refused.append((shown, error.strerror or "cannot be read"))


def is_there(item: Item, name: str, place: Folder | None, actor: Actor) -> bool:
    """Whether this folder holds a document of this name with these bytes."""
    assert actor.user is not None
    rows = Document.objects.live().owned_by(actor.user.pk).in_folder(place)
    row = rows.filter(name_key=name_key(name), size_bytes=item.size_bytes).first()
    if row is None:
        return False
    with item.path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == row.sha256
