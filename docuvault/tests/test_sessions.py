"""Sessions read by a plain statement: what is signed out, has run out or was made up opens nothing."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils.timezone import now

from docuvault.lib.sessions import SessionStore

pytestmark = pytest.mark.django_db


def kept() -> str:
    session = SessionStore()
    session["word"] = "here"
    session.save()
    assert session.session_key is not None
    return session.session_key


def test_what_is_kept_is_read_again() -> None:
    session = SessionStore(kept())
    assert session["word"] == "here"


def test_a_session_that_has_run_out_is_empty_and_loses_its_key() -> None:
    key = kept()
    Session.objects.filter(pk=key).update(expire_date=now() - timedelta(seconds=1))
    session = SessionStore(key)
    assert session.get("word") is None
    assert session.session_key is None


def test_a_key_that_nobody_made_is_an_empty_session() -> None:
    for key in ("x" * 32, "'; drop table users; --", "ü" * 40):
        session = SessionStore(key)
        assert session.get("word") is None
        assert session.session_key is None


def test_a_session_that_was_ended_elsewhere_is_gone() -> None:
    key = kept()
    SessionStore(key).flush()
    assert SessionStore(key).get("word") is None
