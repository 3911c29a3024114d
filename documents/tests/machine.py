"""The plain model that a machine of random acts keeps beside the vault, and what must hold after each of them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Min
from django.test import override_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from accounts.actions import make_user
from accounts.actors import Actor
from accounts.models import Quota
from documents import tasks
from documents.actions.folders import ensure_folder_path
from documents.models import Document, Folder, PendingDeletion, TrashEntry, Upload, UploadPiece, Version
from documents.storage import store
from documents.tests.making import put
from documents.upkeep import rows as row_checks
from documents.upkeep.checking import check_vault
from tests.totals import TOTALS

# One vault is filled well, the other shows that nothing leaks over.
WHO = st.sampled_from([0, 0, 0, 0, 1])
NAMES = st.sampled_from(["a", "B", "ç", "d.txt"])
# The same bytes come again now and then.
LETTERS = st.sampled_from([b"x", b"y", b"z"])
DEEPEST = 4
ROOMY = 10**6
# All names and paths are looked at after so many acts, and at the end.
LOOKED_AT_EVERY = 3


@dataclass
class Kept:
    """What the model knows of one version: its bytes, and whether it carries a note."""

    content: bytes
    is_noted: bool = False

    @property
    def fact(self) -> tuple[int, str, bool]:
        return len(self.content), hashlib.sha256(self.content).hexdigest(), self.is_noted


@dataclass
class Counted:
    """What the model knows of one person's document: its versions by number, and whether it is live."""

    owner: int
    versions: dict[int, Kept]
    current: int = 1
    is_live: bool = True

    @property
    def size(self) -> int:
        return sum(len(version.content) for version in self.versions.values())


@dataclass
class UnderWay:
    """A file that somebody sends in pieces: all of its bytes, and how many have been taken."""

    content: bytes
    replaces: Any = None
    received: int = 0


@dataclass
class Modelled:
    """What the model knows of a person."""

    limit: int = ROOMY
    file_limit: int | None = None
    sending: dict[Any, UnderWay] = field(default_factory=dict)


class Beside(RuleBasedStateMachine):
    """Two people with their vaults, and the model of them. It empties the bucket after each run: give it its own."""

    steps = 0

    @initialize()
    def begin(self) -> None:
        self.frame = transaction.atomic()
        self.frame.__enter__()
        self.limits = override_settings(MAX_FOLDER_DEPTH=DEEPEST, VERSIONS_KEPT=1, VERSIONS_KEPT_DAYS=0)
        self.limits.enable()
        self.people = [make_user(f"m{n}", f"m{n}@vault.test", by=Actor.system()) for n in range(2)]
        Quota.objects.filter(user__in=self.people).update(limit_bytes=ROOMY)
        self.actors = [Actor.for_user(person) for person in self.people]
        self.model: dict[Any, Counted] = {}
        self.modelled = [Modelled() for _person in self.people]
        for path in (["a"], ["a", "B"], ["a", "B", "ç"], ["B"]):
            self.keep(0, ensure_folder_path(path, None, by=self.actors[0]), "d.txt", b"w" * len(path))

    def teardown(self) -> None:
        if not hasattr(self, "frame"):
            return
        try:
            self.everything_holds()
        finally:
            transaction.set_rollback(True)
            self.frame.__exit__(None, None, None)
            self.limits.disable()
            for item in list(store().objects()):  # no row names one any more
                store().delete(item.key)

    # --- Choosing ---------------------------------------------------------------------------------------

    def in_order(self, rows: Iterable[Any]) -> list[Any]:
        """In the order in which they were made: ids are random, and a run must be repeatable."""
        return sorted(rows, key=lambda row: row.created_at)

    def entries(self) -> list[TrashEntry]:
        """In the order of the acts; those of one act in that in which their documents were made."""
        held = Document.objects.exclude(trash=None)
        made: dict[Any, Any] = dict(held.values_list("trash").annotate(Min("created_at")))
        return sorted(TrashEntry.objects.all(), key=lambda row: (row.trashed_at, made.get(row.pk, row.trashed_at)))

    def live_folders(self, who: int) -> list[Any]:
        return self.in_order(Folder.objects.live().filter(user=self.people[who]))

    def live_documents(self, who: int) -> list[Any]:
        return self.in_order(Document.objects.live().filter(user=self.people[who]))

    def place(self, who: int, data: st.DataObject) -> Folder | None:
        """A folder, or the top."""
        rows = [None, *self.live_folders(who)]
        chosen: Folder | None = rows[data.draw(st.integers(0, 9)) % len(rows)]
        return chosen

    def folder(self, who: int, data: st.DataObject) -> Folder | None:
        """A folder, if there is one."""
        rows = self.live_folders(who)
        at = data.draw(st.integers(0, 9))
        chosen: Folder | None = rows[at % len(rows)] if rows else None
        return chosen

    def document(self, who: int, data: st.DataObject) -> Document | None:
        rows = self.live_documents(who)
        at = data.draw(st.integers(0, 9))
        chosen: Document | None = rows[at % len(rows)] if rows else None
        return chosen

    # --- The model --------------------------------------------------------------------------------------

    def keep(self, who: int, place: Folder | None, name: str, content: bytes) -> None:
        document = put(name, place, self.actors[who], content)
        self.model[document.pk] = Counted(who, {1: Kept(content)})

    def counted(self, who: int) -> tuple[int, int]:
        """What the model says is used, and reserved."""
        used = sum(item.size for item in self.model.values() if item.owner == who)
        return used, sum(len(item.content) for item in self.modelled[who].sending.values())

    def has_room(self, who: int, size: int) -> bool:
        """Whether a file of so many bytes may come. An empty one needs a place, and no room."""
        person = self.modelled[who]
        files = sum(len(item.versions) for item in self.model.values() if item.owner == who) + len(person.sending)
        has_place = person.file_limit is None or files < person.file_limit
        return has_place and (not size or sum(self.counted(who)) + size <= person.limit)

    def count_version(self, key: Any, content: bytes) -> None:
        """A next version, unless the bytes are those of the current one."""
        item = self.model[key]
        if content != item.versions[item.current].content:
            item.current = max(item.versions) + 1
            item.versions[item.current] = Kept(content)

    # --- What holds -------------------------------------------------------------------------------------

    @invariant()
    def the_model_agrees(self) -> None:
        if not hasattr(self, "people"):
            return
        TOTALS.operations += 1
        there = {row.pk: row for row in Document.objects.select_related("folder", "current_version")}
        assert there.keys() == self.model.keys()
        for key, row in there.items():
            item = self.model[key]
            assert (row.trash_id is None) == item.is_live
            assert row.user_id == self.people[item.owner].pk
            assert row.current_version is not None
            assert row.current_version.number == item.current
            assert row.object_key == row.current_version.object_key
            if row.trash_id is None and row.folder is not None:
                assert row.folder.trash_id is None
                assert row.folder.user_id == row.user_id
        versions: dict[Any, dict[int, tuple[int, str, bool]]] = {}
        for version in Version.objects.all():
            facts = version.size_bytes, version.sha256, bool(version.note)
            versions.setdefault(version.document_id, {})[version.number] = facts
        assert versions == {
            key: {number: kept.fact for number, kept in item.versions.items()} for key, item in self.model.items()
        }
        for who, person in enumerate(self.people):
            quota = Quota.objects.get(user=person)
            assert (quota.used_bytes, quota.reserved_bytes) == self.counted(who)

    @invariant()
    def what_is_under_way_is_known(self) -> None:
        if not hasattr(self, "people"):
            return
        for who, person in enumerate(self.people):
            rows = Upload.objects.filter(user=person, state="receiving").values_list("pk", "received_bytes")
            assert dict(rows) == {key: item.received for key, item in self.modelled[who].sending.items()}
        assert not UploadPiece.objects.exclude(upload__state="receiving").exists()

    @invariant()
    def the_folders_are_a_forest_of_single_names(self) -> None:
        self.steps += 1
        if hasattr(self, "people") and self.steps % LOOKED_AT_EVERY == 0:
            assert not Folder.objects.filter(path__len__gt=DEEPEST).exists()
            assert list(row_checks.wrong_paths()) == []
            assert list(row_checks.wrong_names_and_places()) == []

    def everything_holds(self) -> None:
        """Once more with every object, and with those deleted that nobody needs."""
        tasks.purge_objects()
        # What is left are notes of pieces and objects that no row names yet: they fall due later.
        assert not PendingDeletion.objects.exists()
        report = check_vault(by=Actor.system())
        TOTALS.bytes_verified += report.figures["bytes_read"]
        TOTALS.breaches += len(report.breaches)
        assert report.breaches == []
        assert report.figures["read"] == sum(len(item.versions) for item in self.model.values())
