"""Each case begins with an empty store: what earlier tests left is not its own to explain."""

import pytest

from documents.storage import store


@pytest.fixture(autouse=True)
def empty_store() -> None:
    for item in list(store().objects()):
        store().delete(item.key)
    for key, upload_id, _begun_at in list(store().list_multipart()):
        store().abort_multipart(key, upload_id)
