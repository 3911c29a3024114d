"""Where things of an export go: the topics and folders here that were those there, made if need be."""

import uuid
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import User
from documents.actions.errors import NameTaken, Refused
from documents.actions.folders import ensure_folder_path, find_folder_path, make_folder
from documents.actions.topics import make_topic
from documents.exports.records import DocumentTold, FolderTold, TopicTold, TrashTold
from documents.exports.report import ImportReport
from documents.identity import identity
from documents.models import EntryKind, Folder, Topic
from documents.names import InvalidName, name_key
from documents.uploads import UploadRefused
from documents.uploads.brought import Thrown, bring_thrown_folder
from sharing import access

SPACE = UUID("0b6d3a52-6f0e-4d57-9f0c-5e1f7c1f5a44")


class Places:
    """Of one export of one vault, in one person's vault, below the folders of `into`."""

    def __init__(
        self, vault: str, owner: User, by: Actor, into: tuple[str, ...], report: ImportReport, *, is_dry_run: bool
    ) -> None:
        self.vault, self.owner, self.by, self.into, self.report = vault, owner, by, into, report
        self.is_dry_run = is_dry_run
        self.is_home = vault == str(identity().instance)
        self.told: dict[UUID, FolderTold] = {}
        self.made: dict[UUID, Folder] = {}
        self.topics: dict[tuple[str, bool], Topic] = {}

    def key_of(self, key: UUID) -> UUID:
        """The id here of what had this id there."""
        return uuid.uuid5(SPACE, f"{self.owner.pk} {self.vault} {key}")

    def keys_here(self, key: UUID) -> list[UUID]:
        return [self.key_of(key), key] if self.is_home else [self.key_of(key)]

    def know(self, told: FolderTold) -> None:
        if told.parent is None or told.parent in self.told:  # above stands before below, so there is no ring
            self.told[told.key] = told

    def topic(self, told: TopicTold, path: str) -> Topic | None:
        """The topic of this name here: everybody's for everybody's, else one's own, made if need be."""
        known = (name_key(told.name), told.is_everybodys)
        if known in self.topics:
            return self.topics[known]
        rows = access.visible_topics(self.by).filter(name_key=known[0])
        theirs = rows.filter(user=None).first() if told.is_everybodys else None
        topic = theirs or rows.filter(user=self.owner).first()
        if topic is None and not self.is_dry_run:
            try:
                topic = make_topic(told.name, told.colour, by=self.by)
            except InvalidName as error:
                self.report.note_refused(
                    path, _("the topic “%(name)s”: %(why)s") % {"name": told.name, "why": error.message}
                )
            except Refused:
                topic = rows.filter(user=self.owner).first()  # made by another at the same moment
        if topic is not None:
            self.topics[known] = topic
        return topic

    def folder_of_rule(self, key: UUID) -> Folder | None:
        """None where it lies in the trash and cannot come: then the rule rests."""
        try:
            return self.folder(key) if key in self.told else None
        except Refused:
            return None

    def _place(self) -> Folder | None:
        return ensure_folder_path(self.into, None, by=self.by)

    def folder(self, key: UUID) -> Folder | None:
        """The folder here that was this one there, wherever it is now; a live one is made if need be.

        Raises InvalidName, Refused, NotVisible.
        """
        if key in self.made:
            return self.made[key]
        told = self.told[key]
        found = Folder.objects.owned_by(self.owner.pk)
        there = found.filter(pk=self.key_of(key)).first() or (found.filter(pk=key).first() if self.is_home else None)
        if there is None and told.trash is not None:
            raise Refused(_("the folder it was thrown away with did not come in"))
        if there is None or (told.trash is None and there.trash_id is not None):
            parent = self.folder(told.parent) if told.parent else self._place()
            if parent is not None and parent.trash_id is not None:
                raise Refused(_("the folder it was in lies in the trash now"))
            there = self._make(told, parent, key if there is None else None)
        self.made[key] = there
        return there

    def _make(self, told: FolderTold, parent: Folder | None, key: UUID | None) -> Folder:
        named = find_folder_path([told.name], parent, by=self.by)
        if named is None:
            try:
                named = make_folder(told.name, parent, by=self.by, key=self.key_of(key) if key else None)
                self.report.folders += 1
            except NameTaken:
                named = find_folder_path([told.name], parent, by=self.by)
        assert named is not None
        return named

    def bring_folders_in_the_trash(self) -> None:
        for key, told in self.told.items():
            if told.trash is None or told.trash.kind is not EntryKind.FOLDER:
                continue
            try:
                if Folder.objects.owned_by(self.owner.pk).filter(pk__in=self.keys_here(key)).exists():
                    continue  # brought before; it may have been restored since
                parent = self.folder(told.parent) if told.parent else self._place()
                thrown = self.thrown(told.trash)
                self.made[key] = bring_thrown_folder(self.key_of(key), told.name, parent, thrown, by=self.by)
            except (InvalidName, Refused, UploadRefused) as error:
                self.report.note_refused("/".join((*told.trash.place, told.name)), error.message)
            except (Http404, PermissionDenied):
                self.report.note_refused(told.name, _("its folder in the vault has just gone"))

    def make_the_other_folders(self) -> None:
        """Those that no document needed: the empty ones."""
        for key, told in self.told.items():
            if told.trash is not None:
                continue
            try:
                self.folder(key)
            except (InvalidName, Refused) as error:
                self.report.note_refused(told.name, error.message)
            except (Http404, PermissionDenied):
                self.report.note_refused(told.name, _("its folder in the vault has just gone"))

    def thrown(self, told: TrashTold) -> Thrown:
        return Thrown(self.key_of(told.entry), told.kind, told.name, (*self.into, *told.place))

    def target(self, told: DocumentTold) -> Folder | None:
        if told.folder is not None and told.folder in self.told:
            folder = self.folder(told.folder)
            if folder is None or folder.trash_id is None or told.trash is not None:
                return folder
            raise Refused(_("its folder lies in the trash now"))
        if told.trash is not None:
            return None
        return ensure_folder_path([*self.into, *told.place], None, by=self.by)
