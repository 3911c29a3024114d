"""Each case begins with an empty store: what earlier tests left is not its own to explain."""

from collections.abc import Iterator
from typing import Any

import pytest

from documents.storage import store
from tests.faults.acting import Driver, running_driver


@pytest.fixture(autouse=True)
def empty_store() -> None:
    for item in list(store().objects()):
        store().delete(item.key)
    for key, upload_id, _begun_at in list(store().list_multipart()):
        store().abort_multipart(key, upload_id)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any) -> Iterator[Driver]:
    """One for each file; a file that breaks its connections makes its own."""
    with running_driver(tmp_path_factory.mktemp("driver")) as made:
        yield made
