"""Any order of acts by two people leaves the vault whole: a plain model beside it agrees after each step, and
check_vault finds nothing at the end."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as conf
from django.utils.timezone import now
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from accounts.actions import change_file_limit, change_limit
from accounts.actors import Actor
from accounts.quota import QuotaExceeded
from documents import storage, uploads
from documents.actions import documents as document_verbs
from documents.actions import folders as folder_verbs
from documents.actions import selection as selection_verbs
from documents.actions import trash as trash_verbs
from documents.actions import versions as version_verbs
from documents.actions.errors import Refused
from documents.models import Document, Folder, TrashEntry, Upload, UploadState, Version
from documents.names import name_key
from documents.tests.machine import LETTERS, NAMES, ROOMY, WHO, Beside, Counted, Kept, UnderWay

SIZES = st.integers(0, 50)


class Places(Beside):
    """Folders, names and the trash."""

    @rule(who=WHO, name=NAMES, data=st.data())
    def make_folder(self, who: int, name: str, data: st.DataObject) -> None:
        try:
            folder_verbs.make_folder(name, self.place(who, data), by=self.actors[who])
        except Refused:
            pass

    @rule(who=WHO, name=NAMES, data=st.data())
    def rename(self, who: int, name: str, data: st.DataObject) -> None:
        document = self.document(who, data)
        try:
            if document is not None:
                document_verbs.rename_document(document, name, by=self.actors[who])
        except Refused:
            pass

    @rule(who=WHO, keep_both=st.booleans(), data=st.data())
    def move(self, who: int, keep_both: bool, data: st.DataObject) -> None:
        to, document, folder = self.place(who, data), self.document(who, data), self.folder(who, data)
        try:
            if document is not None:
                document_verbs.move_document(document, to, by=self.actors[who], keep_both=keep_both)
            if folder is not None:
                folder_verbs.move_folder(folder, to, by=self.actors[who], keep_both=keep_both)
        except Refused:
            pass

    @rule(who=WHO, data=st.data())
    def throw_a_document_away(self, who: int, data: st.DataObject) -> None:
        document = self.document(who, data)
        if document is not None:
            trash_verbs.trash_document(document, by=self.actors[who])
            self.model[document.pk].is_live = False

    @rule(who=WHO, data=st.data())
    def throw_a_folder_away(self, who: int, data: st.DataObject) -> None:
        folder = self.folder(who, data)
        if folder is not None:
            self._throw(who, folder)

    def _throw(self, who: int, folder: Folder) -> None:
        below = Document.objects.live().filter(folder__path__contains=[folder.pk]).values_list("pk", flat=True)
        gone = list(below)
        trash_verbs.trash_folder(folder, by=self.actors[who])
        for key in gone:
            self.model[key].is_live = False

    def _several(self, who: int, data: st.DataObject) -> tuple[list[Document], list[Folder]]:
        documents, folders = self.live_documents(who), self.live_folders(who)
        chosen = data.draw(st.integers(0, 2**10 - 1))
        return (
            [row for n, row in enumerate(documents) if chosen >> n % 10 & 1],
            [row for n, row in enumerate(folders) if chosen >> (n + 5) % 10 & 1],
        )

    @rule(who=WHO, keep_both=st.booleans(), data=st.data())
    def move_several(self, who: int, keep_both: bool, data: st.DataObject) -> None:
        to, (documents, folders) = self.place(who, data), self._several(who, data)
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
        document = self.document(who, data)
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
        entries, at = self.entries(), data.draw(st.integers(0, 9))
        if not entries:
            return None
        entry = entries[at % len(entries)]
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


class Bytes(Beside):
    """Files as they come, whole or in pieces, their versions, and the room there is for them."""

    @rule(who=WHO, name=NAMES, size=st.integers(0, 50), letter=LETTERS, data=st.data())
    def add(self, who: int, name: str, size: int, letter: bytes, data: st.DataObject) -> None:
        place = self.place(who, data)
        person = self.people[who]
        if Document.objects.live().filter(user=person, folder=place, name_key=name_key(name)).exists():
            return
        with self._as_far_as_it_fits(who, size):
            self.keep(who, place, name, letter * size)

    @contextmanager
    def _as_far_as_it_fits(self, who: int, size: int) -> Iterator[None]:
        """Refused where the model has no room for it, and only there."""
        fits = self.has_room(who, size)
        try:
            yield
        except QuotaExceeded:
            assert not fits
        else:
            assert fits

    @rule(who=WHO, limit=st.sampled_from([0, 60, 200, ROOMY]), file_limit=st.sampled_from([0, 8, 20, None]))
    def change_the_limits(self, who: int, limit: int, file_limit: int | None) -> None:
        """Also to less than is used: then nothing more comes, and nothing goes."""
        change_limit(self.people[who], limit, by=Actor.system())
        change_file_limit(self.people[who], file_limit, by=Actor.system())
        self.modelled[who].limit, self.modelled[who].file_limit = limit, file_limit

    @rule(who=WHO)
    def give_all_the_room_back(self, who: int) -> None:
        self.change_the_limits(who, ROOMY, None)

    # --- Versions ---------------------------------------------------------------------------------------

    @rule(who=WHO, size=SIZES, letter=LETTERS, data=st.data())
    def replace(self, who: int, size: int, letter: bytes, data: st.DataObject) -> None:
        document, content = self.document(who, data), letter * size
        if document is not None:
            with self._as_far_as_it_fits(who, size):
                uploads.store_stream(
                    "n", iter([content]), None, size_bound=size, by=self.actors[who], replaces=document
                )
                self.count_version(document.pk, content)

    def _version(self, who: int, data: st.DataObject) -> Version | None:
        document, at = self.document(who, data), data.draw(st.integers(0, 3))
        rows = list(document.versions.order_by("number")) if document is not None else []
        return rows[at % len(rows)] if rows else None

    @rule(who=WHO, data=st.data())
    def promote(self, who: int, data: st.DataObject) -> None:
        if version := self._version(who, data):
            version_verbs.promote_version(version, by=self.actors[who])
            self.model[version.document_id].current = version.number

    @rule(who=WHO, note=st.sampled_from(["", "first"]), data=st.data())
    def note(self, who: int, note: str, data: st.DataObject) -> None:
        if version := self._version(who, data):
            version_verbs.note_version(version, note, by=self.actors[who])
            self.model[version.document_id].versions[version.number].is_noted = bool(note)

    @rule(who=WHO, data=st.data())
    def delete_a_version(self, who: int, data: st.DataObject) -> None:
        if version := self._version(who, data):
            item = self.model[version.document_id]
            try:
                version_verbs.delete_version(version, by=self.actors[who])
            except version_verbs.IsCurrent:
                assert item.current == version.number
            else:
                assert item.current != version.number
                del item.versions[version.number]

    @rule(who=WHO, data=st.data())
    def drop_older_versions(self, who: int, data: st.DataObject) -> None:
        document = self.document(who, data)
        if document is not None:
            count = version_verbs.drop_older_versions(document, by=self.actors[who])
            assert count == self._thin(self.model[document.pk], at_least=0)

    @rule()
    def thin_all(self) -> None:
        """By the policy of these tests: the newest stays, the current one, and those with a note."""
        thinned = sum(1 for item in self.model.values() if item.is_live and self._thin(item, at_least=1))
        assert version_verbs.thin_versions() == thinned

    @staticmethod
    def _thin(item: Counted, *, at_least: int) -> int:
        """The model without the versions that go; `at_least` so many of the newest stay."""
        newest = sorted(item.versions, reverse=True)
        gone = [n for n in newest[at_least:] if n != item.current and not item.versions[n].is_noted]
        for number in gone:
            del item.versions[number]
        return len(gone)

    # --- In pieces --------------------------------------------------------------------------------------

    @rule(who=WHO, name=NAMES, size=st.integers(1, 60), letter=LETTERS, replaces=st.booleans(), data=st.data())
    def begin_to_send(self, who: int, name: str, size: int, letter: bytes, replaces: bool, data: st.DataObject) -> None:
        place, replaced = self.place(who, data), self.document(who, data) if replaces else None
        with self._as_far_as_it_fits(who, size):
            upload = uploads.begin_upload(name, size, place, by=self.actors[who], replaces=replaced)
            self.modelled[who].sending[upload.pk] = UnderWay(letter * size, replaced.pk if replaced else None)

    def _sending(self, who: int, data: st.DataObject) -> Any:
        keys, at = list(self.modelled[who].sending), data.draw(st.integers(0, 9))
        return keys[at % len(keys)] if keys else None

    @rule(who=WHO, count=st.integers(1, 60), data=st.data())
    def send_on(self, who: int, count: int, data: st.DataObject) -> None:
        """Some bytes, or all that are left; with the last of them it ends, one way or the other."""
        key = self._sending(who, data)
        if key is None:
            return
        item = self.modelled[who].sending[key]
        part = item.content[item.received : item.received + count]
        is_open = self._is_open(key, item)
        try:
            uploads.receive(key, item.received, io.BytesIO(part), len(part), by=self.actors[who])
            item.received += len(part)
            if item.received < len(item.content):
                return
            document = uploads.finish_upload(key, by=self.actors[who])
        except uploads.UploadRefused:
            # Its folder has gone meanwhile. It ends with its last byte, and gives everything back.
            assert not is_open
            assert Upload.objects.get(pk=key).state == UploadState.FAILED
            del self.modelled[who].sending[key]
            return
        assert is_open
        assert document is not None
        assert uploads.finish_upload(key, by=self.actors[who]) == document
        del self.modelled[who].sending[key]
        if document.pk == item.replaces:
            self.count_version(document.pk, item.content)
        else:
            assert document.pk not in self.model
            self.model[document.pk] = Counted(who, {1: Kept(item.content)})

    def _is_open(self, key: Any, item: UnderWay) -> bool:
        """Whether it would be filed now: what it replaces is live, or where it goes is."""
        upload = Upload.objects.select_related("folder").get(pk=key)
        if item.replaces in self.model and self.model[item.replaces].is_live:
            return True
        return upload.to_root or (upload.folder is not None and upload.folder.trash_id is None)

    @rule(who=WHO, count=st.integers(1, 9), data=st.data())
    def send_what_does_not_fit(self, who: int, count: int, data: st.DataObject) -> None:
        """From another place, or more than was announced: refused, and nothing changes."""
        key = self._sending(who, data)
        if key is not None:
            item = self.modelled[who].sending[key]
            with pytest.raises(uploads.WrongOffset):
                uploads.receive(key, item.received + count, io.BytesIO(b"x"), 1, by=self.actors[who])
            more = len(item.content) - item.received + count
            with pytest.raises(uploads.TooLarge):
                uploads.receive(key, item.received, io.BytesIO(bytes(more)), more, by=self.actors[who])

    @rule(who=WHO, data=st.data())
    def abandon(self, who: int, data: st.DataObject) -> None:
        key = self._sending(who, data)
        if key is not None:
            uploads.cancel_upload(key, by=self.actors[who])
            del self.modelled[who].sending[key]

    @rule(who=WHO, data=st.data())
    def wait_too_long(self, who: int, data: st.DataObject) -> None:
        key = self._sending(who, data)
        if key is not None:
            Upload.objects.filter(pk=key).update(expires_at=now() - timedelta(seconds=1))
            with pytest.raises(uploads.UploadEnded):
                uploads.receive(key, 0, io.BytesIO(b"x"), 1, by=self.actors[who])
            assert uploads.expire_uploads() == 1
            del self.modelled[who].sending[key]


class VaultMachine(Places, Bytes):
    """All of it, mixed."""


LIMITS = settings(
    max_examples=50,
    stateful_step_count=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@pytest.fixture(autouse=True)
def bucket_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    made = storage.ObjectStore(
        endpoint_url=conf.S3_ENDPOINT_URL,
        access_key=conf.S3_ACCESS_KEY_ID,
        secret_key=conf.S3_SECRET_ACCESS_KEY,
        bucket=f"{conf.S3_BUCKET}-machine",
        kind=conf.STORE_KIND,
    )
    made.make_bucket()
    monkeypatch.setattr(storage, "_store", made)


@pytest.mark.django_db
@pytest.mark.timeout(600)
def test_any_order_of_acts_leaves_the_vault_whole(db: None) -> None:
    run_state_machine_as_test(VaultMachine, settings=LIMITS)


@pytest.mark.soak
@pytest.mark.django_db
@pytest.mark.timeout(3600)
def test_a_thousand_orders_of_acts_leave_the_vault_whole(db: None) -> None:
    run_state_machine_as_test(VaultMachine, settings=settings(LIMITS, max_examples=1000, stateful_step_count=30))
