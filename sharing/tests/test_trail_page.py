"""The page of the trail in the administration: how it stands, a way to verify it, and one to take it away."""

import json
import zipfile
from collections.abc import Callable
from io import BytesIO

import pytest
from django.db import transaction
from django.test import Client

from accounts.actors import Actor
from accounts.models import User
from documents.models import JobRun, UpkeepKind, UpkeepRun
from sharing import audit, tasks
from sharing.models import AuditEvent, TrailSeal
from sharing.trail.sealing import anchor_trail

ClientFor = Callable[[User], Client]
ADDRESS = "/admin/trail/"


@pytest.fixture
def desk(admin_person: User, client_for: ClientFor) -> Client:
    return client_for(admin_person)


def test_a_new_vault_has_a_page_that_says_so(desk: Client) -> None:
    text = desk.get(ADDRESS).content.decode()
    assert "The first comes within a minute" in text
    assert "Not yet: the first night does it" in text


def test_what_a_verification_found_stands_on_the_page_in_words(desk: Client) -> None:
    UpkeepRun.objects.create(
        kind=UpkeepKind.TRAIL,
        finished_at="2026-01-01T00:00Z",
        breaches=1,
        details={"found": ["seal 3: <b>rows</b>"], "remarks": []},
    )
    text = desk.get(ADDRESS).content.decode()
    assert "seal 3: &lt;b&gt;rows&lt;/b&gt;" in text
    assert "The trail is not as it was sealed." in text


def test_verifying_is_asked_for_once_and_told(desk: Client, admin_person: User) -> None:
    for _time in range(2):
        assert desk.post(f"{ADDRESS}verify/").status_code == 302
    job = JobRun.objects.get(task="sharing.tasks.verify_trail")
    assert job.arguments == [str(admin_person.pk)]
    assert AuditEvent.objects.filter(action="upkeep_asked", actor_id=admin_person.pk).count() == 1


def test_a_member_sees_verifies_and_takes_nothing(alice: User, client_for: ClientFor) -> None:
    client = client_for(alice)
    assert client.get(ADDRESS).status_code == 302
    assert client.post(f"{ADDRESS}verify/").status_code == 302
    assert client.post(f"{ADDRESS}export/").status_code == 302
    assert not JobRun.objects.filter(task="sharing.tasks.verify_trail").exists()
    assert not AuditEvent.objects.filter(action="trail_exported").exists()


def test_a_day_that_is_none_is_refused_in_words(desk: Client) -> None:
    answer = desk.post(f"{ADDRESS}export/", {"since": "2026-02-31"}, follow=True)
    assert "This is not a day: 2026-02-31" in answer.content.decode()
    assert not AuditEvent.objects.filter(action="trail_exported").exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_anchors")
def test_the_jobs_seal_anchor_and_verify_and_the_export_holds_what_was_sealed(desk: Client) -> None:
    with transaction.atomic():
        audit.record(audit.Verb.DOCUMENT_RENAMED, by=Actor.system(), target_name="old", details={"from": "=1+1"})
    tasks.seal_trail()
    assert anchor_trail() is not None
    tasks.verify_trail()
    run = UpkeepRun.objects.get(kind=UpkeepKind.TRAIL)
    assert (run.breaches, run.details["anchors"] >= 1) == (0, True), run.details
    answer = desk.post(f"{ADDRESS}export/", {"since": "2020-01-01"})
    archive = zipfile.ZipFile(BytesIO(b"".join(answer.streaming_content)))  # type: ignore[attr-defined]
    assert archive.testzip() is None
    sealed = json.loads(archive.read("seals.json"))["seals"]
    assert [seal["number"] for seal in sealed] == list(
        TrailSeal.objects.order_by("number").values_list("pk", flat=True)
    )
    events = [json.loads(line) for line in archive.read("events.jsonl").splitlines()]
    assert "old" in {event["target_name"] for event in events}
    assert "Sound" in desk.get(ADDRESS).content.decode()
