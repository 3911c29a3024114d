"""The administration of documents, topics, uploads and jobs: facts only, and every change told to the trail."""

from collections.abc import Callable

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import Quota, User
from documents import uploads
from documents.actions.topics import make_topic
from documents.models import Document, JobRun, Topic, Upload
from documents.tests.making import put
from sharing.models import AuditEvent

ClientFor = Callable[[User], Client]


@pytest.fixture
def desk(admin_person: User, client_for: ClientFor) -> Client:
    return client_for(admin_person)


def test_every_page_of_the_administration_answers(desk: Client, alice_actor: Actor) -> None:
    document = put("Ünïcode <b>.txt", None, alice_actor)
    uploads.begin_upload("up", 10, None, by=alice_actor)
    JobRun.objects.create(task="documents.tasks.purge_objects", state="failed", last_error="<b>")
    assert desk.get(reverse("admin:index")).status_code == 200
    for model, model_admin in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        answer = desk.get(reverse(f"{name}_changelist"))
        assert answer.status_code in ({200, 302} if model.__name__ == "SharingPolicy" else {200}), model
        assert b"<b>.txt" not in answer.content
        row = model_admin.get_queryset(RequestFactory().get("/")).first()
        if row is not None:
            assert desk.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200, model
    page = desk.get(reverse("admin:documents_document_change", args=[document.pk])).content.decode()
    assert document.sha256 in page
    assert document.object_key not in page
    assert "download" not in page


def test_members_stay_outside(alice: User, client_for: ClientFor) -> None:
    client = client_for(alice)
    for model in admin.site._registry:
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert client.get(address).status_code in {302, 403}


def test_only_what_writes_a_trail_row_can_be_changed(admin_person: User, rf: RequestFactory) -> None:
    request = rf.get("/")
    request.user = admin_person
    changeable = {
        model.__name__
        for model, model_admin in admin.site._registry.items()
        if model_admin.has_change_permission(request)
        or model_admin.has_add_permission(request)
        or model_admin.has_delete_permission(request)
    }
    assert changeable == {"User", "Group", "Topic", "SharingPolicy"}


def test_everybodys_topics_are_made_changed_and_deleted_with_a_line_each(desk: Client, alice_actor: Actor) -> None:
    own = make_topic("Own", "red", by=alice_actor)
    desk.post(reverse("admin:documents_topic_add"), {"name": "Tax", "colour": "green"})
    topic = Topic.objects.get(user=None)
    desk.post(reverse("admin:documents_topic_change", args=[topic.pk]), {"name": "Taxes", "colour": "blue"})
    taken = desk.post(reverse("admin:documents_topic_add"), {"name": "TAXES", "colour": "green"})
    assert "already" in taken.content.decode()
    assert desk.get(reverse("admin:documents_topic_change", args=[own.pk])).status_code == 302
    desk.post(reverse("admin:documents_topic_delete", args=[topic.pk]), {"post": "yes"})
    assert list(Topic.objects.all()) == [own]
    told = AuditEvent.objects.filter(target_id=str(topic.pk)).order_by("id").values_list("action", flat=True)
    assert list(told) == ["topic_made", "topic_changed", "topic_deleted"]


def test_an_upload_is_stopped_and_a_failed_job_started_again(desk: Client, alice: User, alice_actor: Actor) -> None:
    upload = uploads.begin_upload("up", 10, None, by=alice_actor)
    job = JobRun.objects.create(task="documents.tasks.purge_objects", state="failed", attempts=5)
    desk.post(reverse("admin:documents_upload_changelist"), {"action": "stop", "_selected_action": [str(upload.pk)]})
    desk.post(
        reverse("admin:documents_jobrun_changelist"), {"action": "start_again", "_selected_action": [str(job.pk)]}
    )
    assert Upload.objects.get().state == "cancelled"
    assert Quota.objects.get(user=alice).reserved_bytes == 0
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("waiting", 0)
    assert AuditEvent.objects.filter(action__in=["upload_cancelled", "job_repeated"]).count() == 2


def test_the_trail_is_read_filtered_and_its_reading_told_once(desk: Client, alice: User, alice_actor: Actor) -> None:
    put("a.txt", None, alice_actor)
    address = reverse("admin:sharing_auditevent_changelist")
    for query in ("", "?verb=document_added", f"?person={alice.pk}", "?days=1", "?q=a.txt", "?verb=nonsense&person=x"):
        assert desk.get(address + query).status_code == 200
    assert b"a.txt" in desk.get(address + "?verb=document_added").content
    assert b"a.txt" not in desk.get(address + "?verb=sign_out").content
    assert AuditEvent.objects.filter(action="trail_read").count() == 1
    assert Document.objects.count() == 1
