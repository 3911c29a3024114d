"""File requests: made and changed by their owner, filled by strangers within every limit, reviewed, and let go."""

import base64
import hashlib
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.db import connection, connections
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import Quota, User
from documents import uploads
from documents.actions.folders import make_folder
from documents.actions.topics import make_topic
from documents.actions.trash import empty_trash, purge_expired, trash_folder
from documents.exports.plan import sizes_of
from documents.filling import filling_of
from documents.models import Document, Folder, PendingDeletion, TrashEntry, Upload
from documents.storage import store
from documents.tests.making import put
from documents.upkeep import rows
from documents.uploads import Sender, begin_requested, receive
from sharing import access
from sharing.actions import received as verbs
from sharing.actions.emergency import ask_emergency, name_contact
from sharing.actions.requests import (
    CannotAsk,
    Terms,
    change_request,
    close_request,
    make_request,
    renew_request,
    reopen_request,
)
from sharing.mails import tell_of_received
from sharing.models import AuditEvent, FileRequest, ReceivedFile, SharingPolicy
from sharing.models_requests import PLACED

PDF = b"%PDF-1.4 paper"
ClientFor = Callable[[User], Client]


@pytest.fixture
def folder(alice_actor: Actor) -> Folder:
    return make_folder("Inbox", None, by=alice_actor)


def visitor(asked: FileRequest, visit: str = "one") -> Actor:
    return Actor.for_link(asked.pk, asked.title, asked.user, visit=visit)


class Body:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, size: int = -1) -> bytes:
        part, self.data = self.data[:size], self.data[size:]
        return part


def send(asked: FileRequest, file: str = "a.pdf", data: bytes = PDF, visit: str = "one", **sender: str) -> ReceivedFile:
    by = visitor(asked, visit)
    upload = begin_requested(asked, file, len(data), sender=Sender.of(**{"name": "", "email": "", **sender}), by=by)
    receive(upload.pk, 0, Body(data), len(data), by=by)  # type: ignore[arg-type]
    return ReceivedFile.objects.get(upload=upload)


def breaches() -> list[object]:
    """What the check of the vault finds in the rows."""
    checks = (
        rows.wrong_counters, rows.documents_beside_their_version, rows.shared_keys, rows.wrong_names_and_places,
        rows.untold,
    )  # fmt: skip
    return [found for check in checks for found in check()]


# --- The owner's side ------------------------------------------------------------------------------------


def test_its_owner_alone_makes_and_changes_a_request(alice_actor: Actor, bob_actor: Actor, folder: Folder) -> None:
    asked, token = make_request(folder, Terms("Tax papers", message="All of them"), by=alice_actor)
    assert len(token) >= 43
    assert token not in str(FileRequest.objects.values().get())
    with pytest.raises(access.NotVisible):
        make_request(folder, Terms("Mine"), by=bob_actor)
    for act in (close_request, reopen_request, renew_request):
        with pytest.raises(access.NotVisible):
            act(asked, by=bob_actor)
    with pytest.raises(access.NotVisible):
        change_request(asked, Terms("Theirs"), by=bob_actor)
    assert FileRequest.objects.get().title == "Tax papers"

    changed = change_request(asked, Terms("Papers", kinds=["pdf"], max_files=3, password="a long word"), by=alice_actor)
    assert (changed.kinds, changed.max_files, bool(changed.password_hash)) == (["pdf"], 3, True)
    kept = change_request(asked, Terms("Papers", kinds=["pdf"], max_files=3), by=alice_actor)
    assert kept.password_hash == changed.password_hash
    assert change_request(asked, Terms("Papers", password=""), by=alice_actor).password_hash == ""
    told = AuditEvent.objects.filter(action="request_changed").order_by("id")
    assert [sorted(event.metadata["fields"]) for event in told] == [
        ["kinds", "max_files", "message", "password", "title"],
        ["kinds", "max_files", "password"],
    ]
    assert access.open_request(asked.token_hash) is not None
    close_request(asked, by=alice_actor)
    assert access.open_request(asked.token_hash) is None
    reopen_request(asked, by=alice_actor)
    renewed = renew_request(asked, by=alice_actor)
    assert renewed != token
    assert access.open_request(asked.token_hash) is None


@pytest.mark.parametrize(
    "terms",
    [
        Terms("  "),
        Terms("x", expires_at=now() - timedelta(days=1)),
        Terms("x", expires_at=now() + timedelta(days=4000)),
        Terms("x", max_files=0),
        Terms("x", max_file_bytes=-1),
        Terms("x", kinds=["exe"]),
        Terms("x", password="short"),
    ],
)
def test_terms_that_make_no_sense_are_refused(alice_actor: Actor, folder: Folder, terms: Terms) -> None:
    with pytest.raises(CannotAsk):
        make_request(folder, terms, by=alice_actor)
    assert not FileRequest.objects.exists()


def test_the_policy_bounds_the_last_day(alice_actor: Actor, folder: Folder) -> None:
    SharingPolicy.objects.create(pk=1, max_days=10)
    with pytest.raises(CannotAsk):
        make_request(folder, Terms("x"), by=alice_actor)
    make_request(folder, Terms("x", expires_at=now() + timedelta(days=9)), by=alice_actor)


# --- Limits ----------------------------------------------------------------------------------------------


def test_every_limit_holds_and_what_is_refused_leaves_nothing(alice: User, alice_actor: Actor, folder: Folder) -> None:
    terms = Terms("x", max_files=3, max_file_bytes=100, max_total_bytes=150, kinds=["pdf"])
    asked, _token = make_request(folder, terms, by=alice_actor)
    with pytest.raises(uploads.TooLarge):
        send(asked, data=PDF + b"x" * 100)
    with pytest.raises(uploads.UploadRefused, match="kind"):
        send(asked, "photo.pdf", b"\x89PNG\r\n\x1a\n")
    assert not ReceivedFile.objects.filter(state__in=PLACED).exists()
    send(asked, "a.pdf", PDF + b"x" * 80)
    with pytest.raises(uploads.TooLarge, match="left"):
        send(asked, "b.pdf", PDF + b"x" * 80)
    send(asked, "b.pdf")
    send(asked, "c.pdf")
    with pytest.raises(uploads.UploadRefused, match="No more files"):
        send(asked, "d.pdf")
    # A refused file's place is free again.
    verbs.refuse_received([ReceivedFile.objects.get(name="c.pdf")], by=alice_actor)
    send(asked, "e.pdf")
    assert uploads.is_exhausted(asked)
    quota = Quota.objects.get(user=alice)
    assert quota.reserved_bytes == 0
    assert quota.used_bytes == 80 + 3 * len(PDF)


def test_bytes_are_reserved_as_they_arrive_and_a_full_vault_tells_no_figure(
    alice: User, alice_actor: Actor, folder: Folder
) -> None:
    asked, _token = make_request(folder, Terms("x"), by=alice_actor)
    Quota.objects.filter(user=alice).update(limit_bytes=1000)
    by = visitor(asked)
    upload = begin_requested(asked, "big.bin", 900, sender=Sender(), by=by)
    assert Quota.objects.get(user=alice).reserved_bytes == 900
    with pytest.raises(uploads.NoRoom) as refused:
        send(asked, data=b"x" * 200)
    assert not any(character.isdigit() for character in refused.value.message)
    assert AuditEvent.objects.filter(action="quota_refused", owner_id=alice.pk).exists()
    uploads.cancel_upload(upload.pk, by=by)
    assert Quota.objects.get(user=alice).reserved_bytes == 0
    assert not ReceivedFile.objects.filter(state__in=PLACED).exists()


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_for_the_last_places(alice: User, alice_actor: Actor, folder: Folder) -> None:
    asked, _token = make_request(folder, Terms("x", max_files=2, max_total_bytes=10_000), by=alice_actor)

    def one(number: int) -> str:
        try:
            send(asked, f"{number}.pdf", PDF + str(number).encode(), visit=f"v{number}")
        except uploads.UploadRefused:
            return "refused"
        finally:
            connections.close_all()
        return "there"

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(one, range(20)))
    assert sorted(outcomes) == ["refused"] * 18 + ["there"] * 2
    assert asked.received.filter(state="waiting").count() == 2
    quota = Quota.objects.get(user=alice)
    assert quota.used_bytes == sum(row.size_bytes for row in asked.received.all())
    assert quota.reserved_bytes == 0


@pytest.mark.django_db(transaction=True)
def test_one_file_is_accepted_once_however_many_decide(alice: User, alice_actor: Actor, folder: Folder) -> None:
    asked, _token = make_request(folder, Terms("x"), by=alice_actor)
    row = send(asked)

    def decide(number: int) -> str:
        try:
            if number % 2:
                verbs.accept_received(row, folder, by=alice_actor)
                return "accepted"
            verbs.refuse_received([row], by=alice_actor)
        except access.NotVisible:
            return "late"
        finally:
            connections.close_all()
        return "refused"

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(decide, range(6)))
    assert outcomes.count("late") == 5
    row.refresh_from_db()
    assert row.state in outcomes
    assert Quota.objects.get(user=alice).used_bytes == (len(PDF) if row.state == "accepted" else 0)


# --- What waits ---------------------------------------------------------------------------------------------


def test_what_waits_is_nowhere_but_in_the_review_and_counts(
    alice: User, alice_actor: Actor, folder: Folder, client_for: ClientFor
) -> None:
    asked, _token = make_request(folder, Terms("x"), by=alice_actor)
    row = send(asked, "secret-paper.pdf", name="Stranger", email="s@example.org")
    document = row.document
    assert document is not None
    by = alice_actor
    assert not access.visible_documents(by).exists()
    assert not access.own_trash(by).exists()
    with pytest.raises(access.NotVisible):
        access.fetch_document(by, document.pk)
    page = client_for(alice)
    for name in ("files", "trash", "recent"):
        assert "secret-paper" not in page.get(reverse(name)).content.decode()
    assert "secret-paper" not in page.get(reverse("folder", args=[folder.pk])).content.decode()
    assert empty_trash(by=by) == 0
    TrashEntry.objects.update(trashed_at=now() - timedelta(days=1000))
    assert purge_expired() == 0
    parts = filling_of(by)
    assert (parts.waiting_bytes, parts.waiting_count, parts.trash_bytes, parts.older_bytes) == (len(PDF), 1, 0, 0)
    assert sum(sizes_of(alice).values()) == 0
    assert breaches() == []
    own = put("mine.pdf", None, by, PDF)
    from documents.actions.versions import twins_of

    assert twins_of(own, by=by) == []


def test_accepting_files_it_where_and_as_wanted(alice_actor: Actor, bob_actor: Actor, folder: Folder) -> None:
    asked, _token = make_request(folder, Terms("x"), by=alice_actor)
    put("a.pdf", folder, alice_actor)
    topic = make_topic("Tax", "green", by=alice_actor)
    first, second, third, fourth = (send(asked, data=PDF + str(n).encode()) for n in range(4))
    with pytest.raises(access.NotVisible):
        verbs.accept_received(first, folder, by=bob_actor)
    document = verbs.accept_received(first, folder, by=alice_actor, topics=[topic])
    assert (document.name, document.folder, document.trash) == ("a (2).pdf", folder, None)
    assert document.document_topics.get().topic == topic
    assert verbs.accept_received(second, None, by=alice_actor, name="letter.pdf").name == "letter.pdf"
    assert Document.objects.live().filter(folder=None, name="letter.pdf").exists()
    with pytest.raises(access.NotVisible):
        verbs.accept_received(first, folder, by=alice_actor)
    theirs = make_folder("Bob's", None, by=bob_actor)
    with pytest.raises(access.NotVisible):
        verbs.accept_received(third, theirs, by=alice_actor)
    names = [row.name for row in verbs.accept_all_received(asked, folder, by=alice_actor)]
    assert names == ["a (3).pdf", "a (4).pdf"]
    assert not TrashEntry.objects.exists()
    assert {row.state for row in asked.received.all()} == {"accepted"}
    assert AuditEvent.objects.filter(action="file_accepted").count() == 4
    fourth.refresh_from_db()
    assert fourth.document is not None
    assert b"".join(store().open(fourth.document.object_key)) == PDF + b"3"
    assert breaches() == []


def test_refusing_takes_the_bytes_along(alice: User, alice_actor: Actor, bob_actor: Actor, folder: Folder) -> None:
    asked, _token = make_request(folder, Terms("x"), by=alice_actor)
    row = send(asked)
    key = row.document.object_key if row.document else ""
    with pytest.raises(access.NotVisible):
        verbs.refuse_received([row], by=bob_actor)
    verbs.refuse_received([row], by=alice_actor)
    row.refresh_from_db()
    assert (row.state, row.document, row.sha256) == ("refused", None, hashlib.sha256(PDF).hexdigest())
    assert PendingDeletion.objects.filter(pk=key).exists()
    assert Quota.objects.get(user=alice).used_bytes == 0
    told = AuditEvent.objects.filter(owner_id=alice.pk).values_list("action", flat=True)
    assert {"file_refused", "document_purged"} <= set(told)
    assert breaches() == []


def test_what_nobody_decides_about_goes_by_itself(alice: User, alice_actor: Actor, folder: Folder) -> None:
    asked, _token = make_request(folder, Terms("x"), by=alice_actor)
    old, young = send(asked, "old.pdf"), send(asked, "young.pdf")
    ReceivedFile.objects.filter(pk=old.pk).update(received_at=now() - timedelta(days=settings.RECEIVED_DAYS + 1))
    assert verbs.expire_received() == 1
    assert verbs.expire_received() == 0
    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.state, young.state) == ("expired", "waiting")
    assert Quota.objects.get(user=alice).used_bytes == len(PDF)
    assert breaches() == []


def test_a_folder_thrown_away_closes_the_door_and_keeps_what_waits(alice_actor: Actor, folder: Folder) -> None:
    asked, _token = make_request(folder, Terms("x"), by=alice_actor)
    row = send(asked)
    entry = trash_folder(folder, by=alice_actor)
    with pytest.raises(access.NotVisible):
        send(asked)
    from documents.actions.trash import purge

    purge(entry, by=alice_actor)
    row.refresh_from_db()
    assert (row.state, FileRequest.objects.get().folder) == ("waiting", None)
    verbs.accept_received(row, None, by=alice_actor)
    assert breaches() == []


def test_a_request_closed_in_the_middle_takes_nothing_more(alice: User, alice_actor: Actor, folder: Folder) -> None:
    asked, _token = make_request(folder, Terms("x"), by=alice_actor)
    by = visitor(asked)
    upload = begin_requested(asked, "a.pdf", 20, sender=Sender(), by=by)
    receive(upload.pk, 0, Body(PDF), len(PDF), by=by)  # type: ignore[arg-type]
    close_request(asked, by=alice_actor)
    with pytest.raises(access.NotVisible):
        receive(upload.pk, len(PDF), Body(b"123456"), 6, by=by)  # type: ignore[arg-type]
    Upload.objects.update(expires_at=now() - timedelta(hours=1))
    assert uploads.expire_uploads() == 1
    assert Quota.objects.get(user=alice).taken_bytes == 0
    assert not ReceivedFile.objects.filter(state__in=PLACED).exists()


def test_check_vault_sees_what_does_not_belong_together(alice_actor: Actor, folder: Folder) -> None:
    asked, _token = make_request(folder, Terms("x"), by=alice_actor)
    row = send(asked)
    assert breaches() == []
    ReceivedFile.objects.filter(pk=row.pk).update(sha256="0" * 64)
    assert breaches() != []
    ReceivedFile.objects.filter(pk=row.pk).update(sha256=row.sha256, state="accepted")
    assert breaches() != []


def test_the_owner_hears_once_of_what_came_together(alice: User, alice_actor: Actor, folder: Folder) -> None:
    asked, _token = make_request(folder, Terms("Papers"), by=alice_actor)
    from documents.models import JobRun

    for number in range(3):
        send(asked, f"{number}.pdf", name="Stran\nger")
    assert JobRun.objects.filter(task="sharing.tasks.tell_of_received").count() == 1
    tell_of_received(asked.pk)
    tell_of_received(asked.pk)
    (sent,) = mail.outbox
    assert sent.to == [alice.email]
    assert "3 files" in sent.body
    assert "0.pdf (Stran ger)" in sent.body
    send(asked, "later.pdf")
    tell_of_received(asked.pk)
    assert "1 file has come" in mail.outbox[1].body


# --- The sender's pages ---------------------------------------------------------------------------------------


def tus(client: Client, token: str, name: str, data: bytes, ticket: str, **headers: str) -> Any:
    told = ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in (("filename", name), ("sender", "Sam"))
    )
    return client.post(
        f"/send/{token}/uploads/",
        data,
        content_type="application/offset+octet-stream",
        headers={
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(len(data)),
            "Upload-Metadata": told,
            "X-Ticket": ticket,
            **headers,
        },
    )


def ticket_on(page: str) -> str:
    return page.partition('data-ticket="')[2].partition('"')[0]


def form_body(name: str, data: bytes) -> tuple[bytes, str]:
    parts = (
        b'--B\r\nContent-Disposition: form-data; name="sender_name"\r\n\r\nSam\r\n'
        b'--B\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n%s\r\n--B--\r\n'
        % (name.encode(), data)
    )
    return parts, "multipart/form-data; boundary=B"


def test_a_stranger_sends_by_both_doors_and_gets_a_receipt(alice: User, alice_actor: Actor, folder: Folder) -> None:
    put("VAULTNAME.txt", folder, alice_actor)
    asked, token = make_request(folder, Terms("Papers <b>"), by=alice_actor)
    send(asked, "OTHERSFILE.pdf", visit="another")
    stranger = Client()
    page = stranger.get(f"/send/{token}/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "Papers &lt;b&gt;" in text
    answer = tus(stranger, token, "one.pdf", PDF, ticket_on(text))
    assert answer.status_code == 201, answer.content
    assert "Upload-Document" not in answer.headers
    state = stranger.get(answer.headers["Location"], headers={"Tus-Resumable": "1.0.0"}).json()
    assert (state["state"], state["document"], state["url"]) == ("done", None, None)
    body, kind = form_body("two.pdf", PDF + b"2")
    sent = stranger.post(f"/send/{token}/files/{ticket_on(text)}/", body, content_type=kind)
    assert sent.status_code == 302
    receipt = stranger.get(f"/send/{token}/receipt/").content.decode()
    plain = stranger.get(f"/send/{token}/receipt/?as=text")
    assert plain.headers["Content-Disposition"].startswith("attachment")
    for name, data in (("one.pdf", PDF), ("two.pdf", PDF + b"2")):
        assert name in receipt
        assert hashlib.sha256(data).hexdigest() in receipt
        assert hashlib.sha256(data).hexdigest() in plain.content.decode()
    everything = text + receipt + plain.content.decode() + stranger.get(f"/send/{token}/").content.decode()
    for word in ("OTHERSFILE", "VAULTNAME", "Inbox", "100.0", str(folder.pk), str(alice.pk)):
        assert word not in everything
    assert {row.sender_name for row in asked.received.exclude(visit_hash="another")} == {"Sam"}
    # Another visit sees nothing of this one, and cannot reach its uploads.
    other = Client()
    assert "one.pdf" not in other.get(f"/send/{token}/").content.decode()
    assert other.get(f"/send/{token}/receipt/").status_code == 302
    assert other.get(answer.headers["Location"], headers={"Tus-Resumable": "1.0.0"}).status_code == 404
    # The owner's receipt does not depend on what was decided.
    verbs.refuse_received([asked.received.get(name="one.pdf")], by=alice_actor)
    assert "one.pdf" in stranger.get(f"/send/{token}/receipt/").content.decode()


def test_an_upload_goes_on_where_it_broke_off(alice_actor: Actor, folder: Folder) -> None:
    asked, token = make_request(folder, Terms("x"), by=alice_actor)
    stranger = Client()
    ticket = ticket_on(stranger.get(f"/send/{token}/").content.decode())
    headers = {"Tus-Resumable": "1.0.0", "X-Ticket": ticket, "Upload-Length": str(len(PDF))}
    told = {"Upload-Metadata": "filename " + base64.b64encode(b"a.pdf").decode()}
    begun = stranger.post(f"/send/{token}/uploads/", headers={**headers, **told})
    where = begun.headers["Location"]
    kind = "application/offset+octet-stream"
    first = stranger.patch(where, PDF[:5], content_type=kind, headers={"Tus-Resumable": "1.0.0", "Upload-Offset": "0"})
    assert first.headers["Upload-Offset"] == "5"
    assert stranger.head(where, headers={"Tus-Resumable": "1.0.0"}).headers["Upload-Offset"] == "5"
    last = stranger.patch(where, PDF[5:], content_type=kind, headers={"Tus-Resumable": "1.0.0", "Upload-Offset": "5"})
    assert last.status_code == 204
    assert asked.received.get().sha256 == hashlib.sha256(PDF).hexdigest()


def test_every_door_that_is_not_open_looks_the_same(alice: User, alice_actor: Actor, folder: Folder) -> None:
    unknown = "A" * 43
    answers = [Client().get(f"/send/{unknown}/")]
    for spoil in ("closed", "over", "disabled", "trashed", "full", "renewed"):
        asked, token = make_request(folder, Terms(spoil, max_files=1), by=alice_actor)
        if spoil == "closed":
            close_request(asked, by=alice_actor)
        elif spoil == "over":
            FileRequest.objects.filter(pk=asked.pk).update(expires_at=now() - timedelta(minutes=1))
        elif spoil == "full":
            send(asked)
        elif spoil == "renewed":
            renew_request(asked, by=alice_actor)
        elif spoil == "disabled":
            User.objects.filter(pk=alice.pk).update(is_active=False)
        else:
            entry = trash_folder(folder, by=alice_actor)
        answers.append(Client().get(f"/send/{token}/"))
        User.objects.filter(pk=alice.pk).update(is_active=True)
        if spoil == "trashed":
            from documents.actions.trash import restore

            restore(entry, by=alice_actor)
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


def test_a_password_stands_before_everything(alice_actor: Actor, folder: Folder) -> None:
    _asked, token = make_request(folder, Terms("TITLE", password="open sesame 7"), by=alice_actor)
    stranger = Client()
    page = stranger.get(f"/send/{token}/").content.decode()
    assert "TITLE" not in page
    ticket = page.partition('name="ticket" value="')[2].partition('"')[0]
    assert tus(stranger, token, "a.pdf", PDF, ticket).status_code == 403
    assert stranger.post(f"/send/{token}/", {"password": "open sesame 7"}).status_code == 403
    assert stranger.post(f"/send/{token}/", {"password": "wrong", "ticket": ticket}).status_code == 422
    right = stranger.post(f"/send/{token}/", {"password": "open sesame 7", "ticket": ticket})
    assert right.status_code == 302
    assert "TITLE" in stranger.get(f"/send/{token}/").content.decode()
    tries = [stranger.post(f"/send/{token}/", {"password": "x", "ticket": ticket}).status_code for _n in range(12)]
    assert 429 in tries


def test_doors_refuse_what_is_not_theirs(alice_actor: Actor, folder: Folder) -> None:
    asked, token = make_request(folder, Terms("x", max_file_bytes=50, kinds=["pdf"]), by=alice_actor)
    stranger = Client()
    page = stranger.get(f"/send/{token}/").content.decode()
    assert tus(Client(), token, "a.pdf", PDF, ticket_on(page)).status_code == 403
    assert tus(stranger, token, "a.pdf", PDF, "forged").status_code == 403
    assert tus(stranger, token, "a.pdf", PDF * 10, ticket_on(page)).status_code == 413
    assert tus(stranger, token, "../..", PDF, ticket_on(page)).status_code == 400
    assert tus(stranger, token, "a.png", b"\x89PNG\r\n\x1a\n", ticket_on(page)).status_code == 415
    body, kind = form_body("a.pdf", PDF * 10)
    large = stranger.post(f"/send/{token}/files/{ticket_on(page)}/", body, content_type=kind)
    assert large.status_code == 413
    foreign = stranger.post(
        f"/send/{token}/files/{ticket_on(page)}/", body, content_type=kind, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert foreign.status_code == 403
    assert not asked.received.filter(state__in=PLACED).exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(reserved_bytes) FROM uploads")
        assert cursor.fetchone() == (0,)


# --- The owner's pages -----------------------------------------------------------------------------------------


def test_the_owner_makes_reviews_and_decides_by_pages(
    alice: User, bob: User, alice_actor: Actor, folder: Folder, client_for: ClientFor
) -> None:
    page = client_for(alice)
    fields = {"title": "Papers", "max_files": "5", "max_file": "1.5", "kinds": ["pdf"], "is_notified": "on"}
    assert page.get(reverse("make_request", args=[folder.pk])).status_code == 200
    assert page.post(reverse("make_request", args=[folder.pk]), {**fields, "title": ""}).status_code == 422
    made = page.post(reverse("make_request", args=[folder.pk]), fields)
    asked = FileRequest.objects.get()
    assert made.headers["Location"] == reverse("file_request", args=[asked.pk])
    assert asked.max_file_bytes == 1_572_864
    shown = page.get(made.headers["Location"]).content.decode()
    link = shown.partition('data-copy="')[2].partition('"')[0]
    token = link.rstrip("/").rpartition("/")[2]
    assert Client().get(f"/send/{token}/").status_code == 200
    sent = [send(asked, f"paper{number}.pdf", name="Sam <i>") for number in range(3)]
    shown = page.get(made.headers["Location"]).content.decode()
    assert "paper0.pdf" in shown
    assert "Sam &lt;i&gt;" in shown
    assert "Files are waiting" in page.get(reverse("files")).content.decode()
    stranger = client_for(bob)
    for name, key in (
        ("accept_received", sent[0].pk), ("refuse_received", sent[0].pk), ("received_content", sent[0].pk),
        ("received_picture", sent[0].pk), ("file_request", asked.pk), ("change_request", asked.pk),
    ):  # fmt: skip
        assert stranger.get(reverse(name, args=[key])).status_code == 404
    assert stranger.post(reverse("accept_all_received", args=[asked.pk])).status_code == 404
    content = page.get(reverse("received_content", args=[sent[0].pk]))
    assert b"".join(content.streaming_content) == PDF  # type: ignore[attr-defined]
    assert content.headers["Content-Disposition"].startswith("attachment")
    assert page.get(reverse("received_picture", args=[sent[0].pk])).status_code == 404
    assert page.get(reverse("accept_received", args=[sent[0].pk])).status_code == 200
    topic = make_topic("Tax", "green", by=alice_actor)
    wanted = {"to": str(folder.pk), "name": "first.pdf", "topic": str(topic.pk)}
    assert page.post(reverse("accept_received", args=[sent[0].pk]), {**wanted, "name": "a/b"}).status_code == 422
    assert page.post(reverse("accept_received", args=[sent[0].pk]), wanted).status_code == 302
    assert Document.objects.live().get(folder=folder).name == "first.pdf"
    assert page.get(reverse("refuse_received", args=[sent[1].pk])).status_code == 200
    assert page.post(reverse("refuse_received", args=[sent[1].pk])).status_code == 302
    assert page.post(reverse("accept_all_received", args=[asked.pk])).status_code == 302
    assert {row.state for row in asked.received.all()} == {"accepted", "refused"}
    changed = {**fields, "title": "Other", "until": "2099-13-40"}
    assert page.post(reverse("change_request", args=[asked.pk]), changed).status_code == 422
    assert page.post(reverse("change_request", args=[asked.pk]), {**changed, "until": ""}).status_code == 302
    for act, status in (("close", 302), ("reopen", 302), ("renew", 302), ("x", 400)):
        assert page.post(reverse("turn_request", args=[asked.pk]), {"act": act}).status_code == status
    assert "Other" in page.get(reverse("file_requests")).content.decode()


def test_the_pages_cost_the_same_however_much_waits(
    alice: User, alice_actor: Actor, folder: Folder, client_for: ClientFor, django_assert_max_num_queries: Any
) -> None:
    from django.test.utils import CaptureQueriesContext

    asked, _token = make_request(folder, Terms("x"), by=alice_actor)
    page = client_for(alice)
    counts = []
    for number in range(2):
        for step in range(1 + number * 6):
            send(asked, f"{number}-{step}.pdf")
        for address in (reverse("file_request", args=[asked.pk]), reverse("file_requests")):
            page.get(address)
            with CaptureQueriesContext(connection) as captured:
                page.get(address)
            counts.append(len(captured))
    assert counts[:2] == counts[2:]


def test_the_trail_reads_as_sentences(alice: User, alice_actor: Actor, bob_actor: Actor, bob: User, folder: Folder,
                                      client_for: ClientFor) -> None:  # fmt: skip
    asked, _token = make_request(folder, Terms("Tax papers"), by=alice_actor)
    send(asked)
    ask_emergency(name_contact("bob", [folder], 7, by=alice_actor), by=bob_actor)
    page = client_for(alice).get(reverse("my_activity")).content.decode()
    lines = [" ".join(strip_tags(line).split()) for line in page.split('<li><span class="kind">')[1:]]
    assert any(line.startswith("Somebody without an account sent a file to Tax papers") for line in lines), lines
    assert any(re.match(r"bob asked for emergency access(now|a second|\d)", line) for line in lines), lines
