"""The world of the matrix of rights, built once for all tests of a file."""

import gc
import logging
from collections.abc import Iterator

import pytest
from django.db import transaction
from django.template import Template
from django.test.utils import _TestState
from pytest_django.plugin import DjangoDbBlocker

from tests.rights.cast import World, build


@pytest.fixture(scope="module")
def matrix(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    """One transaction around all tests of the file. They ask through `rights.asking.ask`, which undoes each request.

    Not to be used beside `db` and what stands on it: that closes the connection.
    """
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), transaction.atomic():
        # Thousands of pages are asked for, most of them in vain: nobody looks at the templates behind them, nor
        # at what is logged of refusals.
        patch.setattr(Template, "_render", _TestState.saved_data.template_render)  # type: ignore[attr-defined]
        patch.setattr(logging.root.manager, "disable", logging.CRITICAL)
        world = build()
        gc.collect()
        gc.freeze()  # what stands already is not looked through again and again
        yield world
        gc.unfreeze()
        transaction.set_rollback(True)
