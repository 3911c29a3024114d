"""The sentences of file requests, of handing over, of emergencies and of the review go through gettext too."""

import io
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import User
from documents import uploads
from documents.actions.folders import make_folder
from sharing import mails
from sharing.access import Level
from sharing.actions import share
from sharing.actions.emergency import ask_emergency, name_contact
from sharing.actions.handing import offer
from sharing.actions.received import refuse_received
from sharing.actions.requests import Terms, make_request
from sharing.models import FileRequest, ReceivedFile, Share
from tests.test_words import escaped, pseudo, put, unwrapped, zoe

__all__ = ["pseudo", "zoe"]
ClientFor = Callable[[User], Client]


@pytest.mark.usefixtures("pseudo")
def test_no_sentence_of_requests_and_of_handing_over_escapes(
    zoe: User, admin_person: User, client_for: ClientFor
) -> None:
    User.objects.filter(pk=admin_person.pk).update(display_name="Zzada", handle="zzada")
    admin_person.refresh_from_db()
    by, other = Actor.for_user(zoe), Actor.for_user(admin_person)
    folder = make_folder("Zzfolder", None, by=by)
    terms = Terms("Zzpapers", "zzplease", now() + timedelta(days=3), 5, 1_000_000, 5_000_000, ["text"])
    asked, token = make_request(folder, terms, by=by)
    _locked, locked_token = make_request(folder, Terms("Zzlocked", password="zz open sesame 7"), by=by)
    stranger = Client()
    stranger.get(f"/send/{token}/")
    for number in range(2):
        sender = Actor.for_link(asked.pk, asked.title, zoe, visit="visit")
        upload = uploads.begin_requested(
            asked, f"zz{number}.zzz", 5, sender=uploads.Sender("zzsam", "zz@vault.test"), by=sender
        )
        uploads.receive(upload.pk, 0, io.BytesIO(b"zzpap"), 5, by=sender)
    first, second = ReceivedFile.objects.order_by("name")
    refuse_received([first], by=by)
    mails.tell_of_received(asked.pk)
    thing = put("zzpaper.zzz", by, folder)
    share(thing, admin_person, Level.VIEW, by=by)
    Share.objects.update(created_at=now() - timedelta(days=400))
    offered = offer(put("zzgift.zzz", other), "zzoe", by=other, message="zzyours")
    mails.tell_of_handover(offered.pk)
    offer(thing, "zznobody", by=by)
    contact = name_contact("zzada", [folder], 7, by=by)
    ask_emergency(contact, by=other)
    mails.tell_of_emergency(contact.pk)
    mails.tell_of_unused(zoe, 2)
    name_contact("zzoe", [make_folder("Zzother", None, by=other)], 7, by=other)
    client = client_for(zoe)
    wrong = {}
    for address in (
        *(reverse(name) for name in ("file_requests", "handovers", "emergency", "name_contact", "review_shares")),
        *(reverse(name, args=[folder.pk]) for name in ("make_request", "hand_over_folder")),
        *(reverse(name, args=[asked.pk]) for name in ("file_request", "change_request")),
        *(reverse(name, args=[second.pk]) for name in ("accept_received", "refuse_received")),
        reverse("hand_over_document", args=[thing.pk]),
        reverse("change_contact", args=[contact.pk]),
        reverse("shared_by_me"),
        reverse("space"),
    ):
        answer = client.get(address)
        assert answer.status_code == 200, address
        if found := unwrapped(answer.content.decode()):
            wrong[address] = found
    ReceivedFile.objects.update(visit_hash=_visit_hash(stranger, asked, token))
    for address in (
        f"/send/{token}/", f"/send/{token}/receipt/", f"/send/{locked_token}/",
        f"/send/{'A' * 43}/",
    ):  # fmt: skip
        if found := unwrapped(stranger.get(address).content.decode()):
            wrong[address] = found
    plain = stranger.get(f"/send/{token}/receipt/?as=text").content.decode()
    if found := escaped(re.sub(r"\d{4}-\d\d-\d\dT\S+|[0-9a-f]{64}", "", plain)):
        wrong["text"] = found
    for message in mail.outbox:
        if found := escaped(str(message.subject)):
            wrong[str(message.subject)] = found
        if found := [line for line in message.body.splitlines() if escaped(line)]:
            wrong[str(message.body)] = found
    assert wrong == {}


def _visit_hash(stranger: Client, asked: FileRequest, token: str) -> str:
    """Of the visit that this client is in: what it sends is noted under it."""
    page = stranger.get(f"/send/{token}/").content.decode()
    ticket = page.partition('data-ticket="')[2].partition('"')[0]
    told = {"Tus-Resumable": "1.0.0", "X-Ticket": ticket, "Upload-Length": "5", "Upload-Metadata": "filename enoueg=="}
    answer = stranger.post(f"/send/{token}/uploads/", headers=told)
    assert answer.status_code == 201, answer.content
    row = asked.received.get(state="arriving")
    row.delete()
    return row.visit_hash
