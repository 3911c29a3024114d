"""What tests of the trail stand on."""

import pytest

from documents.storage import ANCHOR_PREFIX, store


@pytest.fixture
def no_anchors() -> None:
    """The bucket holds no anchors of other tests' trails."""
    for name, _text in list(store().anchors()):
        store()._client.delete_object(Bucket=store().bucket, Key=ANCHOR_PREFIX + name)
