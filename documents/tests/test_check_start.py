"""A vault that lost or mixed up its configuration says so in one line, and does not work on by halves."""

import secrets
from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from pytest_django import Settings

from accounts.actors import Actor
from accounts.models import User
from accounts.secrets import SECOND_STEP, seal
from documents import jobs
from documents.actions.trash import purge, trash_document
from documents.identity import identity
from documents.models import JobRun, JobState, PendingDeletion, VaultIdentity
from documents.storage import ObjectStore
from documents.tests.making import put

pytestmark = pytest.mark.django_db


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is written in the bucket of whose it is; the last word counts."""
    written = [""]
    monkeypatch.setattr(ObjectStore, "read_identity", lambda self: written[-1])
    monkeypatch.setattr(ObjectStore, "write_identity", lambda self, instance: written.append(instance))
    return written


def refusal() -> str:
    with pytest.raises(CommandError) as caught:
        call_command("check_start")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_f40_keys_that_do_not_open_what_is_stored_are_told_by_name(
    bucket: list[str], alice: User, settings: Settings
) -> None:
    kept = settings.MASTER_KEYS
    Authenticator.objects.create(user=alice, type="totp", data={"secret": seal("seed", SECOND_STEP)})
    call_command("check_start")
    for name in ("t1", "t9"):  # changed, and gone
        settings.MASTER_KEYS = {name: secrets.token_bytes(32)}
        assert refusal().startswith("DOCUVAULT_MASTER_KEYS lacks, or has changed")
        assert "t1 (1 secrets)" in refusal()
    settings.MASTER_KEYS = kept
    call_command("check_start")


def test_f40_a_bucket_that_is_not_this_vaults_is_told(bucket: list[str], alice_actor: Actor) -> None:
    call_command("check_start")  # a new vault takes a new bucket
    assert bucket[-1] == str(identity().instance)
    bucket.append("6c1b0b9e-0000-4000-8000-000000000000")
    assert "are not of one vault" in refusal()
    bucket.append("")
    put("a.txt", None, alice_actor)
    assert "This vault keeps 1 versions of documents, and the bucket is none of its own" in refusal()
    assert bucket[-1] == ""
    call_command("check_start", "--accept-bucket")
    assert bucket[-1] == str(VaultIdentity.objects.get().instance)
    call_command("check_start")


def test_f40_another_secret_key_ends_sessions_and_jobs_are_handed_over_again(
    alice: User, alice_actor: Actor, client_for: Callable[[User], Client], settings: Settings
) -> None:
    client = client_for(alice)
    assert client.get("/files/").status_code == 200
    purge(trash_document(put("a.txt", None, alice_actor), by=alice_actor), by=alice_actor)
    waiting = JobRun.objects.get(task="documents.tasks.purge_objects", state=JobState.WAITING)
    settings.SECRET_KEY = secrets.token_urlsafe(64)
    answer = client.get("/files/")
    assert (answer.status_code, "/login" in answer.headers["Location"]) == (302, True)
    # What was signed with the old key no worker can read; our own row is handed over anew.
    JobRun.objects.filter(pk=waiting.pk).update(due_at="2000-01-01T00:00:00Z")
    assert jobs.requeue_due() >= 1
    jobs.run(str(waiting.pk))
    assert JobRun.objects.get(pk=waiting.pk).state == JobState.DONE
    assert not PendingDeletion.objects.exists()
