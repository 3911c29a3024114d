"""Any order of acts by two people leaves the vault whole: a plain model beside it agrees after each step, and
check_vault finds nothing at the end."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyStrategyDefinition
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from accounts.actions import make_user
from accounts.actors import Actor
from accounts.models import Quota
from documents import tasks
from documents.actions import documents as document_verbs
from documents.actions import folders as folder_verbs
from documents.actions import selection as selection_verbs
from documents.actions import trash as trash_verbs
from documents.actions.errors import Refused
from documents.models import Document, Folder, PendingDeletion, TrashEntry
from documents.names import name_key
from documents.tests.making import put
from documents.upkeep import rows as row_checks
from documents.upkeep.checking import check_vault

NAMES = st.sampled_from(["a", "B", "ç", "d.txt"])
# One vault is filled well, the other shows that nothing leaks over.
WHO = st.sampled_from([0, 0, 0, 0, 1])
DEEPEST = 4


@dataclass
class Counted:
    """What the model knows of one person's document: its size, and whether it is live."""

    owner: int
    size: int
    is_live: bool = True


class VaultMachine(RuleBasedStateMachine):
    """Folders, documents and the trash of two people."""

    @initialize()
    def begin(self) -> None:
        self.frame = transaction.atomic()
        self.frame.__enter__()
        self.limits = override_settings(MAX_FOLDER_DEPTH=DEEPEST)
        self.limits.enable()
        self.people = [make_user(f"m{n}", f"m{n}@vault.test", by=Actor.system()) for n in range(2)]
        self.actors = [Actor.for_user(person) for person in self.people]
        self.model: dict[Any, Counted] = {}
        self.seen: dict[Any, int] = {}
        for path in (["a"], ["a", "B"], ["a", "B", "ç"], ["B"]):
            folder = folder_verbs.ensure_folder_path(path, None, by=self.actors[0])
            self._keep(0, folder, "d.txt", len(path))

    def teardown(self) -> None:
        if not hasattr(self, "frame"):
            return
        try:
            self.everything_holds()
        finally:
            transaction.set_rollback(True)
            self.frame.__exit__(None, None, None)
            self.limits.disable()

    def _in_order(self, rows: Iterable[Any]) -> list[Any]:
        """In the order in which they were first seen: ids are random, and a run must be repeatable."""
        rows = sorted(rows, key=lambda row: (len(getattr(row, "path", [])), row.name))
        for row in rows:
            self.seen.setdefault(row.pk, len(self.seen))
        return sorted(rows, key=lambda row: self.seen[row.pk])

    def _place(self, who: int, data: st.DataObject) -> Folder | None:
        """A folder, or the top."""
        rows = self._in_order(Folder.objects.live().filter(user=self.people[who]))
        at = data.draw(st.integers(0, 9))
        chosen: Folder | None = [None, *rows][at % (len(rows) + 1)]
        return chosen

    def _folder(self, who: int, data: st.DataObject) -> Folder | None:
        """A folder, if there is one."""
        rows = self._in_order(Folder.objects.live().filter(user=self.people[who]))
        at = data.draw(st.integers(0, 9))
        chosen: Folder | None = rows[at % len(rows)] if rows else None
        return chosen

    def _document(self, who: int, data: st.DataObject) -> Document | None:
        rows = self._in_order(Document.objects.live().filter(user=self.people[who]))
        at = data.draw(st.integers(0, 9))
        chosen: Document | None = rows[at % len(rows)] if rows else None
        return chosen

    @rule(who=WHO, name=NAMES, data=st.data())
    def make_folder(self, who: int, name: str, data: st.DataObject) -> None:
        try:
            folder_verbs.make_folder(name, self._place(who, data), by=self.actors[who])
        except Refused:
            pass

    @rule(who=WHO, name=NAMES, size=st.integers(0, 50), data=st.data())
    def add(self, who: int, name: str, size: int, data: st.DataObject) -> None:
        place = self._place(who, data)
        person = self.people[who]
        if Document.objects.live().filter(user=person, folder=place, name_key=name_key(name)).exists():
            return
        self._keep(who, place, name, size)

    def _keep(self, who: int, place: Folder | None, name: str, size: int) -> None:
        document = put(name, place, self.actors[who], bytes(size))
        self.model[document.pk] = Counted(who, size)

    @rule(who=WHO, name=NAMES, data=st.data())
    def rename(self, who: int, name: str, data: st.DataObject) -> None:
        document = self._document(who, data)
        try:
            if document is not None:
                document_verbs.rename_document(document, name, by=self.actors[who])
        except Refused:
            pass

    @rule(who=WHO, keep_both=st.booleans(), data=st.data())
    def move(self, who: int, keep_both: bool, data: st.DataObject) -> None:
        to, document, folder = self._place(who, data), self._document(who, data), self._folder(who, data)
        try:
            if document is not None:
                document_verbs.move_document(document, to, by=self.actors[who], keep_both=keep_both)
            if folder is not None:
                folder_verbs.move_folder(folder, to, by=self.actors[who], keep_both=keep_both)
        except Refused:
            pass

    @rule(who=WHO, data=st.data())
    def throw_a_document_away(self, who: int, data: st.DataObject) -> None:
        document = self._document(who, data)
        if document is not None:
            trash_verbs.trash_document(document, by=self.actors[who])
            self.model[document.pk].is_live = False

    @rule(who=WHO, data=st.data())
    def throw_a_folder_away(self, who: int, data: st.DataObject) -> None:
        folder = self._folder(who, data)
        if folder is not None:
            self._throw(who, folder)

    def _throw(self, who: int, folder: Folder) -> None:
        below = Document.objects.live().filter(folder__path__contains=[folder.pk]).values_list("pk", flat=True)
        gone = list(below)
        trash_verbs.trash_folder(folder, by=self.actors[who])
        for key in gone:
            self.model[key].is_live = False

    def _several(self, who: int, data: st.DataObject) -> tuple[list[Document], list[Folder]]:
        documents = self._in_order(Document.objects.live().filter(user=self.people[who]))
        folders = self._in_order(Folder.objects.live().filter(user=self.people[who]))
        chosen = data.draw(st.integers(0, 2**10 - 1))
        return (
            [row for n, row in enumerate(documents) if chosen >> n % 10 & 1],
            [row for n, row in enumerate(folders) if chosen >> (n + 5) % 10 & 1],
        )

    @rule(who=WHO, keep_both=st.booleans(), data=st.data())
    def move_several(self, who: int, keep_both: bool, data: st.DataObject) -> None:
        to, (documents, folders) = self._place(who, data), self._several(who, data)
        before = set(Document.objects.values_list("pk", "folder", "name"))
        try:
            selection_verbs.move_items(documents, folders, to, by=self.actors[who], keep_both=keep_both)
        except Refused:
            assert set(Document.objects.values_list("pk", "folder", "name")) == before

    @rule(who=WHO, data=st.data())
    def throw_several_away(self, who: int, data: st.DataObject) -> None:
        documents, folders = self._several(who, data)
        live = set(Document.objects.live().values_list("pk", flat=True))
        entries = selection_verbs.trash_items(documents, folders, by=self.actors[who])
        gone = live - set(Document.objects.live().values_list("pk", flat=True))
        assert gone >= {row.pk for row in documents}
        assert sum(entry.document_count for entry in entries) == len(gone)
        assert sum(entry.size_bytes for entry in entries) == sum(self.model[key].size for key in gone)
        for key in gone:
            self.model[key].is_live = False

    @rule(who=WHO, data=st.data())
    def throw_a_document_away_and_then_its_folder(self, who: int, data: st.DataObject) -> None:
        """The order from which purging and restoring can go wrong most easily."""
        document = self._document(who, data)
        if document is not None:
            trash_verbs.trash_document(document, by=self.actors[who])
            self.model[document.pk].is_live = False
            if document.folder is not None:
                self._throw(who, document.folder)

    @rule(who=WHO)
    def empty_the_trash(self, who: int) -> None:
        trash_verbs.empty_trash(by=self.actors[who])
        assert not TrashEntry.objects.filter(user=self.people[who]).exists()
        for key in [key for key, item in self.model.items() if item.owner == who and not item.is_live]:
            del self.model[key]

    @rule(who=WHO)
    def restore_all(self, who: int) -> None:
        trash_verbs.restore_entries(list(TrashEntry.objects.filter(user=self.people[who])), by=self.actors[who])
        for item in self.model.values():
            if item.owner == who:
                item.is_live = True

    def _entry(self, data: st.DataObject) -> tuple[TrashEntry, int] | None:
        entries = self._in_order(TrashEntry.objects.all())
        if not entries:
            return None
        entry = entries[data.draw(st.integers(0, 9)) % len(entries)]
        return entry, [person.pk for person in self.people].index(entry.user_id)

    @rule(data=st.data())
    def purge_one(self, data: st.DataObject) -> None:
        if found := self._entry(data):
            entry, who = found
            held = list(Document.objects.filter(trash=entry).values_list("pk", flat=True))
            trash_verbs.purge(entry, by=self.actors[who])
            for key in held:
                del self.model[key]

    @rule(data=st.data())
    def restore_one(self, data: st.DataObject) -> None:
        if found := self._entry(data):
            entry, who = found
            held = list(Document.objects.select_related("folder").filter(trash=entry))
            restored = trash_verbs.restore(entry, by=self.actors[who])
            for row in held:
                self.model[row.pk].is_live = True
                if entry.kind == "folder":
                    row.refresh_from_db()
                    assert row.folder_id is not None
                    assert Folder.objects.filter(pk=row.folder_id, path__contains=[restored.pk]).exists()
                elif row.folder is not None and row.folder.trash_id is None:
                    assert Document.objects.get(pk=row.pk).folder == row.folder
            assert restored.name.startswith(entry.name.partition(".")[0])

    @invariant()
    def the_model_agrees(self) -> None:
        if not hasattr(self, "people"):
            return
        there = {row.pk: row for row in Document.objects.select_related("folder")}
        assert there.keys() == self.model.keys()
        for key, row in there.items():
            assert (row.trash_id is None) == self.model[key].is_live
            if row.trash_id is None and row.folder is not None:
                assert row.folder.trash_id is None
                assert row.folder.user_id == row.user_id
        for who, person in enumerate(self.people):
            expected = sum(item.size for item in self.model.values() if item.owner == who)
            assert Quota.objects.get(user=person).used_bytes == expected

    @invariant()
    def the_folders_are_a_forest_of_single_names(self) -> None:
        if hasattr(self, "people"):
            assert not Folder.objects.filter(path__len__gt=DEEPEST).exists()
            assert list(row_checks.wrong_paths()) == []
            assert list(row_checks.wrong_names_and_places()) == []

    def everything_holds(self) -> None:
        """Once more with every object, and with those deleted that nobody needs."""
        tasks.purge_objects()
        assert not PendingDeletion.objects.exists()
        report = check_vault(by=Actor.system())
        assert report.breaches == []
        assert report.figures["read"] == len(self.model)


LIMITS = settings(
    max_examples=100,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@pytest.mark.django_db
@pytest.mark.timeout(300)
def test_any_order_of_acts_leaves_the_vault_whole(db: None) -> None:
    for _try in range(4):
        try:
            run_state_machine_as_test(VaultMachine, settings=LIMITS)
        except FlakyStrategyDefinition:
            continue  # ids are random: two rows of one name came in another order than before; begun anew
        return
    pytest.fail("no run of the machine was repeatable")


@pytest.mark.soak
@pytest.mark.django_db
@pytest.mark.timeout(3600)
def test_a_thousand_orders_of_acts_leave_the_vault_whole(db: None) -> None:
    run_state_machine_as_test(VaultMachine, settings=settings(LIMITS, max_examples=1000))
