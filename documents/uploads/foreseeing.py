"""What a set of files would meet where it is to go: names that are taken, folders to be made, and whether it fits."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from accounts import quota
from accounts.actors import Actor
from accounts.models import Quota
from documents.models import Document, Folder
from documents.names import InvalidName, clean_name, name_key
from documents.uploads.beginning import owner_of

Names = tuple[str, ...]
NAMES_AT_ONCE = 1000


@dataclass(frozen=True)
class Clash:
    """A file whose name a live document in its folder has. `path` is as it was asked."""

    path: str
    size_bytes: int
    document: Document


@dataclass
class Outlook:
    """`made` and `joined` are paths of folders below the place; `unusable` files and why they cannot be named so.

    `left_out` are files that would be refused if all were sent in this order, with the reason in words. `is_own`:
    the vault is the actor's, so its figures are too.
    """

    count: int = 0
    size_bytes: int = 0
    free_bytes: int = 0
    is_own: bool = True
    left_out: list[tuple[str, str]] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)
    clashes: list[Clash] = field(default_factory=list)
    unusable: list[tuple[str, str]] = field(default_factory=list)

    @property
    def fits(self) -> bool:
        return self.size_bytes <= self.free_bytes

    @property
    def over_bytes(self) -> int:
        return max(0, self.size_bytes - self.free_bytes)

    @property
    def fitting(self) -> int:
        """How many files are left to be sent."""
        return self.count - len(self.left_out)

    @property
    def folders(self) -> list[str]:
        return self.made + self.joined

    @property
    def asks(self) -> bool:
        """Whether there is anything to decide before the files travel."""
        return bool(self.folders or self.clashes or self.left_out)


def foresee(
    files: Sequence[tuple[str, int]], folder: Folder | None, *, by: Actor, folders: Sequence[str] = ()
) -> Outlook:
    """Look at what is there now, changing nothing; `files` are paths below the folder, with sizes in bytes.

    `folders` are paths of folders without files.
    Raises NotVisible or NotAllowed for a place that the actor may not add to.
    """
    owner_id = owner_of(folder, by).pk
    outlook = Outlook(count=len(files), size_bytes=sum(size for _path, size in files))
    room = Quota.objects.get(user_id=owner_id)
    outlook.free_bytes, outlook.is_own = room.free_bytes, by.user is not None and by.user.pk == owner_id
    outlook.left_out = _left_out(files, room.free_bytes, quota.files_left(room))
    named: list[tuple[str, int, Names, str]] = []
    for path, size in files:
        try:
            names = _cleaned(path)
        except InvalidName as error:
            outlook.unusable.append((path, error.message))
        else:
            named.append((path, size, names[:-1], names[-1]))
    wanted = {above for _path, _size, above, _name in named}
    for path in folders:
        try:
            wanted.add(_cleaned(path))
        except InvalidName as error:
            outlook.unusable.append((path, error.message))
    there = _folders_there(owner_id, folder, wanted)
    for names, place in sorted(there.items()):
        if names:
            (outlook.made if place is None else outlook.joined).append("/".join(names))
    keys = sorted({name_key(name) for _path, _size, _above, name in named})
    taken = _documents_there(owner_id, folder, {place.pk for place in there.values() if place is not None}, keys)
    for path, size, names, name in named:
        place = there[names] if names else folder
        if names and place is None:
            continue
        document = taken.get((place.pk if place else None, name_key(name)))
        if document is not None:
            outlook.clashes.append(Clash(path, size, document))
    return outlook


def _left_out(files: Sequence[tuple[str, int]], free_bytes: int, files_left: int | None) -> list[tuple[str, str]]:
    """Those that are too large, or that nothing is left for once the ones before them are in."""
    out: list[tuple[str, str]] = []
    taken, sent = 0, 0
    for path, size in files:
        if size > settings.MAX_FILE_BYTES:
            limit = filesizeformat(settings.MAX_FILE_BYTES)
            out.append((path, _("One file may have %(limit)s at most.") % {"limit": limit}))
        elif files_left is not None and sent >= files_left:
            out.append((path, _("No place is left for one more file.")))
        elif size and taken + size > free_bytes:
            out.append((path, _("There is not enough space left for it.")))
        else:
            taken, sent = taken + size, sent + 1
    return out


def _cleaned(path: str) -> Names:
    """The names of a path as they will be kept. Raises InvalidName."""
    return tuple(clean_name(part) for part in path.split("/") if part) or (clean_name(""),)


def _folders_there(owner_id: UUID, top: Folder | None, wanted: set[Names]) -> dict[Names, Folder | None]:
    """Each wanted path, and those above it, with the live folder that is there; one query for each level."""
    levels: dict[int, set[Names]] = defaultdict(set)
    for names in wanted:
        for depth in range(1, len(names) + 1):
            levels[depth].add(names[:depth])
    found: dict[Names, Folder | None] = {(): top}
    for depth in sorted(levels):
        parents = {found[names[:-1]] for names in levels[depth] if depth == 1 or found[names[:-1]] is not None}
        rows = Folder.objects.live().owned_by(owner_id).filter(name_key__in={name_key(n[-1]) for n in levels[depth]})
        above = Q(parent__in=[parent for parent in parents if parent is not None])
        rows = rows.filter(above | Q(parent=None) if None in parents else above)
        here = {(row.parent_id, row.name_key): row for row in rows}
        for names in levels[depth]:
            parent = found[names[:-1]]
            is_open = depth == 1 or parent is not None
            found[names] = here.get((parent.pk if parent else None, name_key(names[-1]))) if is_open else None
    return found


def _documents_there(
    owner_id: UUID, top: Folder | None, folder_ids: set[UUID], keys: Sequence[str]
) -> dict[tuple[UUID | None, str], Document]:
    """The live documents of these names in the place and its folders, by folder and name."""
    place = Q(folder__in=folder_ids) | Q(folder=top)
    rows = Document.objects.live().owned_by(owner_id).filter(place).defer("object_key", "sha256")
    found: dict[tuple[UUID | None, str], Document] = {}
    for start in range(0, len(keys), NAMES_AT_ONCE):
        for row in rows.filter(name_key__in=keys[start : start + NAMES_AT_ONCE]):
            found[row.folder_id, row.name_key] = row
    return found
