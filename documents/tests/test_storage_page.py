"""The page of the storage in the administration: for admins, ids and keys only, and a way to have a round run now."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import User
from documents import jobs
from documents.models import JobRun, PendingDeletion, StrayObject, UpkeepRun, VaultIdentity
from documents.storage import new_key
from documents.tests.making import put
from documents.upkeep.history import last_days, picture
from documents.upkeep.soundness import note_flaw
from sharing.models import AuditEvent

ClientFor = Callable[[User], Client]
ADDRESS = "/admin/storage/"


@pytest.fixture
def desk(admin_person: User, client_for: ClientFor) -> Client:
    return client_for(admin_person)


def page(desk: Client) -> str:
    answer = desk.get(ADDRESS)
    assert answer.status_code == 200
    return answer.content.decode()


def a_round(days_ago: int, kind: str = "reconcile", **details: int) -> UpkeepRun:
    at = now() - timedelta(days=days_ago)
    values = {"object_bytes": 1000, "strays": 0, **details}
    return UpkeepRun.objects.create(kind=kind, started_at=at, finished_at=at, breaches=values["strays"], details=values)


def test_an_empty_vault_has_a_page_that_says_so(desk: Client) -> None:
    text = page(desk)
    assert "No round has looked yet." in text
    assert "The first sweep runs within the hour" in text
    assert "All bytes are there" in text


def test_it_shows_what_is_flawed_stray_waiting_and_failed_by_ids_alone(desk: Client, alice_actor: Actor) -> None:
    document, key = put("Very private.pdf", None, alice_actor), new_key()
    assert document.current_version is not None
    note_flaw(document.current_version.pk, "missing", by=Actor.system())
    StrayObject.objects.create(object_key=key, size_bytes=5, modified_at=now())
    waiting = PendingDeletion.objects.create(object_key=new_key(), attempts=2, last_error="the store was away")
    job = JobRun.objects.create(task="documents.tasks.finish_upload", state="failed", last_error="<b>broken</b>")
    text = page(desk)
    assert f"/admin/documents/document/{document.pk}/change/" in text
    assert "content missing" in text
    assert key in text
    assert waiting.object_key in text
    assert f"/admin/documents/jobrun/{job.pk}/change/" in text
    assert "Very private" not in text
    assert document.object_key not in text
    assert "<b>broken" not in text


def test_its_picture_has_words_and_a_table_beside_it(desk: Client) -> None:
    a_round(3, object_bytes=5_000_000, strays=7)
    a_round(1, object_bytes=9_000_000)
    text = page(desk)
    assert text.count('<svg role="img"') == 3
    assert 'aria-labelledby="picture-strays most-strays"' in text
    assert "At most 7 on one day" in text
    assert "The same as a table" in text
    assert text.count("<td>4.8\xa0MB</td>") == 1


def test_a_day_without_a_round_differs_from_a_day_without_a_breach(db: None) -> None:
    a_round(2, strays=4)
    a_round(2, strays=1, object_bytes=2000)
    a_round(1)
    a_round(0, kind="sweep", strays=9)
    UpkeepRun.objects.create(kind="sweep", finished_at=now(), details={"held": 1})
    UpkeepRun.objects.create(kind="reconcile", finished_at=now(), failure="away", details={"object_bytes": 1})
    days = last_days()
    assert len(days) == 30
    assert [day.strays for day in days[-4:]] == [None, 4, 0, 9]
    assert [day.stored for day in days[-4:]] == [None, 2000, 1000, 1000]
    assert [day.breaches for day in days[-4:]] == [None, 4, 0, None]
    shown = picture(days, lambda day: day.strays)
    assert [bar.value for bar in shown.bars] == [4, 0, 9]
    assert shown.most == 9
    assert shown.bars[1].height == 1
    assert max(bar.y + bar.height for bar in shown.bars) == min(bar.y + bar.height for bar in shown.bars)


def test_a_held_copy_says_so_on_top(desk: Client) -> None:
    VaultIdentity.objects.update_or_create(pk=1, defaults={"is_held": True})
    assert "This is a restored copy that is held." in page(desk)


@pytest.mark.parametrize(
    ("what", "task", "kind"),
    [
        ("sweep", "sweep_objects", "sweep"),
        ("reconcile", "reconcile", "reconcile"),
        ("rehash", "rehash_objects", "rehash"),
        ("check", "check_whole_vault", "check"),
        ("repair", "check_whole_vault", "check"),
    ],
)
def test_an_admin_has_a_round_run_now_and_is_named_for_it(desk: Client, what: str, task: str, kind: str) -> None:
    answer = desk.post(f"{ADDRESS}begin/", {"what": what}, follow=True)
    assert "runs in the background" in answer.content.decode()
    assert "It is under way already" in desk.post(f"{ADDRESS}begin/", {"what": what}, follow=True).content.decode()
    job = JobRun.objects.get(task=f"documents.tasks.{task}")
    jobs.run(str(job.pk))
    job.refresh_from_db()
    assert job.state == "done"
    assert UpkeepRun.objects.get().kind == kind
    event = AuditEvent.objects.get(action="upkeep_asked")
    assert (event.actor_name, event.metadata) == ("ada", {"reason": what})
    assert kind in page(desk) or "Well" in page(desk)


def test_a_check_asked_for_by_somebody_who_is_no_admin_any_more_is_refused(desk: Client, admin_person: User) -> None:
    desk.post(f"{ADDRESS}begin/", {"what": "repair"})
    User.objects.filter(pk=admin_person.pk).update(role="member")
    job = JobRun.objects.get(task="documents.tasks.check_whole_vault")
    jobs.run(str(job.pk))
    assert not UpkeepRun.objects.exists()


def test_members_nonsense_and_forged_forms_change_nothing(desk: Client, alice: User, client_for: ClientFor) -> None:
    member = client_for(alice)
    assert member.get(ADDRESS).status_code == 302
    assert member.post(f"{ADDRESS}begin/", {"what": "repair"}).status_code == 302
    assert Client().get(ADDRESS).status_code == 302
    assert desk.post(f"{ADDRESS}begin/", {"what": "delete everything"}).status_code == 400
    assert desk.get(f"{ADDRESS}begin/").status_code == 405
    forged = Client(enforce_csrf_checks=True)
    forged.cookies = desk.cookies
    assert forged.post(f"{ADDRESS}begin/", {"what": "repair"}).status_code == 403
    assert not JobRun.objects.exists()


def test_the_number_of_queries_does_not_grow_with_what_is_shown(desk: Client, alice_actor: Actor) -> None:

    def counted() -> int:
        with CaptureQueriesContext(connection) as asked:
            page(desk)
        return len(asked)

    counted()
    before = counted()
    for number in range(12):
        document = put(f"{number}", None, alice_actor)
        assert document.current_version is not None
        note_flaw(document.current_version.pk, "damaged", by=Actor.system())
        a_round(number)
        JobRun.objects.create(task="x", state="failed")
        StrayObject.objects.create(object_key=new_key(), size_bytes=5, modified_at=now())
    assert counted() == before
