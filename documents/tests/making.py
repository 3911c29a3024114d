"""What many tests of this room make: documents with real bytes, folders by path."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connections

from accounts.actors import Actor
from documents.actions.folders import ensure_folder_path
from documents.models import Document, Folder
from documents.uploads import store_stream


def put(name: str, folder: Folder | None, by: Actor, data: bytes = b"paper") -> Document:
    """A document with these bytes."""
    return store_stream(name, iter([data]), folder, size_bound=len(data), by=by)


def folders(path: str, by: Actor) -> Folder:
    """The folder at "A/B/C", made if need be."""
    made = ensure_folder_path(path.split("/"), None, by=by)
    assert made is not None
    return made


def at_once(acts: Iterable[Callable[[], object]]) -> list[object]:
    """Run all of these at the same moment, each on a connection of its own; refusals are answers too."""
    acts = list(acts)
    start = Barrier(len(acts))

    def one(act: Callable[[], object]) -> object:
        start.wait(20)
        try:
            return act()
        except Exception as error:  # noqa: BLE001 (handed to the test)
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, acts))
