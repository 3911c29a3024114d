"""`manage.py add PATH… --owner HANDLE`: files and folders from this machine's disk into a vault.

Every file goes through the verb that the browser's go through. A file is there already when its
folder holds a document of that name with the same bytes; also when the name was taken by other
bytes and the file got a number on an earlier run. Links and special files are refused: what they
point at was not named.
"""

import hashlib
import os
import re
import stat
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.http import Http404
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from tqdm import tqdm

from accounts.actors import Actor
from accounts.models import User
from accounts.quota import QuotaExceeded
from documents.actions.errors import Refused
from documents.actions.folders import ensure_folder_path
from documents.models import Document, Folder
from documents.names import InvalidName, clean_name, name_key, split_name
from documents.storage import StoreError
from documents.uploads import UploadRefused, store_stream
from sharing import access

READ_BYTES = 1024 * 1024
LISTED = 20
INTERRUPTED = 130


@dataclass(frozen=True)
class Item:
    """Something on disk: a file and the folders it goes into, or a folder itself."""

    path: Path
    directories: tuple[str, ...]
    size_bytes: int
    is_folder: bool = False


@dataclass
class Report:
    """What came in (and under which other name), what was there already, what was refused and why."""

    added: list[tuple[str, str]] = field(default_factory=list)
    known: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    added_bytes: int = 0


class NotAFile(OSError):
    """It was a file a moment ago."""


class Command(BaseCommand):
    help = "Bring files and folders from disk into a person's vault."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH", help="a file, or a folder with all in it")
        parser.add_argument("--owner", required=True, metavar="HANDLE", help="whose vault")
        parser.add_argument("--folder", default="", metavar="A/B", help="where in the vault (made if missing)")

    def handle(self, *args: Any, **options: Any) -> None:
        report = Report()
        try:
            self.bring(options, report)
        except InvalidName as error:
            raise CommandError(f"--folder: {error.message}")
        except (StoreError, DatabaseError) as error:
            self.tell(report, options["verbosity"])
            what = _("storage") if isinstance(error, StoreError) else _("database")
            raise CommandError(
                _("The vault cannot reach its %(what)s. What came in stays; run the same command again later.")
                % {"what": what}
            )
        except KeyboardInterrupt:
            self.tell(report, options["verbosity"])
            raise CommandError(
                _("Stopped. What came in stays; run the same command again for the rest."), returncode=INTERRUPTED
            )
        self.tell(report, options["verbosity"])
        if report.refused:
            sys.exit(1)

    def bring(self, options: dict[str, Any], report: Report) -> None:
        owner = User.objects.filter(handle__iexact=options["owner"], is_active=True).first()
        if owner is None:
            raise CommandError(
                _("There is no active person with the handle %(handle)s.") % {"handle": printable(options["owner"])}
            )
        base = tuple(clean_name(part) for part in options["folder"].split("/") if part)
        items = [item for path in options["paths"] for item in walk(Path(path), base, report)]
        total, actor = sum(item.size_bytes for item in items), Actor.command(owner)
        with tqdm(total=total, unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:
            done = 0
            for item in items:
                bar.set_postfix_str(printable(item.path.name)[:40], refresh=False)
                add(item, actor, report, bar)
                done += item.size_bytes
                bar.update(done - bar.n)

    def tell(self, report: Report, verbosity: int) -> None:
        try:
            self.stdout.write(
                _("Came in: %(added)d (%(bytes)s). There already: %(known)d. Refused: %(refused)d.")
                % {
                    "added": len(report.added),
                    "bytes": filesizeformat(report.added_bytes),
                    "known": len(report.known),
                    "refused": len(report.refused),
                }
            )
            limit = None if verbosity > 1 else LISTED
            self.list(_("came in"), report.added, limit)
            self.list(_("there already"), report.known, limit)
            self.list(_("refused"), report.refused, None)
        except BrokenPipeError:
            # Whoever read along has gone; nothing is left to say to him.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def list(self, heading: str, rows: list[tuple[str, str]], limit: int | None) -> None:
        for path, note in rows[:limit]:
            self.stdout.write(f"  {heading}: {printable(path)}" + (f": {printable(note)}" if note else ""))
        if limit is not None and len(rows) > limit:
            self.stdout.write("  " + _("… and %(count)d more (-v 2 names all)") % {"count": len(rows) - limit})


def printable(text: str) -> str:
    """A name for the terminal: nothing in it can steer the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def walk(path: Path, directories: tuple[str, ...], report: Report) -> Iterator[Item]:
    """The folders and files at and below a path, in a stable order. What is neither is refused, and said."""
    waiting = [(path, directories)]
    while waiting:
        at, above = waiting.pop()
        try:
            status = at.lstat()
            if stat.S_ISREG(status.st_mode):
                yield Item(at, above, status.st_size)
            elif stat.S_ISDIR(status.st_mode):
                inside = (*above, at.resolve().name) if at == path else (*above, at.name)
                yield Item(at, inside, 0, is_folder=True)
                children = sorted(at.iterdir(), key=lambda child: os.fsencode(child.name), reverse=True)
                waiting += [(child, inside) for child in children]
            else:
                report.refused.append((str(at), _("neither a file nor a folder (a link or a device)")))
        except OSError as error:
            report.refused.append((str(at), error.strerror or _("cannot be read")))


def add(item: Item, actor: Actor, report: Report, bar: "tqdm[Any]") -> None:
    """One file or folder; a refusal is noted and the next one has its turn."""
    shown = str(item.path)
    try:
        place = ensure_folder_path(item.directories, None, by=actor)
        if not item.is_folder:
            _add_file(item, clean_name(item.path.name), place, actor, report, bar)
    except (InvalidName, Refused, UploadRefused, QuotaExceeded) as error:
        report.refused.append((shown, error.message))
    except (Http404, PermissionDenied):
        report.refused.append((shown, _("its folder in the vault has just gone")))
    except OSError as error:
        report.refused.append((shown, error.strerror or _("cannot be read")))


def _add_file(item: Item, name: str, place: Folder | None, actor: Actor, report: Report, bar: "tqdm[Any]") -> None:
    shown = str(item.path)
    with _opened(item.path) as stream:
        there = same_document(stream, name, place, actor)
        if there is not None:
            report.known.append((shown, _as(there.name, name)))
            return
        stream.seek(0)

        def chunks() -> Iterator[bytes]:
            while chunk := stream.read(READ_BYTES):
                bar.update(len(chunk))
                yield chunk

        size = os.fstat(stream.fileno()).st_size
        document = store_stream(name, chunks(), place, size_bound=size, by=actor)
    report.added.append((shown, _as(document.name, name)))
    report.added_bytes += document.size_bytes


def _as(there: str, wanted: str) -> str:
    return "" if name_key(there) == name_key(wanted) else _("as “%(name)s”") % {"name": there}


def _opened(path: Path) -> BufferedReader:
    """The file, never a link or a device put in its place meanwhile, and never waiting for a pipe's other end."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NotAFile(0, _("neither a file nor a folder (a link or a device)"))
    return os.fdopen(handle, "rb")


def same_document(stream: BufferedReader, name: str, place: Folder | None, actor: Actor) -> Document | None:
    """The document in this folder that the file has become before, if any."""
    rows = access.documents_in(actor, place)
    named = rows.filter(name_key=name_key(name)).first()
    if named is None:
        return None
    stem, suffix = split_name(name)
    stem = re.sub(r" \(\d{1,6}\)$", "", stem)
    numbered = re.compile(re.escape(name_key(stem)) + r" \(\d{1,6}\)" + re.escape(name_key(suffix)))
    size = os.fstat(stream.fileno()).st_size
    alike = [
        row
        for row in rows.filter(name_key__startswith=name_key(stem), size_bytes=size)
        if row.pk == named.pk or numbered.fullmatch(row.name_key)
    ]
    if not alike:
        return None
    digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return next((row for row in alike if row.sha256 == digest), None)
