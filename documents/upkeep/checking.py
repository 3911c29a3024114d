"""The check of the whole vault: what must hold (I1 to I13) against rows, objects, trail and files.

It looks while people go on writing, and changes nothing unless it is told to repair. Its memory does
not grow with the vault: rows come from cursors on the server, objects in pages, both in one order.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from datetime import timedelta
from uuid import UUID

from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts.actors import Actor
from documents.hold import is_held
from documents.identity import check_bucket
from documents.models import JobRun, StrayObject, UpkeepKind, VersionFlaw
from documents.storage import KEY_PATTERN, StoredObject, store
from documents.upkeep import leftovers, repairs, rows
from documents.upkeep.figures import figures
from documents.upkeep.findings import Report
from documents.upkeep.matching import (
    SUSPECTS,
    Lack,
    Seen,
    Stray,
    VersionRow,
    compared,
    is_still_there,
    versions_by_key,
)
from documents.upkeep.rounds import only_one, round_of
from documents.upkeep.soundness import note_flaw, note_whole, read_again
from documents.upkeep.sweeping import most_that_may_go, note_strays
from sharing import access
from sharing.trail.verifying import verify_trail

Mend = Callable[[UUID], bool]
Step = Callable[[int], None]


def check_vault(
    *,
    is_repair: bool = False,
    share: float = 1.0,
    grace: timedelta = timedelta(hours=24),
    by: Actor,
    canaries: Sequence[str] = (),
    step: Step = lambda objects: None,
) -> Report:
    """Look at everything, for admins and the command line; with `is_repair` put right what is safe.

    `share`: of how many versions the bytes are read (0 to 1). `grace`: how old an object without a row has
    to be. `canaries`: secrets that must stand nowhere. Raises NotAllowed, WrongBucket, StoreUnavailable;
    with `is_repair` also AlreadyUnderWay.
    """
    access.require_admin(by)
    check_bucket()
    with only_one() if is_repair else nullcontext(), round_of(UpkeepKind.CHECK) as upkeep:
        check = Check(Report(is_repair), share, grace, by, step)
        check.rows()
        check.store()
        check.jobs()
        check.files(canaries)
        report = check.report
        upkeep.objects_seen, upkeep.bytes_read = report.figures["objects"], report.figures["bytes_read"]
        upkeep.breaches, upkeep.repaired = report.counts.total(), report.mended.total()
        upkeep.details = {**report.figures, **{key: count for key, count in report.counts.items() if count}}
    return report


class Check:
    """One check under way."""

    def __init__(self, report: Report, share: float, grace: timedelta, by: Actor, step: Step) -> None:
        self.report, self.share, self.grace, self.by, self.step = report, share, grace, by, step
        self.begun_at = now()
        self.seen = Seen()
        self.bytes_read = self.read = 0

    # --- Rows alone -------------------------------------------------------------------------------------

    def rows(self) -> None:
        report = self.report
        self._take("I1", rows.wrong_counters(), lambda key: repairs.recount(key, by=self.by))
        report.looked_at["I1"] = _("every person's counters")
        self._take("I2", rows.documents_beside_their_version(), lambda key: repairs.stand_for_current(key, by=self.by))
        self._take("I4", rows.shared_keys())
        report.looked_at["I4"] = _("the keys of all versions, pieces and uploads")
        self._take("I5", rows.wrong_names_and_places())
        self._take("I5", rows.wrong_paths(), lambda key: repairs.rewrite_path(key, by=self.by))
        report.looked_at["I5"] = _("all names, folders and entries of the trash")
        self._take("I6", rows.untold())
        report.looked_at["I6"] = _("documents, folders and trash against the trail, both ways")
        self._take("I7", rows.rights_over_the_trail())
        verdict = verify_trail(by=self.by)
        self._take("I7", ((line, "trail") for line in verdict.breaches))
        report.remarks.extend(verdict.remarks)
        report.looked_at["I7"] = _("%(rows)d rows in %(seals)d seals, %(anchors)d anchors, and the role's rights") % {
            "rows": verdict.rows,
            "seals": verdict.seals,
            "anchors": verdict.anchors,
        }
        self._take("I13", rows.unfindable(), lambda key: repairs.index_again(key, by=self.by))
        report.looked_at["I13"] = _("the words of every document that has been read")
        self._take("I8", rows.differing_answers())
        report.looked_at["I8"] = _("%(people)d people and %(documents)d documents each, by chance") % {
            "people": rows.SAMPLED_PEOPLE,
            "documents": 2 * rows.SAMPLED_DOCUMENTS,
        }

    def _take(self, invariant: str, findings: Iterable[tuple[str, object]], mend: Mend | None = None) -> None:
        for what, target in list(findings) if self.report.is_repair else findings:
            is_repaired = self.report.is_repair and mend is not None and isinstance(target, UUID) and mend(target)
            self.report.add(invariant, what, target, is_repaired=is_repaired)

    # --- Rows and objects -------------------------------------------------------------------------------

    def store(self) -> None:
        report, versions = self.report, 0
        strays: list[StoredObject] = []
        for found in compared(versions_by_key(), self.seen, self.begun_at - self.grace, self.step):
            if isinstance(found, Stray):
                strays = self._stray(found.item, strays)
                continue
            versions += 1
            if isinstance(found, Lack):
                self._flawed(found.row, found.flaw)
            elif found.row.flaw or random.random() < self.share:  # noqa: S311 (a sample)
                self._read(found.row)
        if report.is_repair:
            note_strays(strays, self.begun_at)
            self._condemn()
        self._parts()
        report.figures.update(**figures(self.seen), versions_seen=versions, read=self.read, bytes_read=self.bytes_read)
        report.looked_at["I2"] = _("%(versions_seen)d versions, the bytes of %(read)d of them") % report.figures
        report.looked_at["I3"] = _("%(objects)d objects and the multipart uploads under way") % report.figures
        if self.seen.foreign:
            report.remarks.append(
                _("%(count)d objects in the bucket are not of our making and are left alone.")
                % {"count": self.seen.foreign}
            )

    def _read(self, row: VersionRow) -> None:
        """Compare the bytes themselves."""
        reading = read_again(row.key, row.size_bytes, row.sha256)
        self.read += 1
        self.bytes_read += reading.bytes_read
        if reading.flaw:
            if is_still_there(row):
                self._flawed(row, reading.flaw)
        elif row.flaw:
            is_repaired = self.report.is_repair and note_whole(row.id, by=self.by)
            self.report.add("I2", _("marked as flawed, and the bytes are whole"), row.id, is_repaired=is_repaired)
        elif self.report.is_repair:
            note_whole(row.id, by=self.by)

    def _flawed(self, row: VersionRow, flaw: str) -> None:
        """Tell, and mark. A mark repairs no bytes: the breach stands until they are back or the version is gone."""
        if self.report.is_repair:
            note_flaw(row.id, flaw, by=self.by)
        is_missing = flaw == VersionFlaw.MISSING
        what = _("the object is missing") if is_missing else _("the bytes are not those that were stored")
        self.report.add("I2", what, row.id)

    def _stray(self, item: StoredObject, waiting: list[StoredObject]) -> list[StoredObject]:
        """Tell, or, in a repair, keep for the end: how many may go is known only then."""
        if not self.report.is_repair:
            self.report.add("I3", _("an object without a row"), item.key)
            return waiting
        waiting.append(item)
        if len(waiting) < SUSPECTS:
            return waiting
        note_strays(waiting, self.begun_at)
        return []

    def _condemn(self) -> None:
        strays = StrayObject.objects.filter(last_seen_at=self.begun_at).order_by("object_key")
        is_too_much = strays.count() > most_that_may_go(self.seen.objects)
        for key, size in list(strays.values_list("object_key", "size_bytes")):
            is_repaired = not is_too_much and repairs.condemn(key, size, by=self.by)
            self.report.add("I3", _("an object without a row"), key, is_repaired=is_repaired)
        if is_too_much:
            self.report.remarks.append(
                _("So many objects without a row are too many to be true. None is deleted: look at the bucket first.")
            )
        elif is_held():
            self.report.remarks.append(_("This is a restored copy that is held: no object is deleted."))

    def _parts(self) -> None:
        for key, upload_id, begun_at in list(store().list_multipart()):
            if begun_at < self.begun_at - self.grace and KEY_PATTERN.match(key):
                is_repaired = self.report.is_repair and repairs.end_multipart(key, upload_id, by=self.by)
                self.report.add("I3", _("an old multipart upload"), key, is_repaired=is_repaired)

    # --- Jobs, files, secrets ---------------------------------------------------------------------------

    def jobs(self) -> None:
        self._take("I9", rows.forgotten_jobs(), self._revive)
        self._take("I9", rows.overtried_jobs())
        failed = list(rows.failed_jobs())
        revived = sum(repairs.revive(job, by=self.by) for job in failed) if self.report.is_repair else 0
        self.report.figures.update(failed_jobs=len(failed) - revived)
        self.report.looked_at["I9"] = _("all jobs")
        if failed:
            self.report.remarks.append(
                _("%(failed)d jobs have failed for good; %(revived)d of them are started again.")
                % {"failed": len(failed), "revived": revived}
            )

    def _revive(self, key: UUID) -> bool:
        job = JobRun.objects.filter(pk=key).first()
        return job is not None and repairs.revive(job, by=self.by)

    def files(self, canaries: Sequence[str]) -> None:
        report = self.report
        for path, age in leftovers.old_files():
            is_repaired = report.is_repair and leftovers.remove(path, age, by=self.by)
            what = _("a temporary file is %(hours)d hours old") % {"hours": age // 3600}
            report.add("I10", what, path, is_repaired=is_repaired)
        report.looked_at["I10"] = _("temporary files of the vault and of the embedded store")
        report.unproven["I11"] = _("not looked at: it is for tests, which know what was acknowledged")
        if not canaries:
            report.unproven["I12"] = _("not looked at: name secrets to look for (--canaries)")
        else:
            for what, target in leftovers.canaries_found(canaries):
                report.add("I12", what, target)
            report.looked_at["I12"] = _("%(count)d secrets, in the trail, jobs, queue, mails and failures") % {
                "count": len(canaries)
            }
