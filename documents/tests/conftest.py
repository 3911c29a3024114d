"""One process that reads for all tests: starting it, and unpacking its languages, is what takes time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from documents.extraction.lane import Lane
from documents.extraction.tessdata import unpack

LANGUAGES = ["eng", "deu", "fra", "ita", "spa", "por"]


@pytest.fixture(scope="session")
def tessdata(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("tessdata")
    unpack(settings.NODE_MODULES / "@tesseract.js-data", folder)
    return folder


@pytest.fixture(scope="session")
def reading_lane(tessdata: Path) -> Iterator[Lane]:
    """With six languages, as a vault has it by default."""
    lane = Lane(tessdata, LANGUAGES)
    yield lane
    lane.stop()
