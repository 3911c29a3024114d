"""An export into a folder: what is there already is verified and kept, so one that broke off goes on.

Every file is written beside the tree, noted in a journal and then moved to its place: a file of the export is
whole or not there. What the journal and the earlier list of checksums do not name is somebody else's and is
left alone, and so is a file of ours that is not any more what it was.
"""

import errno
import fcntl
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import User
from documents.downloads import ContentFlawed, whole_bytes
from documents.exports.known import Known
from documents.exports.layout import (
    GONE,
    GUIDE,
    GUIDE_TEXT,
    INDEX,
    INDEX_COLUMNS,
    MARK,
    MISSING,
    MISSING_COLUMNS,
    SUMS,
    csv_head,
    index_row,
    lost_versions,
    missing_rows,
    sums_line,
    to_json,
)
from documents.exports.marks import Mark, NotAnExport, read_mark
from documents.exports.paths import UnsafePath, checked_path
from documents.exports.plan import Choice, Paper, Plan, Wanted, moment, plan_export
from documents.models import Document, Version, VersionFlaw
from docuvault.lib.failpoints import Failpoint, failpoint
from sharing import access, audit

WORK = ".docuvault-unfinished"
JOURNAL = "journal"
DRAFT = re.compile(r"^draft-[0-9a-f]{16}$")
# What a file system answers to a name that it cannot hold.
UNWRITABLE = {errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}
EVERYBODY = "everybody"

Step = Callable[[int, int], None]


class ExportRefused(Exception):
    """Nothing is exported, in one line for the operator."""


class Foreign(Exception):
    """A file of the export cannot be put in its place: something else stands there, or its name cannot be held."""


@dataclass
class ExportReport:
    """What one run did. `flawed` names what could not be read, `foreign` paths that could not be
    written, and why."""

    documents: int = 0
    size_bytes: int = 0
    written: int = 0
    kept: int = 0
    removed: int = 0
    flawed: list[tuple[str, int, str]] = field(default_factory=list)
    foreign: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not self.flawed and not self.foreign


def export_to_folder(
    root: Path,
    people: Iterable[User],
    choice: Choice,
    *,
    by: Actor,
    scope: str = EVERYBODY,
    step: Step = lambda done, total: None,
) -> ExportReport:
    """These people's vaults into a folder that is empty or holds an earlier run's work.

    `scope` names whose export it is: a folder is never turned from one person's into another's. Raises
    ExportRefused, OSError, StoreUnavailable; what is there by then is found and kept by the next run.
    """
    access.require_admin(by)
    with plan_export(people, choice, scope=scope) as plan, _opened_folder(root, plan) as folder:
        report = ExportReport(plan.documents, plan.size_bytes)
        _Run(plan, folder, report, step).work()
        report.documents = plan.documents
        failpoint(Failpoint.EXPORT_ENDING)
        folder.finish(plan, report)
        _tell(plan, report, by)
    return report


def _tell(plan: Plan, report: ExportReport, by: Actor) -> None:
    with transaction.atomic():
        for person in plan.people:
            audit.record(
                audit.Verb.EXPORT_MADE,
                by=by,
                target_kind="vault",
                target_id=person.user_id,
                target_name=person.handle,
                owner=person.user_id,
                details={
                    "documents": person.documents,
                    "size_bytes": person.size_bytes,
                    "left": len(report.flawed) + len(report.foreign),
                },
            )


class _Run:
    """Goes through a plan once."""

    def __init__(self, plan: Plan, folder: "_Folder", report: ExportReport, step: Step) -> None:
        self.plan, self.folder, self.report, self.step = plan, folder, report, step
        self.done = 0

    def work(self) -> None:
        self.put(GUIDE, GUIDE_TEXT.encode())
        for directory in self.plan.directories():
            try:
                self.folder.make_directory(directory)
            except Foreign as error:
                self.report.foreign.append((directory, str(error)))
        for path, content in self.plan.texts():
            self.put(path, content)
        with self.folder.growing(INDEX) as index, self.folder.growing(MISSING) as missing:
            index.write(csv_head(INDEX_COLUMNS))
            missing.write(csv_head(MISSING_COLUMNS))
            for paper in self.plan.papers():
                record = paper.finished_record(self._bring(paper))
                if any(row["flaw"] == GONE for row in record["versions"] if row["number"] == record["current_version"]):
                    self.plan.documents -= 1  # deleted for good since the plan was made
                    continue
                self.put(paper.record_path, to_json(record))
                index.write(index_row(record, paper.record_path))
                missing.writelines(missing_rows(record, paper.record_path))
                place = "/".join([record["owner"], *record["place"], record["name"]])
                self.report.flawed += [(place, row["number"], row["flaw"]) for row in lost_versions(record)]
        self.put_draft(INDEX)
        if self.report.flawed:
            self.put_draft(MISSING)

    def put(self, path: str, content: bytes) -> None:
        try:
            self._count(self.folder.put(path, iter([content]), hashlib.sha256(content).hexdigest()))
        except Foreign as error:
            self.report.foreign.append((path, str(error)))

    def put_draft(self, path: str) -> None:
        try:
            self._count(self.folder.put_grown(path))
        except Foreign as error:
            self.report.foreign.append((path, str(error)))

    def _count(self, is_new: bool) -> None:
        self.report.written += is_new
        self.report.kept += not is_new

    def _bring(self, paper: Paper) -> dict[int, str]:
        """Bring a document's bytes; answers what could not be read, by number of version."""
        flaws: dict[int, str] = {}
        digests = {row["number"]: (row["sha256"], row["created_at"]) for row in paper.record["versions"]}
        for wanted in paper.bytes:
            digest, created_at = digests[wanted.number]
            try:
                written = self.folder.put(wanted.path, self._read(wanted), digest, datetime.fromisoformat(created_at))
                self._count(written)
            except ContentFlawed as error:
                flaws[wanted.number] = error.flaw
            except Document.DoesNotExist:
                flaws[wanted.number] = GONE
            except Foreign as error:
                self.report.foreign.append((wanted.path, str(error)))
            self.done += wanted.size_bytes
            self.step(self.done, self.plan.size_bytes)
        return flaws

    def _read(self, wanted: Wanted) -> Iterator[bytes]:
        """The bytes, opened when they are asked for. Raises ContentFlawed, and DoesNotExist for what is gone by now."""
        version = Version.objects.select_related("document").filter(pk=wanted.version_id).first()
        if version is None:
            raise Document.DoesNotExist
        if version.flaw:
            raise ContentFlawed(version.document, version, VersionFlaw(version.flaw))
        for chunk in whole_bytes(version):
            self.step(self.done, self.plan.size_bytes)
            yield chunk


# --- The folder ---------------------------------------------------------------------------------------


class _Folder:
    """The files of one export on disk."""

    def __init__(self, root: Path) -> None:
        self.root, self.work = root, root / WORK
        self.known = Known()
        self._journal: Any = None
        self._made: set[str] = set()

    def prepare(self) -> None:
        """Read what earlier runs wrote, and clear away what they did not finish."""
        self.work.mkdir(mode=0o700, exist_ok=True)
        if stat.S_ISLNK(self.work.lstat().st_mode):
            raise ExportRefused(_("%(path)s is a link.") % {"path": self.work})
        for name in (self.root / SUMS, self.work / JOURNAL):
            if name.is_file() and not name.is_symlink():
                with name.open(encoding="utf-8", errors="replace") as lines:
                    self.known.read(lines)
        for path in self.work.iterdir():
            if DRAFT.match(path.name):
                path.unlink()
        self._journal = (self.work / JOURNAL).open("a", encoding="utf-8")

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
        self.known.close()

    def make_directory(self, path: str) -> None:
        """A directory and those above it. Raises Foreign where something else has its name."""
        if path in self._made or not path:
            return
        above, _slash, _name = path.rpartition("/")
        self.make_directory(above)
        target = self.root / path
        try:
            with suppress(FileExistsError):
                target.mkdir(mode=0o700)
        except OSError as error:
            if error.errno in UNWRITABLE:
                raise Foreign(error.strerror) from error
            raise
        if not stat.S_ISDIR(target.lstat().st_mode):
            raise Foreign(_("something else stands where a folder belongs"))
        self._made.add(path)

    def put(self, path: str, chunks: Iterable[bytes], sha256: str, changed_at: datetime | None = None) -> bool:
        """A file of these bytes; False where it was there already. Raises Foreign, and what the chunks raise."""
        self.make_directory(path.rpartition("/")[0])
        if self._stands(path, sha256):
            self.known.is_there(path, sha256)
            return False
        draft = self.work / f"draft-{secrets.token_hex(8)}"
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            if changed_at is not None:
                os.utime(draft, (changed_at.timestamp(), changed_at.timestamp()))
            self._move(draft, path, sha256)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        return True

    def _move(self, draft: Path, path: str, sha256: str) -> None:
        # The journal first: should this process die in between, the next run knows the file for ours.
        self._journal.write(f"{sha256}  {path}\n")
        self._journal.flush()
        draft.rename(self.root / path)
        self.known.is_there(path, sha256)
        failpoint(Failpoint.EXPORT_FILE_WRITTEN)

    def _stands(self, path: str, sha256: str) -> bool:
        """Whether just these bytes are there already. Raises Foreign for others, unless they are an earlier run's."""
        found = self._digest(path)
        if found is None:
            return False
        if found == sha256:
            return True
        if self.known.wrote(path, found):
            return False
        raise Foreign(_("it is not what an export wrote there, and is left alone"))

    def _digest(self, path: str) -> str | None:
        """The digest of a file as it is; None where there is none, "" for what is no file."""
        try:
            handle = os.open(self.root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in UNWRITABLE:
                raise Foreign(error.strerror) from error
            return ""
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return ""
            return hashlib.file_digest(file, "sha256").hexdigest()

    @contextmanager
    def growing(self, name: str) -> Iterator[Any]:
        """A file that is written line by line beside the tree; `put_grown` puts it in its place."""
        with (self.work / name).open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())

    def put_grown(self, name: str) -> bool:
        draft = self.work / name
        with draft.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if self._stands(name, sha256):
            self.known.is_there(name, sha256)
            return False
        self._move(draft, name, sha256)
        return True

    def finish(self, plan: Plan, report: ExportReport) -> None:
        """Remove what no longer belongs here, then say that all is whole: the mark, and last the checksums."""
        self._remove_left_over(report)
        mark = plan.mark(finished_at=moment(now()), flaws=len(report.flawed) + len(report.foreign))
        self.write_own(MARK, [mark])
        self.known.is_there(MARK, hashlib.sha256(mark).hexdigest())
        self.write_own(SUMS, (sums_line(sha256, path) for path, sha256 in self.known.all_there()))
        self._journal.close()
        for name in (JOURNAL, INDEX, MISSING):
            (self.work / name).unlink(missing_ok=True)
        with suppress(OSError):
            self.work.rmdir()

    def write_own(self, name: str, chunks: Iterable[bytes]) -> None:
        """The mark and the list of checksums, which this folder has because it is an export."""
        draft = self.work / f"draft-{secrets.token_hex(8)}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self.root / name)
        handle = os.open(self.root, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _remove_left_over(self, report: ExportReport) -> None:
        """What an earlier run wrote and the vault no longer has, where it is still what was written."""
        for path in self.known.left_over():
            try:
                checked_path(path)
            except UnsafePath:
                continue
            if path in {MARK, SUMS} or not self._is_inside(path):
                continue
            digest = self._digest(path)
            if digest and self.known.wrote(path, digest):
                (self.root / path).unlink()
                report.removed += 1
                self._remove_empty(path.rpartition("/")[0])

    def _is_inside(self, path: str) -> bool:
        """Whether no link leads out of the folder on the way to a path."""
        at = self.root
        for part in path.split("/")[:-1]:
            at /= part
            if at.is_symlink() or not at.is_dir():
                return False
        return True

    def _remove_empty(self, directory: str) -> None:
        while directory and directory not in self._made:
            try:
                (self.root / directory).rmdir()
            except OSError:
                return
            directory = directory.rpartition("/")[0]


@contextmanager
def _opened_folder(root: Path, plan: Plan) -> Iterator[_Folder]:
    """The folder, for this run alone. Raises ExportRefused."""
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ExportRefused(f"{root}: {error.strerror}") from error
    folder = _Folder(root)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ExportRefused(_("Another export into %(path)s is under way.") % {"path": root}) from None
        _must_be_ours(root, plan)
        folder.prepare()
        folder.write_own(MARK, [plan.mark(finished_at=None)])
        yield folder
    finally:
        folder.close()
        os.close(handle)


def _must_be_ours(root: Path, plan: Plan) -> None:
    """Raises ExportRefused for a folder that holds other things, or the export of another vault or person."""
    if not any(root.iterdir()):
        return
    path = root / MARK
    if path.is_symlink() or not path.is_file():
        # Killed before it could say what it is: nothing but our own working folder is there.
        if [entry.name for entry in root.iterdir()] == [WORK]:
            return
        raise ExportRefused(_("%(path)s holds other things. Choose an empty folder.") % {"path": root})
    try:
        mark: Mark = read_mark(path.read_bytes())
    except NotAnExport as error:
        raise ExportRefused(f"{root}: {error.message}") from error
    if (mark.vault, mark.scope) != (plan.vault, plan.scope):
        raise ExportRefused(
            _("%(path)s holds another export (%(scope)s, vault %(vault)s). Choose an empty folder.")
            % {"path": root, "scope": mark.scope, "vault": mark.vault}
        )
