"""The folder tree, one level at a time."""

from collections.abc import Callable
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from accounts.actors import Actor
from accounts.models import User
from documents.models import Folder
from docuvault.lib.asked_often import AskedOften
from sharing import access

LEVEL_LIMIT = 500


def with_children(folders: QuerySet[Folder]) -> QuerySet[Folder]:
    """These folders in order, each knowing whether it holds others (`has_children`)."""
    below = Folder.objects.live().filter(parent=OuterRef("pk"))
    return folders.annotate(has_children=Exists(below)).order_by("name_key")[:LEVEL_LIMIT]


@AskedOften
def _top_folders(user_id: UUID, *, rule: Callable[[Actor, None], QuerySet[Folder]]) -> QuerySet[Folder]:
    return with_children(rule(Actor.for_user(User(pk=user_id)), None))


def top_folders(user: User) -> list[Folder]:
    """The folders at the top of somebody's vault, as `with_children` gives them."""
    return _top_folders(user.pk, rule=access.folders_in)


def paths_of(folders: list[Folder], actor: Actor) -> dict[object, str]:
    """The words of the way to each folder as far as the actor sees it, itself left out: "Car / Insurance"."""
    if not folders:
        return {}
    wanted = {key for folder in folders for key in folder.path}
    names = dict(access.visible_folders(actor).filter(pk__in=wanted).values_list("pk", "name"))
    return {f.pk: " / ".join(names[key] for key in f.path[:-1] if key in names) for f in folders}
