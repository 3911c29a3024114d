"""Without a mail server each mail is a file, and one line in the log."""

import logging
from pathlib import Path

import pytest
from django.core.mail import BadHeaderError, EmailMessage, get_connection
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import Invitation, User
from accounts.outbox import OutboxBackend, kept_mails
from accounts.views.outbox import pieces


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.MAIL_DIR = tmp_path / "mail"
    settings.EMAIL_URL = ""
    settings.EMAIL_BACKEND = "accounts.outbox.OutboxBackend"
    return tmp_path / "mail"


def send(subject: str = "Hello", body: str = "Text", to: str = "eve@vault.test") -> None:
    EmailMessage(subject, body, "vault@localhost", [to], connection=OutboxBackend()).send()


def test_a_mail_becomes_a_private_file_and_one_line_with_its_link(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "accounts.outbox"):
        send("Wëlcome", "http://localhost:8000\nFollow http://localhost:8000/join/abc/ please.")
    (file,) = folder.iterdir()
    assert file.suffix == ".eml"
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    (mail,) = kept_mails()
    assert (mail.to, mail.subject) == ("eve@vault.test", "Wëlcome")
    assert "join/abc/" in mail.text
    (record,) = caplog.records
    assert record.getMessage() == ("mail to eve@vault.test: Wëlcome  http://localhost:8000/join/abc/")


def test_the_newest_comes_first_and_rubbish_is_passed_over(folder: Path) -> None:
    for number in range(3):
        send(f"Mail {number}")
    (folder / "nonsense.eml").write_text("nothing")
    (folder / ".unfinished.part").write_text("nothing")
    assert [mail.subject for mail in kept_mails()] == ["Mail 2", "Mail 1", "Mail 0"]
    assert len(kept_mails(limit=2)) <= 2


@pytest.mark.parametrize("forged", ["Hi\nBcc: all@vault.test", "Hi\r\nX: y"])
def test_a_header_cannot_be_forged(folder: Path, forged: str) -> None:
    with pytest.raises(BadHeaderError):
        send(forged)
    with pytest.raises(BadHeaderError):
        send(to=f"eve@vault.test{forged}")
    assert kept_mails() == []


def test_an_invitation_from_a_person_with_line_breaks_in_the_name_stays_one_header(
    folder: Path, admin_person: User
) -> None:
    from accounts.mails import send_invitation

    admin_person.display_name = "Ada\r\nBcc: all@vault.test"
    invitation = Invitation(email="eve@vault.test", invited_by=admin_person)
    assert send_invitation(invitation, "http://localhost:8000/join/abc/")
    (mail,) = kept_mails()
    raw = (folder / mail.name).read_bytes()
    assert b"\r\nBcc:" not in raw.partition(b"\r\n\r\n")[0]


def test_links_are_clickable_only_where_they_lead_here() -> None:
    text = (
        "http://localhost:8000/join/a/ http://localhost:8000.evil.test/ "
        "https://evil.test/http://localhost:8000/ javascript:alert(1) http://localhost:8000/b/."
    )
    assert [piece.href for piece in pieces(text) if piece.href] == [
        "http://localhost:8000/join/a/",
        "http://localhost:8000/b/",
    ]
    assert "".join(piece.text for piece in pieces(text)) == text


def test_admins_read_the_outbox_and_see_text_escaped(folder: Path, admin_person: User, client_for: object) -> None:
    send("<b>bold</b>", "<script>alert(1)</script> http://localhost:8000/join/abc/")
    page = client_for(admin_person).get(reverse("outbox"))  # type: ignore[operator]
    html = page.content.decode()
    assert page.status_code == 200
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert '<a href="http://localhost:8000/join/abc/"' in html


def test_others_do_not(folder: Path, alice: User, client_for: object, stranger: Client) -> None:
    send()
    assert client_for(alice).get(reverse("outbox")).status_code == 403  # type: ignore[operator]
    assert stranger.get(reverse("outbox")).status_code == 302


def test_with_a_mail_server_the_outbox_says_so(settings: Settings, admin_person: User, client_for: object) -> None:
    settings.EMAIL_URL = "smtp://mail.vault.test"
    page = client_for(admin_person).get(reverse("outbox"))  # type: ignore[operator]
    assert page.status_code == 200
    assert b"mail server" in page.content


def test_the_configured_backend_is_the_outbox(folder: Path) -> None:
    assert isinstance(get_connection(), OutboxBackend)
