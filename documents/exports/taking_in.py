"""Taking an export in: one person's part of it into one person's vault, document by document, each whole or not at all.

What came in has an id that follows from whose vault it is and what it was, so taking in twice doubles nothing,
also when things were renamed or moved meanwhile. Whatever the export says is looked at first: paths stay inside of it,
names and sizes are asked like anybody's, and no byte counts before its checksum was right.
"""

import hashlib
from collections.abc import Iterator
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Quota, User
from accounts.quota import QuotaExceeded
from documents.actions.errors import Refused
from documents.actions.folders import find_folder_path
from documents.exports.filing import FilingTaking
from documents.exports.layout import FILING, FOLDERS, RECORDS, SUMS, TOPICS
from documents.exports.marks import Mark, MarkedPerson
from documents.exports.opening import opened_export, part_of, sums_of
from documents.exports.places import Places
from documents.exports.records import (
    LARGEST,
    LARGEST_LIST,
    BadRecord,
    DocumentTold,
    VersionTold,
    read_document,
    read_filing,
    read_folder,
    read_topics,
)
from documents.exports.report import ImportReport, Interrupted, Step
from documents.exports.sources import Source, Unreadable, chunks_of
from documents.models import Document, EntryKind, FilingRule, Folder, Topic, Upload
from documents.names import InvalidName, clean_name, name_key
from documents.uploads import UploadRefused
from documents.uploads.brought import (
    Brought,
    BroughtVersion,
    OtherBytes,
    begin_brought,
    file_brought,
    store_brought,
)
from documents.uploads.ending import fail_upload, note_for_deletion
from sharing import access, audit


def take_in(
    source: Source,
    *,
    by: Actor,
    person: str = "",
    preferred: str = "",
    into: str = "",
    is_dry_run: bool = False,
    report: ImportReport | None = None,
    step: Step = lambda done, total: None,
) -> ImportReport:
    """One person's part of an export into the actor's vault, below the folder `into`.

    `person` says whose part where there are several, `preferred` whose if his is among them; `step` is told of every
    piece of work, and may raise Interrupted. With `is_dry_run` all is read and nothing changes. Raises
    NotAnExport, InvalidName and Refused (for `into`), StoreError; the `report` tells what came in until then.
    """
    report = report if report is not None else ImportReport()
    owner = by.active_user
    if owner is None:
        raise access.NotVisible(_("There is nothing here that you can see."))
    mark, digests = opened_export(source)
    part = part_of(mark, person, preferred)
    run = _Run(source, mark, part, owner, by, _names_of(into), report, step, is_dry_run=is_dry_run)
    try:
        run.work(digests)
    finally:
        if not is_dry_run and report.added:
            _tell(mark, owner, report, by)
    return report


def _names_of(into: str) -> tuple[str, ...]:
    return tuple(clean_name(name) for name in into.split("/") if name)


def _tell(mark: Mark, owner: User, report: ImportReport, by: Actor) -> None:
    with transaction.atomic():
        audit.record(
            audit.Verb.EXPORT_TAKEN_IN,
            by=by,
            target_kind="vault",
            target_id=owner.pk,
            target_name=owner.handle,
            owner=owner.pk,
            details={
                "from": mark.vault,
                "added": report.added,
                "count": report.total,
                "left": report.refused_count,
                "size_bytes": report.added_bytes,
            },
        )


# --- One run --------------------------------------------------------------------------------------------


class _Run:
    """Takes one part in."""

    def __init__(
        self,
        source: Source,
        mark: Mark,
        part: MarkedPerson,
        owner: User,
        by: Actor,
        into: tuple[str, ...],
        report: ImportReport,
        step: Step,
        *,
        is_dry_run: bool,
    ) -> None:
        self.source, self.mark, self.part, self.owner, self.by = source, mark, part, owner, by
        self.into, self.report, self.step, self.is_dry_run = into, report, step, is_dry_run
        self.places = places = Places(mark.vault, owner, by, into, report, is_dry_run=is_dry_run)
        self.filing = FilingTaking(by, places.keys_here, places.topic, places.folder_of_rule, report.note_refused)
        self.done = 0
        self.wanted = 0

    def work(self, digests: dict[str, str]) -> None:
        self._read_topics(digests)
        self._read_folders(digests)
        if not self.is_dry_run:
            self.places.bring_folders_in_the_trash()
        self._take_filing(digests)
        prefix = f"{self.part.directory}/{RECORDS}/"
        for digest, path in sums_of(self.source):
            if path.startswith(prefix) and path.endswith(".json") and path.count("/") == 3:
                self.report.total += 1
                self.step(self.done, self.part.size_bytes)
                self._take_record(path, digest)
        if self.report.total < self.part.documents:
            self.report.note_refused(
                SUMS,
                _("it names %(count)d of %(all)d documents: its end is missing")
                % {"count": self.report.total, "all": self.part.documents},
            )
        if not self.is_dry_run:
            self.places.make_the_other_folders()
        elif (left := Quota.objects.get(user=self.owner).free_bytes) < self.wanted:
            self.report.note_refused(
                _("All of it"),
                QuotaExceeded(limit=0, available=left, wanted=self.wanted).message,
            )

    def _list(self, name: str, digests: dict[str, str]) -> bytes | None:
        """The content of a list of this part, if it is what its checksum says."""
        path = f"{self.part.directory}/{name}"
        try:
            data = b"".join(chunks_of(self.source, path, LARGEST_LIST))
        except Unreadable as error:
            self.report.note_refused(path, error.message)
            return None
        if hashlib.sha256(data).hexdigest() != digests.get(path):
            self.report.note_refused(path, _("its bytes are not those of its checksum"))
            return None
        return data

    # --- topics, folders, filing -----------------------------------------------------------------------------

    def _read_topics(self, digests: dict[str, str]) -> None:
        """The person's own topics are made, also those that no document carries."""
        data = self._list(TOPICS, digests)
        if data is None:
            return
        try:
            told = read_topics(data)
        except BadRecord as error:
            self.report.note_refused(f"{self.part.directory}/{TOPICS}", error.message)
            return
        for topic in told:
            if not topic.is_everybodys:
                self.places.topic(topic, topic.name)

    def _read_folders(self, digests: dict[str, str]) -> None:
        data = self._list(FOLDERS, digests)
        for line in (data or b"").splitlines():
            try:
                told = read_folder(line)
            except BadRecord as error:
                self.report.note_refused(f"{self.part.directory}/{FOLDERS}", error.message)
                continue
            self.places.know(told)

    def _take_filing(self, digests: dict[str, str]) -> None:
        """Rules and kept searches; an export of before they came along has none."""
        path = f"{self.part.directory}/{FILING}"
        data = self._list(FILING, digests) if path in digests else None
        if data is None:
            return
        try:
            told = read_filing(data)
        except BadRecord as error:
            self.report.note_refused(path, error.message)
            return
        if not self.is_dry_run:
            self.filing.take(told)
            self.report.rules, self.report.views = self.filing.rule_count, self.filing.view_count

    # --- documents ------------------------------------------------------------------------------------------

    def _take_record(self, path: str, digest: str) -> None:
        """One document; a refusal is noted and the next one has its turn."""
        shown = path
        try:
            data = b"".join(chunks_of(self.source, path, LARGEST))
            if hashlib.sha256(data).hexdigest() != digest:
                raise Unreadable(_("its bytes are not those of its checksum"))
            told = read_document(data)
            shown = told.shown
            self._take(told)
        except (Unreadable, BadRecord, InvalidName, Refused, UploadRefused, QuotaExceeded) as error:
            self.report.note_refused(shown, error.message)
        except (Http404, PermissionDenied):
            self.report.note_refused(shown, _("its folder in the vault has just gone"))

    def _take(self, told: DocumentTold) -> None:
        lost = {version.number for version in told.lost}
        there = Document.objects.owned_by(self.owner.pk).filter(pk__in=self.places.keys_here(told.key)).first()
        if there is not None:
            self.report.note_known(told.shown, "" if there.name == told.name else f"“{there.name}”")
            self._skip(told)
            return
        clean_name(told.name)
        versions = told.versions
        if told.current not in {version.number for version in versions}:
            raise Unreadable(_("its content is not in the export"))
        if self._is_here(told):
            self.report.note_known(told.shown, "")
            self._skip(told)
            return
        if self.is_dry_run:
            size = self._look_at(told)
            self.wanted += size
            self.report.note_added(told.shown, "", size)
        else:
            document = self._bring(told)
            size = sum(version.size_bytes for version in document.versions.all())
            self.report.note_added(
                told.shown, "" if document.name == told.name else _("as “%(name)s”") % {"name": document.name}, size
            )
        for number in sorted(lost):
            self.report.note_refused(
                told.shown,
                _("version %(number)d was lost before the export was made; the others came in") % {"number": number},
            )

    def _is_here(self, told: DocumentTold) -> bool:
        """Whether the place it would go to holds a document of this name with these bytes."""
        if told.trash is not None:
            return False
        current = next(version for version in told.versions if version.number == told.current)
        folder = find_folder_path([*self.into, *told.place], None, by=self.by)
        if folder is None and (self.into or told.place):
            return False
        rows = access.documents_in(self.by, folder).filter(name_key=name_key(clean_name(told.name)))
        return rows.filter(sha256=current.sha256, size_bytes=current.size_bytes).exists()

    def _bring(self, told: DocumentTold) -> Document:
        folder = self.places.target(told)
        sizes = [version.size_bytes for version in told.versions]
        upload = begin_brought(self.places.key_of(told.key), told.name, sizes, folder, by=self.by)
        stored: list[BroughtVersion] = []
        try:
            for version in told.versions:
                if (brought := self._store(told, version)) is not None:
                    stored.append(brought)
            return self._file(upload, told, folder, stored)
        except (
            Unreadable, InvalidName, Refused, UploadRefused, QuotaExceeded, Http404, PermissionDenied, Interrupted
        ) as error:  # fmt: skip
            note_for_deletion(version.received.object_key for version in stored)
            fail_upload(upload, error, by=self.by)
            raise

    def _store(self, told: DocumentTold, version: VersionTold) -> BroughtVersion | None:
        """A version's bytes, stored. Damaged ones of an older version are refused alone."""
        try:
            chunks = self._chunks(version)
            received = store_brought(told.name, chunks, version.size_bytes, version.sha256)
        except (Unreadable, OtherBytes) as error:
            self._refuse_version(told, version, error.message)
            return None
        return BroughtVersion(received, version.number, version.note, version.created_at, version.is_owners)

    def _refuse_version(self, told: DocumentTold, version: VersionTold, why: str) -> None:
        if version.number == told.current:
            raise Unreadable(f"{version.file}: {why}")
        self.report.note_refused(
            told.shown,
            _("version %(number)d (%(file)s): %(why)s; the others came in")
            % {"number": version.number, "file": version.file, "why": why},
        )

    def _chunks(self, version: VersionTold) -> Iterator[bytes]:
        for chunk in chunks_of(self.source, version.file, version.size_bytes):
            self.done += len(chunk)
            self.step(self.done, self.part.size_bytes)
            yield chunk

    def _file(
        self, upload: Upload, told: DocumentTold, folder: Folder | None, stored: list[BroughtVersion]
    ) -> Document:
        topics: dict[UUID, tuple[Topic, str, FilingRule | None]] = {}
        for topic in told.topics:
            if (found := self.places.topic(topic, told.shown)) is not None:
                rule = self.filing.rules.get(topic.rule) if topic.rule else None
                topics.setdefault(found.pk, (found, topic.reason, rule))
        thrown = self.places.thrown(told.trash) if told.trash else None
        if thrown is not None and thrown.kind is EntryKind.FOLDER and folder is not None and folder.trash_id is None:
            thrown = None  # its folder was restored since: it lies there, as the others do
        brought = Brought(
            key=self.places.key_of(told.key),
            folder=folder,
            versions=stored,
            current=told.current,
            created_at=told.created_at,
            updated_at=told.updated_at,
            is_starred=told.is_starred,
            topics=list(topics.values()),
            thrown=thrown,
        )
        return file_brought(upload, brought, by=self.by)

    def _look_at(self, told: DocumentTold) -> int:
        """Read all bytes of a document and compare them; answers how many would come in."""
        total = 0
        for version in told.versions:
            digest, size = hashlib.sha256(), 0
            try:
                for chunk in self._chunks(version):
                    digest.update(chunk)
                    size += len(chunk)
                if (size, digest.hexdigest()) != (version.size_bytes, version.sha256):
                    raise Unreadable(_("its bytes are not those of its checksum"))
            except Unreadable as error:
                self._refuse_version(told, version, error.message)
            else:
                total += size
        return total

    def _skip(self, told: DocumentTold) -> None:
        self.done += sum(version.size_bytes for version in told.versions)
        self.step(self.done, self.part.size_bytes)
