"""Attacks on the trail and on what is written down beside it, by number; and that no secret is in either."""

import logging
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.conf import settings
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.actions import invite
from accounts.actors import Actor
from accounts.models import User
from accounts.tests.conftest import sign_in
from conftest import PASSWORD
from documents.actions.documents import rename_document
from documents.actions.folders import make_folder
from documents.names import InvalidName
from documents.tests.making import put
from docuvault.lib.logs import OneLine
from sharing import access, audit
from sharing.access import Level
from sharing.actions import share
from sharing.audit import Verb
from sharing.mails import tell_of_share
from sharing.models import AuditEvent

ClientFor = Callable[[User], Client]


def everything_kept() -> str:
    """The trail, and every other table but those whose work is to keep secrets: as hashes, or encrypted."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'public' ORDER BY relname")
        for (table,) in cursor.fetchall():
            if table != "django_session":  # signed, and named by the cookie itself
                cursor.execute(f'SELECT t::text FROM "{table}" t')
                found += [str(row) for (row,) in cursor.fetchall()]
    return "\n".join(found)


def test_no_secret_is_in_the_trail_the_tables_or_the_logs(
    alice: User, admin_actor: Actor, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passwords right, wrong and new, links of reset and invitation, seeds, codes, cookies, keys of the server."""
    caplog.set_level(logging.DEBUG)
    secrets = {"right": PASSWORD, "wrong": "canary of a wrong password", "new": "canary of a new password!"}
    browser = Client()
    sign_in(browser, "alice", secrets["wrong"])
    sign_in(browser, "alice")
    secrets["cookie"] = browser.cookies["sessionid"].value
    browser.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    page = browser.get(reverse("mfa_activate_totp"))
    secrets["seed"] = page.context["form"].secret
    secrets["code"] = str(format_hotp_value(hotp_value(secrets["seed"], int(time.time()) // 30)))
    assert browser.post(reverse("mfa_activate_totp"), {"code": secrets["code"]}).status_code == 302
    codes = browser.get(reverse("mfa_view_recovery_codes")).context["unused_codes"]
    secrets |= {f"recovery {number}": code for number, code in enumerate(codes)}
    changed = {"oldpassword": PASSWORD, "password1": secrets["new"], "password2": secrets["new"]}
    browser.post(reverse("account_change_password"), changed)
    Client().post(reverse("account_reset_password"), {"email": "alice@vault.test"})
    link = re.search(r"/account/password/reset/key/[^\s-]+-(\S+)/", str(mail.outbox[-1].body))
    assert link is not None
    secrets["reset"] = link[1]
    _invitation, address = invite("eve@vault.test", by=admin_actor)
    secrets["invitation"] = address.rstrip("/").rpartition("/")[2]
    secrets["joined"] = "canary of a first password"
    joined = {"handle": "eve", "password": secrets["joined"], "display_name": "Eve"}
    assert Client().post(address.removeprefix(settings.BASE_URL), joined).status_code == 302
    secrets["server"] = settings.SECRET_KEY
    secrets["database"] = str(settings.DATABASES["default"].get("PASSWORD") or "") or "canary of no password"
    kept, logged = everything_kept(), caplog.text
    assert len(AuditEvent.objects.all()) > 8
    assert [name for name, secret in secrets.items() if secret in kept and name != "code"] == []
    assert [name for name, secret in secrets.items() if secret in logged and name != "code"] == []
    trail = str(list(AuditEvent.objects.values_list("details", "target_name", "target_id", "request_id")))
    assert f'"{secrets["code"]}"' not in trail


def test_a115_templates_and_formats_in_names_stay_text(alice: User, alice_actor: Actor, bob: User) -> None:
    name = "{{ 7|add:7 }} {% now 'Y' %} %(name)s {0} ${x}.txt"
    alice.display_name = "{{ settings.SECRET_KEY }} %s {handle}"
    alice.save()
    tell_of_share(share(put(name, None, alice_actor), bob, Level.VIEW, by=alice_actor, message="{{ 8|add:8 }} %d"))
    sent = mail.outbox[-1]
    for text in (name, "{{ settings.SECRET_KEY }} %s {handle}", "{{ 8|add:8 }} %d"):
        assert text in sent.body
    assert settings.SECRET_KEY not in f"{sent.body}{sent.subject}"
    event = AuditEvent.objects.get(action=Verb.DOCUMENT_ADDED)
    assert event.target_name == name


@pytest.mark.parametrize(
    "ending", ["\r\nBcc: mallory@evil.example", "\nSubject: other", "\r\n\r\nbody", "\x0bTo: x", "\u2028X: y"]
)
def test_a116_a_line_break_in_a_name_is_no_header(ending: str, alice: User, alice_actor: Actor, bob: User) -> None:
    alice.display_name = f"Alice{ending}"
    alice.save(update_fields=["display_name"])
    document = put("paper.txt", None, Actor.for_user(alice))
    tell_of_share(share(document, bob, Level.VIEW, by=Actor.for_user(alice), message=f"Hello{ending}"))
    sent = mail.outbox[-1]
    head = sent.message().as_string().split("\n\n")[0]
    assert sent.recipients() == ["bob@vault.test"]
    assert len(str(sent.subject).splitlines()) == 1
    assert len(re.findall(r"^(?:Subject|To):", head, re.MULTILINE)) == 2
    assert "Bcc:" not in head
    with pytest.raises(InvalidName):
        rename_document(document, f"paper{ending}\n.txt", by=alice_actor)


FORGED = 'x\r\n12:00:00 INFO forged \x1b[31mred\x1b[0m "}\n{"action":"purge\x00","ok":"\u2028\u202eexe'


def test_a135_breaks_colours_and_fragments_are_one_event_and_one_line(alice: User, alice_actor: Actor) -> None:
    line = OneLine().format(logging.LogRecord("x", logging.INFO, "", 0, "path %s", (FORGED,), None))
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line
    before = AuditEvent.objects.count()
    audit.record(Verb.FOLDER_MADE, by=alice_actor, target_name=FORGED, details={"from": FORGED})
    assert AuditEvent.objects.count() == before + 1
    event = AuditEvent.objects.latest("id")
    assert not re.search(r"[\x00-\x1f]", event.details)
    assert event.metadata["from"] == FORGED.replace("\x00", "")
    assert set(event.metadata) == {"from"}


def test_a135_what_a_browser_says_of_itself_forges_nothing(alice: User, client_for: ClientFor) -> None:
    client, before = client_for(alice), AuditEvent.objects.count()
    headers: dict[str, Any] = {"HTTP_USER_AGENT": FORGED, "HTTP_X_FORWARDED_FOR": FORGED, "HTTP_REFERER": FORGED}
    client.post(reverse("make_folder"), {"name": "Car"}, **headers)
    made = AuditEvent.objects.filter(pk__gt=0).order_by("-id")[: AuditEvent.objects.count() - before]
    assert [event.action for event in made] == ["folder_made"]
    assert "forged" not in str(made[0].__dict__)


def test_a138_the_trail_is_read_by_whom_it_concerns_and_reading_all_is_told(
    alice: User, alice_actor: Actor, bob: User, bob_actor: Actor, charlie: User, charlie_actor: Actor,
    admin_person: User, client_for: ClientFor,
) -> None:  # fmt: skip
    folder = make_folder("Car", None, by=alice_actor)
    document = put("paper.txt", folder, alice_actor)
    share(folder, bob, Level.EDIT, by=alice_actor)
    rename_document(document, "bobs.txt", by=bob_actor)

    def told(actor: Actor) -> set[str]:
        return set(access.events_of(actor, document).values_list("action", flat=True))

    assert told(alice_actor) >= {"document_added", "document_renamed"}
    assert told(bob_actor) == {"document_renamed"}
    assert told(charlie_actor) == set()
    assert "bobs.txt" in client_for(alice).get(reverse("my_activity")).content.decode()
    assert "bobs.txt" in client_for(bob).get(reverse("my_activity")).content.decode()
    assert "bobs.txt" not in client_for(charlie).get(reverse("my_activity")).content.decode()
    for person in (alice, bob):
        assert client_for(person).get(reverse("admin:sharing_auditevent_changelist")).status_code == 302
    desk = client_for(admin_person)
    assert "bobs.txt" in desk.get(reverse("admin:sharing_auditevent_changelist")).content.decode()
    read = AuditEvent.objects.filter(action=Verb.TRAIL_READ, actor_id=admin_person.pk)
    assert read.count() == 1
    desk.get(reverse("admin:sharing_auditevent_changelist"))
    assert read.count() == 1, "told once in a while, not with each page"


def test_a138_reading_a_single_line_is_told_as_well(
    alice_actor: Actor, admin_person: User, client_for: ClientFor
) -> None:
    make_folder("Car", None, by=alice_actor)
    line = AuditEvent.objects.get(action=Verb.FOLDER_MADE)
    desk = client_for(admin_person)
    assert "Car" in desk.get(reverse("admin:sharing_auditevent_change", args=[line.pk])).content.decode()
    assert AuditEvent.objects.filter(action=Verb.TRAIL_READ, actor_id=admin_person.pk).count() == 1
