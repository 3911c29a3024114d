"""What hangs on a mail is kept as documents of its own: where, under which names, for whom, and what it costs."""

from collections.abc import Callable
from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

import pytest
from django.test import Client

from accounts.actors import Actor
from accounts.models import Quota, User
from documents.extraction.lane import Lane
from documents.models import Document, Reading
from documents.tests.compounds import compound, msg
from documents.tests.making import folders
from documents.tests.making import put as put_in
from documents.tests.readings import told_of
from documents.uploads import keep_enclosures
from documents.viewing.letters import letter_of
from sharing import access
from sharing.access import Level
from sharing.actions import share
from sharing.models import AuditEvent

ClientFor = Callable[[User], Client]
LARGE = bytes(range(256)) * 40
FILES = [("bill.pdf", b"%PDF-1.4 bill"), ("../../etc/cron.d/x", b"root"), ("Größe.txt", b"words"), ("large.bin", LARGE)]


def eml(*files: tuple[str, bytes]) -> bytes:
    mail = EmailMessage()
    mail["Subject"], mail["From"] = "Bills", "a@b.test"
    mail.set_content("See below")
    mail.add_alternative("<p>See below</p>", subtype="html")
    for name, data in files:
        mail.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return mail.as_bytes()


def outlook(*files: tuple[str, bytes]) -> bytes:
    return msg("Bills", "See below", *files)


KINDS = [("mail.eml", eml), ("mail.msg", outlook)]


@pytest.mark.parametrize(("name", "make"), KINDS, ids=["eml", "msg"])
def test_attachments_come_out_with_names_sizes_and_the_bytes_asked_for(
    name: str, make: Callable[..., bytes], reading_lane: Lane
) -> None:
    told = told_of(reading_lane, make(*FILES), name, "attachments", numbers=[])
    assert told.state == "ready", told.end
    assert [(one.name, one.size_bytes, one.data) for one in told.files] == [(a, len(b), b"") for a, b in FILES]
    wanted = [told.files[0].number, told.files[3].number]
    told = told_of(reading_lane, make(*FILES), name, "attachments", numbers=wanted)
    assert [one.data for one in told.files] == [FILES[0][1], b"", b"", LARGE]


def test_the_page_of_a_mail_and_its_reader_call_attachments_by_the_same_numbers(
    reading_lane: Lane, corpus: Path
) -> None:
    mails = [eml(*FILES), *(path.read_bytes() for path in sorted((corpus / "mail").glob("*.eml")))]
    mails += [path.read_bytes() for path in sorted((corpus / "hostile").rglob("*.eml"))]
    for data in mails:
        told = told_of(reading_lane, data, "a.eml", "attachments", numbers=[])
        shown = letter_of(data).enclosures
        assert [one.number for one in shown] == [one.number for one in told.files]


def test_what_the_page_of_a_mail_shows_is_what_is_found(reading_lane: Lane, corpus: Path) -> None:
    mails = [path.read_bytes() for path in sorted((corpus / "mail").glob("*.eml"))]
    footer = MIMEMultipart("mixed")
    footer.attach(MIMEText("<p>The letter of the list</p>", "html"))
    footer.attach(MIMEText("To leave the list"))
    for data in [*mails, footer.as_bytes()]:
        read = told_of(reading_lane, data, "a.eml").text.split()
        assert set(letter_of(data).body.split()) <= set(read)


def test_those_of_the_corpus_come_out_of_outlooks_mail(reading_lane: Lane, corpus: Path) -> None:
    path = corpus / "mail" / "with-attachments.msg"
    told = told_of(reading_lane, path, work="attachments", numbers=[0, 1])
    assert [one.name for one in told.files] == ["test.txt", "report.pdf"]
    assert all(len(one.data) == one.size_bytes > 0 for one in told.files)


def test_a_container_that_lies_is_refused(reading_lane: Lane) -> None:
    whole = outlook(*FILES)
    for start in range(0, len(whole), 211):
        told = told_of(
            reading_lane, whole[:start] + b"\x01\x02\x03\x04" + whole[start + 4 :], "a.msg", "attachments", numbers=[0]
        )
        assert told.state in {"ready", "failed", "nothing"}, told.end
        assert told.end.reason in {"", "unreadable", "too_large"}, told.end
    loop = bytearray(compound({"__substg1.0_x": LARGE, "__attach_version1.0_#0": {"__substg1.0_37010102": LARGE}}))
    told = told_of(reading_lane, bytes(loop), "a.msg", "attachments", numbers=[0])
    assert [one.data for one in told.files] == [LARGE]


@pytest.mark.parametrize(("name", "make"), KINDS, ids=["eml", "msg"])
def test_all_of_them_are_kept_beside_the_mail(
    name: str, make: Callable[..., bytes], alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    bills = folders("Bills", alice_actor)
    mail = put_in(name, bills, alice_actor, make(*FILES))
    client = client_for(alice)
    address = f"/documents/{mail.pk}/attachments/keep/"
    assert address in client.get(f"/documents/{mail.pk}/").content.decode()
    page = client.get(address).content.decode()
    assert "beside the mail" in page
    assert "Größe.txt" in page
    assert "cron.d" not in page
    before = Quota.objects.get(user=alice).used_bytes
    numbers = [part.partition('"')[0] for part in page.split('name="number" value="')[1:]]
    answer = client.post(address, {"number": numbers})
    assert answer.headers["Location"] == f"/files/{bills.pk}/"
    kept = {row.name: row for row in Document.objects.filter(folder=bills).exclude(pk=mail.pk)}
    assert set(kept) == {"bill.pdf", "x", "Größe.txt", "large.bin"}
    assert kept["bill.pdf"].content_type == "application/pdf"
    assert Quota.objects.get(user=alice).used_bytes == before + sum(len(data) for _name, data in FILES)
    assert AuditEvent.objects.filter(action="document_added", actor_id=alice.pk).count() == 5
    assert Reading.objects.filter(version__document__in=kept.values(), state="waiting").count() == 4
    # Once more: they are there.
    client.post(address, {"number": numbers})
    assert Document.objects.filter(folder=bills).count() == 5
    assert client.post(address, {}).status_code == 422


def test_who_only_reads_keeps_them_in_a_vault_of_their_own(
    alice_actor: Actor, bob: User, charlie: User, client_for: ClientFor
) -> None:
    bills = folders("Bills", alice_actor)
    mail = put_in("mail.eml", bills, alice_actor, eml(*FILES))
    share(bills, bob, Level.VIEW, by=alice_actor)
    address = f"/documents/{mail.pk}/attachments/keep/"
    client = client_for(bob)
    assert "at the top of your files" in client.get(address).content.decode()
    number = letter_of(eml(*FILES)).enclosures[0].number
    answer = client.post(address, {"number": [number]})
    document = Document.objects.get(user=bob)
    assert (document.name, document.folder_id) == ("bill.pdf", None)
    assert answer.headers["Location"] == f"/documents/{document.pk}/"
    assert AuditEvent.objects.filter(action="document_downloaded", target_id=str(mail.pk), actor_id=bob.pk).exists()
    assert client_for(charlie).get(address).status_code == 404
    assert client_for(charlie).post(address, {"number": [number]}).status_code == 404
    assert not Document.objects.filter(user=charlie).exists()


def test_who_may_add_where_the_mail_lies_keeps_them_there_at_its_owners_cost(
    alice: User, alice_actor: Actor, dora: User, dora_actor: Actor
) -> None:
    bills = folders("Bills", alice_actor)
    mail = put_in("mail.eml", bills, alice_actor, eml(*FILES))
    share(bills, dora, Level.EDIT, by=alice_actor)
    assert mail.current_version is not None
    number = letter_of(eml(*FILES)).enclosures[0].number
    kept = keep_enclosures(mail.current_version, [number, 999], by=dora_actor)
    assert [(row.user_id, row.folder_id) for row in kept.added] == [(alice.pk, bills.pk)]


def test_what_does_not_fit_is_told_and_the_rest_is_kept(alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    mail = put_in("mail.eml", None, alice_actor, eml(*FILES))
    Quota.objects.filter(user=alice).update(limit_bytes=Quota.objects.get(user=alice).used_bytes + 1000)
    assert mail.current_version is not None
    numbers = [one.number for one in letter_of(eml(*FILES)).enclosures]
    kept = keep_enclosures(mail.current_version, numbers, by=alice_actor)
    assert [row.name for row in kept.added] == ["bill.pdf", "x", "Größe.txt"]
    assert [name for name, _why in kept.refused] == ["large.bin"]
    assert Quota.objects.get(user=alice).reserved_bytes == 0


def test_only_a_mail_has_attachments(alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    document = put_in("a.txt", None, alice_actor)
    assert client_for(alice).get(f"/documents/{document.pk}/attachments/keep/").status_code == 404
    assert document.current_version is not None
    with pytest.raises(access.NotVisible):
        keep_enclosures(document.current_version, [0], by=alice_actor)
